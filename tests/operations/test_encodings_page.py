"""docs/encodings.md is true: every request in it is answered as it says, but for identifiers and the time."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.access.identity import Identity, Peer
from gateway.access.roles import EVERYTHING
from gateway.wire import text
from tests.operations.conftest import Gateway

PAGE = (Path(__file__).parents[2] / "docs" / "encodings.md").read_text()
BLOCK = re.compile(
    r"<!-- (POST (?P<path>\S+)|(?P<status>\d+)) (?P<media>[^\n]+?) -->\n```\w+\n(?P<body>.*?)\n```", re.DOTALL
)
# What differs each time; the clock of the tests stands still at the time that the page has.
VOLATILE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12}-\d+")


class Example(NamedTuple):
    """A request and its answer."""

    path: str
    media_type: str
    request: str
    status: int
    answer_type: str
    answer: str


def examples() -> list[Example]:
    """Give the page's examples in their order: each request with the answer that follows it."""
    blocks = list(BLOCK.finditer(PAGE))
    return [
        Example(asked["path"], asked["media"], asked["body"], int(answer["status"]), answer["media"], answer["body"])
        for asked, answer in zip(blocks[::2], blocks[1::2], strict=True)
    ]


def meaning(content: str, media_type: str) -> object:
    """Give what is to be the same: JSON without its layout, XML without blanks between elements."""
    content = VOLATILE.sub("", content)
    return json.loads(content) if media_type == "application/json" else re.sub(r">\s+<", "><", content)


@pytest.mark.parametrize("example", examples(), ids=lambda e: re.sub(r"\W+", "-", f"{e.path} {e.request[:40]}"))
async def test_the_page_s_examples(gateway: Gateway, example: Example) -> None:
    raw, dialect = text.decode(example.request.encode(), example.media_type, bare=example.path == "/kmip/2_1")
    answer = await gateway.exchange.answer(raw, Peer(Identity("cert:a"), "127.0.0.1", (EVERYTHING,)))
    content, media_type, status = text.encode(answer, dialect)
    assert (status, media_type) == (example.status, example.answer_type)
    assert meaning(content.decode(), media_type) == meaning(example.answer, media_type)


def test_the_page_has_an_example_of_each_kind() -> None:
    found = examples()
    assert len(found) == 6
    assert PAGE.count("```") == 4 * len(found)
