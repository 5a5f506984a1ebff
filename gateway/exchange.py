"""The whole gateway as one coroutine: the bytes of a request message in, those of its response out. It never raises."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from gateway import batch, errors, recording
from gateway.access.identity import Peer
from gateway.access.roles import EVERYTHING
from gateway.admission import admit
from gateway.asynchronous import Requests
from gateway.audit.records import Record
from gateway.audit.trail import Trail
from gateway.batch import Done
from gateway.call import Place, Services
from gateway.config import AccessConfig, ApprovalConfig, Config, KmipConfig
from gateway.credentials import Credentials
from gateway.directory import Directory
from gateway.guesses import Guesses
from gateway.invocations import Invocations
from gateway.items import Admission
from gateway.kmip.enums import Operation, ProtectionStorageMask, ResultStatus
from gateway.kmip.messages import ProtocolVersion, RequestHeader, RequestMessage, ResponseBatchItem, ResponseHeader
from gateway.kmip.structure import DateTime, Encoded
from gateway.kmip.version import SUPPORTED, V1_4, V2_1, Version
from gateway.managed import Catalogue
from gateway.notices import Notices
from gateway.pushes import Send
from gateway.rates import Paces, Rates
from gateway.recording import Asked
from gateway.rotation import Rotation
from gateway.shares import Shares
from gateway.store.api import Store
from gateway.token.api import Token
from gateway.wire import ttlv
from gateway.wire.codec import Codec

# A message of this length takes some hundred microseconds to take apart, so those of one client come in turns.
LONG_BYTES = 4096
BYTES_OF_ITEM = 256
NO_APPROVAL = ApprovalConfig()

log = structlog.get_logger()

# Where nobody says who is let in, as where there is no server: peers say themselves who they are and what they may do,
# and what one has asked for goes on with all that it could have had.
SELF = AccessConfig(unknown_clients="own", default_roles=(EVERYTHING.name,))


class Told(NamedTuple):
    """What the server says of itself in a response header."""

    correlation: str
    server_hashed_password: bytes | None = None


class Exchange:
    """Answers request messages with what it is given once: a configuration, a store, a token and a clock."""

    def __init__(
        self,
        config: KmipConfig,
        store: Store,
        token: Token,
        clock: Callable[[], float],
        *,
        token_name: str = "default",  # noqa: S107 - a name, no secret
        protection: ProtectionStorageMask = ProtectionStorageMask.SOFTWARE,
        places: Mapping[str, Place] | None = None,
        access: AccessConfig = SELF,
        rates: Rates | None = None,
        guesses: Guesses | None = None,
        approval: ApprovalConfig = NO_APPROVAL,
        audit: Trail | None = None,
    ) -> None:
        """`places` are all tokens where there are several, by name; one may come or go at any time."""
        self._rates = rates
        self._shares = Shares()
        self._reading = Shares()
        codec = Codec()
        self._directory = Directory(access, store, clock)
        services = Services(
            config,
            store,
            token,
            Catalogue(codec),
            codec,
            clock,
            token_name,
            protection,
            Invocations(store.instance),
            places={} if places is None else places,
            approval=approval,
            directory=self._directory,
            credentials=Credentials(
                store, codec, clock, access.credential_lifetime_s, guesses or Guesses(Paces(clock))
            ),
            audit=audit,
        )
        self.requests = Requests(services, batch.carry_out)
        self._services = services._replace(background=self.requests)
        self._followers: list[Callable[[Config], None]] = []
        self._audit = audit
        self._headers: dict[Version, tuple[int, Encoded]] = {}  # the last one of each that is for one item
        # Server Correlation Values need only differ from each other, also after a restart.
        self._correlations = (f"{prefix}-{number}" for prefix in [secrets.token_hex(6)] for number in itertools.count())

    async def answer(self, raw: bytes, peer: Peer) -> bytes:
        """Answer one request message, whatever it is."""
        version, message = SUPPORTED[0], None
        try:
            version, admission = self._version(raw), None
            if len(raw) > LONG_BYTES:  # One that comes too fast costs next to nothing, since it is not taken apart.
                admission = await self._admit(ttlv.decode_header(raw, version), peer, version)
                await self._reading.pass_through(peer.line, len(raw) // BYTES_OF_ITEM)
                admission = admission._replace(fresh=False)
            message = ttlv.decode_request(raw, version)
            self._check(message, version)
            if admission is None:
                admission = await self._admit(message.request_header, peer, version)
            client, items = admission.peer.line, len(message.batch_item)
            if not self._shares.enter(client, items):
                await self._shares.turn(client, items)
                admission = admission._replace(fresh=False)
            try:
                done = await batch.run(self._services, message, admission, version)
                told = message.request_header.client_correlation_value or ""
                asked = Asked(peer, version, len(raw), next(self._correlations), told)
                return await self._recorded(message, done, asked, admission.server_hashed_password)
            finally:
                self._shares.leave(client, items)
        except asyncio.CancelledError:
            self._record(recording.of_cut(self._services.clock(), Asked(peer, version, len(raw)), message))
            raise
        except errors.KmipError as error:
            log.info(
                "refused",
                reason=error.reason_for(version).token,
                message=error.message,
                identity=peer.identity.name,
                tenant=peer.identity.tenant,
                address=peer.address,
                version=str(version),
            )
            return self.refuse(error, peer, version, len(raw))
        except Exception:
            log.exception("exchange_failed")
            return self.refuse(errors.GeneralFailure(), peer, version, len(raw))

    async def _admit(self, header: RequestHeader, peer: Peer, version: Version) -> Admission:
        """Tell as whom a request acts, once its client may ask so much.

        Raises:
            ServerLimitExceeded: it comes too fast, and has waited for it.
        """
        admission = await admit(self._services, header.authentication, peer, version)
        if self._rates is not None and (wait_s := self._rates.wait_s(admission.peer, max(1, header.batch_count))):
            await self._rates.bear(wait_s)
            return admission._replace(fresh=False)
        return admission

    async def _recorded(self, message: RequestMessage, done: list[Done], asked: Asked, proof: bytes | None) -> bytes:
        """Give the response once the audit has what it tells; where that cannot be, nothing that matters is told."""
        header, version, audit = message.request_header, asked.version, self._audit
        told = Told(asked.server_correlation, proof)
        answer = self._response(header, done, version, told)
        if audit is None:
            return answer
        recorded = audit.write(recording.of_items(asked, done))
        if recorded and audit.syncs:
            recorded = await audit.synced()
        if recorded:
            return answer
        return self._response(header, recording.withheld(done, version), version, told)

    def _record(self, record: Record) -> None:
        if self._audit is not None:
            self._audit.write([record])

    def turn_away(self, address: str, reason: str) -> None:
        """Record a client that was refused before it could say anything."""
        if self._audit is not None:
            self._audit.turned_away(address, reason)

    def adopt(self, config: Config) -> None:
        """Answer by this configuration from now on; what is under way ends by the one that it began with."""
        self._directory.adopt(config.access)
        self._services = self._services._replace(config=config.kmip)
        self.requests.adopt(config.kmip)
        if self._rates is not None:
            self._rates.adopt(config.limits)
        for follow in self._followers:
            follow(config)

    def follow(self, adopt: Callable[[Config], None]) -> None:
        """Have this told too of each configuration that is adopted."""
        self._followers.append(adopt)

    def rotation(self, send: Send | None = None) -> Rotation:
        """Give what replaces keys when their owners have said; `send` brings it to clients that listen."""
        rotation = Rotation(self._services, send)
        self.follow(lambda config: rotation.adopt(config.kmip))
        return rotation

    def notices(self, send: Send) -> Notices:
        """Give what tells clients that listen of every change; `send` brings it there."""
        notices = Notices(self._services, send)
        self.follow(lambda config: notices.adopt(config.kmip))
        return notices

    async def check(self) -> None:
        """Return when the database has answered and the token has carried out a call.

        Raises:
            StoreDown: the database does not answer, or take writes.
            AuditDown: the audit cannot be written.
            KmipError: the token does not answer.
        """
        if self._audit is not None and self._audit.closed:
            raise errors.AuditDown
        await self._services.store.check()
        await self._services.token.random(1)

    def refuse(
        self,
        error: errors.KmipError,
        peer: Peer | None = None,
        version: Version = SUPPORTED[0],
        message_bytes: int = 0,
    ) -> bytes:
        """Give the response to a message that cannot be taken apart: one item without Operation."""
        if peer is not None and self._audit is not None:
            self._record(recording.of_refusal(self._services.clock(), Asked(peer, version, message_bytes), error))
        item = ResponseBatchItem(
            result_status=ResultStatus.OPERATION_FAILED,
            result_reason=error.reason_for(version),
            result_message=error.message,
        )
        told = Told(next(self._correlations))
        return ttlv.response(self._header(None, 1, version, told), [ttlv.encode_item(item, version)])

    def _version(self, raw: bytes) -> Version:
        asked = ttlv.read_version(raw)
        if asked in SUPPORTED:
            return asked
        # A newer minor version may still ask which versions there are; everything else it must not assume.
        newest = next((v for v in SUPPORTED if v.major == asked.major), None)
        if newest is None:
            raise errors.UnsupportedProtocolVersion(f"KMIP {asked} is not spoken here; {SUPPORTED[0]} and older are")
        items = ttlv.decode_request(raw, newest).batch_item
        if any(item.operation != int(Operation.DISCOVER_VERSIONS) for item in items):
            raise errors.UnsupportedProtocolVersion(f"KMIP {asked} is not spoken here; {newest} and older are")
        return newest

    def _check(self, message: RequestMessage, version: Version) -> None:
        count, items = message.request_header.batch_count, len(message.batch_item)
        if count != items or not items:
            raise errors.InvalidMessage(f"the Batch Count is {count}, the message has {items} items")
        if items > self._services.config.max_batch_items:
            raise errors.ServerLimitExceeded(f"a message has {self._services.config.max_batch_items} items at most")

    def _response(self, header: RequestHeader, done: list[Done], version: Version, told: Told) -> bytes:
        items = [self._encoded(each, version) for each in done]
        answer = ttlv.response(self._header(header, len(items), version, told), items)
        limit = header.maximum_response_size
        if limit is None or len(answer) <= limit:
            return answer
        items = self._cut(done, items, limit - len(answer), version)
        return ttlv.response(self._header(header, len(items), version, told), items)

    def _cut(self, done: list[Done], items: list[Encoded], room: int, version: Version) -> list[Encoded]:
        """Let the largest answers fail with Response Too Large until the rest fits, in `done` too; what was done is."""
        error = errors.ResponseTooLarge()
        for place in sorted(range(len(items)), key=lambda place: -len(items[place])):
            if room >= 0:
                break
            item, call = done[place].item, done[place].call
            failed = Done(item, ResultStatus.OPERATION_FAILED, error.reason_for(version), error.message, call=call)
            done[place] = failed
            smaller = self._encoded(failed, version)
            room += len(items[place]) - len(smaller)
            items[place] = smaller
        return items

    def _encoded(self, done: Done, version: Version) -> Encoded:
        plain = done.message is None and done.correlation is None and done.reason is None
        if plain and done.payload is not None and done.status is ResultStatus.SUCCESS:
            return ttlv.encode_success(done.item, done.payload, version)
        item = ResponseBatchItem(
            operation=done.item.operation,
            unique_batch_item_id=done.item.unique_batch_item_id,
            result_status=done.status,
            result_reason=done.reason,
            result_message=done.message,
            asynchronous_correlation_value=done.correlation,
            response_payload=done.payload,
        )
        return ttlv.encode_item(item, version)

    def _header(self, request: RequestHeader | None, count: int, version: Version, told: Told) -> Encoded:
        """Encode the header of a response; that of one item is mostly the same for all within a second."""
        second, client = int(self._services.clock()), None if request is None else request.client_correlation_value
        # PyKMIP reads neither value in 1.4 and 2.0, so the server's goes to those who send theirs, and to 2.1.
        correlated = version >= V2_1 or (version >= V1_4 and client is not None)
        alike = count == 1 and client is None and told.server_hashed_password is None and not correlated
        if alike and version in self._headers and self._headers[version][0] == second:
            return self._headers[version][1]
        header = ResponseHeader(
            protocol_version=_PROTOCOL_VERSIONS[version],
            time_stamp=DateTime(second),
            server_hashed_password=told.server_hashed_password,
            client_correlation_value=client,
            server_correlation_value=told.correlation if correlated else None,
            batch_count=count,
        )
        encoded = ttlv.encode_header(header, version)
        if alike:
            self._headers[version] = second, encoded
        return encoded


_PROTOCOL_VERSIONS = {v: ProtocolVersion(protocol_version_major=v[0], protocol_version_minor=v[1]) for v in SUPPORTED}
