"""The attribute table: tag, versions, number of instances and type are the standard's."""

import pytest

from gateway.kmip import enums
from gateway.kmip.attributes import ATTRIBUTES, BY_SPELLING, CERTIFICATE_NAMES
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.wire import layout
from gateway.wire.scalars import ItemType
from tests.kmip.facts import VERSIONS, facts, lifetime, needs_facts

pytestmark = needs_facts

ROWS = {Tag(int(row["tag"], 16)): row for row in facts()["attributes"] if row["tag"]}
# Vendor attributes have one row in the gateway: Custom Attribute in 1.x, Vendor Attribute in 2.x.
VENDORS = {Tag.CUSTOM_ATTRIBUTE, Tag.ATTRIBUTE}
# "Yes for PGP keys. No for X.509 certificates."
SOMETIMES_MANY = {Tag.DIGITAL_SIGNATURE_ALGORITHM}
# 2.x lets a request's Unique Identifier be a reference; as an attribute it is always a text.
TEXT_AS_ATTRIBUTE = {Tag.UNIQUE_IDENTIFIER}


def item_types(type_):
    """Give the item types that the gateway reads for an attribute."""
    return {ItemType(arm.item_type).name for arm in layout.arms(type_, VERSIONS[-1])}


def fact_type(text):
    """Give the item type that the standard's table names."""
    return text.upper().replace("-", "_").replace(" ", "_")


def test_every_attribute_of_the_standard_is_there_and_no_other():
    assert set(ATTRIBUTES) == (set(ROWS) - VENDORS) | {Tag.ATTRIBUTE} | set(CERTIFICATE_NAMES)


@pytest.mark.parametrize("tag", sorted(set(ROWS) - VENDORS), ids=lambda tag: tag.name)
def test_versions_and_number_of_instances(tag):
    rule, row = ATTRIBUTES[tag], ROWS[tag]
    assert (rule.since, rule.until) == lifetime(row)
    assert rule.many == row["multi_instance"]["value"] or tag in SOMETIMES_MANY


@pytest.mark.parametrize("tag", sorted(set(ROWS) - VENDORS - TEXT_AS_ATTRIBUTE), ids=lambda tag: tag.name)
def test_type(tag):
    assert item_types(ATTRIBUTES[tag].type) == {fact_type(ROWS[tag]["type"])}


@pytest.mark.parametrize("tag", sorted(set(ROWS) - VENDORS), ids=lambda tag: tag.name)
def test_what_only_the_server_sets_no_client_can_change_later(tag):
    if ROWS[tag]["server_set_only"]:
        assert ATTRIBUTES[tag].by.name in ("SERVER", "BIRTH")


# VAST Data adds one that Create was given already: it means nothing here, and is taken.
TAKEN = {Tag.OPERATION_POLICY_NAME}


@pytest.mark.parametrize("tag", sorted(set(ROWS) - VENDORS - TAKEN), ids=lambda tag: tag.name)
def test_what_a_client_may_change_and_delete_is_the_standards(tag):
    by, row = ATTRIBUTES[tag].by.name, ROWS[tag]
    assert (by in ("CLIENT", "OWNER")) is row["modifiable_by_client"]["value"]
    assert (by == "OWNER") is row["deletable_by_client"]["value"]


@pytest.mark.parametrize("tag", ATTRIBUTES, ids=lambda tag: tag.name)
def test_an_enumeration_is_the_one_named_like_the_attribute(tag):
    type_ = ATTRIBUTES[tag].type
    if isinstance(type_, type) and hasattr(enums, type_.__name__):
        assert type_.__name__ == tag.token
    elif isinstance(type_, type) and issubclass(type_, Structure) and tag not in (Tag.ATTRIBUTE, *ALIASES):
        assert type_.__name__ == tag.token.replace("_", "")


ALIASES = {Tag.RANDOM_NUMBER_GENERATOR}  # a structure RNG Parameters


def test_a_name_in_words_means_one_attribute():
    assert len(BY_SPELLING) == len(ATTRIBUTES) - 1
    assert BY_SPELLING["Cryptographic Usage Mask"] is Tag.CRYPTOGRAPHIC_USAGE_MASK
    assert BY_SPELLING["X.509 Certificate Subject"] is Tag.X_509_CERTIFICATE_SUBJECT
