"""The codec handed down to operations: what only they can tell the type of, and attribute values for the store."""

from typing import TypeVar

from gateway.kmip.structure import Attribute, Encoded, Item, Structure, Value
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.wire import attribute_forms, layout, ttlv

S = TypeVar("S", bound=Structure)


class Codec:
    """Implements `call.MessageCodec` by the layouts of this room."""

    def encode_value(self, attribute: Attribute) -> bytes:
        """Encode an attribute's value for keeping."""
        return attribute_forms.encode_value(attribute)

    def decode_value(self, tag: Tag, raw: bytes) -> Value:
        """Decode what `encode_value` gave."""
        value: Value = attribute_forms.decode_value(tag, raw)
        return value

    def decode_structure(self, cls: type[S], item: Item, version: Version) -> S:
        """Decode an item that was kept as it came.

        Raises:
            TtlvError, InvalidField: it is not such a structure.
        """
        return ttlv.decode_structure(cls, item, version)

    def encode_structure(self, value: Structure, tag: Tag, version: Version) -> bytes:
        """Encode a structure under a tag, header included."""
        return layout.writer(type(value), tag, version)(value)

    def encode_payload(self, payload: Structure, version: Version) -> Encoded:
        """Encode the response payload of an operation."""
        return ttlv.encode_payload(payload, version)
