"""A case replayed: each request sent, each response compared, until the end or the first that differs."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

from gateway.config import PushTarget
from gateway.kmip.version import Version
from tests.conformance import cases
from tests.conformance.bound import Bound
from tests.conformance.cases import Case
from tests.conformance.comparing import differences
from tests.support.allowed import strange
from tests.wire.trees import nodes
from tests.wire.xmlcases import tag_number, to_ttlv

REPEATS = 20
LISTENING_S = 5.0
# By what it says, a credential that stands for the client that sends none; the first is to fetch its keys once.
SAME = {"UsernameAndPasswordonetimeuseronetimepassword": "client", "": "client"}
# Gives the answer to a request, asked as the client of that name.
Ask = Callable[[bytes, str], Awaitable[bytes]]


# Lets the gateway's time go on, and tells how many seconds, before a request is repeated.
Wait = Callable[[], Awaitable[int]]


class Listener:
    """A client that listens: what comes is compared when its turn in the case has come, and then answered."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[tuple[bytes, asyncio.Future[bytes]]] = asyncio.Queue()

    async def send(self, target: PushTarget, message: bytes) -> bytes:
        """Take a message of the gateway, and give the answer."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        await self._came.put((message, answer))
        return await answer

    async def differing(self, exchange: cases.Exchange, bound: Bound) -> list[str]:
        """Compare the next message of the gateway, and answer it as the case does."""
        try:
            message, answer = await asyncio.wait_for(self._came.get(), LISTENING_S)
        except TimeoutError:
            return ["the gateway sends nothing"]
        lines = requested(exchange.request, message, bound)
        answer.set_result(to_ttlv(exchange.response, bound))
        return lines


async def replay(case: Case, bound: Bound, ask: Ask, wait: Wait, listener: Listener | None = None) -> list[str]:
    """Give what differs in the first response that does, or message to the client; nothing when the case passes."""
    for exchange in case.exchanges:
        operation = exchange.request.find("BatchItem/Operation")
        if listener is not None and operation is not None and operation.get("value") in cases.SERVER_TO_CLIENT:
            lines = await listener.differing(exchange, bound)
        elif "[Server-to-Client]" in exchange.remark:
            return [f"message {exchange.number}: the server has to send it"]
        else:
            lines = await _until_it_fits(exchange, bound, ask, wait)
        if lines:
            return [f"message {exchange.number}: {line}" for line in lines]
    return []


async def _until_it_fits(exchange: cases.Exchange, bound: Bound, ask: Ask, wait: Wait) -> list[str]:
    """Ask once, or again and again where the file says so."""
    for _ in range(REPEATS if "[REPEAT]" in exchange.remark else 1):
        lines = await _ask(exchange, bound, ask)
        if not lines:
            break
        bound.now += await wait()
    return lines


async def _ask(exchange: cases.Exchange, bound: Bound, ask: Ask) -> list[str]:
    expected = {each.get("value") for each in exchange.response.iter("ResultStatus")}
    bound.note_request(exchange.request, refused=expected == {"OperationFailed"})
    answer = await ask(to_ttlv(exchange.request, bound), client_of(exchange.request))
    return compared(exchange.response, answer, bound)


def compared(expected: Element, answer: bytes, bound: Bound) -> list[str]:
    """Compare a whole response message, and look for anything that its version does not have."""
    (message,) = nodes(answer)
    assert isinstance(message.value, list)
    version = Version(*(int(each.get("value", "")) for each in expected.iterfind("ResponseHeader/ProtocolVersion/*")))
    return [*differences(expected, message.value, bound), *strange([message], version)]


def requested(expected: Element, came: bytes, bound: Bound) -> list[str]:
    """Compare a whole message of the gateway to a client.

    Its Time Stamp, which the files leave out, a server has to send (KMIP 2.1 section 8.1 Request Header).
    """
    (message,) = nodes(came)
    assert isinstance(message.value, list)
    header = message.value[0]
    assert isinstance(header.value, list)
    dated = [each for each in header.value if each.tag != tag_number("TimeStamp")]
    told = [header._replace(value=dated), *message.value[1:]]
    version = Version(*(int(each.get("value", "")) for each in expected.iterfind("RequestHeader/ProtocolVersion/*")))
    return [*differences(expected, told, bound), *strange([message], version)]


def client_of(request: Element) -> str:
    """Name the client: who sends another credential is another one, and has a certificate of its own."""
    found = request.find("RequestHeader/Authentication/Credential")
    if found is not None and found.find("CredentialType").get("value") == "Ticket":
        return "client"  # It shows a ticket that it was given itself.
    values = [] if found is None else [each.get("value", "") for each in found.iter()]
    name = re.sub(r"\W", "", "".join(values))
    return SAME.get(name, name)
