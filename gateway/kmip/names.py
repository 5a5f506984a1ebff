"""Enumerations whose members know their versions and their two spellings.

The standard spells a name in words ("X.509 Certificate Issuer"); XML and JSON use its normal form
("X_509CertificateIssuer"), made by the rule of KMIP Profiles 2.1 section 3 (Normalizing Names).
"""

import re
from enum import IntEnum, IntFlag
from functools import cache

from gateway.kmip.version import V1_0, V3_0, Version


def normal_form(name: str) -> str:
    """Make the XML and JSON token of a spelled name: `3DES` gives `DES3`, `PKCS#1` gives `PKCS_1`."""
    name = re.sub(r"[()]", " ", name)
    name = re.sub(r"[^A-Za-z0-9_ ](?=[A-Za-z][a-z])", " ", name)
    words = [re.sub(r"[^A-Za-z0-9_]", "_", word) for word in name.split()]
    if words:
        words[0] = re.sub(r"^(\d+)(.*)$", r"\2\1", words[0])
    return "".join(word[0].upper() + word[1:] for word in words)


@cache
def _spelling(member: str) -> str:
    return " ".join(word.capitalize() for word in member.split("_"))


class Named(IntEnum):
    """An enumeration of the standard; a member's row is `code, since, until, spelling`."""

    since: Version
    until: Version
    spelling_or_empty: str

    def __new__(cls, code: int, since: Version = V1_0, until: Version = V3_0, spelling: str = "") -> "Named":
        member = int.__new__(cls, code)
        member._value_ = code
        member.since, member.until, member.spelling_or_empty = since, until, spelling
        return member

    @property
    def spelling(self) -> str:
        """The standard's own spelling, as 1.x writes it in an Attribute Name."""
        return self.spelling_or_empty or _spelling(self.name)

    @property
    def token(self) -> str:
        """The name in XML and JSON."""
        return normal_form(self.spelling)

    def exists_in(self, version: Version) -> bool:
        """Tell whether `version` defines this member."""
        return self.since <= version <= self.until


class Mask(IntFlag):
    """A bit mask of the standard; a bit's row is `code, since, until, spelling`."""

    since: Version
    until: Version
    spelling_or_empty: str

    def __new__(cls, code: int, since: Version = V1_0, until: Version = V3_0, spelling: str = "") -> "Mask":
        member = int.__new__(cls, code)
        member._value_ = code
        member.since, member.until, member.spelling_or_empty = since, until, spelling
        return member

    @property
    def spelling(self) -> str:
        """The standard's own spelling of a single bit."""
        return self.spelling_or_empty or _spelling(self.name or "")

    @property
    def token(self) -> str:
        """The name of a single bit in XML and JSON."""
        return normal_form(self.spelling)
