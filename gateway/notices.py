"""Which of its objects' changes a client that listens is told, and how: Notify and Put, as each front end commits them.

The one rule here: the request path notes what was committed and goes on. Each target has a line of its own, of which
the first is said until it is heard; a line that is full takes no more, and a gateway that ends forgets it: a client
that wants to be sure asks. Several front ends do not wait for each other; Last Change Date tells what came later.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import structlog

from gateway.access.identity import Identity
from gateway.attribute_rules import in_order, shown
from gateway.call import Call, Services
from gateway.config import KmipConfig, PushTarget
from gateway.errors import GeneralFailure, KmipError, StoreDown, TokenDown
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import LinkType, Operation
from gateway.kmip.structure import AttributeReference, Attributes, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed, visible_attributes
from gateway.pushes import Notify, Send, call_of, push, put
from gateway.store.api import Committed, Filter, ObjectRow, Op, Query, Transaction

ROUND_S = 60  # between two looks at dates that have passed
# The round belongs to no client: no identity has an empty name.
NOBODY = ""
MOVING = (Tag.ACTIVATION_DATE, Tag.DEACTIVATION_DATE)  # the dates that change the State when they pass
MAX_WAITING = 10_000  # changes, for one target
# Of the objects that they are about: a client that does not listen may change one of 2 MB again and again.
MAX_WAITING_BYTES = 64 << 20
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
MAX_TRIES = 1440  # of one notice, about a day: a message that a client cannot bear keeps nothing else back for good
# What moves while an object is used is no news by itself; Last Change Date is told with whatever else has changed.
NO_NEWS = frozenset({Tag.FRESH, Tag.USAGE_LIMITS, Tag.LAST_CHANGE_DATE})

log = structlog.get_logger()


class Notice(NamedTuple):
    """An object that is new, or what has changed of it; `replaced` is what a new one takes the place of."""

    owner: Identity
    unique_identifier: str
    new: bool
    changed: Attributes = ()
    gone: tuple[AttributeReference, ...] = ()
    replaced: str | None = None
    weight: int = 0  # the bytes of all attributes of the object, of which `changed` are some


class Line:
    """What one target has still to be told."""

    def __init__(self, services: Services, target: PushTarget, send: Send) -> None:
        self.target = target
        self._services = services
        self._send = send
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue(MAX_WAITING)
        self._held = 0  # bytes
        self._lost = 0
        self._out = False  # the target is not told anything now, and the log has said so
        self._about: dict[str, Any] = {"identity": target.identity, "host": target.host, "port": target.port}

    def adopt(self, services: Services) -> None:
        """Tell what waits, and what comes, by these from now on."""
        self._services = services

    def note(self, notice: Notice) -> None:
        """Put a notice at the end, unless too many wait already."""
        if self._waiting.full() or self._held + notice.weight > MAX_WAITING_BYTES:
            self._lost += 1
            return
        self._waiting.put_nowait(notice)
        self._held += notice.weight

    async def run(self) -> NoReturn:
        """Tell one after the other, until cancelled."""
        while True:
            notice = await self._waiting.get()
            await self._tell(notice)
            self._held -= notice.weight

    async def _tell(self, notice: Notice) -> None:
        """Tell a notice until it is heard, cannot be told at all, or is old."""
        pause_s = FIRST_PAUSE_S
        for _ in range(MAX_TRIES):
            if await self._is_done(notice):
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._lost += 1

    async def _is_done(self, notice: Notice) -> bool:
        """Try to tell a notice; False where it is to be tried again."""
        try:
            call = call_of(self._services, self.target, notice.owner)
            item = await _item(call, notice)
        except (StoreDown, TokenDown) as error:
            return self._later(error)
        except KmipError as error:
            log.warning("not pushed", unique_identifier=notice.unique_identifier, reason=error.message, **self._about)
            return True
        return item is None or await self._is_heard(call, item)

    async def _is_heard(self, call: Call, item: tuple[Operation, Structure]) -> bool:
        try:
            await push(call, self.target, [item], self._send)
        except GeneralFailure as error:
            return self._later(error)
        except KmipError as error:  # It has the message, and what it says of it is no answer.
            log.warning("pushed", answered=error.message, **self._about)
        if self._out or self._lost:
            log.info("target answers", lost=self._lost, **self._about)
        self._out, self._lost = False, 0
        return True

    def _later(self, error: KmipError) -> bool:
        """Log the first failure of several."""
        if not self._out:
            log.warning("target is not told", reason=error.message, **self._about)
        self._out = True
        return False


class Notices:
    """The lines of all targets that are told of every change."""

    def __init__(self, services: Services, send: Send) -> None:
        """Note from now on what this process commits."""
        self._services = services
        self._lines = [Line(services, each, send) for each in services.config.push if each.tells == "changes"]
        if self._lines:
            services.store.watch(self._note)

    def adopt(self, config: KmipConfig) -> None:
        """Tell by this configuration from now on; the targets are those of the start."""
        self._services = self._services._replace(config=config)
        for line in self._lines:
            line.adopt(self._services)

    async def run(self) -> None:
        """Tell every target, until cancelled."""
        if self._lines:
            await asyncio.gather(self._look_at_dates(), *(line.run() for line in self._lines))

    async def _look_at_dates(self) -> NoReturn:
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self.pass_dates()
            except KmipError as error:
                log.warning("dates not looked at", reason=error.message)

    async def pass_dates(self) -> None:
        """Note each State that a date has brought since the last round, which one front end makes for all.

        Raises:
            KmipError: the database does not answer.
        """
        now = int(self._services.clock())
        last = await self._services.store.write(lambda transaction: _claim(transaction, now))
        if last is None:
            return
        for line in self._lines:
            for each in await self._moved(line.target, last, now):
                line.note(each)

    async def _moved(self, target: PushTarget, last: int, now: int) -> list[Notice]:
        """Give the notices of a client's objects whose State dates have changed between two moments."""
        found: dict[str, Notice] = {}

        def look(row: ObjectRow) -> bool:
            managed = self._services.catalogue.decode(row)
            changed = sets.number(managed.attributes, Tag.LAST_CHANGE_DATE) or 0
            # What a change has brought itself was told with it.
            if managed.state(max(last, changed)) is not managed.state(now):
                seen = visible_attributes(managed, now)
                told = tuple(each for each in seen if each.tag in (Tag.LAST_CHANGE_DATE, Tag.STATE))
                found[row.unique_identifier] = Notice(
                    Identity(row.owner, row.tenant), row.unique_identifier, False, told
                )
            return False

        for tag in MOVING:
            passed = (Filter(tag=tag, op=Op.RANGE, low=last + 1, high=now),)
            query = Query(tenant=target.tenant, owner=target.identity, filters=passed)
            await self._services.store.locate(query, look)
        return list(found.values())

    def _note(self, committed: Sequence[Committed]) -> None:
        for each in committed:
            lines = [line for line in self._lines if line.target.is_for(each.after.tenant, each.after.owner)]
            notice = self._notice(each) if lines else None
            if notice is not None:
                for line in lines:
                    line.note(notice)

    def _notice(self, committed: Committed) -> Notice | None:
        """Give what there is to tell of a commit; None where it changed nothing that is news."""
        decode = self._services.catalogue.decode
        after = decode(committed.after)
        owner = Identity(after.row.owner, after.row.tenant)
        if committed.before is None:
            replaced = after.linked(LinkType.REPLACED_OBJECT_LINK)
            return Notice(owner, after.unique_identifier, new=True, replaced=replaced)
        before = decode(committed.before)
        changed, gone = difference(_seen(before), _seen(after))
        if not gone and NO_NEWS.issuperset(each.tag for each in changed):
            return None
        dated = tuple(each for each in after.attributes if each.tag is Tag.LAST_CHANGE_DATE and each not in changed)
        weight = sum(len(each.ttlv) for each in after.row.attributes)
        return Notice(owner, before.unique_identifier, new=False, changed=changed + dated, gone=gone, weight=weight)


def _claim(transaction: Transaction, now: int) -> int | None:
    """Take the round for this front end, and give when the last one was; None if that is less than a round ago."""
    raw = transaction.setting(NOBODY, NOBODY, Tag.STATE)
    last = now if raw is None else int.from_bytes(raw, "big")
    if raw is not None and 0 <= now - last < ROUND_S:
        return None
    transaction.set_setting(NOBODY, NOBODY, Tag.STATE, now.to_bytes(8, "big"))
    return last


def _seen(managed: Managed) -> Attributes:
    """Give an object's attributes as they were at its Last Change Date, the State then among them."""
    then = sets.number(managed.attributes, Tag.LAST_CHANGE_DATE) or 0
    return visible_attributes(managed, then)


def difference(before: Attributes, after: Attributes) -> tuple[Attributes, tuple[AttributeReference, ...]]:
    """Give the attributes that have changed, all instances of each, and those of which none is left."""
    keys = dict.fromkeys(each.key for each in (*before, *after))
    differing = [key for key in keys if sets.instances(before, key) != sets.instances(after, key)]
    changed = tuple(each for key in differing for each in sets.instances(after, key))
    left = {each.key for each in changed}
    return changed, tuple(AttributeReference(*key) for key in differing if key not in left)


async def _item(call: Call, notice: Notice) -> tuple[Operation, Structure] | None:
    """Give what is sent; None for a new object that does not leave the server, or is gone again."""
    if notice.new:
        given = await put(call, call.live(notice.unique_identifier), notice.replaced)
        return None if given is None else (Operation.PUT, given)
    changed = in_order(shown(notice.changed, call.version))
    gone = tuple(each for each in notice.gone if ATTRIBUTES[each.tag].exists_in(call.version))
    return Operation.NOTIFY, Notify(unique_identifier=notice.unique_identifier, attributes=changed, gone=gone)
