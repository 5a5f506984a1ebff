"""Templates for new keys: every right is said, True or False, and nothing is left to a vendor's default.

A token's default for CKA_EXTRACTABLE alone differs between SoftHSM (False) and NSS (True).
"""

from typing import Any

from pkcs11 import Attribute
from pkcs11.attributes import AttributeMapper

from gateway.errors import InvalidField
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights

RIGHT_ATTRIBUTES = {
    Rights.ENCRYPT: Attribute.ENCRYPT,
    Rights.DECRYPT: Attribute.DECRYPT,
    Rights.SIGN: Attribute.SIGN,
    Rights.VERIFY: Attribute.VERIFY,
    Rights.WRAP: Attribute.WRAP,
    Rights.UNWRAP: Attribute.UNWRAP,
    Rights.DERIVE: Attribute.DERIVE,
}
PRIVATE_RIGHTS = Rights.DECRYPT | Rights.SIGN | Rights.UNWRAP | Rights.DERIVE
PUBLIC_RIGHTS = Rights.ENCRYPT | Rights.VERIFY | Rights.WRAP
POSSIBLE = {
    ObjectClass.SECRET_KEY: Rights.ENCRYPT
    | Rights.DECRYPT
    | Rights.SIGN
    | Rights.VERIFY
    | Rights.WRAP
    | Rights.UNWRAP
    | Rights.DERIVE,
    ObjectClass.PRIVATE_KEY: PRIVATE_RIGHTS,
    ObjectClass.PUBLIC_KEY: PUBLIC_RIGHTS,
}
# A key that wraps and decrypts gives away every key it can wrap; one that unwraps and encrypts, any key of the
# client's choice (Clulow, CHES 2003).
FORBIDDEN = (Rights.WRAP | Rights.DECRYPT, Rights.UNWRAP | Rights.ENCRYPT)

PackedTemplate = list[tuple[int, bytes]]
mapper = AttributeMapper()


def rights_of(object_class: ObjectClass, template: KeyTemplate) -> Rights:
    """Give the rights that the class can have.

    Raises:
        InvalidField: two rights that must never meet on one key.
    """
    rights = template.rights & POSSIBLE[object_class]
    if any(rights & pair == pair for pair in FORBIDDEN):
        raise InvalidField("a key cannot both wrap and decrypt, nor both unwrap and encrypt")
    return rights


def key_attributes(ref: KeyRef, template: KeyTemplate, *, on_token: bool, false_rights: bool) -> dict[Attribute, Any]:
    """Give the attributes of a new key, all but its type and value; `false_rights`: say the rights it lacks too."""
    rights = rights_of(ref.object_class, template)
    attributes: dict[Attribute, Any] = {
        Attribute.CLASS: int(ref.object_class),
        Attribute.TOKEN: on_token,
        Attribute.PRIVATE: ref.object_class is not ObjectClass.PUBLIC_KEY,
        Attribute.LABEL: template.label,
        Attribute.ID: ref.cka_id,
    }
    if ref.object_class is not ObjectClass.PUBLIC_KEY:
        attributes[Attribute.SENSITIVE] = template.sensitive
        attributes[Attribute.EXTRACTABLE] = template.extractable
    for right, attribute in RIGHT_ATTRIBUTES.items():
        if right & POSSIBLE[ref.object_class] and (right & rights or false_rights):
            attributes[attribute] = bool(right & rights)
    return attributes


def packed(attributes: dict[Attribute, Any]) -> PackedTemplate:
    """Give the attributes as the C structures want them."""
    return [(int(kind), mapper.pack_attribute(kind, value)) for kind, value in attributes.items()]


def key_type_attributes(key_type: KeyType) -> dict[Attribute, Any]:
    """Give CKA_KEY_TYPE."""
    return {Attribute.KEY_TYPE: int(key_type)}
