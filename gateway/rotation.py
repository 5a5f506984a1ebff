"""Rotation: keys whose owners asked for it are replaced by the gateway, in time (KMIP 2.1 sections 4.50 to 4.56).

The one rule here: a rotation is a Re-key by the owner, with all that is checked there; the gateway only asks for it. Of
several front ends one makes each round, and a key that was replaced meanwhile is not replaced again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import zip_longest
from typing import NoReturn

import structlog

from gateway.access.identity import Identity
from gateway.admission import acting
from gateway.call import Call, Services
from gateway.config import KmipConfig
from gateway.errors import KmipError
from gateway.items import Batch
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import LinkType, ObjectType, Operation, ResultStatus, State
from gateway.kmip.structure import Interval
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.managed import Managed
from gateway.operations.re_certify import ReCertifyRequest, re_certify
from gateway.operations.re_key import ReKeyRequest, re_key
from gateway.operations.re_key_key_pair import ReKeyKeyPairRequest, re_key_key_pair
from gateway.pushes import Pushes, Replaced, Send
from gateway.store.api import Filter, ObjectRow, Query, Transaction

ROUND_S = 60
MAX_A_ROUND = 100  # keys; the rest waits for the next one, so that clients need not wait for all of them
AGAIN_S = 3600  # after one that failed, for what was wrong with it is hardly gone in a minute
MAX_FAILED = 10_000
# The round belongs to no client: no identity has an empty name.
NOBODY = ""
FOR_ALL_TENANTS = None

log = structlog.get_logger()


class Rotation:
    """Replaces what is due; every front end runs one."""

    def __init__(self, services: Services, send: Send | None = None) -> None:
        """`send` brings clients that listen what is told of it."""
        self._services = services
        self._pushes = None if send is None else Pushes(services, send)
        self._failed: dict[str, float] = {}  # until when a key is left alone

    def adopt(self, config: KmipConfig) -> None:
        """Replace keys by this configuration from now on."""
        self._services = self._services._replace(config=config)
        if self._pushes is not None:
            self._pushes.adopt(config)

    async def run(self) -> NoReturn:
        """Make a round once in a while, until cancelled."""
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.rotate()
            except KmipError as error:
                log.warning("rotation failed", reason=str(error))

    async def rotate(self) -> int:
        """Replace every key that is due, unless another front end has just done so, and count them.

        Raises:
            KmipError: the database does not answer; what is due stays so.
        """
        now = self._services.clock()
        if not await self._services.store.write(lambda transaction: _claim(transaction, int(now))):
            return 0
        done = [replaced for each in await self._due(now) for replaced in await self._replace(each, now)]
        if self._pushes is not None:
            await self._pushes.tell(done)
        return len([each for each in done if each.before.object_type in REPLACING])

    async def _due(self, now: float) -> list[Managed]:
        found: dict[tuple[str, str], deque[Managed]] = {}
        catalogue = self._services.catalogue

        def is_due(row: ObjectRow) -> bool:
            if self._failed.get(row.unique_identifier, now) <= now:
                managed = catalogue.decode(row)
                if due(managed, now):
                    found.setdefault((row.tenant, row.owner), deque(maxlen=MAX_A_ROUND)).appendleft(managed)
            return False

        automatic = Query(tenant=FOR_ALL_TENANTS, filters=(Filter(tag=Tag.ROTATE_AUTOMATIC, low=1),))
        await self._services.store.locate(automatic, is_due)
        return _in_turn(found.values())

    async def _replace(self, managed: Managed, now: float) -> list[Replaced]:
        """Replace a key, and tell what was replaced: nothing, it, or both halves of a pair."""
        owner = Identity(managed.row.owner, managed.row.tenant)
        about = {"unique_identifier": managed.unique_identifier, "owner": owner.name, "tenant": owner.tenant}
        operation, replace = REPLACING[managed.object_type]
        try:
            call = Call(self._services, acting(self._services, owner, ""), V2_1, Batch())
            call.enter(operation)
            before = _all_of(call, managed)
            call.note(operation, ResultStatus.OPERATION_PENDING)
            await replace(call, managed)
            call.note(operation, ResultStatus.SUCCESS, [call.batch.placeholder or ""])
        except KmipError as error:
            if len(self._failed) >= MAX_FAILED:
                self._failed.clear()
            self._failed[managed.unique_identifier] = now + AGAIN_S
            log.warning("not rotated", reason=error.message, **about)
            return []
        log.info("rotated", replacement=call.batch.placeholder, **about)
        new = [call.find(each.unique_identifier).linked(LinkType.REPLACEMENT_OBJECT_LINK) for each in before]
        return [Replaced(old, made) for old, made in zip(before, new, strict=True) if made is not None]


def _in_turn(found: Iterable[Iterable[Managed]]) -> list[Managed]:
    """Give what one round replaces: the oldest of each owner, then the next of each, so that none keeps others back.

    A client with many thousand keys and the shortest interval has more due in every round than there is room for.
    """
    turns = zip_longest(*found)
    return [each for turn in turns for each in turn if each is not None][:MAX_A_ROUND]


def due(managed: Managed, now: float) -> bool:
    """Tell whether a key is to be replaced: the latest of its line, Active, and made a Rotate Interval ago."""
    if managed.object_type not in REPLACING or not managed.flag(Tag.ROTATE_AUTOMATIC, default=False):
        return False
    interval = sets.number(managed.attributes, Tag.ROTATE_INTERVAL) or 0
    since = sets.number(managed.attributes, Tag.INITIAL_DATE)
    latest = managed.flag(Tag.ROTATE_LATEST, default=True)
    in_time = interval > 0 and since is not None and since + interval <= now
    return latest and in_time and managed.state(now) is State.ACTIVE


def _all_of(call: Call, managed: Managed) -> list[Managed]:
    """Give a key, with the other half of a pair."""
    public = managed.linked(LinkType.PUBLIC_KEY_LINK) if managed.object_type is ObjectType.PRIVATE_KEY else None
    return [managed] if public is None else [managed, call.find(public)]


def _claim(transaction: Transaction, now: int) -> bool:
    """Take the round for this front end, unless it was made less than a round ago."""
    last = transaction.setting(NOBODY, NOBODY, Tag.ROTATE_DATE)
    if last is not None and 0 <= now - int.from_bytes(last, "big") < ROUND_S:
        return False
    transaction.set_setting(NOBODY, NOBODY, Tag.ROTATE_DATE, now.to_bytes(8, "big"))
    return True


def _offset(managed: Managed) -> Interval:
    """Give in how many seconds the new key is activated; with none said at once, its whole period before it."""
    return Interval(sets.number(managed.attributes, Tag.ROTATE_OFFSET) or 0)


async def _replace_key(call: Call, managed: Managed) -> None:
    await re_key(call, ReKeyRequest(unique_identifier=managed.unique_identifier, offset=_offset(managed)))


async def _replace_pair(call: Call, managed: Managed) -> None:
    request = ReKeyKeyPairRequest(private_key_unique_identifier=managed.unique_identifier, offset=_offset(managed))
    await re_key_key_pair(call, request)


async def _replace_certificate(call: Call, managed: Managed) -> None:
    await re_certify(call, ReCertifyRequest(unique_identifier=managed.unique_identifier, offset=_offset(managed)))


# A pair is rotated as its private key says, a certificate only where there is an authority.
REPLACING: dict[ObjectType, tuple[Operation, Callable[[Call, Managed], Awaitable[None]]]] = {
    ObjectType.SYMMETRIC_KEY: (Operation.RE_KEY, _replace_key),
    ObjectType.PRIVATE_KEY: (Operation.RE_KEY_KEY_PAIR, _replace_pair),
    ObjectType.CERTIFICATE: (Operation.RE_CERTIFY, _replace_certificate),
}
