"""Databases that encrypt their files, beside those of test_databases: by shared/kmip/interop.md sections 2 and 7."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.kmip.enums import ObjectType, Operation, ResultReason, State
from tests.clients.speaker import FAILED, SUCCESS, create, end, meant, secret, shown
from tests.clients.traces import attribute, decode, encode, item, message, named, nest

CBC = nest(
    "CryptographicParameters",
    "BlockCipherMode Enumeration CBC",
    "PaddingMethod Enumeration PKCS5",
    "CryptographicAlgorithm Enumeration AES",
)
IV = "0f0e0d0c0b0a09080706050403020100"


def create_2(*attributes):
    """Give the payload of a Create in 2.x: AES-256 to encrypt and decrypt."""
    return (
        "ObjectType Enumeration SymmetricKey",
        nest(
            "Attributes",
            "CryptographicAlgorithm Enumeration AES",
            "CryptographicLength Integer 256",
            "CryptographicUsageMask Integer 12",
            *attributes,
        ),
    )


def named_2(name):
    return nest("Name", f"NameValue TextString {name}", "NameType Enumeration UninterpretedTextString")


def cbc(key, data):
    """Encrypt as the standard says, by other hands."""
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes.fromhex(IV))).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


@pytest.mark.parametrize("version", ["1.4", "2.1"])
@pytest.mark.parametrize("variant", ["pykmip", "thales"])
def test_edb_postgres(speak, variant, version):
    """It seals its data key, and stores [IV][ciphertext]: one variant gives an IV, the other takes the server's."""
    edb = speak(version)
    uid = edb.make("Create", *(create() if version == "1.4" else create_2()))
    edb.ask("Activate", meant(uid))
    key = edb.ask("Get", meant(uid)).value_of("KeyMaterial")
    given = (f"IVCounterNonce ByteString {IV}",) if variant == "pykmip" else ()
    sealed = edb.ask("Encrypt", meant(uid), CBC, "Data ByteString 001122", *given)
    if given:
        assert sealed.fields() == ["UniqueIdentifier", "Data"]
        assert sealed.value_of("Data") == cbc(key, bytes.fromhex("001122"))
    iv = IV if given else sealed.value_of("IVCounterNonce").hex()
    assert len(iv) == 32
    data = f"Data ByteString {sealed.value_of('Data').hex()}"
    opened = edb.ask("Decrypt", meant(uid), CBC, data, f"IVCounterNonce ByteString {iv}")
    assert opened.value_of("Data") == bytes.fromhex("001122")


def test_db2_counts_the_padding_of_its_texts(wire, speak, fresh):
    """A text of 20 bytes comes with a length of 24, filled with zeros."""
    label = fresh("DB2_SYSGEN_db2inst1")[:20].ljust(20, "x")
    db2 = speak("1.1")
    request = encode(message("1.1", item("Create", *create(named(label)))))
    text = label.encode()
    padded = request.replace(len(text).to_bytes(4, "big") + text, (24).to_bytes(4, "big") + text)
    assert padded != request
    made = decode(wire().send(padded))
    assert made.values("ResultStatus") == [SUCCESS]
    uid = made.value_of("UniqueIdentifier")
    db2.ask("Activate", meant(uid))
    asked = encode(message("1.1", item("Locate", named(label))))
    for raw in (asked, asked.replace(len(text).to_bytes(4, "big") + text, (24).to_bytes(4, "big") + text)):
        assert decode(wire().send(raw)).values("UniqueIdentifier") == [uid]
    found = shown(db2.ask("GetAttributes", meant(uid), "AttributeName TextString State"))
    assert found == {"State": State.ACTIVE}
    assert len(db2.ask("Get", meant(uid)).value_of("KeyMaterial")) == 32


def test_intersystems_iris(speak, fresh):
    """2.0: by name from the start, and gone at the end."""
    iris = speak("2.0")
    name = fresh("iris")
    uid = iris.make("Create", *create_2(named_2(name)))
    assert iris.ask("Locate", nest("Attributes", named_2(name))).values("UniqueIdentifier") == [uid]
    got = iris.ask("Get", meant(uid))
    assert got.fields() == ["ObjectType", "UniqueIdentifier", "SymmetricKey"]
    assert len(got.value_of("KeyMaterial")) == 32
    iris.ask("Destroy", meant(uid))
    assert iris.ask("Locate", nest("Attributes", named_2(name))).values("UniqueIdentifier") == []
    assert iris.refused("Get", meant(uid)) is ResultReason.OBJECT_DESTROYED


def test_oracle_key_vault_library(speak, fresh):
    """1.1: a master key with what identifies its database, found again by all of it."""
    okv = speak("1.1")
    database = attribute("x-OracleDatabase", f"TextString {fresh('ORCL')}")
    uid = okv.make("Create", *create(named(fresh("TDE"))))
    okv.ask("AddAttribute", meant(uid), database)
    okv.ask("Activate", meant(uid))
    wallet = okv.make("Register", *secret("ab" * 64, database))
    kind = attribute("Object Type", "Enumeration ObjectType.SymmetricKey")
    assert okv.ask("Locate", kind, database).values("UniqueIdentifier") == [uid]
    assert set(okv.ask("Locate", database).values("UniqueIdentifier")) == {uid, wallet}
    assert okv.ask("Get", meant(wallet)).value_of("ObjectType") == ObjectType.SECRET_DATA
    end(okv, uid, "CessationOfOperation")


@pytest.mark.parametrize("local", [True, False], ids=["fetches the key", "encrypts on the server"])
def test_couchbase(speak, local):
    """It tries what it was configured to do when it is configured, and goes on as it found."""
    couchbase = speak("1.4")
    uid = couchbase.make("Create", *create())
    couchbase.ask("Activate", meant(uid))
    if local:
        assert len(couchbase.ask("Get", meant(uid)).value_of("KeyMaterial")) == 32
        return
    gcm = nest("CryptographicParameters", "BlockCipherMode Enumeration GCM", "TagLength Integer 16")
    sealed = couchbase.ask("Encrypt", meant(uid), gcm, f"Data ByteString {'5a' * 32}")
    parts = [
        f"{each} ByteString {sealed.value_of(each).hex()}"
        for each in ("Data", "IVCounterNonce", "AuthenticatedEncryptionTag")
    ]
    assert couchbase.ask("Decrypt", meant(uid), gcm, *parts).value_of("Data") == bytes.fromhex("5a" * 32)


@pytest.mark.parametrize("version", ["1.4", "2.0"])
def test_percona_kmipclient(speak, fresh, version):
    """Pages of ids by Object Group, then each key with State, Name and Object Group by their names."""
    percona = speak(version, "MaximumResponseSize Integer 1048576", "TimeStamp DateTime 1700000000")
    group, names = fresh("group"), [fresh("key") for _ in range(5)]
    if version == "1.4":
        about = attribute("Object Group", f"TextString {group}")
        uids = [percona.make("Create", *create(named(name), about)) for name in names]
        filters, wanted = (about,), ("State", "Name", "Object Group")
        asked = [f"AttributeName TextString {each}" for each in wanted]
    else:
        about = f"ObjectGroup TextString {group}"
        uids = [percona.make("Create", *create_2(named_2(name), about)) for name in names]
        filters = (nest("Attributes", about),)
        asked = [f"AttributeReference Enumeration {tag:#x}" for tag in (0x42008D, 0x420053, 0x420056)]
    found = []
    for offset in (0, 2, 4):
        page = percona.ask("Locate", "MaximumItems Integer 2", f"OffsetItems Integer {offset}", *filters)
        found += page.values("UniqueIdentifier")
    assert sorted(found) == sorted(uids)
    told = percona.ask("GetAttributes", meant(uids[0]), *asked)
    assert told.values("NameValue") == [names[0]]
    assert group in told.values("AttributeValue" if version == "1.4" else "ObjectGroup")


def test_mongodb_polls_the_state(speak):
    """A node ends when its key is not Active, so that a Revoke must be seen by the next question."""
    mongodb = speak("1.0", "MaximumResponseSize Integer 8192")
    uid = mongodb.make("Create", *create())
    mongodb.ask("Activate", meant(uid))
    state = "AttributeName TextString State"
    for _ in range(3):
        assert shown(mongodb.ask("GetAttributes", meant(uid), state)) == {"State": State.ACTIVE}
    reason = nest("RevocationReason", "RevocationReasonCode Enumeration CessationOfOperation")
    mongodb.ask("Revoke", meant(uid), reason)
    assert shown(mongodb.ask("GetAttributes", meant(uid), state)) == {"State": State.DEACTIVATED}


def test_mysql_that_knows_no_key(speak):
    """A keyring whose id is unknown must hear so, and of one item alone."""
    mysql = speak("1.1", "MaximumResponseSize Integer 280000")
    answer = mysql.send(item("Get", meant("11111111-2222-3333-4444-555555555555")))
    assert answer.values("ResultStatus") == [FAILED]
    assert answer.value_of("ResultReason") == ResultReason.ITEM_NOT_FOUND
    assert answer.value_of("Operation") == Operation.GET
