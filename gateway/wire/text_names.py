"""The names of XML and JSON: tags, item types, enumerators and mask bits, each way (KMIP Profiles 2.1 section 3).

A name is looked up as the standard writes it; failing that without regard to case and punctuation, which is how most
clients' own spellings differ (SHA256, PKCS1, IvCounterNonce). Numbers in hexadecimal stand for any name.
"""

import re
from functools import cache
from types import MappingProxyType

from gateway.kmip import enums, pkcs11
from gateway.kmip.names import Mask, Named
from gateway.kmip.tags import Tag
from gateway.wire.scalars import ItemType

TYPE_NAMES = MappingProxyType(
    {type_: "".join(word.capitalize() for word in type_.name.split("_")) for type_ in ItemType}
)
TYPES = MappingProxyType({name: type_ for type_, name in TYPE_NAMES.items()})
TAG_NAMES: MappingProxyType[int, str] = MappingProxyType({int(tag): tag.token for tag in Tag})
STANDARD_TAG, EXTENSION_TAG = 0x42, 0x54

# Tags whose enumeration has another name than they.
_ENUMERATIONS: dict[int, type[Named]] = {
    Tag.MASK_GENERATOR_HASHING_ALGORITHM: enums.HashingAlgorithm,
    Tag.UNIQUE_IDENTIFIER: enums.UniqueIdentifierReference,
    Tag.PRIVATE_KEY_UNIQUE_IDENTIFIER: enums.UniqueIdentifierReference,
    Tag.PUBLIC_KEY_UNIQUE_IDENTIFIER: enums.UniqueIdentifierReference,
    Tag.DATA: enums.DataReference,
    Tag.ATTRIBUTE_REFERENCE: Tag,
    Tag.PKCS_11_FUNCTION: pkcs11.Function,
    Tag.PKCS_11_RETURN_CODE: pkcs11.ReturnCode,
}
_MASKS: dict[int, type[Mask]] = {
    Tag.CRYPTOGRAPHIC_USAGE_MASK: enums.CryptographicUsageMask,
    Tag.STORAGE_STATUS_MASK: enums.StorageStatusMask,
    Tag.PROTECTION_STORAGE_MASK: enums.ProtectionStorageMask,
}
# What clients and test cases write where the standard has another name.
_ALSO: dict[type[Named] | type[Mask], dict[str, int]] = {
    enums.CryptographicAlgorithm: {"threedes": enums.CryptographicAlgorithm.DES3},
    enums.CryptographicUsageMask: {"contentcommitment": 0x400, "nonrepudiation": 0x400},
}


# Longer than any name there is, punctuation and all; what clients send is kept in tables, so it has to be short.
LONGEST_NAME = 100


def loosely(name: str) -> str:
    """Give what is left of a name without case and punctuation."""
    return re.sub("[^a-z0-9]", "", name.lower())


def hexadecimal(text: str) -> int | None:
    """Read `0x` and hexadecimal digits; anything else is None."""
    return int(text, 16) if _HEXADECIMAL(text) else None


_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]{1,16}").fullmatch


@cache
def _numbers(kind: type[Named] | type[Mask]) -> dict[str, int]:
    return {member.token: int(member) for member in kind}


@cache
def _loose_numbers(kind: type[Named] | type[Mask]) -> dict[str, int]:
    return {loosely(token): number for token, number in _numbers(kind).items()} | _ALSO.get(kind, {})


@cache
def _tokens(kind: type[Named] | type[Mask]) -> dict[int, str]:
    return {number: token for token, number in _numbers(kind).items()}


def _named(kind: type[Named] | type[Mask], name: str) -> int:
    number = _numbers(kind).get(name)
    if number is None and len(name) <= LONGEST_NAME:
        number = _loose_numbers(kind).get(loosely(name))
    if number is None:
        raise ValueError(f"there is no {'tag' if kind is Tag else kind.__name__} of this name")
    return number


def tag_number(name: str) -> int:
    """Give a tag's number.

    Raises:
        ValueError: there is no such tag, or the number is no tag.
    """
    number = hexadecimal(name)
    if number is None:
        return _named(Tag, name)
    if number >> 16 not in (STANDARD_TAG, EXTENSION_TAG):
        raise ValueError("a tag is 0x42 or 0x54 and two bytes more")
    return number


def names_tag(name: str, tag: Tag) -> bool:
    """Tell whether a name, however it is spelled, is that of `tag`."""
    return name == tag.token or loosely(name[:LONGEST_NAME]) == loosely(tag.token) or hexadecimal(name) == tag


def tag_name(number: int) -> str:
    """Give a tag's name, or its number in hexadecimal when it has none."""
    return TAG_NAMES.get(number) or f"0x{number:06X}"


def tag_of_attribute(name: str) -> int:
    """Give the tag of an attribute that 1.x names in words, 0 for a vendor's."""
    if name.startswith(("x-", "y-")) or len(name) > LONGEST_NAME:
        return 0
    return _loose_numbers(Tag).get(loosely(name), 0)


@cache
def enumeration_of(tag: int) -> type[Named] | None:
    """Give the enumeration that a tag's values are of, if it is known."""
    if tag in _ENUMERATIONS:
        return _ENUMERATIONS[tag]
    kind = getattr(enums, TAG_NAMES.get(tag, ""), None)
    return kind if isinstance(kind, type) and issubclass(kind, Named) else None


def mask_of(tag: int) -> type[Mask] | None:
    """Give the mask that a tag's values are of, if they are."""
    return _MASKS.get(tag)


def enumerator(tag: int, name: str) -> int:
    """Give the number of an enumerator.

    Raises:
        ValueError: the tag's enumeration has no such name, or it has no enumeration.
    """
    kind = enumeration_of(tag)
    if kind is None:
        raise ValueError("the names of this enumeration are not known; give the number")
    return _named(kind, name)


def enumerators(tag: int) -> dict[str, int]:
    """Give the numbers of a tag's enumeration by their names; none when it has no enumeration."""
    kind = enumeration_of(tag)
    return {} if kind is None else _numbers(kind)


def bit(kind: type[Mask], name: str) -> int:
    """Give the value of a mask's bit.

    Raises:
        ValueError: the mask has no such bit.
    """
    return _named(kind, name)


def bit_names(kind: type[Mask], number: int) -> list[str]:
    """Give the names of a mask's bits, and in hexadecimal what has none."""
    names = [token for value, token in _tokens(kind).items() if number & value]
    rest = number & ~sum(_tokens(kind))
    return [*names, f"0x{rest:08X}"] if rest else names
