"""What can be wrong between a database and its token, a row each: what it is called, how grave it is, what to do."""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct


class Kind(StrEnum):
    """The names of findings; scripts may depend on them."""

    DAMAGED = "damaged"
    SHARED_KEY = "shared-key"
    UNREADABLE = "unreadable"
    UNNAMED = "unnamed"
    DEAD_LINK = "dead-link"
    DANGLING = "dangling"
    ORPHAN = "orphan"
    FOREIGN = "foreign"
    UNACKNOWLEDGED = "unacknowledged"
    UNFINISHED = "unfinished"
    LEFTOVER = "leftover"
    UNDECIDED = "undecided"
    WEAKER = "weaker"
    MISMATCH = "mismatch"
    OWN_KEY_MISSING = "own-key-missing"
    DOES_NOT_UNWRAP = "does-not-unwrap"
    DOES_NOT_OPEN = "does-not-open"
    OTHER_TOKEN = "other-token"  # noqa: S105 - a name, no secret


class Meaning(NamedTuple):
    """What a kind of finding says; a notice is no reason for concern, and what is repairable is so by `--repair`."""

    words: str
    notice: bool = False
    repairable: bool = False


MEANINGS = {
    Kind.DAMAGED: Meaning("the database is damaged; restore a backup"),
    Kind.SHARED_KEY: Meaning("objects that are one key: two lives of it"),
    Kind.UNREADABLE: Meaning("a row cannot be read"),
    Kind.UNNAMED: Meaning("a name is kept for an object that has it no more", notice=True),
    Kind.DEAD_LINK: Meaning("a Link to no object", notice=True),
    Kind.DANGLING: Meaning("the token does not have the key: destroyed since, or the token is older than the database"),
    Kind.ORPHAN: Meaning("a key like the gateway's that no row names: made since a backup, or another gateway's; kept"),
    Kind.FOREIGN: Meaning("a key of somebody else's; kept", notice=True),
    Kind.UNACKNOWLEDGED: Meaning("made by a process that died, and no client was told of it", repairable=True),
    Kind.UNFINISHED: Meaning("destroyed, and the token still has the key to be deleted", repairable=True),
    Kind.LEFTOVER: Meaning("destroyed, and the key was put on the token again, or kept by a restore", repairable=True),
    Kind.UNDECIDED: Meaning("destroyed and kept when the database was copied; `object restore` or `object erase` it"),
    Kind.WEAKER: Meaning("the token would do with the key what the object says is never done"),
    Kind.MISMATCH: Meaning("the key on the token is another than the object says"),
    Kind.OWN_KEY_MISSING: Meaning("the token does not have this key, by which the gateway wraps or seals"),
    Kind.DOES_NOT_UNWRAP: Meaning("the wrapped key is damaged, or wrapped by another token"),
    Kind.DOES_NOT_OPEN: Meaning("what is sealed is damaged, or was sealed by another token"),
    Kind.OTHER_TOKEN: Meaning("objects on a token that the configuration does not name"),
}


class Finding(Struct, frozen=True):
    """One thing found: its kind, the object or the key (class and CKA_ID in hexadecimal), and what there is to say.

    token is the one whose key it is about, as the configuration names it.
    """

    kind: Kind
    object: str = ""
    key: str = ""
    token: str = ""
    detail: str = ""

    @property
    def meaning(self) -> Meaning:
        """What a finding of this kind says."""
        return MEANINGS[self.kind]


class Findings(Struct, frozen=True):
    """What `fsck` prints; `sound` is its exit code."""

    objects: int
    keys_on_token: int | None  # on all tokens; None: none was looked at
    looked_into: int  # objects whose key or material was tried, rather than only looked for
    repaired: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether there is nothing but notices."""
        return all(each.meaning.notice for each in self.findings)


def lines_of(findings: Findings) -> list[str]:
    """Give the report as text, the grave first."""
    title = f"{findings.objects} objects"
    if findings.keys_on_token is not None:
        title += f", {findings.keys_on_token} keys on tokens, {findings.looked_into} tried"
    if findings.repaired:
        title += f"; {findings.repaired} keys deleted"
    ordered = sorted(findings.findings, key=lambda each: (each.meaning.notice, each.kind, each.object, each.key))
    return [title, *(line_of(each) for each in ordered)] if ordered else [f"{title}: sound"]


def line_of(finding: Finding) -> str:
    """Give one finding as a line."""
    grave = "notice" if finding.meaning.notice else "PROBLEM"
    where = f"on {finding.token}" if finding.token else ""
    which = " ".join(part for part in (finding.object, finding.key, where, finding.detail) if part)
    repair = " [--repair]" if finding.meaning.repairable else ""
    return f"{grave} {finding.kind}: {which}: {finding.meaning.words}{repair}"
