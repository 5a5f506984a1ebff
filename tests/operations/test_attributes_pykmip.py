"""PyKMIP's own client, which decodes strictly, on the attribute operations; its socket is replaced, nothing else."""

import asyncio
import warnings

import pytest

from gateway.kmip.enums import HashingAlgorithm, KeyFormatType
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest
from tests.operations.making import make, name, names, vendor

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums, objects, primitives, utils
    from kmip.core.attributes import Name
    from kmip.core.exceptions import OperationFailure
    from kmip.core.factories.attributes import AttributeFactory
    from kmip.pie.client import ProxyKmipClient
    from kmip.pie.exceptions import KmipOperationFailure

V1_0, V1_2, V1_4, V2_0 = (getattr(enums.KMIPVersion, f"KMIP_{v}") for v in ("1_0", "1_2", "1_4", "2_0"))
Kind = enums.AttributeType


class Protocol:
    """What PyKMIP sends and receives by: messages go to the gateway in the tests' loop."""

    def __init__(self, gateway):
        self.gateway, self.loop, self.answer = gateway, asyncio.get_running_loop(), b""

    def write(self, data):
        asked = self.gateway.exchange.answer(bytes(data), self.gateway._peer)
        self.answer = asyncio.run_coroutine_threadsafe(asked, self.loop).result(10)

    def read(self):
        return utils.BytearrayStream(self.answer)


@pytest.fixture
def ask(gateway):
    """Call a method of PyKMIP's client that speaks a version."""

    async def call(version, method, *arguments, **named):
        client = ProxyKmipClient(kmip_version=version)
        client._is_open = True
        client.proxy.protocol = Protocol(gateway)
        return await asyncio.to_thread(getattr(client, method), *arguments, **named)

    return call


def new(kind, value, index=None):
    return AttributeFactory().create_attribute(kind, value, index)


@pytest.fixture
async def uid(gateway):
    digest = Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=b"d", key_format_type=KeyFormatType.RAW)
    return await make(
        gateway,
        *names("first", "second"),
        Attribute(Tag.OBJECT_GROUP, "group"),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1000)),
        Attribute(Tag.OPERATION_POLICY_NAME, "default"),
        Attribute(Tag.DIGEST, digest),
        vendor("ID", "1"),
    )


async def test_everything_in_its_usual_version(ask, uid):
    listed = await ask(V1_2, "get_attribute_list", uid)
    _, found = await ask(V1_2, "get_attributes", uid)
    spelled = [each.attribute_name.value for each in found]
    assert set(spelled) == set(listed)
    assert {"Name", "State", "Operation Policy Name", "Digest", "x-ID", "Lease Time"} <= set(listed)
    indexes = [each.attribute_index.value for each in found if each.attribute_name.value == "Name"]
    assert indexes == [0, 1]


@pytest.mark.parametrize("version", [V1_0, V1_2, V1_4, V2_0])
@pytest.mark.parametrize(
    ("asked", "values"),
    [
        ("State", [enums.State.ACTIVE]),
        ("Object Group", ["group"]),
        ("Contact Information", []),
        ("Activation Date", [1000]),
    ],
)
async def test_one_attribute(ask, uid, version, asked, values):
    _, found = await ask(version, "get_attributes", uid, [asked])
    assert [each.attribute_value.value for each in found] == values


async def test_a_name_that_no_attribute_has(ask, uid):
    assert await ask(V1_2, "get_attributes", uid, ["No Such Thing"]) == (uid, [])


@pytest.mark.parametrize("version", [V1_0, V1_2, V1_4, V2_0])
async def test_locate(ask, gateway, uid, version):
    other = await make(gateway, name("third"))
    assert await ask(version, "locate") == [other, uid]
    assert await ask(version, "locate", maximum_items=1) == [other]
    assert await ask(version, "locate", attributes=[new(Kind.OBJECT_GROUP, "group")]) == [uid]
    third = Name.create("third", enums.NameType.UNINTERPRETED_TEXT_STRING)
    assert await ask(version, "locate", attributes=[new(Kind.NAME, third)]) == [other]
    dates = [new(Kind.ACTIVATION_DATE, seconds) for seconds in (900, 1100)]
    assert await ask(version, "locate", attributes=dates) == [uid]
    assert await ask(version, "locate", attributes=[new(Kind.OBJECT_GROUP, "groups")]) == []


@pytest.mark.parametrize("version", [V1_0, V1_2, V1_4])
async def test_changes_in_1x(ask, uid, version):
    renamed = Name.create("renamed", enums.NameType.UNINTERPRETED_TEXT_STRING)
    _, changed = await ask(version, "modify_attribute", uid, attribute=new(Kind.NAME, renamed, 1))
    assert (changed.attribute_index.value, changed.attribute_value.name_value.value) == (1, "renamed")
    _, gone = await ask(version, "delete_attribute", uid, attribute_name="Name", attribute_index=0)
    assert (gone.attribute_index.value, gone.attribute_value.name_value.value) == (0, "first")
    with pytest.raises(OperationFailure):
        await ask(version, "delete_attribute", uid, attribute_name="Name", attribute_index=7)
    with pytest.raises(OperationFailure):
        await ask(version, "modify_attribute", uid, attribute=new(Kind.STATE, enums.State.ACTIVE))


async def test_changes_in_2_0(ask, uid):
    def group(text):
        return primitives.TextString(text, tag=enums.Tags.OBJECT_GROUP)

    assert await ask(V2_0, "set_attribute", uid, attribute_name="Sensitive", attribute_value=True) == uid
    old, changed = objects.CurrentAttribute(attribute=group("group")), objects.NewAttribute(attribute=group("g"))
    assert await ask(V2_0, "modify_attribute", uid, current_attribute=old, new_attribute=changed) == (uid, None)
    gone = objects.CurrentAttribute(attribute=group("g"))
    assert await ask(V2_0, "delete_attribute", uid, current_attribute=gone) == (uid, None)
    mine = objects.AttributeReference(vendor_identification="x", attribute_name="ID")
    assert await ask(V2_0, "delete_attribute", uid, attribute_reference=mine) == (uid, None)


async def test_a_failure_can_be_read(ask):
    with pytest.raises(KmipOperationFailure) as failure:
        await ask(V1_2, "get_attributes", "missing")
    assert failure.value.reason is enums.ResultReason.ITEM_NOT_FOUND
