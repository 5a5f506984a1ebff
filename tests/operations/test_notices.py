"""Notify and Put of every change (KMIP 2.1 sections 6.2.2, 6.2.3): what one that listens for all of them is sent."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import notices
from gateway.config import Config, KmipConfig, PushTarget, TlsConfig, TokenConfig
from gateway.errors import GeneralFailure, StoreDown, TokenDown
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import LinkType, Operation, PutFunction, State
from gateway.kmip.structure import Attribute, AttributeReference, Item
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_4, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.delete_attribute import DeleteAttributeRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.re_key import ReKeyRequest
from tests.operations.conftest import Gateway
from tests.operations.test_create import created, name, spec
from tests.operations.test_pushes import Listener
from tests.operations.test_rotation import DAY_S, at, key
from tests.wire.trees import nodes

O = Operation  # noqa: E741
TEXT_STRING = 7
COMMENT = Attribute(Tag.ATTRIBUTE, Item(TEXT_STRING, b"blue"), vendor="x", name="colour")
COLOUR = AttributeReference(Tag.ATTRIBUTE, "x", "colour")


class Asleep(Listener):
    """One that hears nothing for the first few times."""

    def __init__(self, version, deaf):
        super().__init__(version)
        self.deaf = deaf

    async def send(self, target, raw):
        if self.deaf:
            self.deaf -= 1
            raise GeneralFailure("nobody is there")
        return await super().send(target, raw)


@asynccontextmanager
async def told(gateway, version=V2_1, identity="cert:a", listener=None):
    """Give client A, and what listens for it."""
    target = PushTarget(identity=identity, host="127.0.0.1", port=1, version=str(version), tells="changes")
    exchange = Exchange(KmipConfig(push=(target,)), gateway.store, gateway.token, gateway.clock)
    listener = listener or Listener(version)
    listener.notices = exchange.notices(listener.send)
    running = asyncio.create_task(listener.notices.run())
    yield Gateway(exchange, gateway.clock, gateway.store, gateway.token), listener
    running.cancel()


async def create(client, *attributes):
    return (await created(client, spec(A.AES, 256, None, *attributes))).unique_identifier


async def heard(listener, count):
    """Give the payloads once there are so many, and no more come."""
    for _ in range(500):
        if len(listener.messages) >= count:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.03)
    assert len(listener.messages) == count
    return listener.payloads


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_new_object_is_put_as_its_owner_would_get_it(gateway, version):
    async with told(gateway, version) as (client, listener):
        made = await create(client, name("new"))
        ((operation, put),) = await heard(listener, 1)
        got = await client.one(version, O.GET, GetRequest(unique_identifier=made))
    assert (operation, put.put_function, put.replaced_unique_identifier) == (O.PUT, PutFunction.NEW, None)
    assert (put.unique_identifier, put.symmetric_key) == (made, got.symmetric_key)
    assert {Tag.NAME, Tag.STATE, Tag.INITIAL_DATE} <= {each.tag for each in put.attributes}


async def test_what_is_told_follows_a_reload(gateway):
    async with told(gateway) as (client, listener):
        none = Path("/none")
        tls = TlsConfig(ca=none, certificate=none, key=none)
        renewed = Config(version="v1", tls=tls, token=TokenConfig(module=none), kmip=KmipConfig(policy="fips"))
        followed = []
        client.exchange.follow(followed.append)
        client.exchange.adopt(renewed)
        assert followed == [renewed]
        assert listener.notices._services.config.policy == "fips"
        assert [each._services.config.policy for each in listener.notices._lines] == ["fips"]


async def test_what_does_not_leave_the_server_is_told_of_and_not_put(gateway):
    async with told(gateway) as (client, listener):
        for flag in (at(Tag.EXTRACTABLE, False), at(Tag.SENSITIVE, True)):
            made = await create(client, flag)
            await client.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=made))
        payloads = await heard(listener, 2)
    assert [operation for operation, _ in payloads] == [O.NOTIFY, O.NOTIFY]


async def test_every_change_is_told_with_its_date(gateway):
    async with told(gateway) as (client, listener):
        made = await create(client)
        gateway.clock.now += 5
        await client.one(V2_1, O.ACTIVATE, ActivateRequest(unique_identifier=made))
        _, (operation, notify) = await heard(listener, 2)
    found = {each.tag: each.value for each in notify.attributes}
    assert (operation, notify.unique_identifier) == (O.NOTIFY, made)
    assert found.keys() == {Tag.ACTIVATION_DATE, Tag.STATE, Tag.LAST_CHANGE_DATE}
    assert (found[Tag.STATE], found[Tag.LAST_CHANGE_DATE]) == (State.ACTIVE, int(gateway.clock.now))


async def test_a_state_that_a_date_brought_is_told_with_the_next_change(gateway):
    async with told(gateway) as (client, listener):
        made = await create(client, at(Tag.ACTIVATION_DATE, int(gateway.clock.now) + 60))
        gateway.clock.now += 120
        await client.one(V2_1, O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=made, new_attribute=(COMMENT,)))
        _, (_, notify) = await heard(listener, 2)
    assert [each.value for each in notify.attributes if each.tag is Tag.STATE] == [State.ACTIVE]


async def test_a_state_that_a_date_brings_is_told_once(gateway):
    async with told(gateway) as (client, listener):
        now = int(gateway.clock.now)
        await listener.notices.pass_dates()
        dates = at(Tag.ACTIVATION_DATE, now + 90), at(Tag.DEACTIVATION_DATE, now + 200)
        made = await create(client, *dates)
        await create(client.other, *dates)
        await create(client, at(Tag.ACTIVATION_DATE, now))  # told with its Put
        for _ in range(5):  # of which the second and the fourth bring another State
            gateway.clock.now += notices.ROUND_S
            await listener.notices.pass_dates()
        await listener.notices.pass_dates()
        payloads = [payload for _, payload in await heard(listener, 4)]
    assert [each.unique_identifier for each in payloads[2:]] == [made, made]
    states = [{each.tag: each.value for each in payload.attributes} for payload in payloads[2:]]
    assert [each[Tag.STATE] for each in states] == [State.ACTIVE, State.DEACTIVATED]
    assert {each[Tag.LAST_CHANGE_DATE] for each in states} == {now}


async def test_of_several_front_ends_one_looks_at_dates(gateway):
    async with told(gateway) as (client, listener):
        await listener.notices.pass_dates()
        await create(client, at(Tag.ACTIVATION_DATE, int(gateway.clock.now) + 30))
        gateway.clock.now += notices.ROUND_S
        await asyncio.gather(*(listener.notices.pass_dates() for _ in range(3)))
        await heard(listener, 2)


async def test_an_attribute_that_is_gone_is_told_without_value(gateway):
    for version in (V1_4, V2_1):
        async with told(gateway, version) as (client, listener):
            made = await create(client)
            add = AddAttributeRequest(unique_identifier=made, new_attribute=(COMMENT,))
            await client.one(V2_1, O.ADD_ATTRIBUTE, add)
            delete = DeleteAttributeRequest(unique_identifier=made, attribute_reference=(COLOUR,))
            await client.one(V2_1, O.DELETE_ATTRIBUTE, delete)
            await heard_raw(listener, 3)
        gone = nodes(listener.messages[2][1].batch_item[0].request_payload.raw)
        assert any(b"colour" in flat(node) and b"blue" not in flat(node) for node in gone)


async def heard_raw(listener, count):
    for _ in range(500):
        if len(listener.messages) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(listener.messages)} messages")


def flat(node):
    return b"".join(map(flat, node.value)) if isinstance(node.value, list) else node.value


async def test_what_replaces_an_object_is_put_in_its_place(gateway):
    async with told(gateway) as (client, listener):
        made = await create(client)
        new = await client.one(V2_1, O.RE_KEY, ReKeyRequest(unique_identifier=made))
        payloads = await heard(listener, 3)
    (put,) = [each for operation, each in payloads[1:] if operation == O.PUT]
    (notify,) = [each for operation, each in payloads if operation == O.NOTIFY]
    assert (put.put_function, put.unique_identifier) == (PutFunction.REPLACE, new.unique_identifier)
    assert put.replaced_unique_identifier == notify.unique_identifier == made
    links = [each.value.link_type for each in notify.attributes if each.tag is Tag.LINK]
    assert links == [LinkType.REPLACEMENT_OBJECT_LINK]


async def test_a_rotation_is_told_once(gateway):
    async with told(gateway) as (client, listener):
        await key(client)
        await heard(listener, 1)
        gateway.clock.now += DAY_S
        assert await client.exchange.rotation(listener.send).rotate() == 1
        payloads = await heard(listener, 3)
    assert sorted(operation for operation, _ in payloads[1:]) == [O.NOTIFY, O.PUT]


async def test_use_is_no_news_and_others_objects_are_none(gateway):
    async with told(gateway) as (client, listener):
        made = await create(client)
        await client.one(V2_1, O.GET, GetRequest(unique_identifier=made))
        await create(client.other)
        await heard(listener, 1)


async def test_who_does_not_listen_yet_is_told_later_and_in_order(gateway, monkeypatch, capsys):
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.01)
    async with told(gateway, listener=Asleep(V2_1, deaf=3)) as (client, listener):
        made = [await create(client) for _ in range(3)]
        payloads = await heard(listener, 3)
    assert [each.unique_identifier for _, each in payloads] == made
    assert capsys.readouterr().out.count("target is not told") == 1


@pytest.mark.parametrize("fault", [TokenDown, StoreDown])
async def test_a_key_that_cannot_be_fetched_now_is_put_later(gateway, monkeypatch, fault):
    async def failing(*arguments):
        monkeypatch.setattr(notices, "put", put)
        raise fault

    put = notices.put
    monkeypatch.setattr(notices, "put", failing)
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.001)
    async with told(gateway) as (client, listener):
        made = await create(client)
        ((_, given),) = await heard(listener, 1)
    assert given.unique_identifier == made


async def test_a_message_that_nobody_can_bear_is_given_up(gateway, monkeypatch, capsys):
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(notices, "MAX_TRIES", 3)
    async with told(gateway, listener=Asleep(V2_1, deaf=3)) as (client, listener):
        _, made = [await create(client) for _ in range(2)]
        ((_, put),) = await heard(listener, 1)
    assert put.unique_identifier == made
    assert "lost=1" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request", bytes(64)])
async def test_an_answer_that_is_none_keeps_nothing_back(gateway, answer):
    came = []

    async def send(target, raw):
        came.append(raw)
        return answer

    listener = Listener(V2_1)
    listener.send = send
    async with told(gateway, listener=listener) as (client, _):
        for _ in range(2):
            await create(client)
        for _ in range(100):
            await asyncio.sleep(0.01 if len(came) < 2 else 0)
    assert len(came) == 2


async def test_a_line_has_an_end(gateway, monkeypatch, capsys):
    monkeypatch.setattr(notices, "MAX_WAITING", 2)
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.2)
    async with told(gateway, listener=Asleep(V2_1, deaf=1)) as (client, listener):
        for _ in range(5):
            await create(client)
        await heard(listener, 3)  # the one that is tried, and those that wait
    assert "lost=2" in capsys.readouterr().out


async def test_a_line_takes_so_many_bytes_and_no_more(gateway, monkeypatch, capsys):
    """Each change of an object is told with its values; one that does not listen must not fill the memory with them."""
    monkeypatch.setattr(notices, "MAX_WAITING_BYTES", 250_000)
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.2)
    async with told(gateway, listener=Asleep(V2_1, deaf=1)) as (client, listener):
        made = await create(client)
        for number in range(4):
            long = Attribute(Tag.ATTRIBUTE, Item(TEXT_STRING, b"x" * 60_000), vendor="x", name=str(number))
            await client.one(V2_1, O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=made, new_attribute=(long,)))
        await heard(listener, 3)  # the object, and with 60 and 120 kB the first two changes
        assert "lost=2" in capsys.readouterr().out
        await client.one(V2_1, O.ACTIVATE, ActivateRequest(unique_identifier=made))
        await heard(listener, 4)  # what was told takes no room any more


async def test_what_is_gone_before_it_is_put_is_told_of_only(gateway, monkeypatch):
    monkeypatch.setattr(notices, "FIRST_PAUSE_S", 0.2)
    async with told(gateway, listener=Asleep(V2_1, deaf=1)) as (client, listener):
        made = await create(client)
        await client.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=made))
        ((operation, notify),) = await heard(listener, 1)
    assert operation == O.NOTIFY
    assert [each.value for each in notify.attributes if each.tag is Tag.STATE] == [State.DESTROYED]
