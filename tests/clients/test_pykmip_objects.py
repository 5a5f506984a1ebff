"""PyKMIP's client against a running gateway: every way of making, fetching, replacing and ending an object."""

import hashlib
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from tests.clients.conftest import enums, failing, kmip, recorded, version_of
from tests.clients.traces import decode
from tests.support.messages import answers

# After conftest, which silences what PyKMIP warns of when it is imported first.
from kmip.core.messages import payloads  # isort: skip
from kmip.core.exceptions import ReadValueError  # isort: skip
from kmip.core.misc import KeyFormatType  # isort: skip
from kmip.pie import objects  # isort: skip

A, M, F, State, Reason = (
    enums.CryptographicAlgorithm,
    enums.CryptographicUsageMask,
    enums.KeyFormatType,
    enums.State,
    enums.ResultReason,
)
USE = [M.ENCRYPT, M.DECRYPT]
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
WRAPPED_BY = {
    "wrapping_method": enums.WrappingMethod.ENCRYPT,
    "encoding_option": enums.EncodingOption.NO_ENCODING,
}


def pkcs8(key):
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def pkcs1(key):
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def state_of(client, uid):
    (state,) = client.get_attributes(uid, ["State"])[1]
    return state.attribute_value.value


@pytest.mark.parametrize(
    ("algorithm", "bits"),
    [(A.AES, 128), (A.AES, 192), (A.AES, 256), (A.TRIPLE_DES, 192), (A.HMAC_SHA256, 256), (A.CAMELLIA, 256)],
)
def test_create_and_get(client, fresh, algorithm, bits):
    uid = client.create(algorithm, bits, name=fresh("key"), cryptographic_usage_mask=[M.WRAP_KEY])
    key = client.get(uid)
    assert (key.cryptographic_algorithm, key.cryptographic_length, len(key.value) * 8) == (algorithm, bits, bits)
    (mask,) = client.get_attributes(uid, ["Cryptographic Usage Mask"])[1]
    # The client adds the first two by itself.
    assert mask.attribute_value.value == sum(bit.value for bit in (*USE, M.WRAP_KEY))
    assert client.get(client.create(algorithm, bits)).value != key.value


@pytest.mark.parametrize("client", ["1.0", "1.1", "1.2", "1.3", "1.4"], indirect=True)
def test_an_operation_policy_name_comes_back(client):
    uid = client.create(A.AES, 256, operation_policy_name="default")
    (policy,) = client.get_attributes(uid, ["Operation Policy Name"])[1]
    assert policy.attribute_value.value == "default"


@pytest.mark.parametrize("bits", [2048, 3072])
def test_create_key_pair(client, fresh, bits):
    public_name, private_name = fresh("public"), fresh("private")
    public, private = client.create_key_pair(
        A.RSA,
        bits,
        public_name=public_name,
        public_usage_mask=[M.VERIFY],
        private_name=private_name,
        private_usage_mask=[M.SIGN],
    )
    half, other = client.get(private), client.get(public)
    assert (half.key_format_type, other.key_format_type) == (F.PKCS_1, F.PKCS_1)
    key = load_der_private_key(half.value, None)
    assert key.key_size == bits == other.cryptographic_length
    assert load_der_public_key(other.value).public_numbers() == key.public_key().public_numbers()
    for uid, name in ((public, public_name), (private, private_name)):
        (found,) = client.get_attributes(uid, ["Name"])[1]
        assert found.attribute_value.name_value.value == name


def test_a_key_pair_without_masks(client):
    """As Barbican asks for it."""
    public, private = client.create_key_pair(A.RSA, 2048)
    assert {type(client.get(uid)) for uid in (public, private)} == {objects.PublicKey, objects.PrivateKey}
    client.destroy(private)
    client.destroy(public)


def samples(fresh):
    """Give one object of every kind that the client can register."""
    certificate = x509_certificate()
    return {
        "AES": objects.SymmetricKey(A.AES, 128, bytes(range(16)), USE, fresh()),
        "3DES": objects.SymmetricKey(A.TRIPLE_DES, 192, bytes.fromhex("0123456789abcdef" * 2 + "fedcba9876543210")),
        "IDEA": objects.SymmetricKey(A.IDEA, 128, bytes(16), USE, fresh()),
        "RSA public": objects.PublicKey(A.RSA, 2048, spki(RSA_KEY), F.X_509, [M.VERIFY], fresh()),
        "RSA PKCS#1": objects.PrivateKey(A.RSA, 2048, pkcs1(RSA_KEY), F.PKCS_1, [M.SIGN], fresh()),
        "RSA PKCS#8": objects.PrivateKey(A.RSA, 2048, pkcs8(RSA_KEY), F.PKCS_8, [M.SIGN], fresh()),
        "EC PKCS#8": objects.PrivateKey(A.EC, 256, pkcs8(EC_KEY), F.PKCS_8, [M.SIGN], fresh()),
        "password": objects.SecretData(b"secret", enums.SecretDataType.PASSWORD, [M.DERIVE_KEY], fresh()),
        "seed": objects.SecretData(bytes(96), enums.SecretDataType.SEED, None, fresh()),
        "opaque": objects.OpaqueObject(b"anything", enums.OpaqueDataType.NONE, fresh()),
        "certificate": objects.X509Certificate(certificate, [M.VERIFY], fresh()),
        "split key": objects.SplitKey(
            cryptographic_algorithm=A.AES,
            cryptographic_length=128,
            key_value=bytes(range(16)),
            cryptographic_usage_masks=USE,
            name=fresh(),
            split_key_parts=4,
            key_part_identifier=1,
            split_key_threshold=2,
            split_key_method=enums.SplitKeyMethod.XOR,
        ),
    }


def x509_certificate():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(RSA_KEY.public_key())
    now = datetime.now(UTC)
    builder = builder.serial_number(77).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(RSA_KEY, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("kind", list(samples(str)))
def test_register_and_get(client, fresh, kind):
    given = samples(fresh)[kind]
    given.names = [fresh(kind)]
    uid = client.register(given)
    found = client.get(uid)
    assert type(found) is type(given)
    assert found.value == given.value
    assert vars_of(found) == vars_of(given) | renamed(client, given)
    (name,) = client.get_attributes(uid, ["Name"])[1]
    assert name.attribute_value.name_value.value == given.names[0]
    client.destroy(uid)


KEPT = (
    "cryptographic_algorithm",
    "cryptographic_length",
    "key_format_type",
    "data_type",
    "opaque_type",
    "certificate_type",
    "split_key_parts",
    "key_part_identifier",
    "split_key_threshold",
    "split_key_method",
    "prime_field_size",
)


def renamed(client, given):
    """Give the algorithm by the name that the version has: EC came with 1.2, and PyKMIP sends it before too."""
    old = client.kmip_version in (enums.KMIPVersion.KMIP_1_0, enums.KMIPVersion.KMIP_1_1)
    is_ec = getattr(given, "cryptographic_algorithm", None) is A.EC
    return {"cryptographic_algorithm": A.ECDSA} if old and is_ec else {}


def vars_of(found):
    """Give what of an object goes over the wire, besides its value and its attributes."""
    return {name: getattr(found, name, None) for name in KEPT}


def test_application_specific_information_keeps_its_order(client, fresh):
    information = [{"application_namespace": f"ns{n}", "application_data": f"data{n}"} for n in (2, 1)]
    key = objects.SymmetricKey(A.AES, 128, bytes(16), USE, fresh(), app_specific_info=information)
    _, found = client.get_attributes(client.register(key), ["Application Specific Information"])
    assert [each.attribute_value.application_data for each in found] == ["data2", "data1"]


@pytest.fixture
def wrapping(client, fresh):
    """A key that wraps: its unique identifier and its value."""
    value = bytes(range(32))
    uid = client.register(objects.SymmetricKey(A.AES, 256, value, [M.WRAP_KEY, M.UNWRAP_KEY], fresh()))
    client.activate(uid)
    return uid, value


def wrapped_by(uid):
    parameters = {"block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP}
    return {
        **WRAPPED_BY,
        "encryption_key_information": {"unique_identifier": uid, "cryptographic_parameters": parameters},
    }


def test_get_wrapped(client, fresh, wrapping):
    by, value = wrapping
    material = bytes(range(100, 116))
    uid = client.register(objects.SymmetricKey(A.AES, 128, material, USE, fresh()))
    # PyKMIP takes a wrapped Key Value for a Structure; the standard and everybody else have a Byte String (TC-141-12).
    with recorded(client) as answers_read, pytest.raises(ReadValueError):
        client.get(uid, key_wrapping_specification=wrapped_by(by))
    version = kmip(version_of(client))
    (answer,) = answers(answers_read[0], version)
    block = answer.payload.symmetric_key.key_block
    assert aes_key_unwrap(value, block.key_value) == material
    assert block.key_wrapping_data.encryption_key_information.unique_identifier == by


def wrapped_samples(fresh, by, wrapped):
    """Give a wrapped object of every kind that the client can register so."""
    data = {"key_wrapping_data": wrapped_by(by)}
    return {
        "symmetric": objects.SymmetricKey(A.AES, 128, wrapped, USE, fresh(), **data),
        "public": objects.PublicKey(A.RSA, 2048, wrapped, F.X_509, [M.VERIFY], fresh(), **data),
        "private": objects.PrivateKey(A.RSA, 2048, wrapped, F.PKCS_8, [M.SIGN], fresh(), **data),
        "split": objects.SplitKey(
            cryptographic_algorithm=A.AES,
            cryptographic_length=128,
            key_value=wrapped,
            cryptographic_usage_masks=USE,
            name=fresh(),
            split_key_parts=3,
            key_part_identifier=1,
            split_key_threshold=3,
            split_key_method=enums.SplitKeyMethod.XOR,
            **data,
        ),
    }


@pytest.mark.parametrize("kind", ["symmetric", "public", "private", "split"])
def test_register_wrapped(client, fresh, wrapping, kind):
    by, value = wrapping
    material = {"public": spki(RSA_KEY), "private": pkcs8(RSA_KEY)}.get(kind, bytes(range(16)))
    wrapped = aes_key_wrap(value, material + bytes(-len(material) % 8))
    found = client.get(client.register(wrapped_samples(fresh, by, wrapped)[kind]))
    assert found.value == wrapped
    assert found.key_wrapping_data["encryption_key_information"]["unique_identifier"] == by


def test_derive_key(client, fresh):
    uid = client.register(objects.SymmetricKey(A.AES, 128, bytes(range(16)), [M.DERIVE_KEY], fresh()))
    client.activate(uid)
    parameters = {"cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}}
    made = client.derive_key(
        enums.ObjectType.SYMMETRIC_KEY,
        [uid],
        enums.DerivationMethod.HASH,
        parameters,
        cryptographic_length=128,
        cryptographic_algorithm=A.AES,
    )
    assert client.get(made).value == hashlib.sha256(bytes(range(16))).digest()[:16]


def test_rekey(client, fresh):
    if client.kmip_version is enums.KMIPVersion.KMIP_2_0:
        # PyKMIP puts a Template-Attribute into its Re-key of 2.0, which 2.0 does not have.
        with failing(Reason.INVALID_FIELD):
            client.rekey(uid=client.create(A.AES, 128), offset=0)
        return
    name = fresh("key")
    old = client.create(A.AES, 128, name=name)
    client.activate(old)
    new = client.rekey(uid=old, offset=0)
    assert client.get(new).value != client.get(old).value
    (moved,) = client.get_attributes(new, ["Name"])[1]
    assert moved.attribute_value.name_value.value == name
    assert client.get_attributes(old, ["Name"])[1] == []
    assert (state_of(client, old), state_of(client, new)) == (State.ACTIVE, State.ACTIVE)
    dated = client.rekey(uid=new, activation_date=int(time.time()) + 1000)
    assert state_of(client, dated) is State.PRE_ACTIVE


def test_the_life_of_a_key(client):
    uid = client.create(A.AES, 128)
    assert state_of(client, uid) is State.PRE_ACTIVE
    client.activate(uid)
    assert state_of(client, uid) is State.ACTIVE
    with failing():
        client.activate(uid)
    with failing():
        client.destroy(uid)
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid, "done")
    assert state_of(client, uid) is State.DEACTIVATED
    client.destroy(uid)
    assert state_of(client, uid) is State.DESTROYED
    for method in (client.get, client.destroy, client.activate):
        with failing():
            method(uid)


def test_a_compromised_key(client):
    uid = client.create(A.AES, 128)
    client.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, uid, "stolen", int(time.time()) - 100)
    assert state_of(client, uid) is State.COMPROMISED
    client.destroy(uid)
    assert state_of(client, uid) is State.DESTROYED_COMPROMISED


def test_check(client):
    uid = client.create(A.AES, 128)
    assert client.check(uid, cryptographic_usage_mask=USE) == uid
    assert client.check(uid, usage_limits_count=5, cryptographic_usage_mask=USE, lease_time=10) == uid


def test_a_taken_name_is_refused(client, fresh):
    name = fresh("key")
    client.create(A.AES, 128, name=name)
    with failing():
        client.create(A.AES, 128, name=name)


def test_another_client_sees_nothing(pykmip, client, fresh):
    name = fresh("mine")
    uid = client.create(A.AES, 128, name=name)
    other = pykmip(version_of(client), "client2")
    for method in (other.get, other.activate, other.destroy, other.get_attributes, other.get_attribute_list):
        with failing(Reason.ITEM_NOT_FOUND, Reason.OBJECT_NOT_FOUND) as foreign:
            method(uid)
        with failing(Reason.ITEM_NOT_FOUND, Reason.OBJECT_NOT_FOUND) as missing:
            method("no such thing")
        assert str(foreign.value).replace(uid, "no such thing") == str(missing.value)
    assert uid not in other.locate()
    # A name tells nothing of what others have.
    assert other.create(A.AES, 128, name=name) != uid


@pytest.mark.parametrize("form", [F.PKCS_1, F.PKCS_8, F.TRANSPARENT_RSA_PRIVATE_KEY], ids=lambda form: form.name)
def test_get_in_a_format(client, fresh, form):
    """The proxy asks for formats, which pie does not."""
    uid = client.register(objects.PrivateKey(A.RSA, 2048, pkcs8(RSA_KEY), F.PKCS_8, [M.SIGN], fresh()))
    with recorded(client) as read:
        try:
            client.proxy.get(uid, key_format_type=KeyFormatType(form))
        except (ReadValueError, TypeError, AttributeError):
            # PyKMIP has no transparent keys.
            assert form is F.TRANSPARENT_RSA_PRIVATE_KEY
    (answer,) = answers(read[0], kmip(version_of(client)))
    block = answer.payload.private_key.key_block
    assert block.key_format_type == form.value
    expected = {F.PKCS_1: pkcs1(RSA_KEY), F.PKCS_8: pkcs8(RSA_KEY)}.get(form)
    assert expected is None or block.key_value.key_material == expected


def test_credentials_beside_the_certificate(pykmip):
    """As Barbican has them: the certificate tells who it is, whatever the password."""
    client = pykmip("1.2", username="anybody", password="anything")
    uid = client.create(A.AES, 128)
    assert pykmip("1.2").get(uid).value == client.get(uid).value


@pytest.mark.parametrize("protocol", ["PROTOCOL_TLSv1_2", "PROTOCOL_SSLv23"])
def test_versions_of_tls(pykmip, protocol):
    client = pykmip("1.2", ssl_version=protocol)
    assert client.create(A.AES, 128)
    assert client.proxy.socket.version() == ("TLSv1.2" if protocol == "PROTOCOL_TLSv1_2" else "TLSv1.3")


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        (enums.Operation.POLL, payloads.PollRequestPayload),
        (enums.Operation.CANCEL, payloads.CancelRequestPayload),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_poll_for_nothing_is_refused_and_no_more(pykmip, operation, payload):
    """PyKMIP has payloads for them, but no methods, and cannot read a response to them: the connection stays."""
    client = pykmip("1.2")
    assert operation in client.proxy.query(query_functions=[enums.QueryFunction.QUERY_OPERATIONS]).operations
    with recorded(client) as read, pytest.raises(NotImplementedError):
        client.proxy.send_request_payload(operation, payload())
    answer = decode(read[0])
    assert answer.value_of("ResultReason") == Reason.INVALID_MESSAGE.value
    assert client.create(A.AES, 128)
