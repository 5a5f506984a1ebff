"""Objects for tests of operations that find or change them, made without a key: what the operation under test needs."""

from typing import Any

from gateway import creation
from gateway.call import Call
from gateway.creation import Draft
from gateway.items import Batch
from gateway.kmip.enums import NameType, ObjectType
from gateway.kmip.structure import Attribute, Item, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.kmip.version import V2_1
from gateway.store.api import Custody
from tests.operations.conftest import Client


def call_of(client: Client) -> Call:
    """Give the world of a batch item that this client sends."""
    return Call(client.exchange._services, client._peer, V2_1, Batch())


async def make(client: Client, *attributes: Attribute, object_type: ObjectType = ObjectType.SYMMETRIC_KEY) -> str:
    """Make an object with these attributes, sealed, so that no token is asked, and give its unique identifier."""
    draft = Draft(object_type, attributes, custody=Custody.SEALED, material=b"sealed")
    (made,) = await creation.add(call_of(client), draft)
    return made.unique_identifier


async def destroy(client: Client, unique_identifier: str, *, compromised: bool = False) -> None:
    """Destroy an object as Destroy does."""
    call = call_of(client)
    dates = {Tag.DESTROY_DATE, Tag.COMPROMISE_DATE} if compromised else {Tag.DESTROY_DATE}

    def dated(current: Any) -> Any:
        return (*current.attributes, *(Attribute(tag, call.today) for tag in dates))

    await creation.erase(call, call.find(unique_identifier), dated)


def name(text: str, kind: NameType = NameType.UNINTERPRETED_TEXT_STRING) -> Attribute:
    """Give a Name."""
    return Attribute(Tag.NAME, Name(name_value=text, name_type=kind))


def names(*texts: str) -> tuple[Attribute, ...]:
    """Give Names with their indexes."""
    return tuple(Attribute(Tag.NAME, name(text).value, index) for index, text in enumerate(texts))


def vendor(own: str, value: Value | str, of: str = "x") -> Attribute:
    """Give a vendor attribute; a text becomes a Text String."""
    return Attribute(Tag.ATTRIBUTE, Item(7, value.encode()) if isinstance(value, str) else value, vendor=of, name=own)
