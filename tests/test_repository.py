"""The repository's own promises: what is written down twice says the same twice."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields

import gateway
from gateway.config import SECTIONS, load
from tests.support.readme import BEGIN, COMMAND, END, README, renewed

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "config" / "gateway.toml"
# These have a default that no installation can live with, so the file shows an example.
EXAMPLES = {("token", "label"), ("token", "pin_file")}


def default_of(field):
    """Give a key's default as TOML would have it, or NODEFAULT."""
    default = field.default if field.default_factory is NODEFAULT else field.default_factory()
    if default is None:
        return ""  # no path
    if isinstance(default, tuple):
        return list(default)
    return str(default) if isinstance(default, Path) else default


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commented_configuration_has_every_key_with_its_default(section):
    table = tomllib.loads(SAMPLE.read_text())[section]
    defaults = {field.name: default_of(field) for field in fields(SECTIONS[section])}
    assert list(table) == list(defaults)
    free = {key for key, default in defaults.items() if default is NODEFAULT or (section, key) in EXAMPLES}
    assert {key: table[key] for key in table if key not in free} == {
        key: default for key, default in defaults.items() if key not in free
    }


def test_the_commented_configuration_is_correct():
    assert load(SAMPLE).version == "v1"


def test_every_key_of_the_commented_configuration_is_explained():
    keys = [line for line in SAMPLE.read_text().splitlines() if re.match(r"\w+ =", line)]
    assert [line for line in keys if "  # " not in line] == []


def test_the_readmes_configuration_is_correct(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "gateway.toml").write_text(example)
    assert load(tmp_path / "gateway.toml").token.label == "production"


def test_the_readmes_operations_are_those_that_there_are():
    text = README.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert text == renewed(text), f"run {COMMAND}"


def test_version_is_one():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == gateway.__version__


def test_only_batch_and_exchange_catch_everything():
    broad = [path.name for path in (ROOT / "gateway").rglob("*.py") for _ in find_broad(path)]
    assert sorted(broad) in ([], ["batch.py"], ["exchange.py"], ["batch.py", "exchange.py"])


def find_broad(path):
    return re.findall(r"^\s*except (?:Exception|\(.*\bException\b.*\))", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("script", ["softhsm/dev.sh", "softhsm/test.sh", ".ci/run"])
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & 0o111
