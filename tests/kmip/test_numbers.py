"""Tags, enumerators and mask bits: code, spelling, XML token and versions are the standard's."""

import pytest

from gateway.kmip import enums
from gateway.kmip.names import Mask, Named, normal_form
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from tests.kmip.facts import facts, lifetime, needs_facts

pytestmark = needs_facts

# The class of each enumeration that a message's field has in place of a text or a number.
REFERENCES = {"UniqueIdentifier": enums.UniqueIdentifierReference, "Data": enums.DataReference}
# These are PKCS#11's own numbers, and none of the standard's.
PKCS11 = {"PKCS_11Function", "PKCS_11ReturnCode"}
# The text prints "Not Authorised" in one table; every test case, and the rest of the text, has Authorized.
MISPRINTED = {"Not Authorised": "Not Authorized", "NotAuthorised": "NotAuthorized"}
# Reserved in the text of 2.x, and used by its test cases.
LIVES_ON = {"Content Commitment (Non Repudiation)": V2_1}
KINDS = {name: kind for name, kind in facts()["enumerations"].items() if name not in PKCS11} | facts()["masks"]


def kind_of(name):
    """Give the class of an enumeration or mask."""
    return REFERENCES.get(name) or getattr(enums, name)


def rows_of(rows):
    """Give the rows that a version defines, by their code."""
    return {int(row["code"], 16): row for row in rows if "versions" in row}


def as_row(member):
    """Give what the gateway says of a member."""
    return member.spelling, member.token, (member.since, member.until)


def as_fact(row):
    """Give what the standard says of it."""
    name, token = (MISPRINTED.get(row[key], row[key]) for key in ("name", "xml"))
    since, until = lifetime(row)
    return name, token, (since, LIVES_ON.get(name, until))


def assert_same(kind, rows):
    """Hold a class to the standard's rows, both ways."""
    members = {member.value: as_row(member) for member in kind}
    assert members == {code: as_fact(row) for code, row in rows_of(rows).items()}


def test_tags_are_the_standards():
    assert_same(Tag, facts()["tags"])


@pytest.mark.parametrize("name", KINDS)
def test_enumerations_and_masks_are_the_standards(name):
    assert_same(kind_of(name), KINDS[name]["values"])


def test_no_enumeration_is_made_up():
    kinds = {kind for kind in vars(enums).values() if isinstance(kind, type) and issubclass(kind, Named | Mask)}
    assert kinds - {Named, Mask} == {kind_of(name) for name in KINDS}


@pytest.mark.parametrize(
    ("spelled", "token"),
    [
        ("3DES", "DES3"),
        ("PKCS#1", "PKCS_1"),
        ("X.509", "X_509"),
        ("Re-key", "ReKey"),
        ("MAC/Signature", "MACSignature"),
        ("P-256", "P_256"),
        ("X9.102 AESKW", "X9_102AESKW"),
        ("Polynomial Sharing GF (2^8)", "PolynomialSharingGF2_8"),
    ],
)
def test_normal_form(spelled, token):
    assert normal_form(spelled) == token
