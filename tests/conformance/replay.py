"""A case replayed: each request sent, each response compared, until the end or the first that differs."""

import re
from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

from gateway.kmip.version import Version
from tests.conformance import cases
from tests.conformance.bound import Bound
from tests.conformance.cases import Case
from tests.conformance.comparing import differences
from tests.support.allowed import strange
from tests.wire.trees import nodes
from tests.wire.xmlcases import to_ttlv

REPEATS = 20
# By what it says, a credential that stands for the client that sends none; the first is to fetch its keys once.
SAME = {"UsernameAndPasswordonetimeuseronetimepassword": "client", "": "client"}
# Gives the answer to a request, asked as the client of that name.
Ask = Callable[[bytes, str], Awaitable[bytes]]


# Lets the gateway's time go on, and tells how many seconds, before a request is repeated.
Wait = Callable[[], Awaitable[int]]


async def replay(case: Case, bound: Bound, ask: Ask, wait: Wait) -> list[str]:
    """Give what differs in the first response that does; nothing when the case passes."""
    for exchange in case.exchanges:
        if "[Server-to-Client]" in exchange.remark:
            return [f"message {exchange.number}: the server has to send it"]
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


def client_of(request: Element) -> str:
    """Name the client: who sends another credential is another one, and has a certificate of its own."""
    found = request.find("RequestHeader/Authentication/Credential")
    if found is not None and found.find("CredentialType").get("value") == "Ticket":
        return "client"  # It shows a ticket that it was given itself.
    values = [] if found is None else [each.get("value", "") for each in found.iter()]
    name = re.sub(r"\W", "", "".join(values))
    return SAME.get(name, name)
