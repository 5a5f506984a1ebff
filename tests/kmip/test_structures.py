"""Every Structure below the operations: its fields, their order and what must be there, version by version."""

import pytest

from gateway.kmip import messages, objects, policy, values
from gateway.kmip.objects import TRANSPARENT
from gateway.kmip.structure import Structure
from gateway.wire import attribute_forms
from tests.kmip.facts import VERSIONS, facts, needs_facts, version
from tests.kmip.fields import mandatory_tags, written_tags

pytestmark = needs_facts

MODULES = (values, objects, messages, policy, attribute_forms)
CLASSES = {
    name: kind
    for module in MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type)
    and issubclass(kind, Structure)
    and kind is not Structure
    and kind.__module__ == module.__name__
}
# What the standard calls a structure whose class here has a name of its own.
CALLED = {
    "VendorAttribute": "Attribute",
    "VendorReference": "AttributeReference",
    "UsernameAndPassword": "CredentialValueUsernameandPasswordCredential",
    "TicketCredential": "CredentialValueTicket",
    "Device": "CredentialValueDeviceCredential",
    "OneTimePassword": "CredentialValueOneTimePasswordCredential",
    "HashedPassword": "CredentialValueHashedPasswordCredential",
}
# These hold a payload of some operation beside the fields that the table lists.
PAYLOADS = {"RequestBatchItem", "ResponseBatchItem"}
# 1.x has an Attribute that names itself in words: attribute_forms reads and writes it, no Structure does.
FROM_2_0 = {"VendorAttribute", "VendorReference"}
# The table makes these mandatory, and clients leave them out.
LENIENT = {
    # A request may leave the Count to the server ("set by client: Total and/or Unit only").
    ("UsageLimits", "UsageLimitsCount"),
    # Version 1.0 to 1.2 say "yes", 1.3 "no": one rule for all.
    ("ApplicationSpecificInformation", "ApplicationData"),
    # 1.0 and 1.1 say "yes"; later a key may be held elsewhere.
    ("KeyBlock", "KeyValue"),
    # A Template without attributes is of no use, and does no harm.
    ("Template", "Attribute"),
    # A message without batch items is refused with its Batch Count, not as bytes.
    ("RequestMessage", "BatchItem"),
    # 2.0 has one Object Type, 2.1 a structure of several; either is read, and one of the two asked for.
    ("ObjectDefaults", "ObjectType"),
    ("ObjectDefaults", "ObjectTypes"),
    # No defaults are an empty structure (test case TC-MD-1).
    ("DefaultsInformation", "ObjectDefaults"),
    ("ResponseMessage", "BatchItem"),
}
# Fields of an older version that are kept where a client of a newer one writes them still.
STRAY = {("ObjectDefaults", "ObjectType")}
# The table of these has one column that says whether a field repeats, none that says whether it must be there.
UNTOLD = {"ProtocolVersion", "MessageExtension", "Authentication"}


def plain(name):
    """Write a structure's name without what only sets words apart."""
    return "".join(c for c in name if c.isalnum())


def fact_rows():
    """Give the standard's tables by the plain name of the structure, Key Material by that of its format."""
    rows = {}
    for name, versions in facts().get("structures", {}).items():
        tables = {version(v): [called(field) for field in table["fields"]] for v, table in versions.items()}
        rows[plain(name.removeprefix("Key Material "))] = tables
    return rows


def called(field):
    """Give a field by the name of its tag: the table of Hashed Password writes Time Stamp as one word."""
    return field | {"xml": "TimeStamp"} if field["xml"] == "Timestamp" else field


ROWS = fact_rows()


def fact_tags(fields, key="xml"):
    """Give the tokens of a table's fields; one table has a note run into its name."""
    return [field[key].removesuffix("_MAYBeRepeated") for field in fields]


CASES = [
    (name, v)
    for name in CLASSES
    for v in ROWS.get(plain(CALLED.get(name, name)), {})
    if v in VERSIONS and not (name in FROM_2_0 and v.major < 2) and ROWS[plain(CALLED.get(name, name))][v]
]


def test_every_structure_is_one_of_the_standards():
    unknown = {name for name in CLASSES if plain(CALLED.get(name, name)) not in ROWS}
    assert unknown == set()


@pytest.mark.parametrize(("name", "v"), CASES, ids=[f"{name}-{v}" for name, v in CASES])
def test_fields_stand_in_the_standards_order(name, v):
    expected = fact_tags(ROWS[plain(CALLED.get(name, name))][v])
    written = written_tags(CLASSES[name], v)
    found = [tag for tag in written if tag in expected or (name, tag) not in STRAY]
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) or name in PAYLOADS


@pytest.mark.parametrize(("name", "v"), CASES, ids=[f"{name}-{v}" for name, v in CASES])
def test_what_must_be_there_is_the_standards(name, v):
    if name in UNTOLD:
        return
    rows = ROWS[plain(CALLED.get(name, name))][v]
    wanted = {field["xml"] for field in rows if field["required"] == "yes"}
    mandatory = mandatory_tags(CLASSES[name], v)
    known = {field["xml"] for field in rows}
    assert mandatory & known <= wanted | {field["xml"] for field in rows if field["required"] == "conditional"}
    assert wanted - mandatory <= {field for lenient, field in LENIENT if lenient == name}


def test_transparent_formats_are_the_standards():
    tables = {name for name in ROWS if name.startswith("Transparent")}
    assert {plain(kind.token) for kind in TRANSPARENT} == tables
    for kind, cls in TRANSPARENT.items():
        for v, rows in ROWS[plain(kind.token)].items():
            assert written_tags(cls, v) == fact_tags(rows)
