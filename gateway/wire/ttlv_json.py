"""JSON and TTLV bytes, each from the other (KMIP Profiles 2.1 section 5.5 JSON Encoding).

The page that one dialect comes from prints its example with commas before closing brackets, and with one bracket
missing. Such text is mended only after it was seen to be no JSON, and taken only when it is in that dialect.
"""

import re

import msgspec

from gateway.errors import TextError
from gateway.wire import json_answers, json_dialects, text_values
from gateway.wire.json_dialects import Spelling
from gateway.wire.text_tree import Naming, Node, children, walk

_decoder = msgspec.json.Decoder(Node)
_encoder = msgspec.json.Encoder()
naming = Naming(text_values.JSON)
# What JSON's structure hangs on: strings whole, the brackets, and a comma with what closes after it. A string without
# an end goes to the end of the text, and no match is ever tried again, so that the time stays in proportion.
_LEXEMES = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|,(?=\s*+[\]}])|[\[\]{}]', re.DOTALL)


def read(text: bytes) -> tuple[Node, Spelling]:
    """Give the tree of a JSON message as it stands, and how it is spelled.

    Raises:
        TextError: it is not JSON, or no tree of items; the place is told as a JSON path.
    """
    try:
        root = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise TextError(*_misshapen(text, str(error))) from None
    except RecursionError:
        raise TextError("items are nested too deeply", "$") from None
    except ValueError as error:
        return _read_mended(text, str(error))
    return root, json_dialects.detect(root)


def _misshapen(text: bytes, reason: str) -> tuple[str, str]:
    """Tell what is wrong with the first object that is no item, and its path, in which msgspec leaves out numbers."""
    try:
        rows = [enumerate([msgspec.json.decode(text)])]
    except (ValueError, RecursionError):
        rows = []  # It is no JSON either, further on.
    # Only where one is now is kept: the paths of all that waits would be gigabytes of a body that is wide and deep.
    places: list[int] = []
    while rows:
        place, item = next(rows[-1], (None, None))
        if place is None:
            rows.pop()
            places[-1:] = []
            continue
        if (problem := _problem(item)) is not None:
            return problem, "$" + "".join(f".value[{each}]" for each in (*places, place)[1:])
        places.append(place)
        rows.append(enumerate(_held(item)))
    return _without_path(reason), "$"


def _held(item: object) -> list[object]:
    held = item.get("value") if isinstance(item, dict) else None
    return held if isinstance(held, list) else []


def _problem(item: object) -> str | None:
    """Tell what is wrong with an object, whatever it holds."""
    try:
        msgspec.convert({**item, "value": []} if isinstance(item, dict) and _held(item) else item, Node)
    except msgspec.ValidationError as error:
        return _without_path(str(error))
    return None


def _without_path(message: str) -> str:
    return message.partition(" - at ")[0]


def _read_mended(text: bytes, reason: str) -> tuple[Node, Spelling]:
    """Read what is JSON but for commas too many; what is not of the page's dialect stays refused."""
    try:
        root = _decoder.decode(_mended(text))
    except (ValueError, RecursionError):
        raise TextError(reason, "$") from None
    if json_dialects.detect(root) is not Spelling.PAGE:
        raise TextError(reason, "$")
    return root, Spelling.PAGE


def _mended(text: bytes) -> bytes:
    """Leave out commas before closing brackets, and close a list that its holder's end leaves open."""
    still_open: list[bytes] = []

    def mend(lexeme: re.Match[bytes]) -> bytes:
        found = lexeme[0]
        if found in (b"[", b"{"):
            still_open.append(found)
        elif found in (b"]", b"}") and still_open:
            if found == b"}" and still_open[-1] == b"[":
                still_open.pop()
                found = b"]}"
            if still_open:
                still_open.pop()
        return b"" if found == b"," else found

    return _LEXEMES.sub(mend, text)


def path(node: Node, source: Node) -> str:
    """Give the JSON path of a node; one that the source does not have is told by what it holds."""
    inside = {id(each) for each in children(node)}
    for each, places in walk(source):
        if each is node:
            return "$" + "".join(f".value[{place}]" for place in places)
        if id(each) in inside:
            return "$" + "".join(f".value[{place}]" for place in places[:-1])
    return "$"


def encode(raw: bytes, spelling: Spelling = Spelling.STANDARD) -> bytes:
    """Give the JSON of a message, spelled as the request was.

    Raises:
        TtlvError: the bytes are no TTLV.
    """
    return write(json_answers.respelled(naming.tree(raw), spelling))


def write(tree: Node) -> bytes:
    """Give a tree as JSON text."""
    return _encoder.encode(tree)
