"""Text that strangers chose, made fit for a terminal, a log or a table: bounded, and without anything that acts.

Line ends forge lines, escape sequences drive terminals, bidirectional marks show one name as another.
"""

import json

MOST = 200  # characters; a Name may have a megabyte


def legible(text: str, most: int = MOST) -> str:
    """Give at most so many characters of the text, each that would not print as itself written as its number.

    What was cut off is told by the three dots at the end.
    """
    cut = text if len(text) <= most else text[:most] + "..."
    return cut if cut.isprintable() else "".join(map(_shown, cut))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def ascii_json(text: bytes) -> bytes:
    """Give the same JSON with all that is not ASCII written as its number."""
    return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":")).encode()
