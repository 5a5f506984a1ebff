"""What holds for every module of the gateway, read from its source; the layers themselves are import-linter's."""

import ast
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[1] / "gateway"
MODULES = sorted(GATEWAY.rglob("*.py"))
# Tables, a row a line.
TABLES = {"kmip/enums.py", "kmip/tags.py"}
# The command line speaks to a person; the token worker has its own process and standard output.
MAY_PRINT = ("__main__.py", "admin/")
LONGEST = 500
# The verbs of a store and a token say what they are in their protocol, once for all who implement them.
PROTOCOLS = (
    "store/api.py",
    "store/accounts.py",
    "store/grants.py",
    "store/approvals.py",
    "token/api.py",
    "token/flows.py",
)
ROOMS = ("store/", "token/")


def name(path):
    """Give a module's path inside the package."""
    return path.relative_to(GATEWAY).as_posix()


def tree(path):
    """Parse a module."""
    return ast.parse(path.read_text())


def catches(handler):
    """Give the names that an except clause catches."""
    if handler.type is None:
        return {"Exception"}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.id for kind in kinds if isinstance(kind, ast.Name)}


def walk(path, kind):
    """Give the nodes of one kind in a module."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, kind)]


def public(node):
    """Give the classes and functions that a module or class shows to others."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


VERBS = {node.name for path in PROTOCOLS for node in public(tree(GATEWAY / path)) if ast.get_docstring(node)}


def test_a_batch_item_and_a_message_are_the_only_last_resorts():
    found = [name(path) for path in MODULES for each in walk(path, ast.ExceptHandler) if "Exception" in catches(each)]
    assert found == ["batch.py", "exchange.py"]


@pytest.mark.parametrize("path", [p for p in MODULES if not name(p).startswith(MAY_PRINT)], ids=name)
def test_nothing_is_printed(path):
    calls = [node.func for node in walk(path, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("path", [p for p in MODULES if name(p) not in TABLES], ids=name)
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_everything_public_says_what_it_is(path):
    module = tree(path)
    # An __init__.py with nothing in it but imports may leave its say to the modules.
    assert ast.get_docstring(module) or not module.body
    told = VERBS if name(path).startswith(ROOMS) else set()
    assert [node.name for node in public(module) if not ast.get_docstring(node) and node.name not in told] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_name_says_more_than_helper(path):
    words = {"utils", "util", "helper", "helpers", "manager", "misc", "common"}
    names = {path.stem, *(node.name.lower() for node in walk(path, ast.ClassDef))}
    assert not {each for each in names for word in words if each == word or each.endswith(word)}
