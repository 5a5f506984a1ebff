"""The official test cases as files: which there are, what each asks for, the column of the score it counts in."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gateway.kmip.enums import Operation
from gateway.operations import OPERATIONS
from tests.wire.xmlcases import CASES, Step, files, steps

VERSIONS = ("1.0", "1.2", "1.4", "2.1")
COLUMNS = ("mandatory", "optional", "testcases", "reconstructed")
# A server sends these to a client; that a gateway cannot do so is not for the table of operations to say.
SERVER_TO_CLIENT = {"Notify", "Put"}
NUMBERS = {operation.token: operation for operation in Operation}


class Exchange(NamedTuple):
    """A request of a case, the response that is expected, and what the file remarks before them."""

    number: int
    request: Element
    response: Element
    remark: str


class Case:
    """One file: its name, its place in the score, its messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem

    @property
    def version(self) -> str:
        """The folder, which is the protocol version in the headers too."""
        return self.path.relative_to(CASES).parts[0]

    @property
    def column(self) -> str:
        """Whether the file is of a mandatory profile case, an optional one, the test case note, or rebuilt."""
        return next(column for column in COLUMNS if column in self.path.relative_to(CASES).parts)

    @cached_property
    def steps(self) -> list[Step]:
        """The messages in the file's order."""
        return steps(self.path)

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """Each request with its response; one that the file forgot the other half of is left out."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return [
            Exchange(asked.number, asked.element, told.element, self._remark(asked.number))
            for asked, told in pairs
            if asked.is_request and not told.is_request
        ]

    def _remark(self, number: int) -> str:
        return (self.steps[number - 1].element.tail or "") if number else ""

    @property
    def spoken(self) -> str:
        """The protocol version of its first request: that of the folder, if it is not said in another one."""
        return ".".join(each.get("value", "") for each in self.steps[0].element.iterfind("*/ProtocolVersion/*"))

    @cached_property
    def operations(self) -> set[str]:
        """The operations that the case asks for; those that a Query lists are not among them."""
        asked = (step.element.iterfind("BatchItem/Operation") for step in self.steps if step.is_request)
        return {found.get("value", "") for step in asked for found in step}

    @cached_property
    def listed(self) -> set[str]:
        """The operations that a Query is to list."""
        told = (step.element.iterfind("BatchItem/ResponsePayload/Operation") for step in self.steps)
        return {found.get("value", "") for step in told for found in step}

    @cached_property
    def not_registered(self) -> list[str]:
        """The operations, asked for or to be listed by Query, that the gateway does not have yet."""
        named = {found.get("value", "") for step in self.steps for found in step.element.iter("Operation")}
        return sorted(name for name in named - SERVER_TO_CLIENT if NUMBERS.get(name) not in OPERATIONS)


def cases() -> list[Case]:
    """List every official case of the four versions that are here."""
    return [Case(path) for path in files(*VERSIONS)]
