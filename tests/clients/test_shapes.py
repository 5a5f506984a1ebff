"""Clients that we do not have, by the messages that they were seen to send, and by what they need in the answers.

What is known of each stands in shared/kmip/interop.md: from sources, captured traces, documents of the vendors, issues.
"""

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from gateway.kmip.enums import (
    KeyFormatType,
    LinkType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    State,
)
from tests.clients.traces import Item, attribute, decode, encode, item, message, named, nest

SUCCESS, FAILED = int(ResultStatus.SUCCESS), int(ResultStatus.OPERATION_FAILED)
AES_256 = (
    attribute("Cryptographic Algorithm", "Enumeration CryptographicAlgorithm.AES"),
    attribute("Cryptographic Length", "Integer 256"),
)
TO_ENCRYPT = attribute("Cryptographic Usage Mask", "Integer 12")
V1_1 = nest("ProtocolVersion", "ProtocolVersionMajor Integer 1", "ProtocolVersionMinor Integer 1")
CONTINUE = "BatchErrorContinuationOption Enumeration Continue"


class Speaker:
    """A client of one version that sends one operation a message, with the header that it always sends."""

    def __init__(self, client, version, *header):
        self.client, self.version, self.header = client, version, header

    def send(self, *items, header=()):
        """Send a message and give the response."""
        return decode(self.client.send(encode(message(self.version, *items, header=(*self.header, *header)))))

    def ask(self, operation, *payload):
        """Ask for one operation, and give the payload of its success."""
        answer = self.send(item(operation, *payload))
        assert answer.values("ResultStatus") == [SUCCESS], answer.values("ResultMessage")
        (found,) = answer.all("ResponsePayload")
        return found

    def refused(self, operation, *payload):
        """Ask for one operation that fails, and give its reason."""
        answer = self.send(item(operation, *payload))
        assert answer.values("ResultStatus") == [FAILED]
        return ResultReason(answer.value_of("ResultReason"))

    def make(self, operation, *payload):
        """Make an object, and give its unique identifier."""
        return self.ask(operation, *payload).value_of("UniqueIdentifier")


@pytest.fixture
def speak(wire):
    """Give a function that gives a client of a version, with what stands in each of its headers."""
    return lambda version, *header: Speaker(wire(), version, *header)


def meant(uid):
    return f"UniqueIdentifier TextString {uid}"


def end(speaker, uid, why):
    """Revoke an object and destroy it."""
    speaker.ask("Revoke", meant(uid), nest("RevocationReason", f"RevocationReasonCode Enumeration {why}"))
    speaker.ask("Destroy", meant(uid))
    assert uid not in speaker.ask("Locate").values("UniqueIdentifier")


def create(*attributes, algorithm=AES_256, mask=TO_ENCRYPT):
    """Give the payload of a Create in 1.x."""
    return "ObjectType Enumeration SymmetricKey", nest("TemplateAttribute", *algorithm, mask, *attributes)


def secret(material, *attributes, kind="Password", mask="2"):
    """Give the payload of a Register of Secret Data in 1.x."""
    block = nest("KeyBlock", "KeyFormatType Enumeration Opaque", nest("KeyValue", f"KeyMaterial ByteString {material}"))
    return (
        "ObjectType Enumeration SecretData",
        nest("TemplateAttribute", attribute("Cryptographic Usage Mask", f"Integer {mask}"), *attributes),
        nest("SecretData", f"SecretDataType Enumeration {kind}", block),
    )


def shown(payload):
    """Give the attributes in a response of 1.x by their names."""
    return {
        each.value_of("AttributeName"): each.all("AttributeValue")[0].value
        for each in payload.all("Attribute")
        if each.type == "Structure"
    }


# --- storage and network appliances


@pytest.mark.parametrize("wrapped", [named, lambda name: nest("Name", *named(name).splitlines()[3:])])
def test_fortios(speak, fresh, wrapped):
    """Two Locates in a message and two Gets in the next, each key by the exact name, in a Template-Attribute."""
    fortios = speak(
        "1.0",
        "MaximumResponseSize Integer 65536",
        nest(
            "Authentication",
            nest(
                "Credential",
                "CredentialType Enumeration UsernameAndPassword",
                nest("CredentialValue", "Username TextString fortigate", "Password TextString anything"),
            ),
        ),
        # The standard has these two the other way round.
        "BatchOrderOption Boolean 1",
        CONTINUE,
    )
    encryption, authentication = fresh("ENC"), fresh("AUTH")
    keys = [
        fortios.make("Create", *create(named(encryption))),
        fortios.make("Register", *secret("ab" * 32, named(authentication))),
    ]
    # One whose name goes on where the other's ends: a server that took it would give everybody the wrong key.
    fortios.make("Create", *create(named(f"{encryption}-a")))

    def numbered(operation, *payload, number):
        return item(operation, *payload, number=f"UniqueBatchItemID ByteString {number:012x}")

    located = fortios.send(
        *(
            numbered("Locate", "MaximumItems Integer 1", nest("TemplateAttribute", wrapped(name)), number=number)
            for number, name in enumerate((encryption, authentication))
        )
    )
    assert [each.values("UniqueIdentifier") for each in located.all("BatchItem")] == [[uid] for uid in keys]
    assert located.values("UniqueBatchItemID") == [bytes(6), bytes(5) + b"\1"]
    fetched = fortios.send(*(numbered("Get", meant(uid), number=n) for n, uid in enumerate(keys)))
    assert [len(value) for value in fetched.values("KeyMaterial")] == [32, 32]
    assert fetched.values("ObjectType") == [ObjectType.SYMMETRIC_KEY, ObjectType.SECRET_DATA]


def test_fortios_finds_and_fetches_in_one_message(speak, fresh):
    fortios = speak("1.0", CONTINUE)
    names = [fresh(), fresh()]
    for name in names:
        fortios.make("Create", *create(named(name)))
    found = [item("Locate", "MaximumItems Integer 1", nest("TemplateAttribute", named(name))) for name in names]
    answer = fortios.send(found[0], item("Get"), found[1], item("Get"))
    assert answer.values("ResultStatus") == [SUCCESS] * 4
    uids = answer.values("UniqueIdentifier")
    assert uids[0] == uids[1] and uids[2] == uids[3] and uids[0] != uids[2]


def test_synology(speak, fresh):
    synology = speak("1.2")
    asked = ("QueryOperations", "QueryObjects", "QueryServerInformation", "QueryApplicationNamespaces")
    asked += ("QueryExtensionList", "QueryExtensionMap")
    versions = synology.ask("DiscoverVersions")
    assert (1, 2) in zip(versions.values("ProtocolVersionMajor"), versions.values("ProtocolVersionMinor"), strict=True)
    told = synology.ask("Query", *(f"QueryFunction Enumeration {each}" for each in asked))
    assert Operation.MODIFY_ATTRIBUTE in told.values("Operation")
    name, renamed = fresh("volume"), fresh("volume")
    index = "AttributeIndex Integer 0"
    spelled = ("NameValue TextString {}", "NameType Enumeration UninterpretedTextString")

    def called(text):
        return attribute("Name", spelled[0].format(text), spelled[1], index=index)

    assert synology.ask("Locate", called(name)).values("UniqueIdentifier") == []
    policy = attribute("Operation Policy Name", "TextString default")
    uid = synology.make("Register", *secret("cd" * 32, called(name), policy))
    # Before it is Active as well as after.
    synology.ask("ModifyAttribute", meant(uid), called(renamed))
    synology.ask("Activate", meant(uid))
    changed = synology.ask("ModifyAttribute", meant(uid), called(name))
    assert changed.fields() == ["UniqueIdentifier", "Attribute"]
    listed = synology.ask("GetAttributeList", meant(uid)).values("AttributeName")
    assert {"Name", "State", "Object Type", "Operation Policy Name"} <= set(listed)
    names = ("State", "Object Type", "Operation Policy Name")
    found = shown(synology.ask("GetAttributes", meant(uid), *(f"AttributeName TextString {each}" for each in names)))
    assert found == {"State": State.ACTIVE, "Object Type": ObjectType.SECRET_DATA, "Operation Policy Name": "default"}
    assert synology.ask("Get", meant(uid)).value_of("KeyMaterial") == bytes.fromhex("cd" * 32)
    assert synology.ask("Locate", called(name)).values("UniqueIdentifier") == [uid]
    synology.ask(
        "Revoke", meant(uid), nest("RevocationReason", "RevocationReasonCode Enumeration CessationOfOperation")
    )
    synology.ask("Destroy", meant(uid))


def test_vast(speak, fresh):
    vast = speak("1.4")
    name, group = fresh("tenant"), fresh("group")
    policy = attribute("Operation Policy Name", "TextString default")
    uid = vast.make("Create", *create(policy))
    for each in (named(name), attribute("Object Group", f"TextString {group}"), policy):
        vast.ask("AddAttribute", meant(uid), each)
    vast.ask("Activate", meant(uid))
    assert vast.ask("Locate", "MaximumItems Integer 1", named(name)).values("UniqueIdentifier") == [uid]
    assert len(vast.ask("Get", meant(uid)).value_of("KeyMaterial")) == 32
    wanted = [f"AttributeName TextString {each}" for each in ("State", "Activation Date", "Operation Policy Name")]
    polled = shown(vast.ask("GetAttributes", meant(uid), *wanted))
    assert (polled["State"], polled["Operation Policy Name"]) == (State.ACTIVE, "default")
    new = vast.make("ReKey", meant(uid))
    assert new != uid
    assert vast.ask("Locate", "MaximumItems Integer 1", named(name)).values("UniqueIdentifier") == [new]
    assert shown(vast.ask("GetAttributes", meant(uid), wanted[0]))["State"] == State.ACTIVE
    assert LinkType.REPLACEMENT_OBJECT_LINK in vast.ask("GetAttributes", meant(uid)).values("LinkType")
    end(vast, uid, "Superseded")


def test_hpe(speak, fresh):
    """Query, Locate, Get and Get Attributes in one message, the last two of what the second found."""
    hpe = speak("1.0", CONTINUE)
    resource, system = fresh("resource"), fresh("system")
    whose = (attribute("x-ResourceID", f"TextString {resource}"), attribute("x-SystemID", f"TextString {system}"))
    hpe.make(
        "Register",
        "ObjectType Enumeration OpaqueObject",
        nest("TemplateAttribute", *whose),
        nest("OpaqueObject", "OpaqueDataType Enumeration 0x80000001", "OpaqueDataValue ByteString 00ff00ff"),
    )
    answer = hpe.send(
        item("Query", "QueryFunction Enumeration QueryOperations"),
        item("Locate", *whose),
        item("Get"),
        item("GetAttributes", "AttributeName TextString x-ResourceID", "AttributeName TextString x-SystemID"),
    )
    assert answer.values("ResultStatus") == [SUCCESS] * 4
    _, _, got, attributes = answer.all("BatchItem")
    assert got.value_of("OpaqueDataValue") == bytes.fromhex("00ff00ff")
    assert shown(attributes) == {"x-ResourceID": resource, "x-SystemID": system}


def test_netapp(speak, fresh):
    netapp = speak("1.2")
    custom = [attribute(f"x-NETAPP-{n}", f"TextString {fresh()}") for n in range(16)]
    uid = netapp.make("Register", *secret("ef" * 32, *custom))
    assert netapp.ask("Locate", *custom).values("UniqueIdentifier") == [uid]
    assert netapp.ask("Locate", custom[3], custom[15]).values("UniqueIdentifier") == [uid]
    other = attribute("x-NETAPP-3", "TextString another")
    assert netapp.ask("Locate", custom[0], other).values("UniqueIdentifier") == []


def test_tape_libraries(speak, fresh):
    """By Application Specific Information, whose namespace alone finds all of a library's keys."""
    library = speak("1.2")
    space = fresh("library")

    def about(data):
        return attribute(
            "Application Specific Information",
            f"ApplicationNamespace TextString {space}",
            f"ApplicationData TextString {data}",
        )

    first, second = (library.make("Create", *create(about(barcode))) for barcode in ("A00001L8", "A00002L8"))
    assert library.ask("Locate", about("A00001L8")).values("UniqueIdentifier") == [first]
    assert library.ask("Locate", about("A0000")).values("UniqueIdentifier") == []
    assert second != first


def test_vsphere(speak):
    vsphere = speak("1.1")
    for _ in range(2):
        vsphere.ask("DiscoverVersions", V1_1)
    told = vsphere.ask("Query", "QueryFunction Enumeration QueryOperations", "QueryFunction Enumeration QueryObjects")
    used = {Operation.CREATE, Operation.ADD_ATTRIBUTE, Operation.ACTIVATE, Operation.GET_ATTRIBUTES, Operation.GET}
    assert used | {Operation.DISCOVER_VERSIONS, Operation.QUERY} <= set(told.values("Operation"))
    assert ObjectType.SYMMETRIC_KEY in told.values("ObjectType")
    uid = vsphere.make("Create", *create())
    custom = {"x-Product_Version": "8.0.3 build-1", "x-Vendor": "VMware, Inc.", "x-Product": "VMware vSphere"}
    for name, value in custom.items():
        added = vsphere.ask("AddAttribute", meant(uid), attribute(name, f"TextString {value}"))
        assert shown(added) == {name: value}
    vsphere.ask("Activate", meant(uid))
    wanted = [f"AttributeName TextString {each}" for each in (*custom, "State")]
    assert shown(vsphere.ask("GetAttributes", meant(uid), *wanted)) == {**custom, "State": State.ACTIVE}
    got = vsphere.ask("Get", meant(uid))
    assert (len(got.value_of("KeyMaterial")), got.value_of("CryptographicLength")) == (32, 256)


def test_veeam(speak, fresh):
    veeam = speak("1.4")
    name = fresh("veeam")
    pair = veeam.ask(
        "CreateKeyPair",
        nest(
            "CommonTemplateAttribute",
            attribute("Cryptographic Algorithm", "Enumeration CryptographicAlgorithm.RSA"),
            attribute("Cryptographic Length", "Integer 2048"),
        ),
        nest("PrivateKeyTemplateAttribute", named(name), attribute("Cryptographic Usage Mask", "Integer 8")),
        nest("PublicKeyTemplateAttribute", attribute("Cryptographic Usage Mask", "Integer 4")),
    )
    private, public = pair.value_of("PrivateKeyUniqueIdentifier"), pair.value_of("PublicKeyUniqueIdentifier")
    for uid in (private, public):
        veeam.ask("Activate", meant(uid))
        # "Unexpected Tag 66" is what it says of attributes in the Key Value.
        (value,) = veeam.ask("Get", meant(uid)).all("KeyValue")
        assert value.fields() == ["KeyMaterial"]
    key = load_der_private_key(veeam.ask("Get", meant(private)).value_of("KeyMaterial"), None)
    padding = nest(
        "CryptographicParameters", "PaddingMethod Enumeration PKCS1V1_5", "CryptographicAlgorithm Enumeration RSA"
    )
    sealed = veeam.ask("Encrypt", meant(public), padding, "Data ByteString 00112233").value_of("Data")
    assert len(sealed) == key.key_size // 8
    opened = veeam.ask("Decrypt", meant(private), padding, f"Data ByteString {sealed.hex()}")
    assert opened.value_of("Data") == bytes.fromhex("00112233")


def test_veeam_asks_for_a_format_and_a_wrapping_at_once(speak):
    veeam = speak("1.4")
    wrapping = veeam.make("Create", *create(mask=attribute("Cryptographic Usage Mask", "Integer 16")))
    veeam.ask("Activate", meant(wrapping))
    uid = veeam.make("Create", *create())
    by = nest(
        "KeyWrappingSpecification",
        "WrappingMethod Enumeration Encrypt",
        nest(
            "EncryptionKeyInformation",
            meant(wrapping),
            nest("CryptographicParameters", "BlockCipherMode Enumeration NISTKeyWrap"),
        ),
        "EncodingOption Enumeration NoEncoding",
    )
    (block,) = veeam.ask("Get", meant(uid), "KeyFormatType Enumeration Raw", by).all("KeyBlock")
    assert block.value_of("KeyFormatType") == KeyFormatType.RAW
    assert len(block.value_of("KeyValue")) == 40


# --- databases


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


# --- object stores and libraries


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
