"""The tables of the SQLite store, as numbered migrations, and how a row of them becomes an ObjectRow.

A migration is never edited once released: the next one is appended.
"""

from collections.abc import Callable
from functools import lru_cache
from sqlite3 import Cursor
from sys import intern
from typing import Any

from gateway.store.account_rows import TABLES as ACCOUNT_TABLES
from gateway.store.api import AttributeRow, Custody, ObjectRow, TicketRow
from gateway.store.approvals import TABLES as APPROVAL_TABLES
from gateway.store.approvals import WORDS as APPROVAL_WORDS
from gateway.store.ending import COLUMNS as ENDING_COLUMNS
from gateway.store.findable import FINDABLE
from gateway.store.grant_rows import TABLES as GRANT_TABLES

# STRICT, because without it a column's affinity would turn the scalar '1' into 1 and match what it must not.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE objects (
            id INTEGER PRIMARY KEY,
            unique_identifier TEXT NOT NULL UNIQUE,
            tenant TEXT NOT NULL,
            owner TEXT NOT NULL,
            object_type INTEGER NOT NULL,
            storage INTEGER NOT NULL,
            custody TEXT NOT NULL,
            token TEXT NOT NULL,
            object_class INTEGER NOT NULL,
            cka_id BLOB NOT NULL,
            changed INTEGER NOT NULL,
            material BLOB
        ) STRICT""",
        # Covering: a reader learns what others changed from the index alone, and a writer its next commit number.
        "CREATE INDEX objects_by_change ON objects (changed, unique_identifier)",
        # These end in the implicit id, so that Locate gets its newest first without sorting.
        "CREATE INDEX objects_by_tenant ON objects (tenant, storage)",
        "CREATE INDEX objects_by_owner ON objects (tenant, owner, storage)",
        # Two objects on one token object would be two lifecycles of one key.
        "CREATE UNIQUE INDEX objects_by_cka_id ON objects (cka_id, object_class, token) WHERE custody = 'token'",
        """CREATE TABLE attributes (
            object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
            tag INTEGER NOT NULL,
            name TEXT NOT NULL,
            idx INTEGER NOT NULL,
            ttlv BLOB NOT NULL,
            scalar ANY,
            PRIMARY KEY (object, tag, name, idx)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX attributes_by_scalar ON attributes (tag, name, scalar, object) WHERE scalar IS NOT NULL",
        # The name does not have to be unique here: that is a switch, and the one writer at a time checks it.
        """CREATE TABLE names (
            tenant TEXT NOT NULL,
            name TEXT NOT NULL,
            object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
            PRIMARY KEY (tenant, name, object)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX names_by_object ON names (object)",
        # AUTOINCREMENT, so that no new instance gets the number of one that a reaper has just found dead.
        """CREATE TABLE instances (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            pid INTEGER NOT NULL,
            started INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE reservations (
            cka_id BLOB PRIMARY KEY,
            instance INTEGER NOT NULL REFERENCES instances (id),
            condemned INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX reservations_by_instance ON reservations (instance)",
        "CREATE TABLE destroys (object INTEGER PRIMARY KEY REFERENCES objects (id)) STRICT",
    ),
    # Whose batch may still take the Destroy back; no reaper deletes the key before.
    ("ALTER TABLE destroys ADD COLUMN holder INTEGER REFERENCES instances (id)",),
    (
        """CREATE TABLE settings (
            tenant TEXT NOT NULL,
            owner TEXT NOT NULL,
            tag INTEGER NOT NULL,
            ttlv BLOB NOT NULL,
            PRIMARY KEY (tenant, owner, tag)
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE tickets (
            hash BLOB PRIMARY KEY,
            tenant TEXT NOT NULL,
            owner TEXT NOT NULL,
            parent BLOB REFERENCES tickets (hash) ON DELETE CASCADE,
            delegated INTEGER NOT NULL,
            expires INTEGER,
            requests INTEGER CHECK (requests >= 0),
            rights BLOB
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX tickets_by_owner ON tickets (tenant, owner)",
        "CREATE INDEX tickets_by_parent ON tickets (parent)",
    ),
    (
        # `instance` is no foreign key: an instance that ends well takes its row with it, and leaves its requests.
        """CREATE TABLE asynchronous_requests (
            id INTEGER PRIMARY KEY,
            correlation BLOB NOT NULL UNIQUE,
            tenant TEXT NOT NULL,
            owner TEXT NOT NULL,
            operation INTEGER NOT NULL,
            version TEXT NOT NULL,
            batch_item BLOB,
            ticket BLOB,
            submitted INTEGER NOT NULL,
            stage INTEGER NOT NULL,
            instance INTEGER NOT NULL,
            begun INTEGER NOT NULL,
            changes TEXT NOT NULL,
            sealed BLOB NOT NULL,
            reason INTEGER NOT NULL,
            message TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX asynchronous_requests_by_owner ON asynchronous_requests (tenant, owner)",
        "CREATE INDEX asynchronous_requests_by_stage ON asynchronous_requests (stage, submitted)",
    ),
    (
        "ALTER TABLE objects ADD COLUMN wrapped BLOB NOT NULL DEFAULT x''",
        # A rotation of the key-encryption key looks for those that another one wrapped.
        """CREATE INDEX objects_by_kek ON objects (token, substr(wrapped, 1, 4), id) WHERE custody = 'wrapped'""",
    ),
    # Of the keys that are there already nobody knows where they were made.
    ("ALTER TABLE objects ADD COLUMN trusted INTEGER NOT NULL DEFAULT 0",),
    ACCOUNT_TABLES,
    GRANT_TABLES,
    (
        # By the digest of the key: how often it was used, and how many IVs of clients are kept of it, which are these.
        """CREATE TABLE invocations (
            subject BLOB PRIMARY KEY,
            counted INTEGER NOT NULL DEFAULT 0,
            chosen INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE chosen_ivs (
            subject BLOB NOT NULL,
            iv BLOB NOT NULL,
            PRIMARY KEY (subject, iv)
        ) STRICT, WITHOUT ROWID""",
    ),
    APPROVAL_TABLES,
    APPROVAL_WORDS,
    # Those that were completed before told of none: who polls for key material asks for it anew.
    ("ALTER TABLE asynchronous_requests ADD COLUMN objects TEXT NOT NULL DEFAULT '[]'",),
    ENDING_COLUMNS,
    # A new key writes half as many pages of the index.
    (
        "DROP INDEX attributes_by_scalar",
        f"CREATE INDEX attributes_by_scalar ON attributes (tag, name, scalar, object) WHERE {FINDABLE}",
    ),
)

# The column `storage`: one number, so that one index answers for every Storage Status Mask.
ARCHIVED, DESTROYED = 1, 2

# In `meta`: up to which row keys are from a copy that was put back.
IVS_FORGOTTEN_TO = "ivs_forgotten_to"

COMMON = 1 << 20  # Integers below are worth sharing; dates are far above.

SELECT_OBJECT = """SELECT unique_identifier, tenant, owner, object_type, custody, token, object_class, cka_id, material,
    wrapped, storage, trusted, id, changed FROM objects WHERE unique_identifier = ?"""
SELECT_ATTRIBUTES = "SELECT tag, name, idx, ttlv, scalar FROM attributes WHERE object = ? ORDER BY tag, name, idx"

SELECT_SETTING = "SELECT ttlv FROM settings WHERE tenant = ? AND owner = ? AND tag = ?"

# From a ticket up to the first, which no ticket asked for; `depth` bounds it even where a row is damaged.
SELECT_TICKET = """WITH RECURSIVE line (depth, hash) AS (
    SELECT 0, ? UNION ALL SELECT depth + 1, parent FROM line JOIN tickets USING (hash) WHERE depth < 16)
    SELECT tickets.hash, tenant, owner, parent, delegated, expires, requests, rights
    FROM line JOIN tickets USING (hash) ORDER BY depth"""

_CUSTODY = {str(custody): custody for custody in Custody}


def read_object(cursor: Cursor, unique_identifier: str) -> ObjectRow | None:
    """Give the object with its attributes; call it inside a transaction, or the two statements may see two states."""
    columns = cursor.execute(SELECT_OBJECT, (unique_identifier,)).fetchone()
    return None if columns is None else _with_attributes(cursor, columns)


def read_ticket(execute: Callable[..., Cursor], hash: bytes) -> list[TicketRow]:
    """Give a ticket and all by which it came to be, its own first."""
    return [_ticket(*columns) for columns in execute(SELECT_TICKET, (hash,))]


def all_tickets(execute: Callable[..., Cursor]) -> list[TicketRow]:
    """Give all tickets, those of one owner together."""
    return [_ticket(*columns) for columns in execute("SELECT * FROM tickets ORDER BY tenant, owner, hash")]


def _ticket(
    hash: bytes,
    tenant: str,
    owner: str,
    parent: bytes | None,
    delegated: int,
    expires: int | None,
    requests: int | None,
    rights: bytes | None,
) -> TicketRow:
    return TicketRow(hash, tenant, owner, parent, delegated != 0, expires, requests, rights)


def _with_attributes(cursor: Cursor, columns: tuple[Any, ...]) -> ObjectRow:
    unique_identifier, tenant, owner, kind, custody, token, object_class, cka_id, *rest = columns
    material, wrapped, storage, trusted, id_, changed = rest
    rows = cursor.execute(SELECT_ATTRIBUTES, (id_,)).fetchall()
    return ObjectRow(
        unique_identifier,
        intern(tenant),  # The same few strings in every row: ten thousand cached objects share them.
        intern(owner),
        kind,
        _CUSTODY[custody],
        intern(token),
        object_class,
        cka_id,
        material,
        wrapped,
        tuple([_attribute(row) for row in rows]),
        storage & DESTROYED != 0,
        storage & ARCHIVED != 0,
        trusted != 0,
        id_,
        changed,
    )


def _attribute(columns: tuple[Any, ...]) -> AttributeRow:
    scalar = columns[-1]
    common = type(scalar) is int and 0 <= scalar < COMMON
    return _shared(*columns) if common else AttributeRow(*columns)


@lru_cache(4096)
def _shared(*columns: Any) -> AttributeRow:
    """Give one row for all objects: half of an object's attributes are booleans, enumerations, lengths and masks."""
    return AttributeRow(*columns)


def storage_of(destroyed: bool, archived: bool) -> int:
    """Give the value of the column `storage`."""
    return destroyed * DESTROYED | archived * ARCHIVED
