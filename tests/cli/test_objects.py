"""`object list` and `object show` read the database alone and never print key material."""

import asyncio
import json

import pytest

from gateway.kmip.enums import CryptographicUsageMask, NameType, ObjectType
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.store.api import AttributeRow, Custody, ObjectRow
from gateway.store.sqlite import open_store
from gateway.wire.attribute_forms import encode_value
from tests.cli.process import assert_one_sentence, run

MATERIAL = b"sealed key material"


def attribute(tag, value, scalar):
    return AttributeRow(tag, ttlv=encode_value(Attribute(tag, value)), scalar=scalar)


def row(number, tenant="default"):
    usage = CryptographicUsageMask.ENCRYPT | CryptographicUsageMask.DECRYPT
    return ObjectRow(
        unique_identifier=f"uid-{number}",
        tenant=tenant,
        owner="cert:aa",
        object_type=ObjectType.SYMMETRIC_KEY,
        custody=Custody.SEALED,
        material=MATERIAL,
        attributes=(
            attribute(Tag.ACTIVATION_DATE, 1_000_000_000, 1_000_000_000),
            attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, usage, int(usage)),
            attribute(
                Tag.NAME,
                Name(name_value=f"key {number}", name_type=NameType.UNINTERPRETED_TEXT_STRING),
                f"key {number}",
            ),
        ),
    )


async def fill(path):
    store = open_store(path)
    for each in (row(1), row(2), row(3, tenant="other")):
        await store.write(lambda tx, each=each: tx.add(each))
    await store.close()


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    asyncio.run(fill(folder / "gateway.sqlite"))
    path = folder / "gateway.toml"
    tls = '[tls]\nca = "a"\ncertificate = "b"\nkey = "c"\n'
    path.write_text(f'version = "v1"\n{tls}[token]\nmodule = "/m.so"\nlabel = "x"\n')
    return path


def listed(toml, *arguments):
    return json.loads(run("object", "list", "--config", toml, "--json", *arguments).stdout)


def test_list_is_oldest_first_with_names_and_state(toml):
    objects = listed(toml)
    assert [each["unique_identifier"] for each in objects] == ["uid-1", "uid-2", "uid-3"]
    assert (objects[0]["names"], objects[0]["state"]) == (["key 1"], "Active")


def test_list_pages_and_keeps_to_a_tenant(toml):
    (first,) = listed(toml, "--limit", 1)
    assert [each["unique_identifier"] for each in listed(toml, "--after", first["number"])] == ["uid-2", "uid-3"]
    assert [each["unique_identifier"] for each in listed(toml, "--tenant", "other")] == ["uid-3"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_show_has_every_attribute_and_no_material(toml, form):
    shown = run("object", "show", "uid-1", "--config", toml, *form).stdout
    for word in ("ActivationDate", "2001-09-09", "Encrypt", "Decrypt", "key 1"):
        assert word in shown
    assert MATERIAL.decode() not in shown
    assert MATERIAL.hex() not in shown


def test_an_unknown_object_is_told(toml):
    assert_one_sentence(run("object", "show", "uid-9", "--config", toml), "uid-9")


def test_a_missing_database_is_told_and_not_made(toml, tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(toml.read_text())
    assert_one_sentence(run("object", "list", "--config", path), "gateway.sqlite")
    assert not (tmp_path / "gateway.sqlite").exists()
