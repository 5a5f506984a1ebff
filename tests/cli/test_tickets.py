"""`ticket list` and `ticket end`: what clients have let others in by, and its end, while the gateway runs or not."""

import asyncio
import hashlib
import json
import time

import pytest

from gateway.kmip.enums import Operation
from gateway.kmip.policy import Operations, Right, Rights
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.store.api import TicketRow
from gateway.store.sqlite import open_store
from gateway.wire.codec import Codec
from tests.cli.process import assert_one_sentence, run

RIGHTS = Rights(right=(Right(operations=Operations(operation=(Operation.GET,))),))


def ticket(number, owner="cert:aa", **more):
    return TicketRow(hashlib.sha256(bytes((number,))).digest(), "default", owner, **more)


TICKETS = [
    ticket(1, expires=int(time.time()) + 3600, requests=3),
    ticket(2, delegated=True, rights=Codec().encode_structure(RIGHTS, Tag.RIGHTS, V2_1)),
    ticket(3, owner="cert:bb"),
    ticket(4, parent=ticket(2).hash),
    ticket(5, expires=int(time.time()) - 1),
    ticket(6, requests=0),
]


async def fill(path):
    store = open_store(path)
    for each in TICKETS:
        await store.write(lambda tx, each=each: tx.add_ticket(each))
    await store.close()


@pytest.fixture
def configuration(tmp_path):
    """A configuration whose database has tickets."""
    asyncio.run(fill(tmp_path / "gateway.sqlite"))
    path = tmp_path / "gateway.toml"
    tls = '[tls]\nca = "a"\ncertificate = "b"\nkey = "c"\n'
    path.write_text(f'version = "v1"\n{tls}[token]\nmodule = "/m.so"\nlabel = "x"\n')
    return path


def listed(configuration):
    found = json.loads(run("ticket", "list", "--config", configuration, "--json").stdout)
    return {each["ticket"]: each for each in found}


def test_those_that_hold_are_listed_with_what_they_allow(configuration):
    found = listed(configuration)
    assert set(found) == {each.hash.hex() for each in TICKETS[:4]}
    first, second = (found[TICKETS[place].hash.hex()] for place in (0, 1))
    assert (first["owner"], first["for_others"], first["requests"], first["rights"]) == ("cert:aa", False, 3, None)
    assert (second["for_others"], second["expires"]) == (True, None)
    assert second["rights"] == [{"operations": {"operation": ["Get"]}}]
    assert TICKETS[0].hash.hex() in run("ticket", "list", "--config", configuration).stdout


def test_one_is_ended_with_those_that_were_asked_for_by_it(configuration):
    ended = run("ticket", "end", TICKETS[1].hash.hex()[:12].upper(), "--config", configuration)
    assert (ended.returncode, ended.stdout) == (0, "1 ended\n")
    assert set(listed(configuration)) == {TICKETS[0].hash.hex(), TICKETS[2].hash.hex()}


def test_all_of_a_client_are_ended(configuration):
    assert run("ticket", "end", "--owner", "cert:aa", "--config", configuration).returncode == 0
    assert set(listed(configuration)) == {TICKETS[2].hash.hex()}


def test_what_is_not_there_is_told(configuration):
    for wrong in ("f" * 8, "", TICKETS[0].hash.hex()[:7]):
        assert_one_sentence(run("ticket", "end", wrong, "--config", configuration))
    assert run("ticket", "end", "--config", configuration).returncode == 2
    assert len(listed(configuration)) == 4
