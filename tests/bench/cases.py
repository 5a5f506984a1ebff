"""What is asked of the servers: the objects that a run needs, and a message for each row of the table."""

from typing import NamedTuple

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    NameType,
    ObjectType,
    Operation,
    QueryFunction,
    RecommendedCurve,
)
from gateway.kmip.structure import Attribute, Attributes, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, CryptographicParameters, Name
from gateway.kmip.version import V1_4
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.query import QueryRequest
from gateway.operations.sign import SignRequest
from gateway.wire import text
from gateway.wire.text import Dialect, Media
from tests.support.client import Client
from tests.support.messages import request

M = CryptographicUsageMask
VERSION = V1_4
GCM = CryptographicParameters(
    block_cipher_mode=BlockCipherMode.GCM, cryptographic_algorithm=CryptographicAlgorithm.AES, tag_length=16
)
ECDSA = CryptographicParameters(
    digital_signature_algorithm=DigitalSignatureAlgorithm.ECDSA_WITH_SHA256, hashing_algorithm=HashingAlgorithm.SHA_256
)
NAME = "benchmark key"
ENCRYPT = "Encrypt AES-GCM 64 B"
# By the names of their rows.
OVER_HTTPS = {f"{ENCRYPT}, HTTPS {media.name}": media for media in Media}
HTTP = """\
POST /kmip HTTP/1.1\r
Host: localhost\r
Content-Type: {media_type}\r
Content-Length: {length}\r
Cache-Control: no-cache\r
\r
"""


class Case(NamedTuple):
    """One row: what is asked, whether every message has a new connection, and how many items a message has at most.

    With `media` it goes over HTTPS, written so.
    """

    name: str
    item: tuple[Operation, Structure]
    reconnect: bool = False
    most_items: int = 100
    media: Media | None = None

    def message(self, items: int) -> bytes:
        """Give a message with this many of the same batch item; the whole request, if it goes over HTTPS."""
        raw = request(VERSION, *[self.item] * items)
        if self.media is None:
            return raw
        body, media_type, _ = text.encode(raw, Dialect(self.media, self.media.value))
        return HTTP.format(media_type=media_type, length=len(body)).encode() + body


def _aes(name: str | None = None) -> Attributes:
    named = [Attribute(Tag.NAME, Name(name_value=name, name_type=NameType.UNINTERPRETED_TEXT_STRING))] if name else []
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        *named,
    )


def _ask(client: Client, operation: Operation, payload: Structure) -> Structure:
    (answer,) = client.ask(VERSION, (operation, payload))
    if answer.payload is None:
        raise RuntimeError(f"{operation.token}: {answer.message}")
    return answer.payload


def symmetric(client: Client) -> list[Case]:
    """Make an AES key and give the rows that need no other; those over HTTPS come after what they compare with."""
    made = _ask(client, Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=_aes(NAME)))
    key: str = made.unique_identifier  # type: ignore[attr-defined]
    _ask(client, Operation.ACTIVATE, ActivateRequest(unique_identifier=key))
    encrypt = EncryptRequest(unique_identifier=key, cryptographic_parameters=GCM, data=bytes(64))
    query = (
        Operation.QUERY,
        QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS, QueryFunction.QUERY_OBJECTS)),
    )
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=_aes())
    named = Name(name_value=NAME, name_type=NameType.UNINTERPRETED_TEXT_STRING)
    return [
        Case(ENCRYPT, (Operation.ENCRYPT, encrypt)),
        *(Case(name, (Operation.ENCRYPT, encrypt), media=media) for name, media in OVER_HTTPS.items()),
        Case("Get", (Operation.GET, GetRequest(unique_identifier=key))),
        Case("Locate by Name", (Operation.LOCATE, LocateRequest(attributes=(Attribute(Tag.NAME, named),)))),
        Case("Query", query),
        Case("new TLS connections", query, reconnect=True, most_items=1),
        # The last of all, and ten items at most: what a server has taken on when the time is up, it still carries out.
        Case("Create", (Operation.CREATE, create), most_items=10),
    ]


def signing(client: Client) -> list[Case]:
    """Make a P-256 key pair and give the row that signs with it."""
    curve = CryptographicDomainParameters(recommended_curve=RecommendedCurve.P_256)
    common = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.ECDSA),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, curve),
    )
    pair = CreateKeyPairRequest(
        common_attributes=common,
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),),
    )
    made = _ask(client, Operation.CREATE_KEY_PAIR, pair)
    key: str = made.private_key_unique_identifier  # type: ignore[attr-defined]
    _ask(client, Operation.ACTIVATE, ActivateRequest(unique_identifier=key))
    sign = SignRequest(unique_identifier=key, cryptographic_parameters=ECDSA, data=bytes(32))
    return [Case("Sign ECDSA P-256", (Operation.SIGN, sign))]
