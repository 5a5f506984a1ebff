"""Custody `wrapped` in a whole gateway, and its key-encryption key rotated while it serves."""

import sqlite3
import threading
from contextlib import closing

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    ResultStatus,
    RevocationReasonCode,
)
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.revoke import RevokeRequest
from tests.cli.process import run, running_dev
from tests.support.client import Client

M, O = CryptographicUsageMask, Operation  # noqa: E741
CBC = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC)
KEY = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
    ),
)
OVER = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
KEYS = 30
DATA = b"sixteen bytes!!!"


def one(client, operation, payload):
    (answer,) = client.ask(V2_1, (operation, payload))
    assert answer.status is ResultStatus.SUCCESS, answer
    return answer.payload


def encrypted(client, uid):
    asked = EncryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=DATA, iv_counter_nonce=bytes(16))
    return one(client, O.ENCRYPT, asked).data


def decrypted(client, uid, data):
    asked = DecryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=data, iv_counter_nonce=bytes(16))
    return one(client, O.DECRYPT, asked).data


def versions(folder):
    """Give how many keys are wrapped by which key-encryption key."""
    with closing(sqlite3.connect(folder / "gateway.sqlite")) as database:
        rows = database.execute("SELECT wrapped FROM objects WHERE custody = 'wrapped' AND wrapped != x''")
        found = [int.from_bytes(wrapped[:4], "big") for (wrapped,) in rows]
    return {version: found.count(version) for version in sorted(set(found))}


def rotated(folder):
    finished = run("token", "kek", "rotate", "--config", folder / "gateway.toml")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_keys_wrapped_in_the_database_outlive_the_key_that_wrapped_them(tmp_path):
    with running_dev(tmp_path / "dev") as gateway:
        assert gateway.stop() == 0
    toml = gateway.folder / "gateway.toml"
    text = toml.read_text()
    assert "[kmip]\n" in text
    toml.write_text(text.replace("[kmip]\n", '[kmip]\ncustody = "wrapped"\ndestroy_window_s = 3600\n'))
    with running_dev(tmp_path / "dev") as gateway, Client(gateway.folder, gateway.port) as client:
        aside = one(client, O.CREATE, KEY).unique_identifier
        kept = encrypted(client, aside)
        one(client, O.REVOKE, RevokeRequest(unique_identifier=aside, revocation_reason=OVER))
        one(client, O.DESTROY, DestroyRequest(unique_identifier=aside))
        told = {}
        for _ in range(KEYS):
            uid = one(client, O.CREATE, KEY).unique_identifier
            told[uid] = encrypted(client, uid)
        assert versions(gateway.folder) == {1: KEYS}
        stop, used = threading.Event(), []
        more: list[str] = []

        def use():
            with Client(gateway.folder, gateway.port) as other:
                while not stop.is_set():
                    more.append(one(other, O.CREATE, KEY).unique_identifier)
                    for uid, data in told.items():
                        assert decrypted(other, uid, data) == DATA
                    used.append(len(told))

        user = threading.Thread(target=use)
        user.start()
        try:
            told_of = rotated(gateway.folder).split()
        finally:
            stop.set()
            user.join()
        assert used
        assert told_of[:2] == ["version", "2:"] and KEYS <= int(told_of[2]) <= KEYS + len(more)
        checked = run("token", "check", "--config", gateway.folder / "gateway.toml").stdout
        assert f"kmip-gateway key-encryption key v2, check value {told_of[-1]}\n" in checked
        # Those too that the gateway made before its workers knew of the new key-encryption key.
        assert versions(gateway.folder) == {2: KEYS + len(more)}
        assert all(decrypted(client, uid, data) == DATA for uid, data in told.items())
    with running_dev(tmp_path / "dev") as gateway, Client(gateway.folder, gateway.port) as client:
        assert all(decrypted(client, uid, data) == DATA for uid, data in told.items())
        made = one(client, O.CREATE, KEY).unique_identifier
        assert versions(gateway.folder) == {2: KEYS + len(more) + 1}
        assert decrypted(client, made, encrypted(client, made)) == DATA
        # What was destroyed is kept under the key that wrapped it, until it is had back.
        assert run("object", "restore", aside, "--config", toml).returncode == 0
        assert decrypted(client, aside, kept) == DATA
        assert versions(gateway.folder) == {1: 1, 2: KEYS + len(more) + 1}
