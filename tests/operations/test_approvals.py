"""Dual control: nothing that needs the approval of others is done without, and one approval is for one use."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from gateway.admin import approvals as operators
from gateway.admin.audit import recorded
from gateway.config import (
    ApprovalConfig,
    AuditConfig,
    Config,
    KmipConfig,
    PushTarget,
    StoreConfig,
    TlsConfig,
    TokenConfig,
)
from gateway.errors import ConfigurationError
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    InteropFunction,
    KeyFormatType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    SplitKeyMethod,
    WrappingMethod,
)
from gateway.kmip.objects import EncryptionKeyInformation, KeyWrappingSpecification
from gateway.kmip.structure import Attribute, AttributeReference, DateTime, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_4, V2_1, Version
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.delete_attribute import DeleteAttributeRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.interop import InteropRequest
from gateway.operations.join_split_key import JoinSplitKeyRequest
from gateway.store.api import Store
from gateway.token.api import Token
from tests.operations.conftest import Client, Clock, Gateway
from tests.operations.making import names
from tests.operations.test_create import spec
from tests.operations.test_pushes import Listener
from tests.operations.test_register_get import M, aes, mask, register
from tests.operations.test_rotation import DAY_S, key

GROUP = Attribute(Tag.OBJECT_GROUP, "crown jewels")
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
VAULT = ApprovalConfig(
    needed=2, approvers=("ann", "bob", "eve"), export=("crown jewels",), destroy=("crown jewels",), lifetime_s=3600
)
O = Operation  # noqa: E741
DENIED = ResultReason.NOT_AUTHORIZED  # 1.x: Permission Denied


class Operators:
    """Those who approve, each under a name of the operating system."""

    def __init__(self, config: Config, patch: pytest.MonkeyPatch) -> None:
        self.config = config
        self._patch = patch

    def become(self, name: str) -> None:
        self._patch.setattr(operators, "operator", lambda: name)

    def waiting(self) -> list[operators.ListedApproval]:
        return operators.list_approvals(self.config)

    async def decide(self, name: str, id: str, *, approve: bool = True) -> None:
        self.become(name)
        await asyncio.to_thread(operators.decide, self.config, id, approve=approve)


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())  # what operators say is dated by the clock of their machine


@pytest_asyncio.fixture(loop_scope="session")
async def vault(token: Token, store: Store, kmip_config: KmipConfig, clock: Clock) -> AsyncIterator[Gateway]:
    exchange = Exchange(kmip_config, store, token, clock, approval=VAULT)
    yield Gateway(exchange, clock, store, token)
    await exchange.requests.close()


@pytest.fixture
def others(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operators:
    none = Path("/nonexistent")
    config = Config(
        version="v1",
        tls=TlsConfig(ca=none, certificate=none, key=none),
        token=TokenConfig(module=none),
        store=StoreConfig(path=tmp_path / "gateway.sqlite"),
        approval=VAULT,
    )
    return Operators(config, monkeypatch)


async def jewel(client: Client) -> str:
    return await register(client, V2_1, aes(bytes(range(16))), mask(M.ENCRYPT), GROUP)


async def asked(client: Client, operation: Operation, request: Structure, version: Version = V2_1) -> str:
    """Ask for what needs approval and has none, and give the number under which others decide."""
    (answer,) = await client.ask(version, (operation, request))
    assert answer.status is ResultStatus.OPERATION_FAILED
    assert answer.reason in (DENIED, ResultReason.PERMISSION_DENIED)
    found = re.search(r"it is ([0-9a-f]{12})$", answer.message or "")
    assert found, answer.message
    return found[1]


@pytest.mark.parametrize(
    ("operation", "kind"), [(O.GET, GetRequest), (O.EXPORT, ExportRequest), (O.DESTROY, DestroyRequest)]
)
async def test_two_others_approve_one_use(
    vault: Gateway, others: Operators, operation: Operation, kind: type[Structure]
) -> None:
    uid = await jewel(vault)
    request = kind(unique_identifier=uid)  # type: ignore[call-arg]
    id = await asked(vault, operation, request)
    assert await asked(vault, operation, request) == id
    await others.decide("ann", id)
    assert await asked(vault, operation, request) == id
    await others.decide("bob", id)
    await vault.one(V2_1, operation, request)
    assert not others.waiting()
    if operation is O.DESTROY:
        assert await vault.refused(V2_1, operation, request) is ResultReason.OBJECT_DESTROYED
    else:
        assert await asked(vault, operation, request) != id


async def test_one_operator_counts_once_and_strangers_do_not(vault: Gateway, others: Operators) -> None:
    request = GetRequest(unique_identifier=await jewel(vault))
    id = await asked(vault, O.GET, request)
    await others.decide("ann", id)
    with pytest.raises(ConfigurationError, match="has approved it already"):
        await others.decide("ann", id)
    with pytest.raises(ConfigurationError, match="none of the approvers"):
        await others.decide("mallory", id)
    with pytest.raises(ConfigurationError, match="Nothing waits"):
        await others.decide("bob", "000000000000")
    assert await asked(vault, O.GET, request) == id


async def test_an_altered_request_is_another_one(vault: Gateway, others: Operators) -> None:
    uid, other = await jewel(vault), await jewel(vault)
    id = await asked(vault, O.GET, GetRequest(unique_identifier=uid))
    for each in ("ann", "bob"):
        await others.decide(each, id)
    altered = {
        await asked(vault, O.GET, GetRequest(unique_identifier=other)),
        await asked(vault, O.GET, GetRequest(unique_identifier=uid, key_format_type=KeyFormatType.RAW)),
        await asked(vault, O.EXPORT, ExportRequest(unique_identifier=uid)),
        await asked(vault, O.DESTROY, DestroyRequest(unique_identifier=uid)),
        await asked(vault, O.GET, GetRequest(unique_identifier=uid), V1_4),
    }
    assert len(altered | {id}) == 6
    await vault.one(V2_1, O.GET, GetRequest(unique_identifier=uid))


async def test_others_see_in_words_in_which_form_a_key_would_leave(vault: Gateway, others: Operators) -> None:
    """And an Import that puts another wrapping key in the place of the one they saw makes it another request."""
    uid = await jewel(vault)
    kek = await register(vault, V2_1, aes(bytes(32)), mask(M.WRAP_KEY), ACTIVE, *names('"; in the clear'))
    information = EncryptionKeyInformation(
        unique_identifier=kek,
        cryptographic_parameters=CryptographicParameters(block_cipher_mode=BlockCipherMode.NISTKEYWRAP),
    )
    wrapped = GetRequest(
        unique_identifier=uid,
        key_wrapping_specification=KeyWrappingSpecification(
            wrapping_method=WrappingMethod.ENCRYPT, encryption_key_information=information
        ),
    )
    id = await asked(vault, O.GET, wrapped)
    (waiting,) = others.waiting()
    told = waiting.words.split("; ")
    assert told[0].startswith(f'wrapped by "{kek}" of "cert:a" (SymmetricKey AES-256 "\\"')
    assert waiting.words.endswith(
        f'; KMIP 2.1; UniqueIdentifier "{uid}"; KeyWrappingSpecification (WrappingMethod Encrypt, '
        f'EncryptionKeyInformation (UniqueIdentifier "{kek}", '
        "CryptographicParameters (BlockCipherMode NISTKeyWrap)))"
    )
    for each in ("ann", "bob"):
        await others.decide(each, id)
    swapped = ImportRequest(
        unique_identifier=kek,
        replace_existing=True,
        attributes=(mask(M.WRAP_KEY), ACTIVE),
        symmetric_key=aes(bytes(range(32))),
    )
    await vault.one(V2_1, O.IMPORT, swapped)
    assert await asked(vault, O.GET, wrapped) != id
    clear = await asked(vault, O.GET, GetRequest(unique_identifier=uid, key_format_type=KeyFormatType.RAW))
    (words,) = (each.words for each in others.waiting() if each.id == clear)
    assert words.startswith("in the clear; SymmetricKey AES-128; KMIP 2.1; ")
    assert words.endswith("; KeyFormatType Raw")


async def test_what_is_too_long_to_be_read_is_not_asked(vault: Gateway, others: Operators) -> None:
    names_of_attributes = tuple(AttributeReference(Tag.ATTRIBUTE, "x", f"attribute {n}") for n in range(100))
    request = GetRequest(
        unique_identifier=await jewel(vault),
        key_wrapping_specification=KeyWrappingSpecification(
            wrapping_method=WrappingMethod.ENCRYPT,
            encryption_key_information=EncryptionKeyInformation(
                unique_identifier=await register(vault, V2_1, aes(bytes(32)), mask(M.WRAP_KEY), ACTIVE)
            ),
            attribute_reference=names_of_attributes,
        ),
    )
    assert await vault.refused(V2_1, O.GET, request) is ResultReason.SERVER_LIMIT_EXCEEDED
    assert not others.waiting()


async def test_an_approval_is_for_who_asked(vault: Gateway, others: Operators) -> None:
    """Another client does not even see the object, approved or not."""
    request = GetRequest(unique_identifier=await jewel(vault))
    id = await asked(vault, O.GET, request)
    for each in ("ann", "bob"):
        await others.decide(each, id)
    assert await vault.other.refused(V2_1, O.GET, request) is ResultReason.OBJECT_NOT_FOUND
    await vault.one(V2_1, O.GET, request)


async def test_what_is_denied_or_over_stays_undone(vault: Gateway, others: Operators, clock: Clock) -> None:
    uid = await jewel(vault)
    get, export = GetRequest(unique_identifier=uid), ExportRequest(unique_identifier=uid)
    id = await asked(vault, O.GET, get)
    for each in ("ann", "bob"):
        await others.decide(each, id)
    await others.decide("eve", id, approve=False)
    (answer,) = await vault.ask(V2_1, (O.GET, get))
    assert (answer.status, answer.reason) == (ResultStatus.OPERATION_FAILED, DENIED)
    assert "others have denied this" in (answer.message or "")
    late = await asked(vault, O.EXPORT, export)
    for each in ("ann", "bob"):
        await others.decide(each, late)
    clock.now += 3601
    assert await asked(vault, O.EXPORT, export) != late


async def test_of_several_at_once_one_spends_the_approval(vault: Gateway, others: Operators) -> None:
    request = GetRequest(unique_identifier=await jewel(vault))
    id = await asked(vault, O.GET, request)
    for each in ("ann", "bob"):
        await others.decide(each, id)
    answers = await asyncio.gather(*(vault.ask(V2_1, (O.GET, request)) for _ in range(20)))
    statuses = [answer.status for (answer,) in answers]
    assert statuses.count(ResultStatus.SUCCESS) == 1


async def test_there_is_no_way_round(vault: Gateway) -> None:
    """Out of the group, in parts, or by putting another object in its place."""
    uid = await jewel(vault)
    leave = DeleteAttributeRequest(unique_identifier=uid, current_attribute=(GROUP,))
    assert await vault.refused(V2_1, O.DELETE_ATTRIBUTE, leave) is DENIED
    split = CreateSplitKeyRequest(
        object_type=ObjectType.SPLIT_KEY,
        unique_identifier=uid,
        split_key_parts=2,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.XOR,
    )
    await asked(vault, O.CREATE_SPLIT_KEY, split)
    replaced = ImportRequest(
        unique_identifier=uid, replace_existing=True, attributes=(mask(M.ENCRYPT),), symmetric_key=aes(bytes(16))
    )
    assert await vault.refused(V2_1, O.IMPORT, replaced) is DENIED


async def test_a_reset_spares_what_is_destroyed_by_approval_only(vault: Gateway, others: Operators) -> None:
    exchange = Exchange(KmipConfig(interop=True), vault.store, vault.token, vault.clock, approval=VAULT)
    client = Gateway(exchange, vault.clock, vault.store, vault.token)
    plain, uid = await register(client, V2_1, aes(bytes(16)), mask(M.ENCRYPT)), await jewel(client)
    reset = InteropRequest(interop_function=InteropFunction.RESET, interop_identifier="TC-1")
    assert await client.refused(V2_1, O.INTEROP, reset) is DENIED
    await client.one(V2_1, O.GET, GetRequest(unique_identifier=plain))
    id = await asked(client, O.DESTROY, DestroyRequest(unique_identifier=uid))
    for each in ("ann", "bob"):
        await others.decide(each, id)
    await client.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=uid))
    await client.one(V2_1, O.INTEROP, reset)
    assert await client.refused(V2_1, O.GET, GetRequest(unique_identifier=plain)) is ResultReason.OBJECT_DESTROYED


async def test_parts_are_joined_within_their_group(vault: Gateway, others: Operators) -> None:
    """Else the key could be fetched that the parts, which are not given, make."""
    split = CreateSplitKeyRequest(
        object_type=ObjectType.SPLIT_KEY,
        unique_identifier=None,
        split_key_parts=2,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.XOR,
        attributes=(*spec(CryptographicAlgorithm.AES, 128, M.ENCRYPT), GROUP),
    )
    parts = tuple((await vault.one(V2_1, O.CREATE_SPLIT_KEY, split)).unique_identifier)
    await asked(vault, O.GET, GetRequest(unique_identifier=parts[0]))
    join = JoinSplitKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY, unique_identifier=parts, attributes=(mask(M.ENCRYPT),)
    )
    assert await vault.refused(V2_1, O.JOIN_SPLIT_KEY, join) is DENIED
    within = replace(join, attributes=(*join.attributes, GROUP))
    made = (await vault.one(V2_1, O.JOIN_SPLIT_KEY, within)).unique_identifier
    await asked(vault, O.GET, GetRequest(unique_identifier=made))


async def test_what_is_pushed_asks_nobody(vault: Gateway, others: Operators) -> None:
    """Who made many keys that rotate would have no room left to ask for what is wanted."""
    target = PushTarget(identity="cert:a", host="127.0.0.1", port=1)
    exchange = Exchange(KmipConfig(push=(target,)), vault.store, vault.token, vault.clock, approval=VAULT)
    listener = Listener(V2_1)
    await key(vault, GROUP)
    vault.clock.now += DAY_S
    assert await exchange.rotation(listener.send).rotate() == 1
    assert [operation for operation, _ in listener.payloads] == [O.NOTIFY]
    assert not others.waiting()


async def test_other_objects_need_nobody(vault: Gateway, others: Operators) -> None:
    uid = await register(vault, V2_1, aes(bytes(16)), mask(M.ENCRYPT))
    await vault.one(V2_1, O.GET, GetRequest(unique_identifier=uid))
    await vault.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=uid))
    assert not others.waiting()


async def test_a_client_has_so_many_waiting_and_no_more(vault: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.approvals.MOST_OPEN", 2)
    for _ in range(2):
        await asked(vault, O.GET, GetRequest(unique_identifier=await jewel(vault)))
    third = GetRequest(unique_identifier=await jewel(vault))
    assert await vault.refused(V2_1, O.GET, third) is ResultReason.SERVER_LIMIT_EXCEEDED


async def test_commands_wait_for_others_than_who_gives_them(others: Operators) -> None:
    config = others.config
    done: list[str] = []
    approval = ApprovalConfig(needed=1, approvers=("ann", "bob"), administration=True)
    others.config = config = Config(
        version="v1",
        tls=config.tls,
        token=config.token,
        store=config.store,
        audit=AuditConfig(enabled=False),
        approval=approval,
    )

    def carry_out(content: str, command: str = "role create") -> None:
        with recorded(config, command, content):
            done.append(content)

    async def command(content: str) -> str:
        """Give the number to ask others under; empty where it may be carried out."""
        others.become("ann")
        try:
            await asyncio.to_thread(carry_out, content)
        except ConfigurationError as error:
            return str(error).rstrip(".")[-12:]
        return ""

    id = await command("storage: Get")
    with pytest.raises(ConfigurationError, match="Who asks does not approve"):
        await others.decide("ann", id)
    await others.decide("bob", id)
    assert await command("storage: Get, Destroy") not in ("", id)
    assert await command("storage: Get") == ""
    assert await command("storage: Get") not in ("", id)
    assert done == ["storage: Get"]
    with recorded(config, "client revoke", "default/mallory"):
        done.append("revoked at once")
    with pytest.raises(ConfigurationError, match="needs the approval of others"):
        await asyncio.to_thread(carry_out, "default/mallory", "client revoke --undo")
    assert done == ["storage: Get", "revoked at once"]
