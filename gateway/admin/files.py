"""Files that are whole or absent, with their mode from the first byte."""

import os
from pathlib import Path


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Leave a new file of this mode with the data; a crash leaves all of it or nothing under the name."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
