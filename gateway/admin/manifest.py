"""What a backup says of itself and of the token that it belongs to, as JSON beside it."""

import hashlib
from pathlib import Path

import msgspec

from gateway.admin.files import write_file
from gateway.errors import ConfigurationError
from gateway.token.api import TokenInfo

FORMAT = 1
CHUNK_BYTES = 1 << 20


class BackedUpKey(msgspec.Struct, frozen=True):
    """A key on the token that a living object names; the check value is "" where the token told none."""

    object_class: int
    cka_id: str  # hexadecimal
    check_value: str = ""


class BackedUpToken(msgspec.Struct, frozen=True):
    """A token as it was when the backup was made."""

    info: TokenInfo
    own_keys: dict[str, str]  # the labels of the gateway's own keys, each with its check value
    keys: tuple[BackedUpKey, ...]  # in the order in which they were made
    kept: tuple[BackedUpKey, ...] = ()  # of destroyed objects, for as long as those can be had back


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything by which `restore` knows whether file and tokens belong together."""

    format: int
    gateway: str  # its version
    made: str  # when, as ISO 8601 has it
    sha256: str  # of the file
    schema_version: int
    counts: dict[str, int]  # rows of each table
    tokens: dict[str, BackedUpToken]  # by the names that the configuration gives them


def manifest_path(file: Path) -> Path:
    """Give where the manifest of a backup is."""
    return file.with_name(f"{file.name}.json")


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write it beside the backup, for its owner only."""
    write_file(manifest_path(file), msgspec.json.format(msgspec.json.encode(manifest)), 0o600)


def read_manifest(file: Path) -> Manifest:
    """Give the manifest of a backup that is as it was made.

    Raises:
        ConfigurationError: one of the two files is missing, altered or of a later format.
    """
    path = manifest_path(file)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        digest = sha256_of(file)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read ({error.strerror}).") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is no manifest of this gateway's backups: {error}.") from None
    if manifest.format != FORMAT:
        raise ConfigurationError(f"{path} has format {manifest.format}, and this gateway knows {FORMAT}.")
    if manifest.sha256 != digest:
        raise ConfigurationError(f"{file} is not what was backed up: its SHA-256 is {digest}, not {manifest.sha256}.")
    return manifest


def sha256_of(file: Path) -> str:
    """Give the digest of a file in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
