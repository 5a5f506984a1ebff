"""PyKMIP's client against a running gateway: attributes, Locate, Query, Discover Versions, Re-key Key Pair."""

import time

import pytest

from gateway.kmip.enums import ProtectionStorageMask
from tests.clients.conftest import enums, failing, kmip, recorded, version_of
from tests.support.messages import answers

# After conftest, which silences what PyKMIP warns of when it is imported first.
from kmip.core import objects, primitives  # isort: skip
from kmip.core.attributes import Name, PrivateKeyUniqueIdentifier  # isort: skip
from kmip.core.exceptions import StreamNotEmptyError  # isort: skip
from kmip.core.factories.attributes import AttributeFactory  # isort: skip
from kmip.core.messages.contents import ProtocolVersion  # isort: skip
from kmip.pie.objects import OpaqueObject, SymmetricKey  # isort: skip

A, M, T = enums.CryptographicAlgorithm, enums.CryptographicUsageMask, enums.AttributeType
UNTIL_1_4 = ("1.0", "1.1", "1.2", "1.3", "1.4")
SINCE_1_1 = ("1.1", "1.2", "1.3", "1.4", "2.0")
USE = [M.ENCRYPT, M.DECRYPT]
# What every symmetric key has, and PyKMIP can read, by the version that brought it.
ALWAYS = {
    "1.0": {
        "Unique Identifier",
        "Object Type",
        "Cryptographic Algorithm",
        "Cryptographic Length",
        "Cryptographic Usage Mask",
        "Digest",
        "Lease Time",
        "State",
        "Initial Date",
        "Last Change Date",
        "Name",
    },
    "1.1": {"Fresh"},
    "1.2": {"Original Creation Date"},
    "1.4": {"Sensitive", "Always Sensitive", "Extractable", "Never Extractable"},
}
# A Digest of 1.0 has no Key Format Type, which PyKMIP wants; of 2.0 it knows less than of 1.4.
UNREADABLE = {
    "1.0": {"Digest"},
    "2.0": {"Original Creation Date", "Always Sensitive", "Extractable", "Never Extractable"},
}
FUNCTIONS = {
    "1.2": ["QUERY_ATTESTATION_TYPES"],
    "1.3": [
        "QUERY_RNGS",
        "QUERY_VALIDATIONS",
        "QUERY_PROFILES",
        "QUERY_CAPABILITIES",
        "QUERY_CLIENT_REGISTRATION_METHODS",
    ],
    "2.0": ["QUERY_DEFAULTS_INFORMATION"],
}


def new(kind, value, index=None):
    return AttributeFactory().create_attribute(kind, value, index)


def only(client, uid, name):
    """Give the value of an attribute that has one instance."""
    (found,) = client.get_attributes(uid, [name])[1]
    return found.attribute_value


def name_of(client, uid):
    return only(client, uid, "Name").name_value.value


@pytest.fixture
def key(client, fresh):
    """A key: its unique identifier and its name."""
    name = fresh("key")
    return client.create(A.AES, 128, name=name, cryptographic_usage_mask=USE), name


def test_get_attribute_list(client, key):
    uid, _ = key
    version = version_of(client)
    expected = set().union(*(names for since, names in ALWAYS.items() if since <= version))
    listed = client.get_attribute_list(uid)
    assert expected <= set(listed)
    newer = set().union(*(names for since, names in ALWAYS.items() if since > version))
    assert not newer & set(listed)


def test_get_attributes(client, key):
    uid, name = key
    # PyKMIP knows no Random Number Generator, which 1.3 brought, nor what 2.0 did: it cannot be asked for everything.
    readable = set().union(*ALWAYS.values()) - UNREADABLE.get(version_of(client), set())
    asked = [each for each in client.get_attribute_list(uid) if each in readable]
    same, found = client.get_attributes(uid, asked)
    values = {each.attribute_name.value: each.attribute_value for each in found}
    assert (same, set(values)) == (uid, set(asked))
    assert values["Name"].name_value.value == name
    assert values["Cryptographic Algorithm"].value is A.AES
    assert values["Cryptographic Length"].value == 128
    assert values["Object Type"].value is enums.ObjectType.SYMMETRIC_KEY
    assert values["State"].value is enums.State.PRE_ACTIVE
    assert values["Initial Date"].value == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_get_all_attributes(pykmip, fresh, version):
    client = pykmip(version)
    uid = client.create(A.AES, 128, name=fresh())
    found = {each.attribute_name.value for each in client.get_attributes(uid)[1]}
    assert found == set(client.get_attribute_list(uid))


@pytest.mark.parametrize("client", UNTIL_1_4, indirect=True)
def test_a_name_that_no_attribute_has(client, key):
    uid, _ = key
    assert client.get_attributes(uid, ["No Such Thing"]) == (uid, [])


@pytest.mark.parametrize("client", UNTIL_1_4, indirect=True)
def test_modify_and_delete_attribute_in_1x(client, fresh):
    first, second, renamed = fresh(), fresh(), fresh()
    key = SymmetricKey(A.AES, 128, bytes(16), USE, first)
    key.names.append(second)
    uid = client.register(key)
    value = Name.create(renamed, enums.NameType.UNINTERPRETED_TEXT_STRING)
    _, changed = client.modify_attribute(uid, attribute=new(T.NAME, value, 1))
    assert (changed.attribute_index.value, changed.attribute_value.name_value.value) == (1, renamed)
    _, gone = client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
    assert (gone.attribute_index.value, gone.attribute_value.name_value.value) == (0, first)
    assert name_of(client, uid) == renamed
    with failing():
        client.delete_attribute(uid, attribute_name="Name", attribute_index=5)
    with failing():
        client.delete_attribute(uid, attribute_name="Cryptographic Length")
    with failing():
        client.modify_attribute(uid, attribute=new(T.STATE, enums.State.ACTIVE))


def test_set_modify_and_delete_attribute_in_2_0(pykmip, fresh):
    client = pykmip("2.0")
    uid = client.create(A.AES, 128, name=fresh())

    def contact(kind, text):
        return kind(attribute=primitives.TextString(text, tag=enums.Tags.CONTACT_INFORMATION))

    assert client.set_attribute(uid, attribute_name="Contact Information", attribute_value="me") == uid
    assert only(client, uid, "Contact Information").value == "me"
    changed = {
        "current_attribute": contact(objects.CurrentAttribute, "me"),
        "new_attribute": contact(objects.NewAttribute, "you"),
    }
    assert client.modify_attribute(uid, **changed) == (uid, None)
    assert only(client, uid, "Contact Information").value == "you"
    reference = objects.AttributeReference(vendor_identification="x", attribute_name="missing")
    with failing():
        client.delete_attribute(uid, attribute_reference=reference)
    gone = contact(objects.CurrentAttribute, "you")
    assert client.delete_attribute(uid, current_attribute=gone) == (uid, None)
    assert client.get_attributes(uid, ["Contact Information"])[1] == []
    with failing(enums.ResultReason.ATTRIBUTE_READ_ONLY, enums.ResultReason.READ_ONLY_ATTRIBUTE):
        client.set_attribute(uid, attribute_name="State", attribute_value=enums.State.ACTIVE)


@pytest.fixture
def mine(pykmip, client, fresh):
    """Objects of one group: a key and an opaque object; their unique identifiers and the condition that finds both."""
    group = fresh("group")
    uids = []
    for given in (
        SymmetricKey(A.AES, 192, bytes(24), USE, fresh()),
        OpaqueObject(b"o", enums.OpaqueDataType.NONE, fresh()),
    ):
        uid = client.register(given)
        in_group(pykmip, uid, group)
        uids.append(uid)
    return uids, new(T.OBJECT_GROUP, group)


def in_group(pykmip, uid, group):
    """Put an object into a group: pie has no way to, and its proxy none but Set Attribute of 2.0."""
    pykmip("2.0").set_attribute(uid, attribute_name="Object Group", attribute_value=group)


def test_locate_by_everything_that_an_object_has(client, mine):
    (key, opaque), group = mine
    both = [opaque, key]  # the newest first
    now = int(time.time())
    initial = only(client, key, "Initial Date").value

    def located(*attributes, **options):
        return client.locate(attributes=[group, *attributes], **options)

    assert located() == both
    assert located(new(T.UNIQUE_IDENTIFIER, key)) == [key]
    assert located(new(T.OBJECT_TYPE, enums.ObjectType.OPAQUE_DATA)) == [opaque]
    assert located(new(T.NAME, only(client, key, "Name").name_value.value)) == [key]
    assert located(new(T.CRYPTOGRAPHIC_ALGORITHM, A.AES)) == [key]
    assert located(new(T.CRYPTOGRAPHIC_LENGTH, 192)) == [key]
    assert located(new(T.CRYPTOGRAPHIC_LENGTH, 256)) == []
    assert located(new(T.CRYPTOGRAPHIC_USAGE_MASK, [M.ENCRYPT])) == [key]
    assert located(new(T.CRYPTOGRAPHIC_USAGE_MASK, [M.ENCRYPT, M.SIGN])) == []
    assert located(new(T.STATE, enums.State.PRE_ACTIVE)) == both
    assert located(new(T.STATE, enums.State.ACTIVE)) == []
    assert key in located(new(T.INITIAL_DATE, initial))
    assert located(new(T.INITIAL_DATE, now - 1000), new(T.INITIAL_DATE, now + 1000)) == both
    assert located(new(T.INITIAL_DATE, now + 1000), new(T.INITIAL_DATE, now + 2000)) == []
    assert located(new(T.CERTIFICATE_TYPE, enums.CertificateType.X_509)) == []


def test_locate_page_by_page(client, mine):
    (key, opaque), group = mine
    assert client.locate(maximum_items=1, attributes=[group]) == [opaque]
    assert client.locate(maximum_items=1, offset_items=1, attributes=[group]) == [key]
    assert client.locate(offset_items=2, attributes=[group]) == []


def test_locate_in_storage(client, mine):
    (key, opaque), group = mine
    client.destroy(key)
    assert client.locate(attributes=[group]) == [opaque]
    assert client.locate(attributes=[group], storage_status_mask=1) == [opaque]
    assert client.locate(attributes=[group], storage_status_mask=2) == []
    assert client.locate(attributes=[group], storage_status_mask=5) == [opaque, key]


@pytest.mark.parametrize("client", SINCE_1_1, indirect=True)
def test_locate_a_fresh_member(client, mine):
    (key, opaque), group = mine
    member = enums.ObjectGroupMember
    client.get(key)
    assert client.locate(attributes=[group], object_group_member=member.GROUP_MEMBER_FRESH) == [opaque]
    (default,) = client.locate(attributes=[group], object_group_member=member.GROUP_MEMBER_DEFAULT)
    assert default in (key, opaque)


def test_locate_everything(client, key):
    uid, _ = key
    found = client.locate()
    assert found[0] == uid
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("client", UNTIL_1_4, indirect=True)
def test_locate_by_an_attribute_that_nobody_has_is_refused(client, key):
    """PyKMIP's factory names every custom attribute "Custom Attribute", which none can be called."""
    with failing():
        client.locate(attributes=[new(T.CUSTOM_ATTRIBUTE, "anything")])


def test_query(client):
    functions = enums.QueryFunction
    asked = [functions.QUERY_OPERATIONS, functions.QUERY_OBJECTS, functions.QUERY_SERVER_INFORMATION]
    asked += [functions.QUERY_APPLICATION_NAMESPACES]
    if version_of(client) >= "1.1":
        asked += [functions.QUERY_EXTENSION_LIST, functions.QUERY_EXTENSION_MAP]
    result = client.proxy.query(query_functions=asked)
    operations = enums.Operation
    assert {operations.CREATE, operations.LOCATE, operations.GET, operations.QUERY} <= set(result.operations)
    assert (operations.ENCRYPT in result.operations) == (version_of(client) >= "1.2")
    assert operations.DERIVE_KEY in result.operations
    assert {enums.ObjectType.SYMMETRIC_KEY, enums.ObjectType.CERTIFICATE} <= set(result.object_types)
    assert result.vendor_identification == "kmip-gateway"


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "2.0"])
def test_query_what_is_newer(pykmip, version):
    names = [name for since, names in FUNCTIONS.items() if since <= version for name in names]
    result = pykmip(version).proxy.query(query_functions=[enums.QueryFunction[name] for name in names])
    assert result.result_status.value is enums.ResultStatus.SUCCESS


def test_query_storage_protection_masks(pykmip):
    # PyKMIP has bare integers where 2.0 has a Protection Storage Masks structure (section 7.27).
    with recorded(pykmip("2.0")) as read, pytest.raises(StreamNotEmptyError):
        pykmip("2.0").proxy.query(query_functions=[enums.QueryFunction.QUERY_STORAGE_PROTECTION_MASKS])
    (answer,) = answers(read[0], kmip("2.0"))
    assert answer.payload.protection_storage_masks.protection_storage_mask == (ProtectionStorageMask.SOFTWARE,)


@pytest.mark.parametrize("client", SINCE_1_1, indirect=True)
def test_discover_versions(client):
    found = client.proxy.discover_versions().protocol_versions
    assert [(each.major, each.minor) for each in found] == [(2, 1), (2, 0), (1, 4), (1, 3), (1, 2), (1, 1), (1, 0)]
    both = client.proxy.discover_versions(protocol_versions=[ProtocolVersion(1, 2), ProtocolVersion(9, 9)])
    assert [(each.major, each.minor) for each in both.protocol_versions] == [(1, 2)]


@pytest.mark.parametrize("client", SINCE_1_1, indirect=True)
def test_rekey_key_pair(client, fresh):
    name = fresh("private")
    public, private = client.create_key_pair(
        A.RSA, 2048, private_name=name, private_usage_mask=[M.SIGN], public_usage_mask=[M.VERIFY]
    )
    with recorded(client) as read:
        result = client.proxy.rekey_key_pair(private_key_uuid=PrivateKeyUniqueIdentifier(private))
    (answer,) = answers(read[0], kmip(version_of(client)))
    assert (answer.payload.private_key_unique_identifier, answer.payload.public_key_unique_identifier) == (
        result.private_key_uuid,
        result.public_key_uuid,
    )
    assert len({public, private, result.private_key_uuid, result.public_key_uuid}) == 4
    assert name_of(client, result.private_key_uuid) == name
