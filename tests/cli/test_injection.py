"""What a client writes neither forges a line of a listing or the log, nor drives the terminal that shows it."""

import asyncio
import json
import subprocess
import sys

import pytest

from tests.cli.process import run
from tests.cli.test_objects import Tag, attribute, open_store, row

HOSTILE = "a\r\nuid-9\tforged\x1b[2J\x9b31m\u202egpj.exe\u2028\u200b" + "A" * 1_000_000
FORBIDDEN = ("\r", "\x1b", "\x9b", "\u202e", "\u2028", "\u200b")


async def fill(path):
    store = open_store(path)
    group = attribute(Tag.OBJECT_GROUP, HOSTILE, HOSTILE)
    made = row(1)
    named = [type(each)(each.tag, ttlv=each.ttlv, scalar=HOSTILE) for each in made.attributes if each.tag == Tag.NAME]
    made = type(made)(
        unique_identifier=made.unique_identifier,
        tenant=made.tenant,
        owner=HOSTILE,
        object_type=made.object_type,
        custody=made.custody,
        material=made.material,
        attributes=(*named, group),
    )
    await store.write(lambda tx: tx.add(made))
    await store.close()


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    asyncio.run(fill(folder / "gateway.sqlite"))
    path = folder / "gateway.toml"
    tls = '[tls]\nca = "a"\ncertificate = "b"\nkey = "c"\n'
    path.write_text(f'version = "v1"\n{tls}[token]\nmodule = "/m.so"\nlabel = "x"\n')
    return path


def test_a_listing_has_a_line_for_each_object_and_nothing_that_acts(toml):
    listed = run("object", "list", "--config", toml).stdout
    assert listed.count("\n") == 1
    assert len(listed) < 5000
    shown = run("object", "show", "uid-1", "--config", toml).stdout
    assert "\nuid-9" not in shown
    assert len(shown) < 20_000
    for each in FORBIDDEN:
        assert each not in listed + shown
    assert "\\u202egpj.exe" in listed


def test_json_is_ascii_and_whole(toml):
    listed = run("object", "list", "--config", toml, "--json").stdout
    assert listed.isascii()
    assert json.loads(listed)[0]["names"] == [HOSTILE]
    assert "\x1b" not in listed


LOG = """
import structlog
from gateway.admin.logs import configure
from gateway.config import LogConfig
from tests.cli.test_injection import HOSTILE
configure(LogConfig(format={form!r}))
structlog.get_logger().info("refused", message=HOSTILE, identity=HOSTILE)
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_line_stays_one_line(form):
    command = [sys.executable, "-c", LOG.format(form=form)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = finished.stderr.splitlines()
    assert len(line) < 20_000
    assert "\\u202egpj.exe" in line
    for each in FORBIDDEN:
        assert each not in line
    if form == "json":
        assert line.isascii()
        assert json.loads(line)["message"].startswith("a\\u000d\\u000auid-9")
