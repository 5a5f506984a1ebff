"""The payloads of every operation that is registered: fields, order and versions are the standard's.

Nothing here names an operation: one that is added is held to its tables by being there.
"""

import pytest

from gateway.kmip.enums import Operation
from gateway.kmip.objects import OBJECTS
from gateway.operations import OPERATIONS
from gateway.pushes import Notify, Put
from tests.kmip.facts import VERSIONS, facts, lifetime, needs_facts, version
from tests.kmip.fields import mandatory_tags, repeated_tags, written_tags

pytestmark = needs_facts

# What a table of the standard forgot, and every test case has.
FORGOTTEN = {("Process", "response"): [{"xml": "AsynchronousCorrelationValue", "required": "yes"}]}
OBJECT = "a managed object"
OBJECT_TOKENS = {kind.token for kind in OBJECTS} | {"CertificateRequest"}
ROWS = {int(row["code"], 16): row for row in facts()["operations"]}

# Fields that a request may have though the version's table does not: what an official test case sends.
ALSO_READ = {"Certify": "CertificateRequest", "ReCertify": "CertificateRequest"}

CASES = [
    (entry, v, direction)
    for entry in OPERATIONS.values()
    for v in VERSIONS
    if entry.exists_in(v) and str(v) in ROWS.get(entry.operation, {}).get("payloads", {})
    for direction in ("request", "response")
]


def named(case):
    """Name a test by operation, version and direction."""
    entry, v, direction = case
    return f"{entry.operation.token}-{v}-{direction}"


def fact_fields(entry, v, direction):
    """Give the rows of the standard's table, a managed object as one row."""
    rows = {version(each): table for each, table in ROWS[entry.operation]["payloads"].items()}
    forgotten = FORGOTTEN.get((entry.operation.token, direction), [])
    return [row | {"xml": row["xml"] or OBJECT} for row in [*rows[v].get(direction, []), *forgotten]]


def with_objects(tokens, wanted):
    """Write neighbouring fields for managed objects as the one that the standard's table has."""
    if OBJECT not in wanted:
        return tokens
    found = []
    for token in tokens:
        one = OBJECT if token in OBJECT_TOKENS else token
        if one != OBJECT or found[-1:] != [OBJECT]:
            found.append(one)
    return found


@pytest.mark.parametrize("entry", OPERATIONS.values(), ids=lambda entry: entry.operation.token)
def test_an_operation_lives_as_long_as_the_standard_says(entry):
    since, until = lifetime(ROWS[entry.operation])
    assert entry.since == since
    assert entry.until == min(until, VERSIONS[-1])


@pytest.mark.parametrize("case", CASES, ids=named)
def test_fields_stand_in_the_standards_order(case):
    """A response may do without what the standard lets it leave out."""
    entry, v, direction = case
    rows = fact_fields(*case)
    wanted = [row["xml"] for row in rows]
    found = with_objects(written_tags(getattr(entry, direction), v), wanted)
    found = [each for each in found if each in wanted or each != ALSO_READ.get(entry.operation.token)]
    optional = {row["xml"] for row in rows if row["required"] == "no"} if direction == "response" else set()
    assert found == [each for each in wanted if each in found or each not in optional]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_nothing_is_demanded_that_the_standard_leaves_out(case):
    entry, v, direction = case
    rows = fact_fields(*case)
    demanded = mandatory_tags(getattr(entry, direction), v) - OBJECT_TOKENS
    assert demanded <= {row["xml"] for row in rows if row.get("required") in ("yes", "conditional")}


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_may_come_more_than_once_is_read_so(case):
    entry, v, direction = case
    wanted = {row["xml"] for row in fact_fields(*case) if row.get("repeat")}
    assert wanted <= repeated_tags(getattr(entry, direction), v)


@pytest.mark.parametrize("v", VERSIONS, ids=str)
@pytest.mark.parametrize(("operation", "payload"), [(Operation.NOTIFY, Notify), (Operation.PUT, Put)])
def test_what_goes_to_clients_stands_in_the_standards_order(operation, payload, v):
    rows = {version(each): table for each, table in ROWS[operation]["payloads_server_to_client"].items()}[v]["request"]
    wanted = [row["xml"] or OBJECT for row in rows]
    found = with_objects(written_tags(payload, v), wanted)
    # Attributes with a value and those without are one field of 1.x, and two of the structure.
    assert list(dict.fromkeys(found)) == wanted
    assert mandatory_tags(payload, v) <= {row["xml"] for row in rows if row["required"] == "yes"}
