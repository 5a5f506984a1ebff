"""Arrays, clusters and object stores, beside those of test_appliances: by shared/kmip/interop.md sections 2 and 7."""

import os

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from gateway.kmip.enums import LinkType, ObjectType, Operation, ResultReason, State
from tests.clients.speaker import CONTINUE, FAILED, SUCCESS, create, end, meant, secret, shown
from tests.clients.traces import attribute, item, named, nest

GCM = nest("CryptographicParameters", "BlockCipherMode Enumeration GCM", "TagLength Integer 16")


@pytest.mark.parametrize("array", ["Dell", "Hitachi VSP", "IBM FlashSystem", "Nutanix", "Pure", "Cohesity", "Rubrik"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4"])
def test_arrays_with_the_usual_six(speak, fresh, array, version):
    """Create, Activate, Locate, Get, Revoke, Destroy: what a Cryptsoft client in most of them does."""
    client = speak(version)
    name = fresh(array)
    uid = client.make("Create", *create(named(name)))
    client.ask("Activate", meant(uid))
    assert client.ask("Locate", named(name)).values("UniqueIdentifier") == [uid]
    got = client.ask("Get", meant(uid))
    assert (got.value_of("ObjectType"), len(got.value_of("KeyMaterial"))) == (ObjectType.SYMMETRIC_KEY, 32)
    end(client, uid, "CessationOfOperation")
    assert client.refused("Get", meant(uid)) is ResultReason.ITEM_NOT_FOUND


def test_hpe_data_fabric(speak, fresh):
    """Discover Versions is its ping; it registers, re-keys, and looks for what replaced the old key."""
    fabric = speak("1.4")
    for _ in range(3):
        assert fabric.ask("DiscoverVersions").values("ProtocolVersionMajor")
    uid = fabric.make("Create", *create(named(fresh("cluster"))))
    fabric.ask("Activate", meant(uid))
    new = fabric.make("ReKey", meant(uid))
    told = fabric.ask("GetAttributes", meant(new), "AttributeName TextString Link")
    assert told.values("LinkType") == [LinkType.REPLACED_OBJECT_LINK]
    assert told.values("LinkedObjectIdentifier") == [uid]
    old, latest = (fabric.ask("Get", meant(each)).value_of("KeyMaterial") for each in (uid, new))
    assert old != latest
    assert fabric.make("Register", *secret("ab" * 32)) not in (uid, new)


def test_seagate_sees_no_key_of_the_gateway(speak):
    """A Locate of everything tells of the client's own objects: never of those that protect them."""
    drive = speak("1.1")
    made = {drive.make("Register", *secret("5e" * 32)) for _ in range(2)}
    found = drive.ask("Locate").values("UniqueIdentifier")
    assert made <= set(found)
    for uid in found[:20]:
        told = shown(drive.ask("GetAttributes", meant(uid), "AttributeName TextString Object Type"))
        assert told["Object Type"] in list(ObjectType)
    labels = [name for uid in found[:20] for name in drive.ask("GetAttributes", meant(uid)).values("NameValue")]
    assert not [label for label in labels if "kmip-gateway" in label]


def test_swift(speak):
    """It gets an AES-256 key by its identifier, and does nothing else."""
    swift = speak("1.2")
    uid = swift.make("Create", *create())
    got = swift.ask("Get", meant(uid))
    assert got.value_of("CryptographicLength") == 256
    assert len(got.value_of("KeyMaterial")) == 32


def test_ceph_sse_s3(speak):
    """Each object's key is sealed on the server; whoever brings another tag or IV gets nothing."""
    ceph = speak("1.4")
    uid = ceph.make("Create", *create())
    ceph.ask("Activate", meant(uid))
    sealed = ceph.ask("Encrypt", meant(uid), GCM, f"Data ByteString {'c0' * 32}")
    told = {each: sealed.value_of(each).hex() for each in sealed.fields()[1:]}
    right = [f"{name} ByteString {value}" for name, value in told.items()]
    assert ceph.ask("Decrypt", meant(uid), GCM, *right).value_of("Data") == bytes.fromhex("c0" * 32)
    for name in told:
        other = bytes([bytes.fromhex(told[name])[0] ^ 1]).hex() + told[name][2:]
        wrong = [line if not line.startswith(name) else f"{name} ByteString {other}" for line in right]
        assert ceph.refused("Decrypt", meant(uid), GCM, *wrong) is ResultReason.CRYPTOGRAPHIC_FAILURE


def test_ceph_nvmeof(speak):
    """Its pre-shared keys are passwords; the connection is used again after it was idle."""
    nvmeof = speak("1.4")
    uid = nvmeof.make("Register", *secret(b"NVMeTLSkey-1:01:c2VjcmV0:".hex()))
    nvmeof.ask("Activate", meant(uid))
    assert nvmeof.ask("Get", meant(uid)).value_of("KeyMaterial") == b"NVMeTLSkey-1:01:c2VjcmV0:"


@pytest.mark.parametrize("version", ["1.2", "1.4"])
def test_opencryptoki_and_truenas_bring_and_take_wrapped_keys(speak, version):
    """Both ways under a key that both sides have; a wrapped Key Value is a Byte String."""
    client, shared, key = speak(version), os.urandom(32), os.urandom(32)
    block = (
        "KeyFormatType Enumeration Raw",
        nest("KeyValue", f"KeyMaterial ByteString {shared.hex()}"),
        "CryptographicAlgorithm Enumeration AES",
        "CryptographicLength Integer 256",
    )
    wrapping = client.make(
        "Register",
        "ObjectType Enumeration SymmetricKey",
        nest("TemplateAttribute", attribute("Cryptographic Usage Mask", "Integer 48")),
        nest("SymmetricKey", nest("KeyBlock", *block)),
    )
    client.ask("Activate", meant(wrapping))
    by = nest(
        "EncryptionKeyInformation",
        meant(wrapping),
        nest("CryptographicParameters", "BlockCipherMode Enumeration NISTKeyWrap"),
    )
    plainly = "EncodingOption Enumeration NoEncoding"
    data = nest("KeyWrappingData", "WrappingMethod Enumeration Encrypt", by, plainly)
    wrapped = (block[0], f"KeyValue ByteString {aes_key_wrap(shared, key).hex()}", *block[2:], data)
    uid = client.make(
        "Register",
        "ObjectType Enumeration SymmetricKey",
        nest("TemplateAttribute", attribute("Cryptographic Usage Mask", "Integer 12")),
        nest("SymmetricKey", nest("KeyBlock", *wrapped)),
    )
    made = client.make("Create", *create())
    asked = nest("KeyWrappingSpecification", "WrappingMethod Enumeration Encrypt", by, plainly)
    # What came wrapped goes as it came.
    for request in ((meant(uid),), (meant(made), asked)):
        (value,) = client.ask("Get", *request).all("KeyValue")
        assert value.type == "ByteString"
        assert len(aes_key_unwrap(shared, value.value)) == 32


def test_kubernetes(speak):
    """A bridge of the KMS v2 plugin: data keys sealed in batches, by a key of which Status tells the same each time."""
    bridge = speak("1.4")
    uid = bridge.make("Create", *create())
    bridge.ask("Activate", meant(uid))
    seeds = [f"Data ByteString {bytes([n] * 32).hex()}" for n in range(8)]
    answer = bridge.send(*(item("Encrypt", meant(uid), GCM, seed) for seed in seeds))
    assert answer.values("ResultStatus") == [SUCCESS] * 8
    assert set(answer.values("UniqueIdentifier")) == {uid}
    assert len(set(answer.values("IVCounterNonce"))) == 8
    told = [shown(bridge.ask("GetAttributes", meant(uid), "AttributeName TextString State")) for _ in range(2)]
    assert told == [{"State": State.ACTIVE}] * 2


def test_tape_library_profile(speak, fresh):
    """What the OASIS profile of tape libraries asks of a server, as LTO libraries do it."""
    library = speak("1.0", CONTINUE)
    told = library.ask("Query", "QueryFunction Enumeration QueryOperations")
    used = {Operation.CREATE, Operation.LOCATE, Operation.GET, Operation.ADD_ATTRIBUTE, Operation.DESTROY}
    assert used <= set(told.values("Operation"))
    space = fresh("LIBRARY-LTO")

    def about(data, index=""):
        return attribute(
            "Application Specific Information",
            f"ApplicationNamespace TextString {space}",
            f"ApplicationData TextString {data}",
            index=index,
        )

    alias = fresh("alias")
    uid = library.make("Create", *create(named(alias), about("VOLSER=A00001L8")))
    library.ask("AddAttribute", meant(uid), about("KAD=0001"))
    for data in ("VOLSER=A00001L8", "KAD=0001"):
        assert library.ask("Locate", about(data)).values("UniqueIdentifier") == [uid]
    told = library.ask("GetAttributes", meant(uid), "AttributeName TextString Application Specific Information")
    assert told.values("ApplicationData") == ["VOLSER=A00001L8", "KAD=0001"]
    # A drive asks for the key of the tape in it, and for one that nobody wrote with.
    answer = library.send(
        item("Locate", about("VOLSER=A00001L8")), item("Get"), item("Locate", about("x")), item("Get")
    )
    assert answer.values("ResultStatus") == [SUCCESS, SUCCESS, SUCCESS, FAILED]
    assert len(answer.value_of("KeyMaterial")) == 32
