"""How a SQLite file is opened, and brought to this version's tables.

The one rule: a connection stays in the process that opened it. SQLite's locks do not survive a fork, so whoever forks
calls `migrate` before, and every child opens its own.
"""

import os
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection, Error, connect

from sqlite_utils import Database

from gateway.errors import ConfigurationError
from gateway.store.locks import MIGRATION, LockFile
from gateway.store.rows import MIGRATIONS

WRITER_TIMEOUT_S = 10  # A group of another process commits in milliseconds; after this, something is wrong.
# The log is written into the database when it has this many pages of 4 KiB. While keys are made the same pages, the
# ends of the indexes, change in every commit: with SQLite's 1000 they were written anew every dozen of commits.
CHECKPOINT_PAGES = 4000
READER_TIMEOUT_S = 1  # In WAL mode a reader waits only while another process recovers the log after a crash.


def open_connection(path: Path, *, timeout_s: float, read_only: bool = False) -> Connection:
    """Give a connection in autocommit mode that may be handed from one thread to another.

    Raises:
        ConfigurationError: the file cannot be opened.
    """
    mode = "ro" if read_only else "rw"
    try:
        db = connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # A destroyed key's wrapping must not stay in a free page.
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute("PRAGMA synchronous = FULL")  # NORMAL would lose acknowledged commits in a power cut.
    except Error as error:
        raise ConfigurationError(f"The database {path} cannot be opened: {error}.") from error
    return db


def open_for_writing(path: Path, *, timeout_s: float) -> Connection:
    """Give a connection as `open_connection` does, for a writer that has a savepoint in its transaction for each job.

    What SQLite notes to undo a savepoint stays in memory: in a temporary file it took a third of the time of a new key.
    """
    db = open_connection(path, timeout_s=timeout_s)
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def set_timeout(connection: Connection, seconds: float) -> None:
    """Change how long a statement waits for a lock of another process."""
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")


def migrate(path: Path) -> None:
    """Create the database, or bring it to this version; the same again changes nothing.

    Raises:
        ConfigurationError: the database is of a later version, or cannot be opened or changed.
    """
    try:
        _create_private(path)
        with closing(LockFile(path)) as locks, closing(open_connection(path, timeout_s=WRITER_TIMEOUT_S)) as connection:
            # Not SQLite's own lock: nobody may have one while the journal mode changes.
            locks.hold(MIGRATION, WRITER_TIMEOUT_S)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            _apply(Database(connection, execute_plugins=False), path)
            connection.execute("COMMIT")
    except (OSError, Error) as error:
        raise ConfigurationError(f"The database {path} cannot be opened: {error}.") from error


def check_version(connection: Connection, path: Path) -> int:
    """Give the schema version, 0 for an empty database.

    Raises:
        ConfigurationError: it is later than this gateway's, or no database.
    """
    meta = Database(connection, execute_plugins=False).table("meta")
    try:
        version = int(meta.get("schema_version")["value"]) if meta.exists() else 0
    except Error as error:
        raise ConfigurationError(f"The database {path} cannot be read: {error}.") from error
    if version > len(MIGRATIONS):
        raise ConfigurationError(
            f"The database {path} has schema version {version} and this gateway knows {len(MIGRATIONS)}: "
            "start the gateway that wrote it, or a later one."
        )
    return version


def _create_private(path: Path) -> None:
    """Create the file with mode 0600, which SQLite gives to its -wal and -shm files as well."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _apply(db: Database, path: Path) -> None:
    done = check_version(db.conn, path)
    if done == len(MIGRATIONS):
        return
    if not done:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID")
    for number, migration in enumerate(MIGRATIONS[done:], done + 1):
        for statement in migration:
            _change(db, path, number, statement)
    db.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (str(len(MIGRATIONS)),))


def _change(db: Database, path: Path, number: int, statement: str) -> None:
    try:
        db.execute(statement)
    except Error as error:
        raise ConfigurationError(
            f"The database {path} cannot be brought to schema version {number} ({error}) and was left as it was: "
            "start the gateway that wrote it, and keep a backup of it."
        ) from error
