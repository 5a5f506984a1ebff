"""What the verbs print: lines, rows and JSON, in which nothing that a client chose acts on a terminal."""

from collections.abc import Iterable
from typing import Any

from gateway.legible import ascii_json, legible

WIDEST = 2000  # characters of one cell of a listing


def print_lines(lines: Iterable[str]) -> None:
    """Print each as a line of its own."""
    for line in lines:
        print(legible(line, WIDEST))


def print_row(*cells: Any) -> None:
    """Print a line of a listing."""
    print(*(legible(str(cell), WIDEST) for cell in cells), sep="\t")


def print_whole_row(*cells: str) -> None:
    """Print a line of a listing in which nothing is cut off, for who decides by it."""
    print(*(legible(cell, len(cell)) for cell in cells), sep="\t")


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    from msgspec import json

    print(json.format(ascii_json(json.encode(value))).decode())
