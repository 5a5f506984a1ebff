"""XML and TTLV bytes, each from the other (KMIP Profiles 2.1 section 5.4 XML Encoding).

A document type is refused before anything in it is looked at, so there are no entities to fetch or to expand. Depth is
counted as elements open, so nothing is built of a message that is too deep.
"""

from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from gateway.errors import TextError
from gateway.wire import text_values
from gateway.wire.text_names import TYPES
from gateway.wire.text_tree import MAX_DEPTH, STRUCTURE, Misfit, Node, children, from_ttlv, to_ttlv

_GENERIC = "TTLV"
_NAMESPACE = "urn:oasis:tc:kmip:xmlns"
# A line break in an attribute is read as a blank unless it is written as a reference.
_ESCAPES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
# XML has no way to write these characters at all; a reader sees the replacement character.
_UNWRITABLE = dict.fromkeys(
    [*(n for n in range(32) if chr(n) not in _ESCAPES), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd"
)


class _Reading:
    """Builds nodes as the parser comes by elements, and keeps where each began."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.open: list[Node] = []
        self.places: dict[int, str] = {}
        self.root: Node | None = None

    def place(self) -> str:
        return f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}"

    def refuse(self, message: str) -> TextError:
        return TextError(message, self.place())

    def doctype(self, *_: object) -> None:
        raise self.refuse("a document type is not allowed")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace not in ("", _NAMESPACE):
            raise self.refuse("the namespace is not KMIP's")
        if len(self.open) > MAX_DEPTH:
            raise self.refuse("items are nested too deeply")
        if self.open and self.open[-1].type != STRUCTURE:
            raise self.refuse("only a Structure holds items")
        node = self.node(local, attributes)
        self.places[id(node)] = self.place()
        if self.open:
            children(self.open[-1]).append(node)
        else:
            self.root = node
        self.open.append(node)

    def node(self, local: str, attributes: dict[str, str]) -> Node:
        tag = attributes.get("tag", "") if local == _GENERIC else local
        type_ = attributes.get("type", STRUCTURE)
        if type_ == STRUCTURE:
            return Node(tag, type_, [])
        if type_ in TYPES and "value" not in attributes:
            raise self.refuse("the value is missing")
        return Node(tag, type_, attributes.get("value", ""))

    def end(self, _: str) -> None:
        self.open.pop()


def decode(text: bytes) -> bytes:
    """Give the TTLV bytes of an XML message.

    Raises:
        TextError: it is not XML, or no item; the place is told by line and column.
    """
    reading = _Reading()
    try:
        reading.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise TextError("this is not XML", f"line {error.lineno}, column {error.offset + 1}") from None
    except (ValueError, LookupError):  # An encoding that is not known, or cannot be read.
        raise TextError("the encoding of this XML is not known", "line 1, column 1") from None
    assert reading.root is not None, "expat takes no document without an element"  # noqa: S101
    try:
        return to_ttlv(reading.root)
    except Misfit as misfit:
        raise TextError(str(misfit), reading.places[id(misfit.node)]) from None


def encode(raw: bytes) -> bytes:
    """Give the XML of a message.

    Raises:
        TtlvError: the bytes are no TTLV.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _write(from_ttlv(raw, text_values.XML), parts)
    return "".join(parts).encode()


def _write(node: Node, parts: list[str]) -> None:
    name = f'{_GENERIC} tag="{node.tag}"' if node.tag.startswith("0x") else node.tag
    if node.type != STRUCTURE:
        value = quoteattr(str(node.value).translate(_UNWRITABLE), _ESCAPES)
        parts.append(f'<{name} type="{node.type}" value={value}/>')
        return
    # An element with nothing in it is a Structure too; test cases of 1.x leave the type out.
    parts.append(f"<{name}>")
    for each in children(node):
        _write(each, parts)
    parts.append(f"</{name.split(' ')[0]}>")
