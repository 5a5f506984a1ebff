"""Destroyed objects of which something is left: a key on the token, or all of it until its window is over.

The one rule here: what is due is claimed in a commit of its own, and what is claimed nobody brings back; only then is
it deleted. So a key is never deleted that an operator was given back.
"""

from sqlite3 import Cursor

from gateway.store.api import Kept

# `due` is in seconds since 1970: 0 is to be deleted now, NULL when an operator says so. `holder` is the instance whose
# batch may still take the Destroy back.
COLUMNS: tuple[str, ...] = (
    "ALTER TABLE destroys ADD COLUMN due INTEGER DEFAULT 0",
    "ALTER TABLE destroys ADD COLUMN material BLOB",
    "ALTER TABLE destroys ADD COLUMN wrapped BLOB NOT NULL DEFAULT x''",
    # The identifier to which its seal is bound: an Import may have given it another since.
    "ALTER TABLE destroys ADD COLUMN sealed_as TEXT NOT NULL DEFAULT ''",
    # Whose it is, for what is kept counts among a client's objects.
    "ALTER TABLE destroys ADD COLUMN tenant TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE destroys ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX destroys_by_due ON destroys (due)",
    "CREATE INDEX destroys_by_owner ON destroys (tenant, owner, due)",
)

_QUEUE = """INSERT INTO destroys (object, holder, due, material, wrapped, sealed_as, tenant, owner)
    SELECT id, ?, ?, ?, ?, ?, tenant, owner FROM objects WHERE id = ?
    ON CONFLICT DO UPDATE SET
        holder = excluded.holder, due = excluded.due, material = excluded.material, wrapped = excluded.wrapped,
        sealed_as = excluded.sealed_as"""
_KEPT = "SELECT due, material, wrapped, sealed_as, holder IS NOT NULL FROM destroys WHERE object = ? AND due IS NOT 0"
_COUNT = """SELECT count(*) FROM (SELECT 1 FROM destroys
    WHERE tenant = ? AND owner = ? AND (due IS NULL OR due > 0) LIMIT ?)"""
_LET_GO = "UPDATE destroys SET due = 1 WHERE object = ? AND due IS NOT 0"

_DUE = "due > 0 AND due <= ? AND holder IS NULL"
ANY_DUE = f"SELECT 1 FROM destroys WHERE {_DUE} LIMIT 1"  # noqa: S608
_ERASE = f"""DELETE FROM destroys WHERE {_DUE}
    AND object IN (SELECT id FROM objects WHERE custody != 'token' OR cka_id = x'')"""  # noqa: S608
_CLAIM = f"UPDATE destroys SET due = 0, material = NULL, wrapped = x'' WHERE {_DUE}"  # noqa: S608

# A half of a pair that can still be had back under a CKA_ID; the index is that of keys on the token.
_UNDER = """SELECT unique_identifier FROM objects JOIN destroys ON destroys.object = objects.id
    WHERE cka_id = ? AND custody = 'token' AND (holder IS NOT NULL OR due IS NOT 0) LIMIT 1"""


def queue(cursor: Cursor, id: int, holder: int | None, kept: Kept | None) -> None:
    """Note that something is left of a destroyed object, which is to go at once, or when it is due."""
    due, material, wrapped, sealed_as, _ = kept or Kept(0)
    cursor.execute(_QUEUE, (holder, due, material, wrapped, sealed_as, id))


def one(cursor: Cursor, id: int) -> Kept | None:
    """Give what is kept of a destroyed object, None where that is nothing or is to go at once."""
    found = cursor.execute(_KEPT, (id,)).fetchone()
    if found is None:
        return None
    due, material, wrapped, sealed_as, held = found
    return Kept(due, material, wrapped, sealed_as, held != 0)


def count(cursor: Cursor, tenant: str, owner: str, most: int) -> int:
    """Count an owner's destroyed objects that are kept, up to `most` of them."""
    (number,) = cursor.execute(_COUNT, (tenant, owner, most)).fetchone()
    return int(number)


def let_go(cursor: Cursor, id: int) -> None:
    """Have what is kept of an object be due."""
    cursor.execute(_LET_GO, (id,))


def claim(cursor: Cursor, now: int) -> int:
    """End the windows that are over by `now`, and count what is gone with that, because no token has it."""
    erased = cursor.execute(_ERASE, (now,)).rowcount
    cursor.execute(_CLAIM, (now,))
    return erased


def under(cursor: Cursor, cka_id: bytes) -> str | None:
    """Give a destroyed object that can still be had back, and whose key carries this CKA_ID."""
    found = cursor.execute(_UNDER, (cka_id,)).fetchone()
    return None if found is None else str(found[0])
