"""Secrets where they must not be: a canary in every sink of a running gateway, its database and its processes."""

import hmac
import os
import secrets

from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    HashingAlgorithm,
    KeyFormatType,
    NameType,
    ObjectType,
    Operation,
    ResultStatus,
    SplitKeyMethod,
)
from gateway.kmip.objects import KeyBlock, KeyValue, OpaqueObject, SecretData, SymmetricKey
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, Name
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.get import GetRequest
from gateway.operations.join_split_key import JoinSplitKeyRequest
from gateway.operations.process import ProcessRequest
from gateway.operations.register import RegisterRequest
from tests.cli.process import running_dev
from tests.clients.test_crashes import children
from tests.support.client import Client
from tests.support.messages import received, request

M = CryptographicUsageMask
NAMED = Attribute(Tag.NAME, Name(name_value="canary", name_type=NameType.UNINTERPRETED_TEXT_STRING))


def block(material, algorithm=None, bits=None):
    value = KeyValue(key_material=material)
    return KeyBlock(
        key_format_type=KeyFormatType.RAW, key_value=value, cryptographic_algorithm=algorithm, cryptographic_length=bits
    )


def registrations(canary):
    """Give a Register of each kind of object that is secret, each holding the canary."""
    mask = Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT | M.DERIVE_KEY)
    active = Attribute(Tag.ACTIVATION_DATE, DateTime(0))
    aes = SymmetricKey(key_block=block(canary, CryptographicAlgorithm.AES, 256))
    blowfish = SymmetricKey(key_block=block(canary, CryptographicAlgorithm.BLOWFISH, 256))
    password = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(canary))
    opaque = OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=canary)
    S = ObjectType  # noqa: N806 - a short name for a table
    return [
        RegisterRequest(object_type=S.SYMMETRIC_KEY, attributes=(mask, active, NAMED), symmetric_key=aes),
        RegisterRequest(object_type=S.SYMMETRIC_KEY, attributes=(mask,), symmetric_key=blowfish),
        RegisterRequest(object_type=S.SECRET_DATA, attributes=(mask,), secret_data=password),
        RegisterRequest(object_type=S.OPAQUE_OBJECT, opaque_object=opaque),
        # Refused, for the name is taken: failures must not tell more than successes.
        RegisterRequest(object_type=S.SYMMETRIC_KEY, attributes=(mask, NAMED), symmetric_key=aes),
    ]


def derivations(uid):
    """Give a Derive Key that works and one that is refused, both by HMAC with the canary."""
    said = DerivationParameters(
        cryptographic_parameters=CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256),
        derivation_data=(b"public",),
    )
    return [
        DeriveKeyRequest(
            object_type=ObjectType.SECRET_DATA,
            unique_identifier=(uid,),
            derivation_method=DerivationMethod.HMAC,
            derivation_parameters=said,
            attributes=(Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),),
        )
        for bits in (256, 512)
    ]


def splitting(uid):
    """Give a Create Split Key of the canary."""
    return CreateSplitKeyRequest(
        object_type=ObjectType.SPLIT_KEY,
        unique_identifier=uid,
        split_key_parts=3,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.POLYNOMIAL_SHARING_GF_2_8,
    )


def offspring(client, uid, canary):
    """Derive from the canary and split it, and give what came of it, each part as its owner gets it."""
    done, refused = [client.ask(V1_4, (Operation.DERIVE_KEY, each))[0] for each in derivations(uid)]
    assert (done.payload is None, refused.payload is None) == (False, True)
    yield hmac.digest(canary, b"public", "sha256")
    parts = client.ask(V1_4, (Operation.CREATE_SPLIT_KEY, splitting(uid)))[0].payload.unique_identifier
    for part in parts:
        payload = client.ask(V1_4, (Operation.GET, GetRequest(unique_identifier=part)))[0].payload
        yield payload.split_key.key_block.key_value.key_material
    joined = JoinSplitKeyRequest(object_type=ObjectType.SECRET_DATA, unique_identifier=tuple(parts))
    assert client.ask(V1_4, (Operation.JOIN_SPLIT_KEY, joined))[0].payload is not None


def held_back(client, uid, canary):
    """Ask for the canary asynchronously both ways: one result is there and not fetched, one request is not begun."""
    told, asked = [], (Operation.REGISTER, registrations(canary)[3])
    for item in ((Operation.GET, GetRequest(unique_identifier=uid)), asked):
        (pending,) = received(client.send(request(V1_4, item, asynchronous_indicator=True)), V1_4).batch_item
        told.append(pending.asynchronous_correlation_value)
    process = ProcessRequest(asynchronous_correlation_value=told[0])
    assert client.ask(V2_1, (Operation.PROCESS, process))[0].status is ResultStatus.SUCCESS


def sinks(folder, log, processes):
    """Give what somebody else might read: the database's files, the log, what /proc shows of the processes."""
    for path in (*folder.glob("gateway.sqlite*"), folder / "gateway.toml", log):
        yield path, path.read_bytes()
    for process in processes:
        for name in ("cmdline", "environ"):
            path = f"/proc/{process}/{name}"
            with open(path, "rb") as file:
                yield path, file.read()


def test_no_sink_shows_the_pin_or_a_key(tmp_path):
    canary, folder, log = secrets.token_bytes(32), tmp_path / "gateway", tmp_path / "log"
    with running_dev(folder):
        pass  # made, so that its configuration can be changed
    with open(folder / "gateway.toml", "a") as configuration:
        configuration.write('\n[log]\nlevel = "debug"\n')
    saved = os.dup(2)
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            _traffic(folder, log, canary)
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _traffic(folder, log, canary):
    with running_dev(folder, "--front-ends", "2") as gateway:
        pid = gateway.process.pid
        with Client(folder, gateway.port) as client:
            made = [client.ask(V1_4, (Operation.REGISTER, each))[0] for each in registrations(canary)]
            assert [each.payload is not None for each in made] == [True] * 4 + [False]
            for each in made[:4]:
                uid = each.payload.unique_identifier
                # The owner, and nobody else, gets it back.
                assert canary in client.send(request(V1_4, (Operation.GET, GetRequest(unique_identifier=uid))))
            client.ask(V1_4, (Operation.GET, GetRequest(unique_identifier="nobody's")))
            more = list(offspring(client, made[0].payload.unique_identifier, canary))
            assert len(more) == 4
            held_back(client, made[0].payload.unique_identifier, canary)
        processes = [pid, *children(pid, workers=True), *children(pid, workers=False)]
        pin = (folder / "user.pin").read_bytes().strip()
        found = list(sinks(folder, log, processes))
        assert len(found) > 8
        for place, content in found:
            for secret in (canary, canary.hex().encode(), pin, *more, *(each.hex().encode() for each in more)):
                assert secret not in content, place
        assert b'"refused"' in log.read_bytes()
        assert gateway.stop() == 0
