"""Login, Logout, Delegated Login (KMIP 2.1 sections 6.1.30, 6.1.31, 6.1.13): who may do what by which ticket."""

import asyncio
import hashlib

import pytest

from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    CredentialType,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
    ResultStatus,
    TicketType,
    UsageLimitsUnit,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.messages import Authentication, Credential, Ticket, TicketCredential
from gateway.kmip.policy import (
    DefaultsInformation,
    ObjectDefaults,
    ObjectGroups,
    Objects,
    ObjectTypes,
    Operations,
    Right,
    Rights,
)
from gateway.kmip.structure import Attribute, Interval, Item, ItemNumber, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import UsageLimits
from gateway.kmip.version import V1_4, V2_0, V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.create import CreateRequest
from gateway.operations.delegated_login import DelegatedLoginRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.login import LoginRequest
from gateway.operations.logout import LogoutRequest
from gateway.operations.ping import PingRequest
from gateway.operations.query import QueryRequest
from gateway.operations.set_defaults import SetDefaultsRequest
from gateway.store.sqlite import open_store
from gateway.wire import layout
from tests.operations.conftest import Gateway
from tests.operations.test_create import created, spec

O, R = Operation, ResultReason  # noqa: E741
FAILED = ResultStatus.OPERATION_FAILED
PING = O.PING, PingRequest()


def shown(ticket):
    """Give a request's header that shows this ticket."""
    raw = layout.content_writer(TicketCredential, V2_1)(TicketCredential(ticket=ticket))
    credential = Credential(credential_type=CredentialType.TICKET, credential_value=Item(1, raw))
    return {"authentication": Authentication(credential=(credential,))}


async def with_ticket(client, ticket, operation, payload, version=V2_1):
    """Ask for one operation by a ticket and give its reason, None for success."""
    (answer,) = await client.ask(version, (operation, payload), **shown(ticket))
    return answer.reason


async def login(client, **asked):
    return (await client.one(V2_1, O.LOGIN, LoginRequest(**asked))).ticket


def delegating(*rights, **asked):
    return O.DELEGATED_LOGIN, DelegatedLoginRequest(rights=Rights(right=rights), **asked)


async def delegated(client, *rights, **asked):
    return (await client.one(V2_1, *delegating(*rights, **asked))).ticket


def right(*operations, objects=None, groups=None):
    return Right(
        operations=Operations(operation=operations) if operations else None,
        objects=None if objects is None else Objects(unique_identifier=tuple(objects)),
        object_groups=None if groups is None else ObjectGroups(object_group=tuple(groups)),
    )


def group(text):
    return Attribute(Tag.OBJECT_GROUP, text)


async def key(gateway, *more):
    return (await created(gateway, spec(A.AES, 128, M.ENCRYPT, *more))).unique_identifier


def get(unique_identifier):
    return O.GET, GetRequest(unique_identifier=unique_identifier)


def making(*more):
    return O.CREATE, CreateRequest(object_type=2, attributes=spec(A.AES, 128, M.ENCRYPT, *more))


# --- tickets


async def test_a_ticket_stands_for_who_was_given_it(gateway):
    ticket = await login(gateway)
    assert (ticket.ticket_type, len(ticket.ticket_value)) == (TicketType.LOGIN, 32)
    assert await with_ticket(gateway, ticket, *get(await key(gateway))) is None


async def test_what_login_gave_is_of_no_use_to_others(gateway):
    ticket = await login(gateway)
    assert await with_ticket(gateway.other, ticket, *PING) is R.INVALID_TICKET


async def test_only_its_hash_is_kept(gateway, tmp_path):
    ticket = await login(gateway)
    files = [each.read_bytes() for each in tmp_path.glob("gateway.sqlite*")]
    assert not any(ticket.ticket_value in each for each in files)
    assert any(hashlib.sha256(ticket.ticket_value).digest() in each for each in files)


@pytest.mark.parametrize("value", [b"", bytes(32), b"x" * 4096])
async def test_a_ticket_that_nobody_gave_is_refused(gateway, value):
    made_up = Ticket(ticket_type=TicketType.LOGIN, ticket_value=value)
    assert await with_ticket(gateway, made_up, *PING) is R.INVALID_TICKET


async def test_a_wrong_ticket_refuses_every_item(gateway):
    made_up = Ticket(ticket_type=TicketType.LOGIN, ticket_value=bytes(32))
    going_on = BatchErrorContinuationOption.CONTINUE
    found = await gateway.ask(V2_1, PING, PING, batch_error_continuation_option=going_on, **shown(made_up))
    assert [each.reason for each in found] == [R.INVALID_TICKET] * 2


async def test_a_credential_that_is_no_ticket_is_refused(gateway):
    credential = Credential(credential_type=CredentialType.TICKET, credential_value=Item(1, b""))
    (answer,) = await gateway.ask(V2_1, PING, authentication=Authentication(credential=(credential,)))
    assert answer.status is FAILED


async def test_one_ticket_is_enough(gateway):
    ticket = await login(gateway)
    twice = Authentication(credential=shown(ticket)["authentication"].credential * 2)
    (answer,) = await gateway.ask(V2_1, PING, authentication=twice)
    assert answer.reason is R.AUTHENTICATION_NOT_SUCCESSFUL


async def test_older_clients_are_told_in_their_own_words(gateway):
    made_up = Ticket(ticket_type=TicketType.LOGIN, ticket_value=bytes(32))
    request = GetRequest(unique_identifier="any")
    assert await with_ticket(gateway, made_up, O.GET, request, V2_0) is R.INVALID_TICKET
    assert await with_ticket(gateway, made_up, O.GET, request, V1_4) in (
        R.AUTHENTICATION_NOT_SUCCESSFUL,
        R.INVALID_MESSAGE,
    )


async def test_a_lease_ends(gateway, clock):
    ticket = await login(gateway, lease_time=Interval(60))
    clock.now += 59
    assert await with_ticket(gateway, ticket, *PING) is None
    clock.now += 1
    assert await with_ticket(gateway, ticket, *PING) is R.INVALID_TICKET


async def test_without_a_lease_it_holds_for_an_hour_and_with_zero_without_end(gateway, clock):
    hour, endless = await login(gateway), await login(gateway, lease_time=Interval(0))
    clock.now += 3600
    assert await with_ticket(gateway, hour, *PING) is R.INVALID_TICKET
    clock.now += 10**8
    assert await with_ticket(gateway, endless, *PING) is None


async def test_so_many_requests_and_no_more(gateway):
    ticket = await login(gateway, request_count=2)
    for _ in range(2):
        assert await with_ticket(gateway, ticket, *PING) is None
    assert await with_ticket(gateway, ticket, *PING) is R.USAGE_LIMIT_EXCEEDED


async def test_requests_at_once_do_not_get_past_the_count(gateway):
    ticket = await login(gateway, request_count=3)
    found = await asyncio.gather(*(with_ticket(gateway, ticket, *PING) for _ in range(10)))
    assert sorted(map(str, found)) == sorted(map(str, [None] * 3 + [R.USAGE_LIMIT_EXCEEDED] * 7))


async def test_a_message_is_one_request(gateway):
    ticket = await login(gateway, request_count=1)
    found = await gateway.ask(V2_1, PING, PING, **shown(ticket))
    assert [each.reason for each in found] == [None, None]
    assert await with_ticket(gateway, ticket, *PING) is R.USAGE_LIMIT_EXCEEDED


async def test_logout_ends_it(gateway):
    ticket = await login(gateway)
    await gateway.one(V2_1, O.LOGOUT, LogoutRequest(ticket=ticket))
    assert await with_ticket(gateway, ticket, *PING) is R.INVALID_TICKET
    assert await gateway.refused(V2_1, O.LOGOUT, LogoutRequest(ticket=ticket)) is R.INVALID_TICKET


async def test_nobody_ends_anothers(gateway):
    ticket = await login(gateway)
    assert await gateway.other.refused(V2_1, O.LOGOUT, LogoutRequest(ticket=ticket)) is R.INVALID_TICKET
    assert await with_ticket(gateway, ticket, *PING) is None


async def test_undo_gives_back_what_logout_ended_and_takes_what_login_gave(gateway):
    ticket = await login(gateway)
    undo = BatchErrorContinuationOption.UNDO
    gone = O.DESTROY, DestroyRequest(unique_identifier="nothing")
    out = O.LOGOUT, LogoutRequest(ticket=ticket)
    _, given, failed = await gateway.ask(
        V2_1, out, (O.LOGIN, LoginRequest()), gone, batch_error_continuation_option=undo
    )
    assert failed.status is FAILED
    assert await with_ticket(gateway, ticket, *PING) is None
    assert await with_ticket(gateway, given.payload.ticket, *PING) is R.INVALID_TICKET


async def test_every_front_end_knows_it(gateway, tmp_path):
    ticket = await login(gateway, request_count=2)
    second = open_store(tmp_path / "gateway.sqlite")
    exchange = type(gateway.exchange)(gateway.exchange._services.config, second, gateway.token, gateway.clock)
    elsewhere = Gateway(exchange, gateway.clock, second, gateway.token)
    assert await with_ticket(elsewhere, ticket, *PING) is None
    assert await with_ticket(gateway, ticket, *PING) is None
    assert await with_ticket(elsewhere, ticket, *PING) is R.USAGE_LIMIT_EXCEEDED
    await second.close()


async def test_a_client_has_so_many_and_no_more(gateway, monkeypatch, clock):
    monkeypatch.setattr("gateway.tickets.MAX_TICKETS", 2)
    for _ in range(2):
        await login(gateway, lease_time=Interval(60))
    assert await gateway.refused(V2_1, O.LOGIN, LoginRequest()) is R.SERVER_LIMIT_EXCEEDED
    await login(gateway.other)
    clock.now += 60
    assert await login(gateway)


async def test_usage_limits_of_tickets_are_refused(gateway):
    limits = UsageLimits(usage_limits_total=LongInteger(1), usage_limits_unit=UsageLimitsUnit.OBJECT)
    request = LoginRequest(usage_limits=limits)
    assert await gateway.refused(V2_1, O.LOGIN, request) is R.FEATURE_NOT_SUPPORTED
    assert await gateway.refused(V2_1, *delegating(Right(usage_limits=limits))) is R.FEATURE_NOT_SUPPORTED


# --- rights


async def test_what_was_delegated_is_for_others_and_for_the_owners_objects(gateway):
    mine = await key(gateway)
    ticket = await delegated(gateway, right(O.GET, objects=(mine,)))
    assert await gateway.other.refused(V2_1, *get(mine)) is R.OBJECT_NOT_FOUND
    assert await with_ticket(gateway.other, ticket, *get(mine)) is None


async def test_what_no_right_names_is_denied(gateway):
    first, second = await key(gateway), await key(gateway)
    ticket = await delegated(gateway, right(O.GET, objects=(first,)), right(O.PING))
    attributes = GetAttributesRequest(unique_identifier=first)
    for asked in (get(second), (O.GET_ATTRIBUTES, attributes), making(), (O.DISCOVER_VERSIONS, PingRequest())):
        assert await with_ticket(gateway.other, ticket, *asked) is R.NOT_AUTHORIZED
    assert await with_ticket(gateway.other, ticket, *PING) is None


async def test_no_rights_are_none(gateway):
    ticket = await delegated(gateway)
    assert await with_ticket(gateway.other, ticket, *PING) is R.NOT_AUTHORIZED
    nothing = await delegated(gateway, Right(operations=Operations()))
    assert await with_ticket(gateway.other, nothing, *PING) is R.NOT_AUTHORIZED


async def test_an_object_out_of_reach_and_one_that_is_not_there_are_told_apart_for_the_owners_alone(gateway):
    theirs = (await gateway.other.one(V2_1, *making())).unique_identifier
    ticket = await delegated(gateway, right(O.GET))
    assert await with_ticket(gateway.other, ticket, *get(theirs)) is R.OBJECT_NOT_FOUND


async def test_a_right_for_groups_and_objects_needs_both(gateway):
    inside, outside = await key(gateway, group("Blue")), await key(gateway)
    ticket = await delegated(gateway, right(O.GET, objects=(inside, outside), groups=("Blue",)))
    assert await with_ticket(gateway.other, ticket, *get(inside)) is None
    assert await with_ticket(gateway.other, ticket, *get(outside)) is R.NOT_AUTHORIZED


async def test_locate_finds_what_is_within_reach(gateway):
    inside, _ = await key(gateway, group("Blue")), await key(gateway)
    ticket = await delegated(gateway, right(O.LOCATE, groups=("Blue",)))
    (answer,) = await gateway.other.ask(V2_1, (O.LOCATE, LocateRequest()), **shown(ticket))
    assert answer.payload.unique_identifier == (inside,)
    assert answer.payload.located_items == 1


async def test_query_tells_what_is_allowed(gateway):
    ticket = await delegated(gateway, right(O.QUERY, O.GET))
    asked = O.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
    (answer,) = await gateway.other.ask(V2_1, asked, **shown(ticket))
    assert answer.payload.operation == (O.GET, O.QUERY)


async def test_new_objects_are_the_owners_and_within_the_rights(gateway):
    ticket = await delegated(gateway, right(O.CREATE, O.GET, groups=("Blue",)))
    assert await with_ticket(gateway.other, ticket, *making()) is R.NOT_AUTHORIZED
    (answer,) = await gateway.other.ask(V2_1, making(group("Blue")), **shown(ticket))
    made = answer.payload.unique_identifier
    assert await with_ticket(gateway.other, ticket, *get(made)) is None
    await gateway.one(V2_1, *get(made))
    assert await gateway.other.refused(V2_1, *get(made)) is R.OBJECT_NOT_FOUND


async def test_no_object_is_brought_into_reach_by_its_group(gateway):
    outside = await key(gateway)
    ticket = await delegated(gateway, right(O.ADD_ATTRIBUTE), right(O.GET, groups=("Blue",)))
    joining = O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=outside, new_attribute=(group("Blue"),))
    assert await with_ticket(gateway.other, ticket, *joining) is R.NOT_AUTHORIZED


async def test_what_is_for_all_objects_needs_a_right_for_all(gateway):
    mine = await key(gateway)
    ticket = await delegated(gateway, right(O.SET_DEFAULTS, O.DELEGATED_LOGIN, objects=(mine,)))
    assert await with_ticket(gateway.other, ticket, O.SET_DEFAULTS, SetDefaultsRequest()) is R.NOT_AUTHORIZED
    assert await with_ticket(gateway.other, ticket, *delegating()) is R.NOT_AUTHORIZED


async def test_login_makes_no_more_of_less(gateway):
    ticket = await delegated(gateway, right(O.LOGIN))
    assert await with_ticket(gateway.other, ticket, O.LOGIN, LoginRequest()) is R.NOT_AUTHORIZED


@pytest.mark.parametrize(
    "more",
    [
        Right(),
        right(O.GET),
        right(O.GET, O.DESTROY, objects=("first",)),
        right(O.GET, objects=("first", "second")),
        right(O.GET, groups=("Blue",)),
    ],
)
async def test_a_ticket_delegates_no_more_than_it_allows(gateway, more):
    named = {"first": await key(gateway, group("Blue")), "second": await key(gateway)}
    ticket = await delegated(gateway, right(O.DELEGATED_LOGIN), right(O.GET, objects=(named["first"],)))
    if more.objects is not None:
        more = right(*more.operations.operation, objects=[named[each] for each in more.objects.unique_identifier])
    assert await with_ticket(gateway.other, ticket, *delegating(more)) is R.NOT_AUTHORIZED


async def sub(client, ticket, *rights, **asked):
    (answer,) = await client.ask(V2_1, delegating(*rights, **asked), **shown(ticket))
    assert answer.reason is None, answer
    return answer.payload.ticket


async def test_the_end_of_a_ticket_is_the_end_of_those_asked_for_by_it(gateway, clock):
    first = await delegated(gateway, right(O.DELEGATED_LOGIN, O.PING), lease_time=Interval(60))
    second = await sub(gateway.other, first, right(O.PING), lease_time=Interval(0))
    assert await with_ticket(gateway.other, second, *PING) is None
    clock.now += 60
    assert await with_ticket(gateway.other, second, *PING) is R.INVALID_TICKET
    third = await delegated(gateway, right(O.DELEGATED_LOGIN, O.PING))
    fourth = await sub(gateway.other, third, right(O.PING))
    await gateway.one(V2_1, O.LOGOUT, LogoutRequest(ticket=third))
    assert await with_ticket(gateway.other, fourth, *PING) is R.INVALID_TICKET


async def test_requests_count_for_the_ticket_that_was_asked_by_too(gateway):
    first = await delegated(gateway, right(O.DELEGATED_LOGIN, O.PING), request_count=3)
    second = await sub(gateway.other, first, right(O.PING), request_count=100)
    assert await with_ticket(gateway.other, second, *PING) is None
    assert await with_ticket(gateway.other, second, *PING) is None
    assert await with_ticket(gateway.other, second, *PING) is R.USAGE_LIMIT_EXCEEDED
    assert await with_ticket(gateway.other, first, *PING) is R.USAGE_LIMIT_EXCEEDED


async def test_tickets_by_tickets_have_an_end(gateway, monkeypatch):
    monkeypatch.setattr("gateway.tickets.MAX_LINE", 2)
    ticket = await delegated(gateway, right(O.DELEGATED_LOGIN))
    deeper = await sub(gateway.other, ticket, right(O.DELEGATED_LOGIN))
    (answer,) = await gateway.other.ask(V2_1, delegating(right(O.DELEGATED_LOGIN)), **shown(deeper))
    assert answer.reason is R.SERVER_LIMIT_EXCEEDED


async def test_a_right_names_objects_as_any_request_does(gateway):
    reference = right(O.GET, objects=(ItemNumber(0),))
    made, given = await gateway.ask(V2_1, making(), delegating(reference))
    assert await with_ticket(gateway.other, given.payload.ticket, *get(made.payload.unique_identifier)) is None
    theirs = (await gateway.other.one(V2_1, *making())).unique_identifier
    assert await gateway.refused(V2_1, *delegating(right(O.GET, objects=(theirs,)))) is R.OBJECT_NOT_FOUND


async def test_who_sees_a_group_does_not_bring_new_objects_into_it_by_default(gateway):
    """What the owner makes later would be in the group, and be given to whoever has the ticket."""
    ticket = await delegated(gateway, right(O.SET_DEFAULTS), right(O.GET, groups=["shared"]))

    def defaults(*attributes):
        types = ObjectTypes(object_type=(ObjectType.SYMMETRIC_KEY,))
        each = ObjectDefaults(object_types=types, attributes=attributes)
        return SetDefaultsRequest(defaults_information=DefaultsInformation(object_defaults=(each,)))

    other = gateway.other
    assert await with_ticket(other, ticket, O.SET_DEFAULTS, defaults(group("shared"))) is R.NOT_AUTHORIZED
    made = await key(gateway)
    assert await with_ticket(other, ticket, *get(made)) is R.NOT_AUTHORIZED
    assert await with_ticket(other, ticket, O.SET_DEFAULTS, defaults(Attribute(Tag.CONTACT_INFORMATION, "Ann"))) is None
    await gateway.one(V2_1, O.SET_DEFAULTS, defaults(group("shared")))
    assert await with_ticket(other, ticket, *get(await key(gateway))) is None
