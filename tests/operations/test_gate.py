"""The one gate: every operation, by every reference that it takes, for everybody who may ask (gateway/gate.py).

A new operation, and a new field that can mean an object, fail here until somebody says what the gate asks of them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from msgspec.structs import replace

from gateway.access.permissions import GRANTABLE
from gateway.access.roles import EVERYTHING
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import (
    KeyWrapType,
    LinkType,
    ObjectType,
    Operation,
    ResultStatus,
    TicketType,
    UniqueIdentifierReference,
)
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.messages import Ticket
from gateway.kmip.structure import Attribute, Attributes, ItemNumber, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4, V2_1
from gateway.operations import OPERATIONS
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.cancel import CancelRequest
from gateway.operations.create import CreateRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.hash import HashRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.logout import LogoutRequest
from gateway.operations.mac import MACRequest
from gateway.operations.poll import PollRequest
from gateway.operations.process import ProcessRequest
from gateway.store.grants import Lent
from gateway.store.sqlite import SqliteStore
from tests.operations.conftest import Client, Gateway
from tests.operations.references import (
    BESIDE_THE_GATE,
    CBC,
    CERTIFYING,
    ELSEWHERE,
    FOLLOWED,
    HMAC,
    REFERENCES,
    WITHOUT,
    Reference,
    key,
    spec,
    unwrapper,
)
from tests.operations.test_asynchronous import pend
from tests.operations.test_certify import authority, kmip_config
from tests.operations.test_create import name as named
from tests.operations.test_grants import lend
from tests.operations.test_pkcs12 import linked
from tests.operations.test_register_get import aes, mask, register, specification
from tests.operations.test_tickets import login

__all__ = ["authority", "kmip_config"]  # the fixtures: an authority is configured

O = Operation  # noqa: E741
ROOT = Path(__file__).parents[2] / "gateway"
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def told(client: Client, reference: Reference, unique_identifier: str) -> tuple[Any, ...]:
    """Ask for an object, and give the answer without its identifier."""
    payload = await reference.ask(client, unique_identifier)
    (answer,) = await client.ask(V2_1, (reference.operation, payload))
    return answer.status, answer.reason, (answer.message or "").replace(unique_identifier, "it")


def stranger(gateway: Gateway) -> Client:
    """Give a client of another tenant."""
    return gateway.client("cert:b", EVERYTHING, tenant="elsewhere")


async def walk(gateway: Gateway, reference: Reference) -> None:
    """Ask for one object as everybody: own, granted, granted for all else, not granted, foreign, missing."""
    one, own = await reference.make(gateway), await reference.make(gateway)
    missing = await told(gateway.other, reference, NOWHERE)
    assert missing[0] is ResultStatus.OPERATION_FAILED
    assert await told(gateway.other, reference, one) == missing, "of the same tenant, not granted"
    assert await told(stranger(gateway), reference, one) == missing, "of another tenant"
    await lend(gateway, Lent.OBJECT, one, *(GRANTABLE.keys() - {reference.right}))
    assert await told(gateway.other, reference, one) == missing, "granted for other uses"
    assert await told(stranger(gateway), reference, one) == missing, "granted to one of that name in another tenant"
    if reference.right:
        await lend(gateway, Lent.OBJECT, one, reference.right)
        assert (await told(gateway.other, reference, one))[0] is ResultStatus.SUCCESS, "granted"
    found = await told(gateway, reference, own)
    assert found[0] is ResultStatus.SUCCESS, found


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda each: each.name)
async def test_an_object_is_reached_by_its_owner_and_whom_it_was_granted(
    gateway: Gateway, reference: Reference
) -> None:
    await walk(gateway, reference)


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize("reference", CERTIFYING, ids=lambda each: each.name)
async def test_so_is_what_is_certified(gateway: Gateway, reference: Reference) -> None:
    await walk(gateway, reference)


async def test_no_import_replaces_what_is_not_the_clients_own(gateway: Gateway) -> None:
    """Here a foreign identifier is told from a free one: it is taken. Who asks so knows it already."""
    one, own = await key(gateway), await key(gateway.other)
    await lend(gateway, Lent.OBJECT, one, *GRANTABLE)
    for client in (gateway.other, stranger(gateway)):
        assert await client.refused(V2_1, O.IMPORT, replacing(one)) is R.OBJECT_ALREADY_EXISTS
        assert await client.refused(V2_1, O.IMPORT, replacing(one, False)) is R.OBJECT_ALREADY_EXISTS
    await gateway.one(V2_1, O.GET, GetRequest(unique_identifier=one))
    await gateway.other.one(V2_1, O.IMPORT, replacing(own))


def replacing(unique_identifier: str, replace_existing: bool = True) -> ImportRequest:
    """Ask for an object in another's place."""
    return ImportRequest(
        unique_identifier=unique_identifier,
        object_type=ObjectType.SYMMETRIC_KEY,
        replace_existing=replace_existing,
        attributes=spec(A.AES, 128, M.ENCRYPT),
        symmetric_key=aes(bytes(range(16))),
    )


def going_on(kind: str, value: bytes, key_: str) -> list[tuple[Operation, Structure]]:
    """Ask for what somebody has begun: a stream, an asynchronous request, a ticket."""
    by_kind: dict[str, list[tuple[Operation, Structure]]] = {
        "stream": [
            (O.ENCRYPT, EncryptRequest(unique_identifier=key_, correlation_value=value, data=bytes(16))),
            (O.DECRYPT, DecryptRequest(unique_identifier=key_, correlation_value=value, data=bytes(16))),
            (O.MAC, MACRequest(unique_identifier=key_, correlation_value=value, data=bytes(16))),
            (O.HASH, HashRequest(cryptographic_parameters=HMAC, correlation_value=value, data=bytes(16))),
        ],
        "request": [
            (O.POLL, PollRequest(asynchronous_correlation_value=value)),
            (O.CANCEL, CancelRequest(asynchronous_correlation_value=value)),
            (O.PROCESS, ProcessRequest(asynchronous_correlation_value=value)),
        ],
        "ticket": [(O.LOGOUT, LogoutRequest(ticket=Ticket(ticket_type=TicketType.LOGIN, ticket_value=value)))],
    }
    return by_kind[kind]


@pytest.mark.parametrize("kind", ["stream", "request", "ticket"])
async def test_what_one_client_has_begun_is_as_nothing_to_others(gateway: Gateway, kind: str) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, *GRANTABLE)
    if kind == "stream":
        begin = EncryptRequest(
            unique_identifier=one,
            cryptographic_parameters=CBC,
            data=bytes(16),
            iv_counter_nonce=bytes(16),
            init_indicator=True,
        )
        value = (await gateway.one(V2_1, O.ENCRYPT, begin)).correlation_value
    elif kind == "request":
        value = await pend(gateway, O.GET, GetRequest(unique_identifier=one))
    else:
        value = (await login(gateway)).ticket_value
    made_up = bytes(value[:-1]) + bytes([value[-1] ^ 1])
    for client in (gateway.other, stranger(gateway)):
        pairs = zip(going_on(kind, value, one), going_on(kind, made_up, one), strict=True)
        for theirs, nobodys in pairs:
            (refused,), (missing,) = await client.ask(V2_1, theirs), await client.ask(V2_1, nobodys)
            assert refused.status is ResultStatus.OPERATION_FAILED
            assert (refused.reason, refused.message) == (missing.reason, missing.message), theirs
    own, *_ = going_on(kind, value, one)
    (answer,) = await gateway.ask(V2_1, own)
    assert answer.status is not ResultStatus.OPERATION_FAILED, "and its own client goes on"


async def test_a_value_tells_nothing_of_another_tenant_that_has_it(gateway: Gateway) -> None:
    """A Sensitive key of the same value would have an unwrapped one refused; asked by who guesses, it would tell."""
    kek = await unwrapper(stranger(gateway))
    value = bytes(range(7, 23))
    await register(gateway, V2_1, aes(value), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    theirs = await register(stranger(gateway), V2_1, aes(value), mask(M.ENCRYPT))
    asked = GetRequest(unique_identifier=theirs, key_wrapping_specification=specification(kek))
    wrapped = (await stranger(gateway).one(V2_1, O.GET, asked)).symmetric_key
    asked_for = ImportRequest(
        unique_identifier="",
        object_type=ObjectType.SYMMETRIC_KEY,
        key_wrap_type=KeyWrapType.NOT_WRAPPED,
        attributes=spec(A.AES, 128, M.ENCRYPT | M.DECRYPT),
        symmetric_key=wrapped,
    )
    await stranger(gateway).one(V2_1, O.IMPORT, asked_for)


async def test_a_link_tells_nothing_of_what_it_leads_to(gateway: Gateway) -> None:
    one, own = await key(gateway), await key(gateway.other)
    for to in (one, NOWHERE):
        link = (linked(LinkType.PARENT_LINK, to),)
        asked = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*spec(A.AES, 128, M.ENCRYPT), *link))
        made = (await gateway.other.one(V2_1, O.CREATE, asked)).unique_identifier
        added = AddAttributeRequest(unique_identifier=own, new_attribute=link)
        await gateway.other.one(V2_1, O.ADD_ATTRIBUTE, added)
        found = await gateway.other.one(V2_1, O.LOCATE, LocateRequest(attributes=link))
        assert set(found.unique_identifier) == {made, own}


async def test_the_placeholder_and_other_items_lead_through_the_gate_too(gateway: Gateway) -> None:
    """A role that makes keys and does not read them does not read the one that the item before has made."""
    making = replace(EVERYTHING, name="making", operations=frozenset({"Create"}))
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(A.AES, 128, M.ENCRYPT))
    meant = (None, UniqueIdentifierReference.ID_PLACEHOLDER, UniqueIdentifierReference.CREATE, ItemNumber(0))
    for given in meant:
        asked = (O.CREATE, create), (O.GET, GetRequest(unique_identifier=given))
        _, read = await gateway.client("cert:m", making).ask(V2_1, *asked)
        assert read.reason is R.NOT_AUTHORIZED
        _, read = await gateway.ask(V2_1, *asked)
        assert read.status is ResultStatus.SUCCESS


async def test_a_foreign_object_takes_the_work_that_a_missing_one_takes(gateway: Gateway, store: SqliteStore) -> None:
    one = await key(gateway)
    statements: list[str] = []
    store._reader.connection.set_trace_callback(statements.append)
    counted = []
    for unique_identifier in (one, NOWHERE):
        await gateway.one(V2_1, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=one))
        statements.clear()
        asked = GetAttributesRequest(unique_identifier=unique_identifier)
        assert await stranger(gateway).refused(V2_1, O.GET_ATTRIBUTES, asked) is R.OBJECT_NOT_FOUND
        counted.append(sorted(each.split(" WHERE ")[0] for each in statements if not each.startswith("PRAGMA")))
    store._reader.connection.set_trace_callback(None)
    assert counted[0] == counted[1]


async def test_an_operator_may_have_foreign_objects_denied(gateway: Gateway) -> None:
    one = await key(gateway)
    telling = Exchange(KmipConfig(foreign_objects="denied"), gateway.store, gateway.token, gateway.clock)
    asked = GetRequest(unique_identifier=one)
    for tenant in ("default", "elsewhere"):
        other = Client(telling, "cert:b", gateway.clock, gateway.store, gateway.token, tenant=tenant)
        assert await other.refused(V2_1, O.GET, asked) is R.NOT_AUTHORIZED
        assert await other.refused(V1_4, O.GET, asked) is R.PERMISSION_DENIED
        assert await other.refused(V2_1, O.GET, GetRequest(unique_identifier=NOWHERE)) is R.OBJECT_NOT_FOUND


async def test_names_and_counts_tell_nothing_of_another_tenant(gateway: Gateway) -> None:
    attributes = spec(A.AES, 128, M.ENCRYPT, named("n"))
    asked = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes)
    await gateway.one(V2_1, O.CREATE, asked)
    found = await stranger(gateway).one(V2_1, O.LOCATE, LocateRequest())
    assert (found.unique_identifier, found.located_items) == ((), 0)
    await stranger(gateway).one(V2_1, O.CREATE, asked)
    found = await stranger(gateway).one(V2_1, O.LOCATE, LocateRequest(attributes=(named("n"),)))
    assert found.located_items == 1


# --- nothing is left out


def kinds(annotation: Any) -> Iterator[Any]:
    """Give an annotation and all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from kinds(part)


def means_an_object(name: str, found: list[Any]) -> bool:
    """Tell whether a field of a request can mean an object, a stream or a request of somebody's."""
    typed = UniqueIdentifierReference in found or Attributes in found or Ticket in found
    return typed or name.endswith(("unique_identifier", "correlation_value"))


def fields_of(structure: type[Structure], seen: set[type]) -> Iterator[tuple[str, str]]:
    """Give the fields that can mean an object, of a request and of all structures in it."""
    seen.add(structure)
    for name, annotation in get_type_hints(structure, include_extras=True).items():
        found = list(kinds(annotation))
        if means_an_object(name, found):
            yield structure.__name__, name
        for kind in found:
            if isinstance(kind, type) and issubclass(kind, Structure) and kind not in seen:
                yield from fields_of(kind, seen)


def listed(operation: Operation) -> set[tuple[str, str]]:
    """Give the fields of an operation of which somebody has said what the gate asks."""
    rows = {each.field for each in (*REFERENCES, *CERTIFYING) if each.operation is operation}
    return {each for each in rows | set(ELSEWHERE.get(operation, {})) if each[0] != "Link"}


@pytest.mark.parametrize("operation", sorted(OPERATIONS), ids=lambda each: Operation(each).token)
def test_every_field_that_can_mean_an_object_is_listed(operation: int) -> None:
    which = Operation(operation)
    found = set(fields_of(OPERATIONS[operation].request, set()))
    assert found == listed(which), f"say in tests/operations/references.py what the gate asks of {which.token}"
    assert bool(found) is (which not in WITHOUT)


TAKE_ROWS = {"peek", "recall", "with_scalar", "locate", "scan", "get"}
STORES = {"transaction", "store", "_store", "t", "tx"}


def takes_rows(call: ast.Call) -> bool:
    """Tell whether a call takes rows of objects from the store."""
    if not isinstance(call.func, ast.Attribute):
        return False
    of = call.func.value
    holder = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
    return holder in STORES and call.func.attr in TAKE_ROWS


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Give the calls in all modules above the store that are part of the serving gateway."""
    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(("store/", "admin/", "server/", "call.py", "gate.py", "__main__.py")):
            yield from ((name, node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_no_module_takes_rows_beside_the_gate_unless_it_is_listed() -> None:
    assert {name for name, call in calls() if takes_rows(call)} == set(BESIDE_THE_GATE)


def test_every_link_that_is_followed_is_listed() -> None:
    followed = {
        (name, each.attr)
        for name, call in calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr == "linked"
        for each in call.args
        if isinstance(each, ast.Attribute)
    }
    assert followed == set(FOLLOWED)
