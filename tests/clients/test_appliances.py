"""Storage, hypervisors and network appliances that we do not have, by the messages that they were seen to send.

Each test asserts what that client needs in the answers. What is known of them stands in shared/kmip/interop.md: from
sources, captured traces, documents of the vendors, issues.
"""

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from gateway.kmip.enums import KeyFormatType, LinkType, ObjectType, Operation, State
from tests.clients.speaker import CONTINUE, SUCCESS, create, end, meant, secret, shown
from tests.clients.traces import attribute, item, named, nest

V1_1 = nest("ProtocolVersion", "ProtocolVersionMajor Integer 1", "ProtocolVersionMinor Integer 1")


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


def test_veeam(lenient_speak, fresh):
    veeam = lenient_speak("1.4")
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
