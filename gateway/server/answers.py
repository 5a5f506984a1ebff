"""Answers in HTTP: what an endpoint gives, and the bytes that it becomes.

aiohttp's own Response would do, but it takes as long for an answer as the rest of aiohttp for the request.
"""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from msgspec import Struct

REASONS = {
    400: "This is not a request of HTTP/1.1.",
    404: "There is nothing at this path.",
    405: "This path has another method.",
    411: "A request needs a Content-Length.",
    413: "The body is larger than this server reads.",
    415: "The body's type or coding is none that this server reads.",
    417: "The expectation cannot be met.",
    500: "The request failed; the server's log says why.",
}
# Never to be kept, guessed at, or asked what made it.
FIXED = "Server: kmip-gateway\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"


class Answer(Struct, frozen=True):
    """A status, a body and its type; `fields` are further header fields."""

    body: bytes
    media_type: str
    status: int = 200
    fields: dict[str, str] = {}


def refusal(status: int, **fields: str) -> Answer:
    """Give an answer that is one line of text, the status in words."""
    words = REASONS.get(status, "The request cannot be answered.")
    return Answer(f"{words}\n".encode(), "text/plain; charset=utf-8", status, fields)


def written(answer: Answer, *, kept: bool, old: bool = False, bodiless: bool = False) -> bytes:
    """Give the answer as it is sent, its length first of all; it says whether the connection is kept.

    `old` is for HTTP/1.0, which takes it not to be; `bodiless` for HEAD, which is told of the body alone.
    """
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        f"Content-Type: {answer.media_type}\r\nContent-Length: {len(answer.body)}\r\n"
        f"{FIXED}Date: {_date(int(time.time()))}\r\n"
    )
    fields = dict(answer.fields)
    if not kept:
        fields["Connection"] = "close"
    elif old:
        fields["Connection"] = "keep-alive"
    rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{head}{rest}\r\n".encode() + (b"" if bodiless else answer.body)


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)
