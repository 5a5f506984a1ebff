"""Which attributes the index of attributes has: those by which a few objects are found among many.

It is written with every new object, and half of what it could have tells no object from another.
"""

from gateway.kmip.tags import Tag

# The unique identifier is in the table of objects, and where an object is kept is asked for by single bits.
UNINDEXED = (Tag.UNIQUE_IDENTIFIER, Tag.PROTECTION_STORAGE_MASK)
# This they say of almost every object: who asks for it looks at each object anyway.
COMMON: dict[int, int] = {
    Tag.LEASE_TIME: 3600,
    Tag.FRESH: 1,
    Tag.SENSITIVE: 0,
    Tag.EXTRACTABLE: 1,
    Tag.ALWAYS_SENSITIVE: 0,
    Tag.NEVER_EXTRACTABLE: 0,
}
# A query must have these very words, or SQLite does not use the index. To change them takes another migration.
FINDABLE = " AND ".join(
    (
        "scalar IS NOT NULL",
        *(f"tag <> {tag:d}" for tag in UNINDEXED),
        *(f"NOT (tag = {tag:d} AND scalar = {scalar})" for tag, scalar in COMMON.items()),
    )
)
