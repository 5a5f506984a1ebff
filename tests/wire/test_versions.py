"""A message holds nothing newer than its version: an old client stumbles over what it does not know."""

import pytest

from gateway import errors
from gateway.kmip import messages, objects, values
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED
from gateway.operations import OPERATIONS
from gateway.wire import layout
from tests.wire.samples import full
from tests.wire.trees import nodes, walk

CLASSES = [
    kind
    for module in (messages, objects, values)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Structure) and kind.__module__ == module.__name__
]
PAYLOADS = [kind for entry in OPERATIONS.values() for kind in (entry.request, entry.response)]
REASONS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.KmipError)]


def introduced(kind):
    """Give the first version of an operation whose payload this is."""
    return min((e.since for e in OPERATIONS.values() if kind in (e.request, e.response)), default=SUPPORTED[-1])


def tags(raw):
    """Give the standard's tags in some items, vendors' left out."""
    return {Tag(node.tag) for node in walk(nodes(raw)) if node.tag >> 16 == layout.STANDARD}


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_no_structure_takes_a_newer_field_along(kind, version):
    raw = layout.content_writer(kind, version)(full(kind))
    assert {tag.token for tag in tags(raw) if tag.since > version} == set()


@pytest.mark.parametrize("kind", PAYLOADS, ids=lambda kind: kind.__name__)
def test_a_payload_has_only_what_its_version_has(kind):
    for version in SUPPORTED:
        if version >= introduced(kind):
            raw = layout.content_writer(kind, version)(full(kind))
            assert (version, {tag.token for tag in tags(raw) if not tag.exists_in(version)}) == (version, set())


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("error", REASONS, ids=lambda error: error.__name__)
def test_no_error_has_a_newer_reason(error, version):
    reason = error.reason_for(error.__new__(error), version)
    assert reason.exists_in(version)
