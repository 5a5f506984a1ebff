"""An expected response against the one that came: everything must match but what the profiles let vary (§4).

`differences` gives a line for each thing that is missing, different or too much, by its path; an empty list is a pass.
"""

from collections.abc import Callable
from functools import cache
from xml.etree.ElementTree import Element

from tests.conformance.bound import Bound
from tests.wire.trees import SAYS_NOTHING, Node, nodes
from tests.wire.xmlcases import DATES, TYPES, children, item, tag_name, tag_number, words

SHOWN = 48  # characters of a value in a difference

# What a server may leave out, whatever it says.
OPTIONAL = {
    "ExtensionInformation",
    "ResultMessage",
    "ServerCorrelationValue",
    "LocatedItems",
    "TemplateAttribute",
    "PrivateKeyTemplateAttribute",
    "PublicKeyTemplateAttribute",
}
# What a server may add: attributes, and entries of the lists of Query and Discover Versions.
ADDITIONAL = {
    "Attribute",
    "AttributeName",
    "AttributeReference",
    "Operation",
    "ObjectType",
    "ApplicationNamespace",
    "ExtensionInformation",
    "ProtocolVersion",
    "VendorIdentification",
    "ClientCorrelationValue",
    *OPTIONAL,
}
# Structures that may hold anything more.
OPEN = {"Attributes", "ServerInformation", "RandomNumberGenerator"}
# Items whose content is the server's own.
ANY_CONTENT = {
    "TimeStamp",
    "ResultMessage",
    "ServerInformation",
    "VendorIdentification",
    "LocatedItems",
    "ServerCorrelationValue",
    "RandomNumberGenerator",
    "LinkedObjectIdentifier",
    "PKCS_11OutputParameters",  # only of C_GetInfo, who made the library (PKCS11-M-1)
}


# What a server chooses, and never as another does.
CHOSEN = {"UniqueIdentifier", "AsynchronousCorrelationValue"}
# Where a server names a request that is pending now.
PENDING = "/BatchItem/AsynchronousCorrelationValue"


def differences(expected: Element, found: list[Node], bound: Bound, where: str = "") -> list[str]:
    """Compare a structure's content; `bound` learns the placeholders that come up for the first time."""
    left = list(found)
    lines: list[str] = []
    for child, means in children(expected):
        if not _may_miss(child, left):
            lines += _take(child, means, left, bound, f"{where}/{_label(child)}")
    return lines + [f"{where}: {shown(node)} is too much" for node in left if not _may_add(expected, node)]


def _may_miss(child: Element, left: list[Node]) -> bool:
    """Tell whether an expected item is not there and need not be; vendors' items are not expected of others."""
    if child.tag == "TTLV" or _attribute_name(child).startswith("y-"):
        return True
    there = any(node.tag == tag_number(child.tag) for node in left)
    return not there and (child.tag in OPTIONAL or (child.tag, child.get("value")) == ("AttributeIndex", "0"))


def _may_add(parent: Element, node: Node) -> bool:
    return tag_name(parent) in OPEN or node.tag in _additional() or (node.tag, node.value) in SAYS_NOTHING


@cache
def _additional() -> set[int]:
    return {tag_number(name) for name in ADDITIONAL}


def _take(child: Element, means: str, left: list[Node], bound: Bound, where: str) -> list[str]:
    """Take the item that fits best out of `left` and tell how it differs."""
    best: tuple[list[str], Node, Bound] | None = None
    for node in left:
        if node.tag != tag_number(child.tag):
            continue
        trial = bound.trial()
        lines = _compare(child, means, node, trial, where)
        if best is None or len(lines) < len(best[0]):
            best = lines, node, trial
        if not lines:
            break
    if best is None:
        return [f"{where} is missing: {_said(child)}"]
    left.remove(best[1])
    bound.learn(best[2])
    return best[0]


def _compare(child: Element, means: str, node: Node, bound: Bound, where: str) -> list[str]:
    kind = child.get("type", "Structure")
    if node.type != TYPES[kind]:
        return [f"{where}: item type {node.type} instead of {kind}"]
    if child.tag in ANY_CONTENT or means in ANY_CONTENT:
        return []
    if where.endswith(PENDING):
        bound[child.get("value", "")[1:]] = plain(node)  # Cases of 1.x call each new one by the same name.
        return []
    if isinstance(node.value, list):
        return differences(child, node.value, bound, where)
    return [] if _same(child, means, node, bound) else [f"{where}: {shown(node)} instead of {_said(child)}"]


def _same(child: Element, means: str, node: Node, bound: Bound) -> bool:
    """Compare a value: a placeholder with what it is bound to, a date that a request fixed, an output, or the rest.

    What a file gives in figures of a server's own choosing is another server's.
    """
    value = child.get("value", "")
    bound.note_output(child.tag, node)
    if child.tag in CHOSEN and not value.startswith("$"):
        return True
    if value.startswith("$") and not value.startswith("$NOW"):
        return bound.setdefault(value[1:], plain(node)) == plain(node)
    if child.get("type") in DATES:
        return bound.near(child, node) or not bound.is_fixed(child)
    return nodes(item(child, bound, means))[0].value == node.value or _replaces(child, means, node, bound)


def _replaces(child: Element, means: str, node: Node, bound: Bound) -> bool:
    """Accept another output than the file's where chance is in it, and remember it for the requests that follow."""
    if not bound.is_free(child, means):
        return False
    bound.replaced[child.get("value", "").lower()] = plain(node)
    return True


def plain(node: Node) -> str:
    """Give a value as the XML would have it."""
    assert isinstance(node.value, bytes)
    return AS_TEXT.get(node.type, bytes.hex)(node.value)


AS_TEXT: dict[int, Callable[[bytes], str]] = {
    2: lambda value: str(int.from_bytes(value[:4], "big", signed=True)),
    7: bytes.decode,
}


def _attribute_name(element: Element) -> str:
    name = element.find("AttributeName")
    return "" if name is None else words(name)


def _label(element: Element) -> str:
    name = _attribute_name(element)
    return f"{element.tag}[{name}]" if name else element.tag


def _said(element: Element) -> str:
    return " ".join(each.get("value", "") for each in element.iter())[:SHOWN]


def shown(node: Node) -> str:
    """Give an item in short: its tag's number and its value."""
    if isinstance(node.value, list):
        return f"{node.tag:06x}(" + " ".join(map(shown, node.value))[:SHOWN] + ")"
    return f"{node.tag:06x}={plain(node)[:SHOWN]}"
