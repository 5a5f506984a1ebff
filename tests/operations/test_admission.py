"""Who a request is: by the certificate of its connection, by its credentials, by both, and no longer than it is so."""

import asyncio
import threading
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from msgspec.structs import replace

from gateway import batch
from gateway.access import passwords
from gateway.access.identity import NOTHING_SHOWN, Fact, Shown, stranger
from gateway.config import AccessConfig
from gateway.credentials import MAX_WAITING_OF_ONE, device_key, one_time_key
from gateway.directory import MAX_STRANGERS, NOT_NOTED_S
from gateway.exchange import Exchange
from gateway.guesses import COST_S, MOST, WINDOW_S, Guesses, network
from gateway.kmip.enums import (
    CredentialType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    HashingAlgorithm,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    TicketType,
)
from gateway.kmip.messages import (
    Authentication,
    Credential,
    Device,
    HashedPassword,
    OneTimePassword,
    TicketCredential,
    UsernameAndPassword,
)
from gateway.kmip.policy import Right, Rights
from gateway.kmip.structure import Attribute, DateTimeExtended, Item
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.delegated_login import DelegatedLoginRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.ping import PingRequest
from gateway.rates import Paces
from gateway.shares import MOST_ITEMS
from gateway.store.accounts import (
    ClientRow,
    CredentialRow,
    Identification,
    Proof,
    RoleRow,
    Standing,
    StrangerRow,
    TenantRow,
)
from gateway.wire import layout
from tests.support.messages import answers, request

T = CredentialType
R = ResultReason
ENDS = 2_000_000_000.0
ANNA = ClientRow("bank", "anna", "client:anna", Standing.ACCEPTED, ("everything",), Proof.ANY, 7)
BERT = replace(ANNA, tenant="shop", name="bert", identity="client:bert")
HERS = Shown(key="aa" * 32, issuer="CN=ca", authority="01", subject="CN=anna", uris=("spiffe://anna",), ends=ENDS)
HIS = Shown(key="bb" * 32, issuer="CN=ca", authority="01", subject="CN=bert", dns=("bert.example",), ends=ENDS)
UNKNOWN = Shown(key="cc" * 32, issuer="CN=ca", authority="01", subject="CN=anna", ends=ENDS)
PING = Operation.PING, PingRequest()
AES = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT),
    ),
)
HASH = passwords.kept("correct horse")


def credential(kind, value, version=V2_1):
    raw = layout.content_writer(type(value), version)(value)
    return Credential(credential_type=kind, credential_value=Item(1, raw))


def password(username="anna", text="correct horse"):
    return credential(T.USERNAME_AND_PASSWORD, UsernameAndPassword(username=username, password=text))


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Answer who guesses too often after a moment already."""
    monkeypatch.setattr("gateway.guesses.SLOW_S", 0.02)


@pytest.fixture
async def door(gateway):
    """Give a gateway with two clients in two tenants, and what asks it as the other end of a connection."""
    return await Door(gateway).opened()


class Door:
    """A gateway whose callers are not let in before they have shown who they are."""

    def __init__(self, gateway, guesses=None, **access):
        self.gateway = gateway
        access = AccessConfig(**access)
        self.exchange = Exchange(
            gateway.exchange._services.config,
            gateway.store,
            gateway.token,
            gateway.clock,
            access=access,
            guesses=guesses,
        )

    async def opened(self):
        await self.write(lambda a: a.add_tenant(TenantRow("bank")))
        await self.write(lambda a: a.add_tenant(TenantRow("shop")))
        for client, shown in ((ANNA, HERS), (BERT, HIS)):
            await self.write(lambda a, client=client: a.put_client(client))
            await self.known(client, shown.facts()[0])
        return self

    async def write(self, change):
        return await self.gateway.store.write(lambda transaction: change(transaction.accounts))

    async def known(self, client, fact):
        await self.write(lambda accounts: accounts.identify(client, Identification(*fact)))

    async def keep(self, kind, key, secret, client=ANNA):
        row = CredentialRow(kind, key, client.tenant, client.name, secret, 7)
        await self.write(lambda accounts: accounts.put_credential(row))

    async def ask(self, shown, *items, version=V2_1, credentials=(), address="192.0.2.1"):
        header = {"authentication": Authentication(credential=tuple(credentials))} if credentials else {}
        raw = await self.exchange.answer(request(version, *(items or (PING,)), **header), stranger(shown, address))
        return answers(raw, version)

    async def reason(self, shown, *credentials, **more):
        """Give why the request is refused, None where it is not."""
        return (await self.ask(shown, credentials=credentials, **more))[0].reason


def test_a_certificate_is_known_by_facts_that_no_other_authority_can_state():
    elsewhere = replace(HERS, key="dd" * 32, authority="02")
    named = replace(HERS, key="dd" * 32, issuer="CN=other")
    for other in (elsewhere, named):
        assert not set(HERS.facts()) & set(other.facts())
    assert Fact("san-uri", '["CN=ca", "01", "spiffe://anna"]') in HERS.facts()
    # A name is no fact under another method, and no text can pass for two.
    tricky = replace(HERS, issuer='CN=ca", "01', authority="")
    assert not set(tricky.facts()[1:]) & set(HERS.facts()[1:])


@pytest.mark.parametrize("place", range(3), ids=["key", "san-uri", "subject"])
async def test_a_client_keeps_its_objects_whatever_it_is_known_by(door, place):
    (made,) = await door.ask(HERS, (Operation.CREATE, AES))
    if place:
        await door.known(ANNA, HERS.facts()[place])
    shown = replace(HERS, key="ee" * 32) if place else HERS
    (got,) = await door.ask(shown, (Operation.GET, GetRequest(unique_identifier=made.payload.unique_identifier)))
    assert got.status is ResultStatus.SUCCESS
    row = await door.gateway.store.get(made.payload.unique_identifier)
    assert (row.tenant, row.owner) == ("bank", "client:anna")


async def test_one_common_name_of_two_authorities_is_two_identities(door):
    await door.known(ANNA, HERS.facts()[-1])
    assert await door.reason(replace(UNKNOWN, authority="02")) is R.NOT_AUTHORIZED
    assert await door.reason(UNKNOWN) is None


async def test_clients_of_two_tenants_do_not_see_each_other(door):
    (made,) = await door.ask(HERS, (Operation.CREATE, AES))
    get = Operation.GET, GetRequest(unique_identifier=made.payload.unique_identifier)
    assert (await door.ask(HIS, get))[0].reason is R.OBJECT_NOT_FOUND
    (located,) = await door.ask(HIS, (Operation.LOCATE, LocateRequest()))
    assert located.payload.unique_identifier == ()


async def test_a_revoked_client_is_refused_at_the_next_request_of_its_open_connection(door):
    peer = stranger(HERS, "192.0.2.1")
    raw = request(V2_1, PING)
    assert answers(await door.exchange.answer(raw, peer), V2_1)[0].status is ResultStatus.SUCCESS
    await door.write(lambda accounts: accounts.put_client(replace(ANNA, standing=Standing.REVOKED)))
    (answer,) = answers(await door.exchange.answer(raw, peer), V2_1)
    assert (answer.reason, answer.message) == (R.NOT_AUTHORIZED, "this client was revoked")
    query = Operation.LOCATE, LocateRequest()
    assert (await door.ask(HERS, query, version=V1_4))[0].reason is R.PERMISSION_DENIED


async def test_roles_are_those_of_the_next_request(door, monkeypatch):
    seen = []
    monkeypatch.setattr("gateway.batch.Call", lambda services, peer, *rest, **more: seen.append(peer) or 1 / 0)
    for roles in (("everything",), ("storage", "none such"), ()):
        await door.write(lambda accounts, roles=roles: accounts.put_client(replace(ANNA, roles=roles)))
        await door.write(lambda accounts: accounts.put_role(RoleRow("bank", "storage", '{"name": "storage"}')))
        await door.ask(HERS)
    assert [[role.name for role in peer.roles] for peer in seen] == [["everything"], ["storage"], []]


async def test_an_unknown_certificate_waits_for_an_administrator(door):
    (answer,) = await door.ask(UNKNOWN)
    assert answer.reason is R.NOT_AUTHORIZED
    assert "an administrator has to accept it" in answer.message
    (row,) = door.gateway.store.accounts.strangers()
    assert (row.key, row.address) == (UNKNOWN.key, "192.0.2.1")
    # Once it was accepted, the next request of the same connection goes through.
    await door.known(ANNA, UNKNOWN.facts()[0])
    assert await door.reason(UNKNOWN) is None


async def test_unknown_certificates_fill_no_database(door):
    rows = [StrangerRow(f"{number:064x}", "{}", "192.0.2.1", 7) for number in range(MAX_STRANGERS)]
    await door.write(lambda accounts: [accounts.add_stranger(row, MAX_STRANGERS) for row in rows])
    assert await door.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert door.gateway.store.accounts.stranger(UNKNOWN.key) is None
    # Once an administrator has made room, whoever goes on asking is noted.
    await door.write(lambda accounts: accounts.remove_stranger(rows[0].key))
    door.gateway.clock.now += NOT_NOTED_S
    assert await door.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert door.gateway.store.accounts.stranger(UNKNOWN.key) is not None


async def test_a_rejected_certificate_stays_out_whatever_it_shows(door):
    await door.ask(UNKNOWN)
    await door.keep("password", "anna", HASH)
    await door.write(lambda accounts: accounts.reject_stranger(UNKNOWN.key))
    assert await door.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert await door.reason(UNKNOWN, password()) is R.NOT_AUTHORIZED


async def test_a_certificate_of_two_clients_is_nobodys(door):
    await door.known(BERT, HERS.facts()[1])
    assert await door.reason(HERS) is R.NOT_AUTHORIZED


async def test_a_certificate_ends_on_a_connection_that_is_open(door):
    door.gateway.clock.now = ENDS
    assert await door.reason(HERS) is R.AUTHENTICATION_NOT_SUCCESSFUL


async def test_a_password_says_who_with_a_certificate_that_nobody_knows(door):
    await door.keep("password", "anna", HASH)
    assert await door.reason(UNKNOWN, password()) is None
    assert await door.reason(NOTHING_SHOWN, password()) is None
    assert await door.reason(NOTHING_SHOWN) is R.AUTHENTICATION_NOT_SUCCESSFUL


async def test_nobody_and_a_wrong_password_are_answered_alike(door):
    await door.keep("password", "anna", HASH)
    wrong = [password(text="wrong"), password("nobody"), password(text=None), password(text="x" * 5000)]
    found = [(await door.ask(NOTHING_SHOWN, credentials=[each], address=str(n)))[0] for n, each in enumerate(wrong)]
    assert {(each.reason, each.message) for each in found} == {
        (R.AUTHENTICATION_NOT_SUCCESSFUL, "these credentials are not right")
    }


async def test_nobody_costs_what_a_wrong_password_costs_and_holds_up_nobody(door, monkeypatch):
    """All that is slow is done in a thread of its own, for the first unknown name too."""
    assert extract_parameters(passwords.NOBODY) == extract_parameters(HASH)
    main, where = threading.get_ident(), []
    for name in ("verify", "hash"):
        real = getattr(PasswordHasher, name)
        spied = lambda *given, real=real: where.append(threading.get_ident()) or real(*given)  # noqa: E731
        monkeypatch.setattr(PasswordHasher, name, spied)
    raw = passwords.hash_secret_raw
    monkeypatch.setattr(passwords, "hash_secret_raw", lambda *given: where.append(threading.get_ident()) or raw(*given))
    stamped = HashedPassword(
        username="nobody",
        time_stamp=DateTimeExtended(int(door.gateway.clock.now * 1_000_000)),
        hashed_password=bytes(64),
    )
    for shown in (password("nobody"), credential(T.HASHED_PASSWORD, stamped)):
        assert await door.reason(NOTHING_SHOWN, shown) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert len(where) == 2
    assert main not in where


async def test_a_certificate_of_one_client_and_the_password_of_another_are_nobodys(door):
    await door.keep("password", "bert", HASH, BERT)
    assert await door.reason(HERS, password("bert")) is R.NOT_AUTHORIZED
    assert await door.reason(HIS, password("bert")) is None
    await door.keep("password", "anna", HASH)
    both = password("anna"), password("bert")
    assert await door.reason(UNKNOWN, *both) is R.AUTHENTICATION_NOT_SUCCESSFUL


async def test_a_client_may_have_to_show_both(door):
    await door.keep("password", "anna", HASH)
    await door.write(lambda accounts: accounts.put_client(replace(ANNA, proof=Proof.BOTH)))
    assert await door.reason(HERS) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert await door.reason(UNKNOWN, password()) is R.NOT_AUTHORIZED
    assert await door.reason(NOTHING_SHOWN, password()) is R.NOT_AUTHORIZED
    assert await door.reason(HERS, password()) is None


async def test_a_right_password_is_remembered_until_something_changes(door, monkeypatch):
    await door.keep("password", "anna", HASH)
    hashed = []
    monkeypatch.setattr(passwords, "matches", lambda kept, given: hashed.append(kept) or given == "correct horse")
    for _ in range(3):
        assert await door.reason(UNKNOWN, password()) is None
    assert len(hashed) == 1
    door.gateway.clock.now += 301
    assert await door.reason(UNKNOWN, password()) is None
    assert len(hashed) == 2
    await door.write(lambda accounts: accounts.remove_credentials("bank", "anna"))
    assert await door.reason(UNKNOWN, password()) is R.AUTHENTICATION_NOT_SUCCESSFUL


async def test_too_many_wrong_passwords_of_an_address_are_not_even_hashed(door, monkeypatch):
    await door.keep("password", "anna", HASH)
    hashed = []
    monkeypatch.setattr(passwords, "matches", lambda kept, given: hashed.append(kept) or given == "correct horse")
    for _ in range(MOST + 5):
        assert await door.reason(UNKNOWN, password(text="guess")) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert len(hashed) == MOST
    assert await door.reason(UNKNOWN, password()) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert await door.reason(UNKNOWN, password(), address="192.0.2.2") is None
    door.gateway.clock.now += WINDOW_S
    assert await door.reason(UNKNOWN, password(text="guess"), address="192.0.2.1") is not None
    assert await door.reason(UNKNOWN, password(text="guess 2"), address="192.0.2.1") is not None
    assert len(hashed) == MOST + 3


@pytest.fixture
def checks(monkeypatch):
    """Give the list of all passwords that are hashed; "correct horse" is right."""
    seen = []
    monkeypatch.setattr(passwords, "matches", lambda kept, given: seen.append(given) or given == "correct horse")
    return seen


async def test_front_ends_count_wrong_passwords_together(gateway, checks):
    guesses = Guesses(Paces(gateway.clock))
    first = await Door(gateway, guesses).opened()
    second = Door(gateway, guesses)
    await first.keep("password", "anna", HASH)
    for number in range(2 * MOST):
        await (first, second)[number % 2].reason(UNKNOWN, password(text=f"guess {number}"))
    assert len(checks) == MOST
    assert await Door(gateway, guesses).reason(UNKNOWN, password()) is R.AUTHENTICATION_NOT_SUCCESSFUL
    gateway.clock.now += COST_S
    assert await Door(gateway, guesses).reason(UNKNOWN, password()) is None


async def test_who_guesses_keeps_out_no_other_of_its_address_nor_the_owner_elsewhere(door, checks):
    await door.keep("password", "anna", HASH)
    await door.keep("password", "bert", HASH, BERT)
    for _ in range(MOST + 2):
        await door.reason(UNKNOWN, password(text="guess"))
    start = time.monotonic()
    assert await door.reason(UNKNOWN, password("bert")) is None
    assert await door.reason(UNKNOWN, password(), address="198.51.100.7") is None
    # Names that nobody has are no longer hashed, and neither time nor words tell them from one that somebody has.
    del checks[:]
    found = []
    for name in ("bert", "carl"):
        start = time.monotonic()
        (answer,) = await door.ask(UNKNOWN, credentials=[password(name, "guess")])
        found.append((answer.reason, answer.message))
        assert time.monotonic() - start >= 0.02
    assert found == [(R.AUTHENTICATION_NOT_SUCCESSFUL, "these credentials are not right")] * 2
    assert checks == ["guess"]


async def test_an_account_that_is_and_one_that_is_not_are_held_up_alike(door, checks):
    await door.keep("password", "anna", HASH)
    told = {}
    for name in ("anna", "carl"):
        shown = [password(name, f"guess {number}") for number in range(MOST + 2)]
        told[name] = [(await door.ask(UNKNOWN, credentials=[each], address=name))[0].message for each in shown]
    assert told["anna"] == told["carl"]
    assert len(set(told["anna"])) == 2


def test_a_network_of_ipv6_counts_as_one_address():
    assert network("2001:db8::1") == network("2001:db8::ffff:2") != network("2001:db8:0:1::1")
    assert network("192.0.2.1") == network("::ffff:192.0.2.1") != network("192.0.2.2")
    assert network("no address") == "no address"


async def test_an_address_has_few_passwords_checked_at_once(door, monkeypatch):
    hashed = []
    monkeypatch.setattr(passwords, "matches", lambda kept, given: hashed.append(kept) or time.sleep(0.01))
    guesses = [password(text=f"guess {number}") for number in range(3 * MAX_WAITING_OF_ONE)]
    found = await asyncio.gather(*(door.reason(UNKNOWN, each) for each in guesses))
    assert set(found) == {R.AUTHENTICATION_NOT_SUCCESSFUL}
    # Those that wait while the tenth is found wrong are not hashed any more; two are at it already.
    assert MOST <= len(hashed) <= MOST + 2


async def test_a_device_without_a_password_needs_the_certificate_of_its_client(door):
    device = Device(device_serial_number="SN 7", machine_identifier="array 1")
    await door.keep("device", device_key(device), "")
    shown = credential(T.DEVICE, device)
    assert await door.reason(HERS, shown) is None
    assert await door.reason(UNKNOWN, shown) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert await door.reason(HERS, credential(T.DEVICE, Device(device_serial_number="SN 7"))) is not None
    await door.keep("device", device_key(device), HASH)
    assert await door.reason(UNKNOWN, shown) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert await door.reason(UNKNOWN, credential(T.DEVICE, replace(device, password="correct horse"))) is None


async def test_a_one_time_password_is_good_once(door):
    code = passwords.one_time()
    await door.keep("one-time", one_time_key("anna", code), "")
    shown = credential(T.ONE_TIME_PASSWORD, OneTimePassword(username="anna", one_time_password=code))
    other = credential(T.ONE_TIME_PASSWORD, OneTimePassword(username="bert", one_time_password=code))
    assert await door.reason(UNKNOWN, other) is R.AUTHENTICATION_NOT_SUCCESSFUL
    assert [await door.reason(UNKNOWN, shown) for _ in range(2)] == [None, R.AUTHENTICATION_NOT_SUCCESSFUL]


def hashed(clock, *, text="correct horse", later_us=0, algorithm=None):
    stamp = int(clock.now * 1_000_000) + later_us
    shown = passwords.hashed_password("anna", text, stamp.to_bytes(8, "big"))
    given = HashedPassword(
        username="anna", time_stamp=DateTimeExtended(stamp), hashing_algorithm=algorithm, hashed_password=shown
    )
    return credential(T.HASHED_PASSWORD, given)


async def test_a_hashed_password_is_good_for_one_time_stamp_and_is_answered(door):
    await door.keep("hashed", "anna", passwords.kept_for_hashing("anna", "correct horse"))
    clock = door.gateway.clock
    first = hashed(clock)
    assert [await door.reason(UNKNOWN, first) for _ in range(2)] == [None, R.AUTHENTICATION_NOT_SUCCESSFUL]
    refused = (
        hashed(clock, later_us=-1),
        hashed(clock, text="wrong", later_us=1),
        hashed(clock, later_us=2, algorithm=HashingAlgorithm.SHA_512),
        hashed(clock, later_us=3600 * 1_000_000),
    )
    for each in refused:
        assert await door.reason(UNKNOWN, each) is R.AUTHENTICATION_NOT_SUCCESSFUL
    shown = hashed(clock, later_us=4, algorithm=HashingAlgorithm.SHA_256)
    raw = request(V2_1, PING, authentication=Authentication(credential=(shown,)))
    answer = await door.exchange.answer(raw, stranger(UNKNOWN, "192.0.2.1"))
    stamp = (int(clock.now * 1_000_000) + 4).to_bytes(8, "big")
    one, two = passwords._halves("anna", "correct horse")
    assert passwords._hash(stamp + one + passwords._hash(two)) in answer


@pytest.mark.parametrize("kind", [T.ATTESTATION, T.PASSWORD, T.CERTIFICATE])
async def test_a_credential_of_another_type_is_not_right(door, kind):
    shown = Credential(credential_type=kind, credential_value=Item(1, b""))
    assert await door.reason(HERS, shown) is not None


async def test_a_ticket_acts_as_its_owner_until_the_owner_is_revoked(door):
    await door.write(
        lambda accounts: accounts.put_client(replace(BERT, tenant="bank", name="carl", identity="client:carl"))
    )
    carls = replace(HIS, key="ff" * 32)
    await door.known(replace(BERT, tenant="bank", name="carl"), carls.facts()[0])
    (given,) = await door.ask(HERS, (Operation.DELEGATED_LOGIN, DelegatedLoginRequest(rights=Rights(right=(Right(),)))))
    ticket = credential(T.TICKET, TicketCredential(ticket=given.payload.ticket))
    assert given.payload.ticket.ticket_type is TicketType.LOGIN
    assert await door.reason(carls, ticket) is None
    assert await door.reason(HIS, ticket) is R.INVALID_TICKET
    await door.write(lambda accounts: accounts.put_client(replace(ANNA, standing=Standing.REVOKED)))
    assert await door.reason(carls, ticket) is R.NOT_AUTHORIZED


async def test_where_clients_have_their_own_a_name_that_nobody_has_may_be_ignored(gateway):
    open_door = Door(gateway, unknown_clients="own", default_roles=("everything",), unknown_credentials="ignore")
    await open_door.opened()
    await open_door.keep("password", "anna", HASH)
    assert await open_door.reason(UNKNOWN, password("fortigate", "anything")) is None
    assert await open_door.reason(UNKNOWN, password("anna", "wrong")) is R.AUTHENTICATION_NOT_SUCCESSFUL
    (made,) = await open_door.ask(UNKNOWN, (Operation.CREATE, AES))
    row = await gateway.store.get(made.payload.unique_identifier)
    assert (row.tenant, row.owner) == ("default", f"cert:{UNKNOWN.key}")


async def test_one_of_the_same_name_in_another_tenant_holds_nobody_up(door, monkeypatch):
    other = replace(ANNA, tenant="shop")
    await door.write(lambda accounts: accounts.put_client(other))
    await door.known(other, UNKNOWN.facts()[0])
    full, end, run = asyncio.Event(), asyncio.Event(), batch.run

    async def running(services, message, admission, version):
        if admission.peer.identity.tenant == "bank":
            full.set()
            await end.wait()
        return await run(services, message, admission, version)

    monkeypatch.setattr(batch, "run", running)
    flood = asyncio.create_task(door.ask(HERS, *[PING] * MOST_ITEMS))
    await full.wait()
    try:
        assert await asyncio.wait_for(door.reason(UNKNOWN), 5) is None
    finally:
        end.set()
        await flood


def test_who_shows_no_certificate_waits_for_those_of_the_same_address_alone():
    lines = {stranger(NOTHING_SHOWN, address).line for address in ("192.0.2.1", "192.0.2.2")}
    lines |= {stranger(shown, "192.0.2.1").line for shown in (HERS, HIS)}
    assert len(lines) == 4


async def lent(open_door):
    """Give a ticket that a client without an account has for others, and who may show it."""
    await open_door.opened()
    (given,) = await open_door.ask(
        UNKNOWN, (Operation.DELEGATED_LOGIN, DelegatedLoginRequest(rights=Rights(right=(Right(),))))
    )
    other = replace(UNKNOWN, key="dd" * 32)
    ticket = credential(T.TICKET, TicketCredential(ticket=given.payload.ticket))
    assert await open_door.reason(other, ticket) is None
    return other, ticket


async def test_a_ticket_of_a_certificate_ends_when_that_is_rejected(gateway):
    open_door = Door(gateway, unknown_clients="own", default_roles=("everything",))
    other, ticket = await lent(open_door)
    row = StrangerRow(UNKNOWN.key, "{}", "192.0.2.1", 7)
    await open_door.write(lambda accounts: accounts.add_stranger(row, MAX_STRANGERS))
    await open_door.write(lambda accounts: accounts.reject_stranger(UNKNOWN.key))
    assert await open_door.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert await open_door.reason(other, ticket) is R.NOT_AUTHORIZED


async def test_a_ticket_of_a_certificate_ends_when_that_becomes_a_clients(gateway):
    """What it may do is that client's then, which may be less, or nothing."""
    open_door = Door(gateway, unknown_clients="own", default_roles=("everything",))
    other, ticket = await lent(open_door)
    await open_door.write(lambda accounts: accounts.put_client(replace(ANNA, standing=Standing.REVOKED)))
    await open_door.known(ANNA, UNKNOWN.facts()[0])
    assert await open_door.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert await open_door.reason(other, ticket) is R.NOT_AUTHORIZED


async def test_unknown_clients_may_be_refused_without_a_note(gateway):
    closed = await Door(gateway, unknown_clients="refuse").opened()
    assert await closed.reason(UNKNOWN) is R.NOT_AUTHORIZED
    assert gateway.store.accounts.strangers() == []
