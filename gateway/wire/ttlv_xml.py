"""XML and TTLV bytes, each from the other (KMIP Profiles 2.1 section 5.4 XML Encoding).

A document type is refused before anything in it is looked at, so there are no entities to fetch or to expand. Depth is
counted as elements open, so nothing is built of a message that is too deep.
"""

import re
from functools import lru_cache
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from gateway.errors import TextError
from gateway.wire import text_values
from gateway.wire.text_names import LONGEST_NAME, TYPES
from gateway.wire.text_tree import MAX_DEPTH, STRUCTURE, Misfit, Naming, Node, children, to_ttlv, walk

_GENERIC = "TTLV"
_NAMESPACE = "urn:oasis:tc:kmip:xmlns"
# The four that the standard has, and room for those of other namespaces, which are passed over.
MAX_ATTRIBUTES = 16
# In a message of 1 MiB of TTLV, of whose items each has eight bytes at least, there are no more.
MAX_ELEMENTS = 2**17
# A line break in an attribute is read as a blank unless it is written as a reference.
_ESCAPES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
# XML has no way to write these characters at all; a reader sees the replacement character.
_UNWRITABLE = dict.fromkeys(
    [*(n for n in range(32) if chr(n) not in _ESCAPES), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd"
)
_PLAIN = re.compile(r"[ !#-%'-;=?-~]*", re.ASCII).fullmatch
_naming = Naming(text_values.XML)


@lru_cache(maxsize=4096)
def _local(name: str) -> str:
    """Give an element's name without its namespace."""
    namespace, _, local = name.rpartition(" ")
    if namespace not in ("", _NAMESPACE):
        raise ValueError("the namespace is not KMIP's")
    if len(local) > LONGEST_NAME:
        raise ValueError("there is no tag of this name")
    return local


class _Reading:
    """Builds nodes as the parser comes by elements, and keeps where each began."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.doctype
        # What each open element holds, from the document on; nothing can be in one that has a value.
        self.document: list[Node] = []
        self.open: list[list[Node] | None] = [self.document]
        self.places: list[int] = []

    def refuse(self, message: str) -> TextError:
        return TextError(message, f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}")

    def doctype(self, *_: object) -> None:
        raise self.refuse("a document type is not allowed")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        try:
            node = _node(_local(name), attributes)
        except ValueError as error:
            raise self.refuse(str(error)) from None
        holder, places = self.open[-1], self.places
        if holder is None:
            raise self.refuse("only a Structure holds items")
        if len(self.open) > MAX_DEPTH + 1:
            raise self.refuse("items are nested too deeply")
        if len(places) >= MAX_ELEMENTS:
            raise self.refuse("there are too many elements")
        holder.append(node)
        self.open.append(node.value if type(node.value) is list else None)
        places.append(self.parser.CurrentByteIndex)

    def end(self, _: str) -> None:
        self.open.pop()

    def place(self, node: Node) -> int:
        """Give the byte at which a node began; the parser came by them as one walks the tree."""
        return next(at for (each, _), at in zip(walk(self.document[0]), self.places, strict=False) if each is node)


def _node(local: str, attributes: dict[str, str]) -> Node:
    if len(attributes) > MAX_ATTRIBUTES:
        raise ValueError("an element has too many attributes")
    tag = attributes.get("tag", "") if local == _GENERIC else local
    type_ = attributes.get("type", STRUCTURE)
    value = attributes.get("value")
    if type_ == STRUCTURE:
        if value is not None:
            raise ValueError("a Structure has items, no value; is the type missing?")
        return Node(tag, type_, [])
    if value is None and type_ in TYPES:
        raise ValueError("the value is missing")
    return Node(tag, type_, value)


def decode(text: bytes) -> bytes:
    """Give the TTLV bytes of an XML message.

    Raises:
        TextError: it is not XML, or no item; the place is told by line and column.
    """
    reading = _Reading()
    try:
        reading.parser.Parse(text, True)
    except expat.ExpatError as error:
        message = f"this is not XML: {expat.ErrorString(error.code)}"
        raise TextError(message, f"line {error.lineno}, column {error.offset + 1}") from None
    except (ValueError, LookupError):  # An encoding that is not known, or cannot be read.
        raise TextError("the encoding of this XML is not known", "line 1, column 1") from None
    try:
        return to_ttlv(reading.document[0])  # expat takes no document without an element
    except Misfit as misfit:
        raise TextError(str(misfit), _line_and_column(text, reading.place(misfit.node))) from None


def _line_and_column(text: bytes, at: int) -> str:
    before = text[:at]
    return f"line {before.count(10) + 1}, column {at - before.rfind(10)}"


def encode(raw: bytes) -> bytes:
    """Give the XML of a message.

    Raises:
        TtlvError: the bytes are no TTLV.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _write(_naming.tree(raw), parts)
    return "".join(parts).encode()


def _write(node: Node, parts: list[str]) -> None:
    name = f'{_GENERIC} tag="{node.tag}"' if node.tag.startswith("0x") else node.tag
    if node.type != STRUCTURE:
        parts.append(f'<{name} type="{node.type}" value={_quoted(str(node.value))}/>')
        return
    # An element with nothing in it is a Structure too; test cases of 1.x leave the type out.
    parts.append(f"<{name}>")
    for each in children(node):
        _write(each, parts)
    parts.append(f"</{name.split(' ')[0]}>")


def _quoted(value: str) -> str:
    return f'"{value}"' if _PLAIN(value) else quoteattr(value.translate(_UNWRITABLE), _ESCAPES)
