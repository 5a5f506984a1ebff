"""What the gateway writes of a Structure in a version, as tokens that can be held to the standard's tables."""

from msgspec.structs import fields as struct_fields

from gateway.kmip.structure import Form, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.wire.layout import Field, fields_of


def tag_of(field: Field, version: Version) -> Tag:
    """Give the tag under which a field goes out in this version."""
    attributed = field.attributed
    if attributed is None:
        return field.tag
    if version.major < 2:
        return attributed.tag_1x
    if attributed.form is Form.NAMES and attributed.tag is not Tag.ATTRIBUTE_NAME:
        return Tag.ATTRIBUTE_REFERENCE
    return attributed.tag


def written_tags(cls: type[Structure], version: Version) -> list[str]:
    """Give the tokens of the fields that a message of this version may carry, in their order."""
    return [tag_of(field, version).token for field in fields_of(cls) if field.written_in(version)]


def mandatory_tags(cls: type[Structure], version: Version) -> set[str]:
    """Give the tokens of the fields without which nothing is read."""
    required = {field.name for field in struct_fields(cls) if field.required}
    return {tag_of(field, version).token for field in fields_of(cls) if field.name in required}


def repeated_tags(cls: type[Structure], version: Version) -> set[str]:
    """Give the tokens of the fields that may come more than once."""
    several = (field for field in fields_of(cls) if field.many or field.attributed is not None)
    return {tag_of(field, version).token for field in several}
