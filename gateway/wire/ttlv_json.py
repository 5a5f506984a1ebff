"""JSON and TTLV bytes, each from the other (KMIP Profiles 2.1 section 5.5 JSON Encoding).

The page that one dialect comes from prints its example with commas before closing brackets, and with one bracket
missing. Such text is mended only after it was seen to be no JSON, and taken only when it is in that dialect.
"""

import re

import msgspec

from gateway.errors import TextError
from gateway.wire import json_dialects, text_values
from gateway.wire.json_dialects import Spelling
from gateway.wire.text_tree import Misfit, Node, from_ttlv, to_ttlv

_decoder = msgspec.json.Decoder(Node)
_encoder = msgspec.json.Encoder()
# What JSON's structure hangs on: strings whole, the brackets, and a comma with what closes after it.
_LEXEMES = re.compile(rb'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])|[\[\]{}]', re.DOTALL)


def decode(text: bytes) -> tuple[Node, Spelling]:
    """Give the tree of a JSON message as the standard spells it, and how the message spelled it.

    Raises:
        TextError: it is not JSON, or no item; the place is told as a JSON path.
    """
    try:
        root = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except RecursionError:
        raise TextError("items are nested too deeply", "$") from None
    except ValueError as error:
        return _decode_mended(text, error)
    return json_dialects.standard(root)


def _invalid(error: Exception) -> TextError:
    message, _, place = str(error).partition(" - at ")
    return TextError(message, place.strip("`") or "$")


def _decode_mended(text: bytes, reason: ValueError) -> tuple[Node, Spelling]:
    """Decode what is JSON but for commas too many; what is not of the page's dialect stays refused."""
    try:
        root = _decoder.decode(_mended(text))
    except (ValueError, RecursionError):
        raise TextError(str(reason), "$") from None
    tree, spelling = json_dialects.standard(root)
    if spelling is not Spelling.PAGE:
        raise TextError(str(reason), "$")
    return tree, spelling


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


def to_bytes(tree: Node) -> bytes:
    """Give the TTLV bytes of a tree.

    Raises:
        TextError: something in it is no item; the place is told as a JSON path of the standard's spelling.
    """
    try:
        return to_ttlv(tree)
    except Misfit as misfit:
        place = "".join(f".value[{number}]" for number in misfit.path)
        raise TextError(str(misfit), f"${place}") from None


def encode(raw: bytes, spelling: Spelling = Spelling.STANDARD) -> bytes:
    """Give the JSON of a message, spelled as the request was.

    Raises:
        TtlvError: the bytes are no TTLV.
    """
    return write(json_dialects.respelled(from_ttlv(raw, text_values.JSON), spelling))


def write(tree: Node) -> bytes:
    """Give a tree as JSON text."""
    return _encoder.encode(tree)
