"""Notify and Put (KMIP 2.1 sections 6.2.2, 6.2.3): what a client that listens is sent when its key was rotated."""

import pytest

from gateway.config import KmipConfig, PushTarget
from gateway.errors import GeneralFailure
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import LinkType, Operation, PutFunction, QueryFunction, ResultStatus
from gateway.kmip.messages import ProtocolVersion, RequestMessage, ResponseHeader
from gateway.kmip.structure import DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import Link
from gateway.kmip.version import SUPPORTED, V2_1
from gateway.operations.get import GetRequest
from gateway.operations.query import QueryRequest
from gateway.pushes import Answered, AnsweredItem, Notify, Put
from gateway.wire import layout
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept, name, spec
from tests.operations.test_key_pairs import SIGN, VERIFY
from tests.operations.test_key_pairs import made as made_pair
from tests.operations.test_rotation import DAY_S, at, key, rotating
from tests.support.allowed import strange
from tests.wire.trees import nodes

O = Operation  # noqa: E741
PAYLOADS = {O.NOTIFY: Notify, O.PUT: Put}


class Listener:
    """A client that listens: keeps what it is sent, and says that all is well."""

    def __init__(self, version):
        self.version, self.messages = version, []

    async def send(self, target, raw):
        message = layout.reader(RequestMessage, self.version)(raw, 8, len(raw) - 8)
        assert message.request_header.batch_count == len(message.batch_item)
        assert list(strange(nodes(raw), self.version)) == []
        self.messages.append((target, message))
        return self.answer(message)

    def answer(self, message):
        spoken = message.request_header.protocol_version
        header = ResponseHeader(protocol_version=spoken, time_stamp=DateTime(0), batch_count=len(message.batch_item))
        items = [
            AnsweredItem(operation=each.operation, result_status=ResultStatus.SUCCESS) for each in message.batch_item
        ]
        answered = Answered(response_header=header, batch_item=tuple(items))
        return layout.writer(Answered, Tag.RESPONSE_MESSAGE, self.version)(answered)

    @property
    def payloads(self):
        found = [item for _, message in self.messages for item in message.batch_item]
        return [(item.operation, self._read(PAYLOADS[item.operation], item.request_payload.raw)) for item in found]

    def _read(self, kind, raw):
        return layout.reader(kind, self.version)(raw, 0, len(raw))


def listening(gateway, version=V2_1, identity="cert:a", tenant="default"):
    target = PushTarget(identity=identity, tenant=tenant, host="127.0.0.1", port=1, version=str(version))
    exchange = Exchange(KmipConfig(push=(target,), allow=("short_rsa",)), gateway.store, gateway.token, gateway.clock)
    return Gateway(exchange, gateway.clock, gateway.store, gateway.token), Listener(version)


async def rotated(client, listener):
    client.clock.now += DAY_S
    return await client.exchange.rotation(listener.send).rotate()


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_the_owner_is_told_and_given_the_new_key(gateway, version):
    client, listener = listening(gateway, version)
    old = await key(client, name("current"))
    assert await rotated(client, listener) == 1
    (first, notify), (second, put) = listener.payloads
    assert (first, second) == (O.NOTIFY, O.PUT)
    assert notify.unique_identifier == put.replaced_unique_identifier == old.unique_identifier
    (link,) = [each.value for each in notify.attributes if isinstance(each.value, Link)]
    assert (link.link_type, link.linked_object_identifier) == (LinkType.REPLACEMENT_OBJECT_LINK, put.unique_identifier)
    assert put.put_function is PutFunction.REPLACE
    got = await client.one(V2_1, O.GET, GetRequest(unique_identifier=put.unique_identifier))
    assert put.symmetric_key.key_block.key_value.key_material == got.symmetric_key.key_block.key_value.key_material
    assert Tag.NAME in {each.tag for each in put.attributes}


async def test_a_message_says_when_and_in_which_version(gateway):
    client, listener = listening(gateway, SUPPORTED[2])
    await key(client)
    await rotated(client, listener)
    ((target, message),) = listener.messages
    header = message.request_header
    assert (target.identity, header.time_stamp) == ("cert:a", int(gateway.clock.now))
    spoken = ProtocolVersion(protocol_version_major=SUPPORTED[2].major, protocol_version_minor=SUPPORTED[2].minor)
    assert header.protocol_version == spoken
    assert len({each.unique_batch_item_id for each in message.batch_item}) == 2


@pytest.mark.parametrize("flag", [(Tag.EXTRACTABLE, False), (Tag.SENSITIVE, True)])
async def test_what_does_not_leave_the_server_is_not_put(gateway, flag):
    client, listener = listening(gateway)
    await key(client, at(*flag))
    assert await rotated(client, listener) == 1
    assert [operation for operation, _ in listener.payloads] == [O.NOTIFY]


async def test_one_of_the_same_name_in_another_tenant_hears_nothing(gateway):
    client, listener = listening(gateway, tenant="elsewhere")
    await key(client)
    assert await rotated(client, listener) == 1
    assert listener.messages == []


async def test_both_halves_of_a_pair_are_told(gateway):
    client, listener = listening(gateway)
    private, public = await made_pair(client, spec(A.RSA, 1024, None, *rotating(client)), SIGN, VERIFY)
    assert await rotated(client, listener) == 1
    told = [payload.unique_identifier for operation, payload in listener.payloads if operation == O.NOTIFY]
    assert told == [private.unique_identifier, public.unique_identifier]
    puts = [payload for operation, payload in listener.payloads if operation == O.PUT]
    assert puts[-1].public_key is not None and puts[-1].replaced_unique_identifier == public.unique_identifier


async def test_nobody_is_told_of_what_is_not_theirs(gateway):
    client, listener = listening(gateway, identity="cert:b")
    await key(client)
    assert await rotated(client, listener) == 1
    assert listener.messages == []


async def test_who_does_not_answer_holds_nothing_up(gateway):
    client, _ = listening(gateway)
    old = [await key(client) for _ in range(2)]
    tried = []

    async def send(target, raw):
        tried.append(raw)
        raise GeneralFailure("nobody is there")

    gateway.clock.now += DAY_S
    assert await client.exchange.rotation(send).rotate() == 2
    assert len(tried) == 1
    for each in old:
        assert (await kept(client, each.unique_identifier)).linked(LinkType.REPLACEMENT_OBJECT_LINK)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request", bytes(64)])
async def test_an_answer_that_is_none_is_a_failure_like_any(gateway, answer):
    client, _ = listening(gateway)
    await key(client)

    async def send(target, raw):
        return answer

    gateway.clock.now += DAY_S
    assert await client.exchange.rotation(send).rotate() == 1


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_query_lists_them_to_who_listens(gateway, version):
    client, _ = listening(gateway)
    asked = O.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
    assert {O.NOTIFY, O.PUT} <= set((await client.one(version, *asked)).operation)
    for nobody in (gateway, client.other):
        assert not {O.NOTIFY, O.PUT} & set((await nobody.one(version, *asked)).operation)


async def test_no_client_asks_for_them(gateway):
    client, _ = listening(gateway)
    for operation in (O.NOTIFY, O.PUT):
        (answer,) = await client.ask(V2_1, (OpenEnumeration(operation), GetRequest()))
        assert answer.status is ResultStatus.OPERATION_FAILED
