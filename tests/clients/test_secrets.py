"""Secrets where they must not be: a canary in every sink of a running gateway, its database and its processes."""

import base64
import hmac
import json
import os
import secrets
import signal
from pathlib import Path

from gateway.kmip.enums import (
    BlockCipherMode,
    CredentialType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    HashingAlgorithm,
    KeyFormatType,
    NameType,
    ObjectType,
    Operation,
    PaddingMethod,
    QueryFunction,
    ResultStatus,
    SplitKeyMethod,
)
from gateway.kmip.messages import Authentication, Credential, UsernameAndPassword
from gateway.kmip.objects import KeyBlock, KeyValue, OpaqueObject, SecretData, SymmetricKey
from gateway.kmip.structure import Attribute, DateTime, Item, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, Name
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.join_split_key import JoinSplitKeyRequest
from gateway.operations.login import LoginRequest
from gateway.operations.process import ProcessRequest
from gateway.operations.query import QueryRequest
from gateway.operations.register import RegisterRequest
from gateway.wire import layout
from gateway.wire.scalars import ItemType
from tests.cli.process import running_dev
from tests.clients.test_crashes import children
from tests.server.clients import dial
from tests.server.https import ask, get, post
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
    """Give what somebody else might read: all files but keys' own, the log, what /proc shows of the processes."""
    own = (folder / "tokens", folder / "pki")
    files = [path for path in folder.rglob("*") if path.is_file() and not any(each in path.parents for each in own)]
    for path in (*(path for path in files if path.suffix != ".pin"), log):
        yield path, path.read_bytes()
    for process in processes:
        for name in ("cmdline", "environ"):
            path = f"/proc/{process}/{name}"
            with open(path, "rb") as file:
                yield path, file.read()


def files(found):
    return [(place, content) for place, content in found if isinstance(place, Path)]


def written(secret):
    """Give the ways in which a secret might be written down."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for skipped in range(3):  # whatever stands before it in the same base64
        yield base64.b64encode(secret[skipped:])[:-4].rstrip(b"=")
    yield repr(secret)[2:-1].encode()


def encrypt(client, uid, plain):
    parameters = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC, padding_method=PaddingMethod.PKCS5)
    asked = EncryptRequest(
        unique_identifier=uid, data=plain, cryptographic_parameters=parameters, iv_counter_nonce=bytes(16)
    )
    return client.ask(V1_4, (Operation.ENCRYPT, asked))[0]


def used(client, uid, plain):
    """Encrypt the plaintext, well and badly, log in, and give the tickets."""
    assert encrypt(client, uid, plain).payload is not None
    assert encrypt(client, "nobody's", plain).payload is None
    yield client.ask(V2_1, (Operation.LOGIN, LoginRequest()))[0].payload.ticket.ticket_value


def refused(client, canary, password):
    """Have messages refused that hold the canary, or a password: cut short, and by somebody unknown."""
    raw = request(V1_4, (Operation.REGISTER, registrations(canary)[0]))
    broken = raw.replace(canary, canary[:-8] + b"\xff" * 8).replace(b"\x42\x00\x79", b"\x42\x00\x00", 1)
    assert received(client.send(broken), V1_4).batch_item[0].result_status is ResultStatus.OPERATION_FAILED
    content = layout.content_writer(UsernameAndPassword, V2_1)(UsernameAndPassword(username="who", password=password))
    credential = Credential(
        credential_type=CredentialType.USERNAME_AND_PASSWORD, credential_value=Item(ItemType.STRUCTURE, content)
    )
    query = (Operation.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,)))
    raw = request(V2_1, query, authentication=Authentication(credential=(credential,)))
    client.send(raw)


def over_http(gateway, canary):
    """Send the canary in JSON that is no request, in hexadecimal."""
    body = json.dumps({"tag": "RequestMessage", "value": [{"tag": "KeyMaterial", "value": canary.hex()}]}).encode()
    with Client(gateway.folder, gateway.https_port) as client:
        assert ask(client.socket, post(body, media_type="application/json", path="/kmip")).status == 200


def metrics(log):
    """Give all that the admin port tells."""
    (port,) = (json.loads(line)["port"] for line in log.read_text().splitlines() if '"health and metrics"' in line)
    with dial(port) as sock:
        return ask(sock, get("/metrics")).body


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
    with running_dev(folder, "--front-ends", "2", "--http-port", "0") as gateway:
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
            more += [plain := secrets.token_bytes(48), *used(client, made[0].payload.unique_identifier, plain)]
            more.append(password := secrets.token_hex(16).encode())
            refused(client, canary, password.decode())
        over_http(gateway, canary)
        with Client(folder, gateway.port) as client:
            os.kill(children(pid, workers=True)[0], signal.SIGKILL)  # with what it was told in its memory
            encrypt(client, made[0].payload.unique_identifier, plain)
        more.append(metrics(log))
        assert more.pop().startswith(b"# HELP")
        processes = [pid, *children(pid, workers=True), *children(pid, workers=False)]
        pin = (folder / "user.pin").read_bytes().strip()
        found = list(sinks(folder, log, processes))
        assert len(found) > 8
        for place, content in found:
            for secret in (pin, *(form for each in (canary, *more) for form in written(each))):
                assert secret not in content, place
        for process in processes:
            with open(f"/proc/{process}/limits") as file:
                assert "Max core file size        0                    0 " in file.read(), process
        assert b'"refused"' in log.read_bytes()
        assert any(place.match("audit/*.jsonl") and b'"Encrypt"' in content for place, content in files(found))
        assert gateway.stop() == 0
