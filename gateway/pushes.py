"""What the gateway sends by itself: Notify and Put, to clients that listen (KMIP 2.1 sections 6.2.2 Notify, 6.2.3 Put).

The one rule here: an owner is told of its own objects, and given what it could Get, and nobody else is. There is one
thing that the gateway does to keys by itself, and that is to replace them; `notices` is for what else happens to them.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, NamedTuple

import structlog

from gateway import approvals, giving
from gateway.access.identity import Identity
from gateway.admission import acting
from gateway.attribute_rules import in_order, shown
from gateway.call import Call, Services
from gateway.config import KmipConfig, PushTarget
from gateway.errors import KmipError, NotAuthorized, NotExtractable, ObjectDestroyed, Sensitive
from gateway.giving import FIELDS, Asked
from gateway.items import Batch
from gateway.kmip.enums import Operation, PutFunction, ResultReason, ResultStatus
from gateway.kmip.messages import ProtocolVersion, RequestBatchItem, RequestHeader, RequestMessage, ResponseHeader
from gateway.kmip.objects import (
    Certificate,
    CertificateRequest,
    OpaqueObject,
    PGPKey,
    PrivateKey,
    PublicKey,
    SecretData,
    SplitKey,
    SymmetricKey,
    Template,
)
from gateway.kmip.structure import (
    Attributed,
    AttributeReference,
    Attributes,
    Form,
    Item,
    OpenEnumeration,
    Payload,
    Since,
    Structure,
    Until,
)
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.managed import Managed, visible_attributes

HEADER_BYTES = 8
STRUCTURE = 1
ATTRIBUTES = Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES, always=True)

# "In case an attribute was deleted, the Attribute structure in question SHALL NOT contain the Attribute Value field"
# (KMIP 1.4 section 5.1 Notify).
GONE = Attributed(Form.GONE, Tag.ATTRIBUTE, Tag.ATTRIBUTE_REFERENCE)

# Brings a message to a client, and gives what it answered; KmipError is all that it raises.
Send = Callable[[PushTarget, bytes], Awaitable[bytes]]

log = structlog.get_logger()


class Notify(Structure):
    """Which object, the attributes that have changed, and those that are gone."""

    unique_identifier: str
    attributes: Annotated[Attributes, ATTRIBUTES] = ()
    gone: Annotated[tuple[AttributeReference, ...], GONE] = ()


class Put(Structure):
    """An object with its attributes, and which one it replaces."""

    unique_identifier: str
    put_function: PutFunction
    replaced_unique_identifier: str | None = None
    certificate: Certificate | None = None
    certificate_request: Annotated[CertificateRequest | None, Since(2, 0)] = None
    symmetric_key: SymmetricKey | None = None
    private_key: PrivateKey | None = None
    public_key: PublicKey | None = None
    split_key: SplitKey | None = None
    template: Annotated[Template | None, Until(1, 4)] = None
    secret_data: SecretData | None = None
    opaque_object: OpaqueObject | None = None
    pgp_key: PGPKey | None = None
    attributes: Annotated[Attributes, ATTRIBUTES] = ()


class AnsweredItem(Structure):
    """What a client made of one item."""

    operation: OpenEnumeration | None = None
    unique_batch_item_id: bytes | None = None
    result_status: ResultStatus
    result_reason: ResultReason | None = None
    result_message: str | None = None
    response_payload: Item | None = None


class Answered(Structure):
    """A client's response."""

    response_header: ResponseHeader
    batch_item: tuple[AnsweredItem, ...] = ()


class Replaced(NamedTuple):
    """An object as it was before the gateway replaced it, and the unique identifier of what replaces it."""

    before: Managed
    replacement: str


class Pushes:
    """Tells clients that listen what the gateway has replaced."""

    def __init__(self, services: Services, send: Send) -> None:
        self._services = services
        self._send = send

    def adopt(self, config: KmipConfig) -> None:
        """Tell by this configuration from now on."""
        self._services = self._services._replace(config=config)

    async def tell(self, done: Iterable[Replaced]) -> None:
        """Send a Notify and a Put for each; one that does not answer is told no more of this round, and can Locate."""
        told = list(done)
        for target in self._services.config.push:
            if target.tells != "replacements":
                continue
            try:
                for each in told:
                    if target.is_for(each.before.row.tenant, each.before.row.owner):
                        await self._push(target, each)
            except KmipError as error:
                log.warning("not pushed", identity=target.identity, host=target.host, reason=error.message)

    async def _push(self, target: PushTarget, replaced: Replaced) -> None:
        row = replaced.before.row
        call = call_of(self._services, target, Identity(row.owner, row.tenant))
        given = await put(call, call.find(replaced.replacement), replaced.before.unique_identifier)
        items = [(Operation.NOTIFY, _notify(call, replaced)), (Operation.PUT, given)]
        said = [(operation, payload) for operation, payload in items if payload is not None]
        await push(call, target, said, self._send)


def call_of(services: Services, target: PushTarget, owner: Identity) -> Call:
    """Give the world of the owner of an object that asks with Get, in the version that the target speaks.

    Raises:
        NotAuthorized: it was revoked, or none of its roles allows Get.
    """
    version = Version(*map(int, target.version.split(".")))
    call = Call(services, acting(services, owner, target.host), version, Batch())
    call.enter(Operation.GET)
    return call


async def push(call: Call, target: PushTarget, items: Sequence[tuple[Operation, Structure]], send: Send) -> None:
    """Send items about objects of the call's client in one message, and log how it answered.

    Raises:
        AuditDown: it cannot be recorded.
        GeneralFailure: it does not answer.
        TtlvError, InvalidField: it answered something else.
    """
    for operation, payload in items:  # before it leaves: a Put has a key
        call.note(operation, ResultStatus.SUCCESS, [getattr(payload, "unique_identifier", "")])
    answer = await send(target, _message(call, items))
    about = [(operation.token, getattr(payload, "unique_identifier", "")) for operation, payload in items]
    log.info("pushed", items=about, identity=target.identity, host=target.host, answered=_statuses(call, answer))


async def put(call: Call, new: Managed, replaced: str | None = None) -> Put | None:
    """Give an object with its attributes, in place of the one with the identifier given; None if it does not leave.

    Raises:
        What giving.given raises else.
    """
    if approvals.waits_for_export(call, new):  # Nobody is asked for what nobody has asked for.
        return None
    try:
        field = {FIELDS[new.object_type]: await giving.given(call, new, Asked())}
    except (NotExtractable, Sensitive, NotAuthorized, ObjectDestroyed):
        return None
    return Put(
        unique_identifier=new.unique_identifier,
        put_function=PutFunction.NEW if replaced is None else PutFunction.REPLACE,
        replaced_unique_identifier=replaced,
        attributes=in_order(shown(visible_attributes(new, call.now), call.version)),
        **field,  # type: ignore[arg-type]  # the field of the object's own type
    )


def _notify(call: Call, replaced: Replaced) -> Notify:
    now = call.find(replaced.before.unique_identifier)
    changed = tuple(each for each in now.attributes if each not in replaced.before.attributes)
    return Notify(unique_identifier=now.unique_identifier, attributes=in_order(shown(changed, call.version)))


def _message(call: Call, items: Sequence[tuple[Operation, Structure]]) -> bytes:
    version, codec = call.version, call.services.codec

    def content(payload: Structure) -> Payload:
        return Payload(STRUCTURE, codec.encode_structure(payload, Tag.REQUEST_PAYLOAD, version)[HEADER_BYTES:])

    header = RequestHeader(
        protocol_version=ProtocolVersion(protocol_version_major=version.major, protocol_version_minor=version.minor),
        time_stamp=call.today,  # which a server has to send (section 8.1 Request Header)
        batch_count=len(items),
    )
    batch = tuple(
        RequestBatchItem(
            operation=OpenEnumeration(operation),
            unique_batch_item_id=bytes((number,)) if len(items) > 1 else None,
            request_payload=content(payload),
        )
        for number, (operation, payload) in enumerate(items, 1)
    )
    return codec.encode_structure(RequestMessage(request_header=header, batch_item=batch), Tag.REQUEST_MESSAGE, version)


def _statuses(call: Call, answer: bytes) -> list[str]:
    """Tell what the client made of each item.

    Raises:
        TtlvError, InvalidField: it answered something else.
    """
    item = Item(STRUCTURE, answer[HEADER_BYTES:])
    found = call.services.codec.decode_structure(Answered, item, call.version)
    return [each.result_status.token for each in found.batch_item]
