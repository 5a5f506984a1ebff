"""The JSON dialects on a working gateway: what a client of each does with a key, and what it reads of the answers."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.access.identity import Identity, Peer
from gateway.access.roles import EVERYTHING
from gateway.wire import text
from tests.operations.conftest import Gateway
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


async def post(gateway: Gateway, body: bytes, *, bare: bool) -> tuple[int, Any]:
    """Have a body answered as the HTTPS port does; give the status, and JSON or a line of text."""
    raw, dialect = text.decode(body, JSON, bare=bare)
    answer = await gateway.exchange.answer(raw, Peer(Identity("cert:a"), "127.0.0.1", (EVERYTHING,)))
    content, media_type, status = text.encode(answer, dialect)
    return status, json.loads(content) if media_type == JSON else content.decode()


async def ask(gateway: Gateway, item: dict[str, Any]) -> Any:
    """Ask for a bare operation that succeeds; give what its answer holds by tag."""
    status, answer = await post(gateway, json.dumps(item).encode(), bare=True)
    assert status == 200, answer
    assert answer["tag"] == f"{item['tag']}Response"
    return {each["tag"]: each["value"] for each in answer["value"]}


@pytest.mark.parametrize("bare", [False, True])
async def test_the_page_s_request_creates_a_key_pair_and_locates_it(gateway: Gateway, bare: bool) -> None:
    status, answer = await post(gateway, PAGE_REQUEST, bare=bare)
    assert (status, shape(answer)) == (200, PAGE_ANSWER)
    first, second = answer["value"][1]["value"]
    made = first["value"][2]["value"]
    found = second["value"][1]["value"][1]["value"]
    assert [each["value"] for each in made] == [each["value"] for each in found]


async def test_a_4_x_client_creates_a_key_and_uses_it(gateway: Gateway) -> None:
    key = text_string("UniqueIdentifier", (await ask(gateway, create_4()))["UniqueIdentifier"])
    sealed = await ask(gateway, node("Encrypt", [key, bytes_("Data", "00ff")]))
    assert set(sealed) == {"UniqueIdentifier", "Data", "IvCounterNonce", "AuthenticatedEncryptionTag"}
    parts = [bytes_(tag, sealed[tag]) for tag in ("Data", "IvCounterNonce", "AuthenticatedEncryptionTag")]
    assert (await ask(gateway, node("Decrypt", [key, *parts])))["Data"] == "00FF"
    got = await ask(gateway, node("Get", [key, enumeration("KeyWrapType", "AsRegistered")]))
    (block,) = got["Object"]
    value = next(each for each in block["value"] if each["tag"] == "KeyValue")
    assert [each["tag"] for each in value["value"]] == ["KeyMaterial", "Attributes"]
    wanted = [each for each in create_4()["value"][1]["value"] if each["tag"] == "VendorAttributes"]
    found = await ask(gateway, node("Locate", [node("Attributes", wanted)]))
    assert found["UniqueIdentifier"] == [key]
    await ask(gateway, node("Revoke", [key, text_string("RevocationReason", "no longer needed")]))
    await ask(gateway, node("Destroy", [key]))
    status, line = await post(gateway, json.dumps(node("Get", [key])).encode(), bare=True)
    assert status == 422
    assert line.startswith("Object_Destroyed: ")


async def test_a_4_x_client_imports_a_key_and_gets_it_back(gateway: Gateway) -> None:
    material = node("KeyMaterial", [bytes_("Key", "00112233445566778899AABBCCDDEEFF")])
    block = [
        node("KeyValue", [node("Attributes", []), material]),
        enumeration("CryptographicAlgorithm", "AES"),
        enumeration("KeyFormatType", "TransparentSymmetricKey"),
        node("CryptographicLength", 128, "Integer"),
    ]
    described = [
        enumeration("CryptographicAlgorithm", "AES"),
        node("CryptographicLength", 128, "Integer"),
        node("CryptographicUsageMask", 12, "Enumeration"),
    ]
    imported = node(
        "Import",
        [
            node("ReplaceExisting", False, "Boolean"),
            text_string("UniqueIdentifier", "a-key-of-mine"),
            enumeration("ObjectType", "SymmetricKey"),
            node("Attributes", described),
            node("Object", [node("KeyBlock", block)]),
        ],
    )
    key = text_string("UniqueIdentifier", (await ask(gateway, imported))["UniqueIdentifier"])
    got = await ask(gateway, node("Get", [key]))
    value = next(each for each in got["Object"][0]["value"] if each["tag"] == "KeyValue")
    assert value["value"][0] == material
    assert "Data" in await ask(gateway, node("Encrypt", [key, bytes_("Data", "01")]))


async def test_a_4_x_client_may_say_no_more_of_a_key_than_its_algorithm(gateway: Gateway) -> None:
    described = [enumeration("CryptographicAlgorithm", "AES"), node("CryptographicLength", 256, "Integer"), VENDOR_4]
    create = node("Create", [enumeration("ObjectType", "SymmetricKey"), node("Attributes", described)])
    key = text_string("UniqueIdentifier", (await ask(gateway, create))["UniqueIdentifier"])
    sealed = await ask(gateway, node("Encrypt", [key, bytes_("Data", "01")]))
    assert len(sealed["AuthenticatedEncryptionTag"]) == 32


async def test_a_4_x_client_imports_an_encoded_key_whose_length_it_takes_for_that_of_the_encoding(
    gateway: Gateway,
) -> None:
    encoded = (
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex()
    )
    length = node("CryptographicLength", len(encoded) * 4, "Integer")
    attributes = node("Attributes", [enumeration("ObjectType", "PrivateKey"), VENDOR_4, length])
    block = [
        node("KeyValue", [attributes, node("KeyMaterial", [bytes_("ByteString", encoded)])]),
        enumeration("KeyFormatType", "PKCS8"),
        length,
    ]
    parts = [
        text_string("UniqueIdentifier", "mine"),
        enumeration("ObjectType", "PrivateKey"),
        node("Attributes", [enumeration("ObjectType", "PrivateKey"), length]),
        node("Object", [node("KeyBlock", block)]),
    ]
    await ask(gateway, node("Import", parts))
    wanted = [text_string("UniqueIdentifier", "mine"), enumeration("KeyFormatType", "PKCS8")]
    block = (await ask(gateway, node("Get", wanted)))["Object"][0]["value"]
    held = {each["tag"]: each["value"] for each in block}
    assert held["CryptographicLength"] == 256
    assert held["KeyFormatType"] == "PKCS8"
    assert held["KeyValue"][0]["type"] == "ByteString"


async def test_a_5_x_client_creates_a_key_and_reads_its_attributes(gateway: Gateway) -> None:
    made = await ask(gateway, strip_types(CREATE_5))
    assert list(made) == ["ObjectType", "UniqueIdentifier"]
    key = strip_types(node("GetAttributes", [text_string("UniqueIdentifier", made["UniqueIdentifier"])]))
    attributes = (await ask(gateway, key))["Attributes"]
    held = {each["tag"]: each["value"] for each in attributes}
    assert held["CryptographicUsageMask"] == 2108
    assert held["State"] == "PreActive"
    assert held["Digest"][0] == enumeration("HashingAlgorithm", "SHA256")


async def test_a_5_x_client_reads_why_an_operation_failed(gateway: Gateway) -> None:
    body = b'{"tag":"Get","value":[{"tag":"UniqueIdentifier","type":"TextString","value":"no such"}]}'
    status, line = await post(gateway, body, bare=True)
    assert (status, line) == (422, "Object_Not_Found: there is no object 'no such'")
