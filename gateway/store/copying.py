"""A database copied while it is written, and put in its place again.

The one rule: a copy names no key that is to be deleted (`lineage`), so that it is safe even where somebody just moves
it to where a gateway looks for its database.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection, Error

from gateway.errors import ConfigurationError
from gateway.store.connection import WRITER_TIMEOUT_S, check_version, open_connection
from gateway.store.lineage import disown, last_commit
from gateway.store.locks import LockFile


def copy_database(source: Path, target: Path) -> None:
    """Make `target` a copy of one moment of the database, readable by its owner only, and whole on the disk.

    Writers are not kept waiting; what they commit meanwhile is not in it.

    Raises:
        ConfigurationError: the database cannot be read, or the copy not be written; nothing is left of it then.
    """
    with _made_whole(target) as partial, closing(open_connection(source, timeout_s=WRITER_TIMEOUT_S)) as connection:
        check_version(connection, source)
        connection.execute("VACUUM INTO ?", (str(partial),))
        with closing(open_connection(partial, timeout_s=WRITER_TIMEOUT_S)) as copy:
            copy.execute("BEGIN")
            disown(copy)
            copy.execute("COMMIT")
            _check_whole(copy, partial)


def put_in_place(copy: Path, target: Path) -> None:
    """Make `target` the database that is in `copy`, which stays.

    Raises:
        ConfigurationError: there is a database already, a gateway that uses one, or the copy is damaged.
    """
    if target.exists():
        raise ConfigurationError(f"{target} exists already; move it away, with its -wal and -shm, or name another.")
    with closing(LockFile(target)) as locks:
        if locks.in_use():
            raise ConfigurationError(f"A gateway is running on {target}; stop it first.")
        with _made_whole(target) as partial:
            shutil.copyfile(copy, partial)
            with closing(open_connection(partial, timeout_s=WRITER_TIMEOUT_S)) as connection:
                check_version(connection, copy)
                _check_whole(connection, copy)
                last = last_commit(connection.cursor())
            # Of the database that was here: SQLite would take them for those of the new one.
            _remove(f"{target}-wal", f"{target}-shm")
        locks.note(last)


def version_of(path: Path) -> int:
    """Give the schema version of a database.

    Raises:
        ConfigurationError: it is later than this gateway's, or no database.
    """
    with closing(open_connection(path, timeout_s=WRITER_TIMEOUT_S, read_only=True)) as connection:
        return check_version(connection, path)


def fact_in(path: Path, key: str) -> str | None:
    """Give what a database that is not in use keeps under this key of itself; raises as `version_of` does."""
    with closing(open_connection(path, timeout_s=WRITER_TIMEOUT_S, read_only=True)) as connection:
        check_version(connection, path)
        found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return found[0] if found else None


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Give a path to write to; what is there in the end is on the disk before it has the name, or gone."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        _remove(partial)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        try:
            yield partial
            _sync(partial)
            partial.rename(target)
            _sync(target.parent)
        finally:
            _remove(partial, f"{partial}-journal")
    except (OSError, Error) as error:
        raise ConfigurationError(f"{target} cannot be written: {error}.") from error


def _check_whole(connection: Connection, path: Path) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != ("ok",):
        raise ConfigurationError(f"The database {path} is damaged: {found[0]}.")


def _remove(*paths: Path | str) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
