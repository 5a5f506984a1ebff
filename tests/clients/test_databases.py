"""Databases, object stores and libraries that we do not have, by the messages that they were seen to send.

Each test asserts what that client needs in the answers. What is known of them stands in shared/kmip/interop.md: from
sources, captured traces, documents of the vendors, issues.
"""

from gateway.kmip.enums import KeyFormatType, ResultReason, State
from tests.clients.speaker import CONTINUE, FAILED, SUCCESS, TO_ENCRYPT, create, end, meant, secret, shown
from tests.clients.traces import Item, attribute, decode, encode, item, message, named, nest


def test_mongodb_classic(gateway, speak):
    """A master key that the client keeps here, as Secret Data without any use."""
    mongodb = speak("1.0")
    material = bytes(range(96)).hex()
    uid = mongodb.make("Register", *secret(material, kind="Seed", mask="0"))
    mongodb.ask("Activate", meant(uid))
    got = mongodb.ask("Get", meant(uid))
    assert got.value_of("KeyMaterial") == bytes(range(96))
    assert got.value_of("KeyFormatType") == KeyFormatType.OPAQUE
    assert mongodb.ask("GetAttributes", meant(uid), "AttributeName TextString State").value_of("AttributeValue") == (
        State.ACTIVE
    )


def test_mongodb_delegated(speak):
    mongodb = speak("1.2")
    uid = mongodb.make("Create", *create())
    mongodb.ask("Activate", meant(uid))
    parameters = (
        "BlockCipherMode Enumeration CBC",
        "PaddingMethod Enumeration PKCS5",
        "CryptographicAlgorithm Enumeration AES",
    )
    drawn = nest("CryptographicParameters", *parameters, "RandomIV Boolean 1")
    sealed = mongodb.ask("Encrypt", meant(uid), drawn, f"Data ByteString {'ab' * 96}")
    iv = sealed.value_of("IVCounterNonce")
    assert len(iv) == 16
    opened = mongodb.ask(
        "Decrypt",
        meant(uid),
        nest("CryptographicParameters", *parameters),
        f"Data ByteString {sealed.value_of('Data').hex()}",
        f"IVCounterNonce ByteString {iv.hex()}",
    )
    assert opened.value_of("Data") == bytes.fromhex("ab" * 96)


def test_old_clients_get_nothing_new(speak):
    """A MongoDB of 1.0 stopped over the Fresh and Initial Date of a server."""
    uid = speak("1.0").make("Create", *create())
    names = shown(speak("1.0").ask("GetAttributes", meant(uid)))
    assert not {"Fresh", "Original Creation Date", "Sensitive", "Extractable", "Random Number Generator"} & set(names)


def test_mysql_keyring(speak, fresh):
    mysql = speak("1.1", "MaximumResponseSize Integer 280000")
    name = fresh("mysql")
    index = "AttributeIndex Integer 0"
    indexed = [
        attribute("Cryptographic Algorithm", "Enumeration CryptographicAlgorithm.AES", index=index),
        attribute("Cryptographic Length", "Integer 256", index=index),
        attribute("Cryptographic Usage Mask", "Integer 12", index=index),
        attribute("Name", f"NameValue TextString {name}", "NameType Enumeration UninterpretedTextString", index=index),
    ]
    uid = mysql.make("Create", "ObjectType Enumeration SymmetricKey", nest("TemplateAttribute", *indexed))
    mysql.ask("Activate", meant(uid))
    located = mysql.ask(
        "Locate",
        "StorageStatusMask Integer 1",
        attribute("Object Type", "Enumeration ObjectType.SymmetricKey", index=index),
        attribute("State", "Enumeration State.Active", index=index),
        indexed[3],
    )
    assert located.values("UniqueIdentifier") == [uid]
    assert len(mysql.ask("Get", meant(uid)).value_of("KeyMaterial")) == 32
    end(mysql, uid, "Unspecified")


def test_percona_server(speak, fresh):
    """All keys of an Object Group, page by page: the Offset Items of 1.3 in a message of 1.0."""
    percona = speak("1.0", "MaximumResponseSize Integer 8192", "TimeStamp DateTime 1700000000")
    group = attribute("Object Group", f"TextString {fresh('group')}")
    made = [percona.make("Register", *secret("aa" * 16, group, named(fresh()))) for _ in range(5)]
    assert set(percona.ask("Locate", "MaximumItems Integer 65535", group).values("UniqueIdentifier")) == set(made)
    found = []
    for offset in (0, 2, 4, 6):
        page = percona.ask("Locate", "MaximumItems Integer 2", f"OffsetItems Integer {offset}", group)
        assert page.fields() == ["UniqueIdentifier"] * len(page.value)
        found += page.values("UniqueIdentifier")
    assert sorted(found) == sorted(made)


def test_an_empty_object_group(speak):
    """An optimised build of kmippp has lost the name that it means."""
    percona = speak("1.0")
    uid = percona.make("Register", *secret("aa" * 16, attribute("Object Group", "TextString")))
    assert shown(percona.ask("GetAttributes", meant(uid), "AttributeName TextString Object Group")) == {
        "Object Group": ""
    }


def test_percona_postgresql(speak, fresh):
    percona = speak("1.4", "TimeStamp DateTime 1700000000")
    name = fresh("tde")
    block = nest(
        "KeyBlock",
        "KeyFormatType Enumeration Raw",
        "KeyCompressionType Enumeration 1",
        nest("KeyValue", f"KeyMaterial ByteString {'0f' * 16}"),
        "CryptographicAlgorithm Enumeration AES",
        "CryptographicLength Integer 128",
    )
    uid = percona.make(
        "Register",
        "ObjectType Enumeration SymmetricKey",
        nest("TemplateAttribute", named(name), TO_ENCRYPT),
        nest("SymmetricKey", block),
    )
    kind = attribute("Object Type", "Enumeration ObjectType.SymmetricKey")
    assert percona.ask("Locate", kind, named(name)).values("UniqueIdentifier") == [uid]
    assert percona.ask("Get", meant(uid)).value_of("KeyMaterial") == bytes.fromhex("0f" * 16)


def test_scylladb(speak, fresh):
    """A misspelled attribute fails its Locate, and neither finds everything nor ends the message."""
    scylla = speak("1.2", CONTINUE)
    name = fresh()
    uid = scylla.make("Create", *create(named(name)))
    answer = scylla.send(item("Locate", attribute("Cryptografic Length", "Integer 256")), item("Locate", named(name)))
    assert answer.values("ResultStatus") == [FAILED, SUCCESS]
    assert answer.values("UniqueIdentifier") == [uid]


def test_ceph_rgw(speak, fresh):
    ceph = speak("1.0", "MaximumResponseSize Integer 8192", "TimeStamp DateTime 1700000000")
    name = fresh("rgw")
    uid = ceph.make("Create", *create(named(name)))
    assert ceph.ask("Locate", named(name)).values("UniqueIdentifier") == [uid]
    got = ceph.ask("Get", meant(uid))
    assert (got.value_of("KeyFormatType"), len(got.value_of("KeyMaterial"))) == (KeyFormatType.RAW, 32)


def test_barbican(speak):
    """A pair without any usage mask; what was never Active is destroyed without Revoke."""
    barbican = speak("1.2")
    pair = barbican.ask(
        "CreateKeyPair",
        nest(
            "CommonTemplateAttribute",
            attribute("Cryptographic Algorithm", "Enumeration CryptographicAlgorithm.RSA"),
            attribute("Cryptographic Length", "Integer 2048"),
        ),
    )
    for half in ("PrivateKeyUniqueIdentifier", "PublicKeyUniqueIdentifier"):
        barbican.ask("Destroy", meant(pair.value_of(half)))


def test_openbao(speak):
    """It seals its root key by AES-GCM, and keeps IV and tag itself."""
    bao = speak("1.4")
    uid = bao.make("Create", *create())
    bao.ask("Activate", meant(uid))
    bao.ask("GetAttributes", meant(uid))
    gcm = nest("CryptographicParameters", "BlockCipherMode Enumeration GCM", "TagLength Integer 16")
    additional = "AuthenticatedEncryptionAdditionalData ByteString 0102"
    sealed = bao.ask("Encrypt", meant(uid), gcm, "Data ByteString 00112233", additional)
    assert sealed.fields() == ["UniqueIdentifier", "Data", "IVCounterNonce", "AuthenticatedEncryptionTag"]
    data, iv, tag = (sealed.value_of(name) for name in sealed.fields()[1:])
    assert (len(data), len(iv), len(tag)) == (4, 12, 16)
    kept = (f"Data ByteString {data.hex()}", f"IVCounterNonce ByteString {iv.hex()}")
    given = f"AuthenticatedEncryptionTag ByteString {tag.hex()}"
    assert bao.ask("Decrypt", meant(uid), gcm, *kept, additional, given).value_of("Data") == bytes.fromhex("00112233")
    other = additional.replace("0102", "0103")
    assert bao.refused("Decrypt", meant(uid), gcm, *kept, other, given) is ResultReason.CRYPTOGRAPHIC_FAILURE


def test_vault_clients(speak):
    """They read no Object Type in the response to Register, in 1.x."""
    assert speak("1.4").ask("Register", *secret("aa" * 16)).fields() == ["UniqueIdentifier"]


def test_kmip_go(speak):
    """What is not said is the ID Placeholder; the Client Correlation Value comes back."""
    go = speak("1.4", "ClientCorrelationValue TextString request-7", "TimeStamp DateTime 1700000000")
    reason = nest("RevocationReason", "RevocationReasonCode Enumeration CessationOfOperation")
    answer = go.send(item("Create", *create()), item("Activate"), item("Revoke", reason), item("Destroy"))
    assert answer.values("ResultStatus") == [SUCCESS] * 4
    assert len(set(answer.values("UniqueIdentifier"))) == 1
    assert answer.values("ClientCorrelationValue") == ["request-7"]


def test_libkmip_reads_strictly(speak, fresh):
    """Fields in the order of the standard, a Time Stamp in the header, nothing newer than 1.0, 8192 bytes at most."""
    libkmip = speak("1.0", "MaximumResponseSize Integer 8192", "TimeStamp DateTime 1700000000")
    answer = libkmip.send(item("Create", *create(named(fresh()))))
    header, batch_item = answer.value
    assert header.fields() == ["ProtocolVersion", "TimeStamp", "BatchCount"]
    assert batch_item.fields() == ["Operation", "ResultStatus", "ResponsePayload"]
    assert answer.all("ResponsePayload")[0].fields() == ["ObjectType", "UniqueIdentifier"]
    got = libkmip.ask("Get", meant(answer.value_of("UniqueIdentifier")))
    assert got.fields() == ["ObjectType", "UniqueIdentifier", "SymmetricKey"]
    (block,) = got.all("KeyBlock")
    assert block.fields() == ["KeyFormatType", "KeyValue", "CryptographicAlgorithm", "CryptographicLength"]
    refused = libkmip.send(item("Get", meant("missing")))
    assert refused.value[1].fields() == ["Operation", "ResultStatus", "ResultReason", "ResultMessage"]
    big = libkmip.make("Register", *secret("aa" * 9000))
    assert libkmip.refused("Get", meant(big)) is ResultReason.RESPONSE_TOO_LARGE


def test_libkmip_reads_an_answer_at_once(wire, speak):
    """It reads eight bytes and then the rest in one go: up to 16 kB an answer must be one TLS record."""
    client = wire()
    uid = speak("1.4").make("Register", *secret("aa" * 15000))
    client.socket.sendall(encode(message("1.4", item("Get", meant(uid)))))
    head = client.socket.recv(8)
    rest = client.socket.recv(100_000)
    assert len(rest) == int.from_bytes(head[4:], "big") > 15000
    assert isinstance(decode(head + rest), Item)
