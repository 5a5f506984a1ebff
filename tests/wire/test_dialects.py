"""Each JSON dialect, both ways: what its clients send becomes the standard's TTLV, what they get has their shape."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import OperationNotSupported, TextError
from gateway.kmip import enums
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.messages import ProtocolVersion, ResponseBatchItem, ResponseHeader
from gateway.kmip.structure import DateTime, Structure
from gateway.kmip.version import V2_1
from gateway.operations import OPERATIONS
from gateway.operations.create_key_pair import CreateKeyPairResponse
from gateway.operations.encrypt import EncryptResponse
from gateway.operations.locate import LocateResponse
from gateway.wire import json_dialects, text, ttlv, ttlv_json
from gateway.wire.json_dialects import Spelling
from gateway.wire.text import PLAIN_TEXT, Dialect, Media, Unreadable
from gateway.wire.text_tree import Node, structure, to_ttlv
from tests.wire.dialects import (
    CREATE_5,
    PAGE_ANSWER,
    PAGE_REQUEST,
    VENDOR_4,
    bytes_,
    create_4,
    enumeration,
    node,
    shape,
    strip_types,
    text_string,
)

JSON = "application/json"
SEED = Path(__file__).parents[3] / "shared" / "seed"
STANDARD, COSMIAN_5, COSMIAN_4, MIXED, PAGE = Spelling


def decode(item: Any, media_type: str = JSON, *, bare: bool = True) -> text.Decoded:
    """Decode a JSON request."""
    return text.decode(json.dumps(item).encode(), media_type, bare=bare)


def payload(item: Any, media_type: str = JSON, *, bare: bool = True) -> Any:
    """Decode a JSON request of one item down to its payload."""
    raw = decode(item, media_type, bare=bare).raw
    (found,) = ttlv.decode_request(raw, V2_1).batch_item
    return ttlv.decode_structure(OPERATIONS[found.operation].request, found.request_payload, V2_1)


def response(*items: tuple[Operation, Structure | ResultReason]) -> bytes:
    """Give a response of version 2.1; a reason in place of a payload is a failure."""
    batch = []
    for operation, came in items:
        failed = isinstance(came, ResultReason)
        item = ResponseBatchItem(
            operation=operation,
            result_status=ResultStatus.OPERATION_FAILED if failed else ResultStatus.SUCCESS,
            result_reason=came if isinstance(came, ResultReason) else None,
            result_message="what is wrong" if failed else None,
            response_payload=ttlv.encode_payload(came, V2_1) if isinstance(came, Structure) else None,
        )
        batch.append(ttlv.encode_item(item, V2_1))
    version = ProtocolVersion(protocol_version_major=2, protocol_version_minor=1)
    header = ResponseHeader(
        protocol_version=version,
        time_stamp=DateTime(1698748303),
        server_correlation_value="x-1",
        batch_count=len(batch),
    )
    return ttlv.response(ttlv.encode_header(header, V2_1), batch)


def answered(raw: bytes, spelling: Spelling, *, bare: bool = False) -> Any:
    """Give a response as JSON."""
    return json.loads(text.encode(raw, Dialect(Media.JSON, JSON, spelling, bare))[0])


PAIR = CreateKeyPairResponse(private_key_unique_identifier="private", public_key_unique_identifier="public")
FOUND = LocateResponse(unique_identifier=("older", "public", "private"))
ENCRYPTED = EncryptResponse(
    unique_identifier="k", data=b"\xab", iv_counter_nonce=b"\1", authenticated_encryption_tag=b"\2"
)


# --- The page ---


@pytest.mark.parametrize("bare", [False, True])
def test_the_page_s_request_is_understood_as_printed(bare: bool) -> None:
    decoded = text.decode(PAGE_REQUEST, JSON, bare=bare)
    message = ttlv.decode_request(decoded.raw, V2_1)
    assert [item.operation for item in message.batch_item] == [Operation.CREATE_KEY_PAIR, Operation.LOCATE]
    assert message.request_header.maximum_response_size == 4000
    assert (decoded.dialect.spelling, decoded.dialect.bare) == (PAGE, False)


def test_the_page_s_answer_has_the_shape_that_is_printed() -> None:
    pair = LocateResponse(unique_identifier=("public", "private"))
    found = answered(response((Operation.CREATE_KEY_PAIR, PAIR), (Operation.LOCATE, pair)), PAGE)
    assert shape(found) == PAGE_ANSWER
    header, items = found["value"]
    assert header["value"][1]["value"] == 1698748303
    located = items["value"][1]["value"][1]["value"]
    assert located[0]["value"] == 2
    assert [each["value"] for each in located[1]["value"]] == ["private", "public"]


@pytest.mark.skipif(not SEED.exists(), reason="../shared is not beside this checkout")
def test_the_page_s_own_answer_has_this_shape() -> None:
    tree, spelling = ttlv_json.read((SEED / "response.json").read_bytes().replace(b"Response", b"Request"))
    assert spelling is PAGE
    printed = json.loads(ttlv_json.write(tree).replace(b"Request", b"Response"))
    assert shape(printed) == PAGE_ANSWER


def test_in_the_page_s_dialect_what_was_not_just_made_keeps_its_name_and_a_failure_its_status() -> None:
    raw = response(
        (Operation.CREATE_KEY_PAIR, PAIR),
        (Operation.LOCATE, FOUND),
        (Operation.LOCATE, ResultReason.PERMISSION_DENIED),
    )
    _, items = answered(raw, PAGE)["value"]
    first, second, third = items["value"]
    assert [each["tag"] for each in (first, second, third)] == ["Items", "BtachItem", "BtachItem"]
    located = second["value"][1]["value"][1]["value"]
    assert [(each["tag"], each["value"]) for each in located] == [
        ("PrivateKeyUniqueIdentifier", "private"),
        ("PublicKeyUniqueIdentifier", "public"),
        ("UniqueIdentifier", "older"),
    ]
    assert [each["value"] for each in third["value"]][1:] == ["OperationFailed", "PermissionDenied", "what is wrong"]


@pytest.mark.parametrize("junk", [b"{", b"}", b",", b"]", b'"', b"x", b"\\", b"[1]"])
def test_the_page_s_commas_excuse_nothing_else(junk: bytes) -> None:
    with pytest.raises(TextError):
        text.decode(PAGE_REQUEST.replace(b'"MaximumResponseSize"', b'"MaximumResponseSize"' + junk), JSON, bare=False)


@pytest.mark.parametrize("other", [b"RequestHeader", b"Haeder"])
def test_commas_too_many_are_refused_in_every_other_dialect(other: bytes) -> None:
    with pytest.raises(TextError, match="malformed"):
        text.decode(PAGE_REQUEST.replace(b'"Header"', b'"' + other + b'"'), JSON, bare=False)


def test_text_that_is_no_json_is_refused_in_time_in_proportion() -> None:
    for body in (b'\\"' * 500_000, b'"' + b"\\" * 999_999, b", " * 500_000, b"," + b" " * 1_000_000 + b"x"):
        with pytest.raises(TextError):
            text.decode(body, JSON, bare=False)


# --- 5.x ---


def test_a_5_x_operation_without_a_message_is_understood() -> None:
    decoded = decode(strip_types(CREATE_5))
    assert (decoded.dialect.spelling, decoded.dialect.bare) == (COSMIAN_5, True)
    attributes = {a.tag.token: a for a in payload(strip_types(CREATE_5)).attributes}
    assert attributes["CryptographicUsageMask"].value == 2108
    assert attributes["Attribute"].vendor == "cosmian"
    assert "ActivationDate" not in attributes


def test_a_5_x_answer_has_its_operation_s_name_and_every_structure_its_type() -> None:
    raw = response((Operation.ENCRYPT, ENCRYPTED))
    assert answered(raw, COSMIAN_5, bare=True) == node(
        "EncryptResponse",
        [
            text_string("UniqueIdentifier", "k"),
            bytes_("Data", "AB"),
            bytes_("IVCounterNonce", "01"),
            bytes_("AuthenticatedEncryptionTag", "02"),
        ],
    )


@pytest.mark.parametrize(
    ("tag", "name", "means"),
    [
        ("HashingAlgorithm", "SHA256", enums.HashingAlgorithm.SHA_256),
        ("HashingAlgorithm", "SHA3512", enums.HashingAlgorithm.SHA3_512),
        ("KeyFormatType", "PKCS8", enums.KeyFormatType.PKCS_8),
        ("KeyFormatType", "X509", enums.KeyFormatType.X_509),
        ("CertificateType", "X509", enums.CertificateType.X_509),
        ("CryptographicAlgorithm", "THREE_DES", enums.CryptographicAlgorithm.DES3),
        ("CryptographicAlgorithm", "HMACSHA256", enums.CryptographicAlgorithm.HMAC_SHA256),
        ("BlockCipherMode", "CBCMAC", enums.BlockCipherMode.CBC_MAC),
        ("PaddingMethod", "PKCS1v15", enums.PaddingMethod.PKCS1_V1_5),
        ("PaddingMethod", "ANSI_X923", enums.PaddingMethod.ANSI_X9_23),
        ("DigitalSignatureAlgorithm", "SHA256WithRSAEncryption", 5),
        ("RecommendedCurve", "P256", enums.RecommendedCurve.P_256),
        ("State", "Destroyed_Compromised", enums.State.DESTROYED_COMPROMISED),
        ("ResultReason", "Item_Not_Found", enums.ResultReason.ITEM_NOT_FOUND),
    ],
)
def test_names_that_only_cosmian_writes_are_read_and_written(tag: str, name: str, means: int) -> None:
    body = json.dumps(node("RequestMessage", [enumeration(tag, name)])).encode()
    tree, spelling = ttlv_json.read(body)
    assert spelling is COSMIAN_5
    raw = to_ttlv(tree)
    assert int.from_bytes(raw[16:20], "big") == means
    assert json.loads(ttlv_json.encode(raw, COSMIAN_5)) == json.loads(body)
    assert json.loads(ttlv_json.encode(raw))["value"][0]["value"] != name


def test_switches_that_only_cosmian_has_may_be_off() -> None:
    off = [node("Remove", False, "Boolean"), node("Cascade", False, "Boolean")]
    item = node("Destroy", [text_string("UniqueIdentifier", "k"), *off])
    assert payload(strip_types(item)).unique_identifier == "k"
    item["value"][2]["value"] = True
    with pytest.raises(TextError, match="no tag of this name") as caught:
        decode(strip_types(item))
    assert caught.value.place == "$.value[2]"


def test_masks_are_numbers_for_5_x_and_names_for_others() -> None:
    item = node("ResponseMessage", [node("CryptographicUsageMask", 2108, "Integer")])
    tree, _ = ttlv_json.read(json.dumps(item).encode())
    raw = to_ttlv(tree)
    assert json.loads(ttlv_json.encode(raw, COSMIAN_5))["value"][0]["value"] == 2108
    names = "Encrypt|Decrypt|WrapKey|UnwrapKey|KeyAgreement"
    assert json.loads(ttlv_json.encode(raw))["value"][0]["value"] == names


@pytest.mark.parametrize("tag", json_dialects.COSMIAN_NAMES)
def test_every_name_that_is_changed_is_one_of_the_standard_s_and_is_read_back(tag: str) -> None:
    from gateway.wire.text_names import enumerator, enumerators, tag_number

    known = enumerators(tag_number(tag))
    for standard, own in json_dialects.COSMIAN_NAMES[tag].items():
        assert enumerator(tag_number(tag), own) == known[standard]


# --- 4.x ---


def test_a_4_x_create_becomes_the_standard_s() -> None:
    decoded = decode(create_4())
    assert (decoded.dialect.spelling, decoded.dialect.bare) == (COSMIAN_4, True)
    attributes = {a.tag.token: a for a in payload(create_4()).attributes}
    vendored = attributes["Attribute"]
    assert (vendored.vendor, vendored.name, vendored.value.raw) == ("cosmian", "tag", b"[]")
    # Their own server made objects Active, and used AES in no other mode.
    assert attributes["ActivationDate"].value == 0
    assert attributes["CryptographicParameters"].value.block_cipher_mode is enums.BlockCipherMode.GCM


def test_a_4_x_client_s_own_date_of_activation_stands() -> None:
    (date,) = (
        a
        for a in payload(create_4(node("ActivationDate", "2030-01-01T00:00:00Z", "DateTime"))).attributes
        if a.tag.token == "ActivationDate"
    )
    assert date.value == 1893456000


def test_a_4_x_decrypt_has_its_nonce() -> None:
    found = payload(node("Decrypt", [text_string("UniqueIdentifier", "k"), bytes_("IvCounterNonce", "0a")]))
    assert found.iv_counter_nonce == b"\n"


def test_a_4_x_revoke_says_why_in_a_text() -> None:
    found = payload(node("Revoke", [text_string("UniqueIdentifier", "k"), text_string("RevocationReason", "lost")]))
    reason = found.revocation_reason
    assert reason.revocation_reason_code is enums.RevocationReasonCode.UNSPECIFIED
    assert reason.revocation_message == "lost"


def test_a_4_x_import_has_an_object_without_a_type_and_a_mask_as_an_enumeration() -> None:
    material = node("KeyMaterial", [bytes_("Key", "00112233445566778899aabbccddeeff")])
    attributes = node("Attributes", [node("CryptographicUsageMask", 12, "Enumeration")])
    block = [
        node("KeyValue", [node("Attributes", []), material]),
        enumeration("CryptographicAlgorithm", "AES"),
        enumeration("KeyFormatType", "TransparentSymmetricKey"),
        node("CryptographicLength", 128, "Integer"),
    ]
    found = payload(
        node(
            "Import",
            [
                node("ReplaceExisting", False, "Boolean"),
                text_string("UniqueIdentifier", "k"),
                enumeration("ObjectType", "SymmetricKey"),
                attributes,
                node("Object", [node("KeyBlock", block)]),
            ],
        )
    )
    assert found.symmetric_key.key_block.cryptographic_length == 128
    assert {a.tag.token: a.value for a in found.attributes}["CryptographicUsageMask"] == 12


def test_a_4_x_message_is_understood_and_answered_alike() -> None:
    version = [node("ProtocolVersionMajor", 2, "Integer"), node("ProtocolVersionMinor", 1, "Integer")]
    header = node("Header", [node("ProtocolVersion", version), node("BatchCount", 2, "Integer")])
    items = [
        node("Items", [enumeration("Operation", "Locate"), node("RequestPayload", [node("Attributes", [VENDOR_4])])]),
        node("Items", [enumeration("Operation", "Query"), node("RequestPayload", [])]),
    ]
    decoded = decode(node("Message", [header, node("Items", items)]), bare=False)
    assert (decoded.dialect.spelling, decoded.dialect.bare) == (COSMIAN_4, False)
    batch = ttlv.decode_request(decoded.raw, V2_1).batch_item
    assert [item.operation for item in batch] == [Operation.LOCATE, Operation.QUERY]
    found = answered(response((Operation.LOCATE, FOUND), (Operation.ENCRYPT, ENCRYPTED)), COSMIAN_4)
    assert found["tag"] == "MessageResponse"
    head, items_ = found["value"]
    assert (head["tag"], items_["tag"]) == ("Header", "Items")
    locate, encrypt = (item["value"][-1]["value"] for item in items_["value"])
    assert shape(locate[-1]) == ("UniqueIdentifier", [("UniqueIdentifier", "TextString")] * 3)
    assert [each["tag"] for each in encrypt] == [
        "UniqueIdentifier",
        "Data",
        "IvCounterNonce",
        "AuthenticatedEncryptionTag",
    ]


# --- Which dialect ---

HEADER = node(
    "RequestHeader",
    [
        node(
            "ProtocolVersion",
            [node("ProtocolVersionMajor", 2, "Integer"), node("ProtocolVersionMinor", 1, "Integer")],
        ),
        node("BatchCount", 1, "Integer"),
    ],
)
QUERY = node("BatchItem", [enumeration("Operation", "Query"), node("RequestPayload", [])])
REGULAR = node("RequestMessage", [HEADER, QUERY])
GET = node("Get", [text_string("UniqueIdentifier", "k")])


@pytest.mark.parametrize(
    ("item", "media_type", "bare", "spelling"),
    [
        (REGULAR, JSON, False, STANDARD),
        (strip_types(REGULAR), JSON, False, STANDARD),
        (REGULAR, JSON, True, STANDARD),
        (strip_types(REGULAR), JSON, True, COSMIAN_5),
        (GET, JSON, True, COSMIAN_4),
        (strip_types(GET), JSON, True, COSMIAN_5),
        (strip_types(GET), "application/json; charset=utf-8", True, COSMIAN_4),
        (strip_types(create_4()), JSON, True, COSMIAN_4),
        (strip_types(GET), "text/plain", True, COSMIAN_5),
    ],
)
def test_the_dialect_is_told_by_the_request_alone(item: Any, media_type: str, bare: bool, spelling: Spelling) -> None:
    assert decode(item, media_type, bare=bare).dialect.spelling is spelling


def test_a_regular_client_gets_the_standard_s_shape() -> None:
    found = answered(response((Operation.ENCRYPT, ENCRYPTED)), decode(REGULAR, bare=False).dialect.spelling)
    header, item = found["value"]
    assert [each["tag"] for each in header["value"]] == [
        "ProtocolVersion",
        "TimeStamp",
        "ServerCorrelationValue",
        "BatchCount",
    ]
    assert header["value"][1] == node("TimeStamp", "2023-10-31T10:31:43Z", "DateTime")
    assert [each["tag"] for each in item["value"]] == ["Operation", "ResultStatus", "ResponsePayload"]


def test_an_operation_without_a_message_is_refused_where_messages_are_asked_for() -> None:
    with pytest.raises(TextError, match="no tag of this name"):
        decode(GET, bare=False)


def test_other_media_types_are_taken_only_where_every_body_is_json() -> None:
    body = json.dumps(REGULAR).encode()
    assert text.decode(body, "application/json;charset=utf-8", bare=False).dialect.media is Media.JSON
    assert text.decode(body, "application/x-www-form-urlencoded", bare=True).dialect.media is Media.JSON
    assert text.decode(body, "", bare=True).dialect.media is Media.JSON
    with pytest.raises(OperationNotSupported):
        text.decode(body, "application/x-www-form-urlencoded", bare=False)


# --- Failures of bare operations ---


@pytest.mark.parametrize(
    ("reason", "status", "line"),
    [
        (ResultReason.ITEM_NOT_FOUND, 422, b"Item_Not_Found: what is wrong"),
        (ResultReason.PERMISSION_DENIED, 401, b"Permission_Denied: what is wrong"),
        (ResultReason.OPERATION_NOT_SUPPORTED, 404, b"Operation_Not_Supported: what is wrong"),
        (ResultReason.GENERAL_FAILURE, 500, b"General_Failure: what is wrong"),
        (ResultReason.INVALID_FIELD, 422, b"Invalid_Field: what is wrong"),
    ],
)
@pytest.mark.parametrize("spelling", [COSMIAN_5, COSMIAN_4])
def test_a_bare_operation_that_failed_is_told_by_status_and_one_line(
    reason: ResultReason, status: int, line: bytes, spelling: Spelling
) -> None:
    raw, dialect = response((Operation.GET, reason)), Dialect(Media.JSON, JSON, spelling, True)
    assert text.encode(raw, dialect) == (line, PLAIN_TEXT, status)
    assert text.encode(raw, dialect._replace(bare=False)).status == 200


def test_a_bare_operation_that_no_one_knows_is_refused() -> None:
    with pytest.raises(OperationNotSupported, match="no operation"):
        decode(node("Frobnicate", []))


@pytest.mark.parametrize(("name", "operation"), [("MAC", Operation.MAC), ("Mac", Operation.MAC)])
def test_a_bare_operation_may_be_spelled_as_cosmian_does(name: str, operation: Operation) -> None:
    (item,) = ttlv.decode_request(decode(node(name, [])).raw, V2_1).batch_item
    assert item.operation == operation


# --- Errors ---


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (node("RequestMessage", [HEADER, node("BatchItem", [enumeration("Operation", "Fly")])]), "$.value[1].value[0]"),
        (node("RequestMessage", [HEADER, {"tag": "BatchItem", "vale": []}]), "$.value[1]"),
        (node("RequestMessage", [HEADER, 7]), "$.value[1]"),
        (node("Message", [node("Header", []), node("Items", [node("Items", [bytes_("Data", "0")])])]),
         "$.value[1].value[0].value[0]"),
        (node("RequestMessage", [node("Header", []), node("BatchItem", [node("Items", [node("Unheard", [])])])]),
         "$.value[1].value[0].value[0]"),
        (create_4(node("KeyFormatType", "Round", "Enumeration")), "$.value[1].value[4]"),
        (node("Get", [node("UniqueIdentifier", 7, "TextString")]), "$.value[0]"),
        # A structure whose content was respelled is told by that content.
        (node("Get", [node("Unheard", [VENDOR_4])]), "$.value[0].value[0]"),
        (node("Get", [node("Attribute", [node("Unheard", [])])]), "$.value[0].value[0]"),
    ],
)  # fmt: skip
def test_an_error_tells_the_path_in_the_request_as_it_came(item: Any, place: str) -> None:
    with pytest.raises(TextError) as caught:
        decode(item)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("body", "bare", "spelling"),
    [
        (PAGE_REQUEST.replace(b'"Locate"', b'"Levitate"'), False, PAGE),
        (json.dumps(create_4(node("KeyFormatType", "Round", "Enumeration"))).encode(), True, COSMIAN_4),
    ],
)
def test_the_answer_to_what_cannot_be_read_is_in_its_dialect_still(body: bytes, bare: bool, spelling: Spelling) -> None:
    with pytest.raises(Unreadable) as caught:
        text.decode(body, JSON, bare=bare)
    assert (caught.value.dialect.spelling, caught.value.dialect.bare) == (spelling, bare)


def test_what_is_no_json_at_all_is_answered_as_the_path_has_it() -> None:
    assert text.dialect_of(JSON, bare=False) == Dialect(Media.JSON, JSON)
    assert text.dialect_of("text/plain", bare=True) == Dialect(Media.JSON, JSON, COSMIAN_5, bare=True)
    assert text.dialect_of("TEXT/XML; charset=utf-8", bare=True) == Dialect(Media.XML, "text/xml")
    assert text.dialect_of("text/plain", bare=False) is None


def test_a_regular_message_with_operations_of_4_x_is_answered_with_the_standard_s_message_around_them() -> None:
    parts = [text_string("UniqueIdentifier", "k"), bytes_("Data", "00"), bytes_("IvCounterNonce", "01")]
    item = node("BatchItem", [enumeration("Operation", "Decrypt"), node("RequestPayload", parts)])
    request = node("RequestMessage", [HEADER, item])
    assert payload(request, bare=False).iv_counter_nonce == b"\1"
    dialect = decode(request, bare=False).dialect
    assert dialect.spelling is MIXED
    header, found = answered(response((Operation.ENCRYPT, ENCRYPTED)), dialect.spelling)["value"]
    assert (header["tag"], found["tag"]) == ("ResponseHeader", "BatchItem")
    assert [each["tag"] for each in found["value"]] == ["Operation", "ResultStatus", "ResponsePayload"]
    assert found["value"][2]["value"][2]["tag"] == "IvCounterNonce"


def test_the_page_s_message_may_hold_operations_of_4_x() -> None:
    version = [node("ProtocolVersionMajor", 2, "Integer"), node("ProtocolVersionMinor", 1, "Integer")]
    header = node("Header", [node("ProtocolVersion", version), node("BatchCount", 1, "Integer")])
    locate = [enumeration("Operation", "Locate"), node("RequestPayload", [node("Attributes", [VENDOR_4])])]
    request = node("RequestMessage", [header, node("BatchItem", [node("Items", locate)])])
    (attribute,) = payload(request, bare=False).attributes
    assert (attribute.vendor, attribute.name) == ("cosmian", "tag")


@pytest.mark.parametrize("tag", ["RequestMessage", "0x420078", "requestMessage", "Request-Message"])
def test_a_message_is_one_however_its_name_is_spelled(tag: str) -> None:
    decoded = decode(REGULAR | {"tag": tag})
    assert not decoded.dialect.bare
    assert ttlv.read_version(decoded.raw) == V2_1


@pytest.mark.parametrize("spelling", Spelling)
@pytest.mark.parametrize(
    "kept",
    [
        Node("CryptographicUsageMask", "TextString", "none of the standard's"),
        Node("StorageStatusMask", "ByteString", "00FF"),
        Node("ProtectionStorageMask", "BigInteger", "0x7FFFFFFFFFFFFFFF"),
    ],
)
def test_what_a_client_keeps_under_the_tag_of_a_mask_is_given_back_as_it_is(spelling: Spelling, kept: Node) -> None:
    header = structure("ResponseHeader", Node("BatchCount", "Integer", 1))
    payload = structure("ResponsePayload", structure("AttributeValue", kept))
    item = structure("BatchItem", Node("Operation", "Enumeration", "GetAttributes"), payload)
    raw = to_ttlv(structure("ResponseMessage", header, item))
    told = text.encode(raw, Dialect(Media.JSON, JSON, spelling)).content
    assert str(kept.value).encode() in told
