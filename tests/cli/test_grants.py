"""`grant add`, `list` and `remove`: what a client may do with another's objects, said while the gateway runs or not."""

import asyncio
import json

import pytest

from gateway.access.permissions import GRANTABLE
from gateway.admin.grants import Asked, add_grants, list_grants
from gateway.errors import ConfigurationError
from gateway.store.accounts import ClientRow, Proof, Standing, TenantRow
from gateway.store.api import Custody, ObjectRow
from gateway.store.grants import Lent
from gateway.store.sqlite import open_store
from tests.cli.process import assert_one_sentence, run

UID = "3f0c0000-0000-4000-8000-000000000001"


def client(name, tenant="shop"):
    return ClientRow(tenant, name, f"client:{name}", Standing.ACCEPTED, ("storage",), Proof.ANY, 0)


async def fill(path):
    store = open_store(path)

    def write(transaction):
        transaction.accounts.add_tenant(TenantRow("shop"))
        for each in (client("issuer"), client("billing"), client("other", "default")):
            transaction.accounts.put_client(each)
        transaction.add(ObjectRow(UID, "shop", "client:issuer", 2, Custody.SEALED, material=b"sealed"))

    await store.write(write)
    await store.close()


@pytest.fixture
def configuration(tmp_path):
    """A configuration whose database has a tenant, two clients of it and an object of one of them."""
    asyncio.run(fill(tmp_path / "gateway.sqlite"))
    path = tmp_path / "gateway.toml"
    tls = '[tls]\nca = "a"\ncertificate = "b"\nkey = "c"\n'
    path.write_text(f'version = "v1"\n{tls}[token]\nmodule = "/m.so"\nlabel = "x"\n')
    return path


def grant(verb, configuration, *more, name="billing", tenant="shop"):
    return run("grant", verb, name, "--tenant", tenant, *more, "--config", configuration)


def listed(configuration):
    return json.loads(run("grant", "list", "--json", "--config", configuration).stdout)


def test_what_is_granted_is_listed_until_it_is_taken_back(configuration):
    assert grant("add", configuration, "--object", UID, "--use", "Get", "--use", "WrapKey").returncode == 0
    assert grant("add", configuration, "--group", "g", "--owner", "issuer", "--use", "*").returncode == 0
    group, one = sorted(listed(configuration), key=lambda each: each["what"])
    assert one == {
        "tenant": "shop",
        "client": "client:billing",
        "what": "object",
        "target": UID,
        "owner": "",
        "uses": ["Get", "WrapKey"],
    }
    assert (group["what"], group["owner"], group["uses"]) == ("group", "client:issuer", sorted(GRANTABLE))
    assert grant("remove", configuration, "--object", UID, "--use", "Get").stdout == "1 taken back\n"
    assert grant("remove", configuration, "--group", "g", "--owner", "issuer", "--use", "*").returncode == 0
    (left,) = listed(configuration)
    assert left["uses"] == ["WrapKey"]
    assert_one_sentence(grant("remove", configuration, "--object", UID, "--use", "Get"), "Nothing")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"uses": ("Play",)}, "cannot be granted"),
        ({"uses": ("ReKey",)}, "cannot be granted"),
        ({"target": "no-such"}, "no object"),
        ({"client": "nobody"}, "no client"),
        ({"client": "issuer"}, "own"),
        ({"client": "other", "tenant": "default"}, "no object"),
        ({"client": "other"}, "no client"),
        ({"lent": Lent.GROUP, "owner": "nobody"}, "no client"),
    ],
)
def test_what_means_nothing_is_refused(configuration, fields, told):
    asked = Asked(
        **{"tenant": "shop", "client": "billing", "lent": Lent.OBJECT, "target": UID, "uses": ("Get",)} | fields
    )
    database = configuration.parent / "gateway.sqlite"
    with pytest.raises(ConfigurationError, match=told):
        add_grants(database, asked)
    assert list_grants(database) == []


def test_it_is_told_in_one_sentence_and_of_one_of_object_group_and_all(configuration):
    assert_one_sentence(grant("add", configuration, "--object", UID, "--use", "Play"), "cannot be granted")
    assert grant("add", configuration, "--all", "--group", "g", "--use", "Get").returncode == 2
