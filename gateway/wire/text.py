"""Messages in any encoding that HTTP carries, to TTLV bytes and back: the media type says which (Profiles 2.1, 5).

A bare operation is a request payload under the operation's name, without a message around it. It becomes a message of
version 2.1 with one batch item; the answer is the response payload under the operation's name and `Response`, or a line
of text when it failed.
"""

from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from gateway.errors import OperationNotSupported, TextError
from gateway.kmip.enums import Operation
from gateway.kmip.tags import Tag
from gateway.wire import json_answers, json_requests, text_names, ttlv_json, ttlv_xml
from gateway.wire.json_dialects import Spelling
from gateway.wire.text_tree import Misfit, Node, child, child_value, children, structure, to_ttlv

PLAIN_TEXT = "text/plain; charset=utf-8"


class Media(Enum):
    """The encodings, by the media type of an answer."""

    BINARY = "application/octet-stream"
    JSON = "application/json"
    XML = "text/xml"


_MEDIA = {media.value: media for media in Media} | {"application/xml": Media.XML}
_STATUS = {
    "OperationNotSupported": HTTPStatus.NOT_FOUND,
    "PermissionDenied": HTTPStatus.UNAUTHORIZED,
    "NotAuthorized": HTTPStatus.UNAUTHORIZED,
    "AuthenticationNotSuccessful": HTTPStatus.UNAUTHORIZED,
    "GeneralFailure": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Dialect(NamedTuple):
    """How a request was written, so that its answer can be written alike."""

    media: Media
    media_type: str = ""
    spelling: Spelling = Spelling.STANDARD
    bare: bool = False


class Unreadable(TextError):
    """It is no message, but how it is written was found out: the answer can be written alike."""

    def __init__(self, message: str, place: str, dialect: Dialect) -> None:
        super().__init__(message, place)
        self.dialect = dialect


class Decoded(NamedTuple):
    """A request as TTLV bytes, and how it was written."""

    raw: bytes
    dialect: Dialect


@lru_cache(maxsize=64)
def dialect_of(media_type: str, *, bare: bool = False) -> Dialect | None:
    """Give the dialect that a media type alone tells of, None when it is no encoding of ours.

    An answer to what could not be decoded is written in it.
    """
    essence = media_type.partition(";")[0].strip().lower()
    media = Media.JSON if bare and essence not in _MEDIA else _MEDIA.get(essence)
    if media is None:
        return None
    if media is Media.JSON:
        return Dialect(media, media.value, Spelling.COSMIAN_5 if bare else Spelling.STANDARD, bare)
    return Dialect(media, essence if media is Media.XML else media.value)


def decode(body: bytes, media_type: str, *, bare: bool) -> Decoded:
    """Decode a request; `bare` allows an operation without a message, which only JSON has.

    Raises:
        TextError: it is not well formed, or no TTLV; Unreadable when it is at least known how it is written.
        OperationNotSupported: a bare operation is none of the standard's, or the media type is no encoding of ours.
    """
    dialect = dialect_of(media_type, bare=bare)
    if dialect is None:
        raise OperationNotSupported("the media type is none of TTLV, JSON and XML")
    if dialect.media is Media.BINARY:
        return Decoded(body, dialect)
    if dialect.media is Media.XML:
        return Decoded(ttlv_xml.decode(body), dialect)
    return _decode_json(body, media_type, bare=bare)


def _decode_json(body: bytes, media_type: str, *, bare: bool) -> Decoded:
    root, spelling = ttlv_json.read(body)
    # What is told by other signs than the spelling itself has nothing to be respelled.
    answered = _spelling_of_cosmian(root, spelling, media_type) if bare else spelling
    bare = bare and not _is_message(root)
    dialect = Dialect(Media.JSON, Media.JSON.value, answered, bare)
    tree = json_requests.standard(root, spelling)
    try:
        return Decoded(to_ttlv(_message(tree) if bare else tree), dialect)
    except Misfit as misfit:
        raise Unreadable(str(misfit), ttlv_json.path(misfit.node, root), dialect) from None


def _spelling_of_cosmian(root: Node, spelling: Spelling, media_type: str) -> Spelling:
    """Tell 4.x clients from those of 5.x, at the path that only theirs have, where nothing in the request does.

    Only those of 4.x write the type of a structure, or the character set.
    """
    if spelling not in (Spelling.STANDARD, Spelling.COSMIAN_5):
        return spelling
    if _is_message(root):
        return spelling if root.type else Spelling.COSMIAN_5
    return Spelling.COSMIAN_4 if root.type or "charset" in media_type.lower() else Spelling.COSMIAN_5


def _is_message(root: Node) -> bool:
    return root.tag == "Message" or text_names.names_tag(root.tag, Tag.REQUEST_MESSAGE)


def _message(operation: Node) -> Node:
    try:
        number = text_names.enumerator(Tag.OPERATION, operation.tag)
    except ValueError:
        raise OperationNotSupported("there is no operation of this name") from None
    version = [Node(f"ProtocolVersion{part}", "Integer", n) for part, n in (("Major", 2), ("Minor", 1))]
    head = structure("RequestHeader", structure("ProtocolVersion", *version), Node("BatchCount", "Integer", 1))
    named = Node("Operation", "Enumeration", Operation(number).token)
    payload = Node("RequestPayload", operation.type, operation.value)
    return structure("RequestMessage", head, structure("BatchItem", named, payload))


class Encoded(NamedTuple):
    """A response as its request was written, and what HTTP says of it."""

    content: bytes
    media_type: str
    status: HTTPStatus = HTTPStatus.OK


def encode(raw: bytes, dialect: Dialect) -> Encoded:
    """Encode a response as its request was written; only a bare operation that failed has another status than 200.

    Raises:
        TtlvError: the bytes are no TTLV.
    """
    if dialect.media is Media.BINARY:
        return Encoded(raw, dialect.media_type)
    if dialect.media is Media.XML:
        return Encoded(ttlv_xml.encode(raw), dialect.media_type)
    if not dialect.bare:
        return Encoded(ttlv_json.encode(raw, dialect.spelling), dialect.media_type)
    return _bare_answer(ttlv_json.naming.tree(raw), dialect.spelling)


def _bare_answer(root: Node, spelling: Spelling) -> Encoded:
    _, item = children(root)
    status, reason = HTTPStatus.OK, child_value(item, "ResultReason")
    if child_value(item, "ResultStatus") == "OperationFailed":
        status = _STATUS.get(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    _, item = children(json_answers.respelled(root, spelling))
    item = children(item)[0] if item.tag == "Items" else item
    if status is not HTTPStatus.OK:
        line = f"{child_value(item, 'ResultReason')}: {child_value(item, 'ResultMessage')}"
        return Encoded(line.encode(), PLAIN_TEXT, status)
    payload = child(item, "ResponsePayload")
    held = [] if payload is None else children(payload)
    return Encoded(ttlv_json.write(structure(f"{child_value(item, 'Operation')}Response", *held)), Media.JSON.value)
