"""Messages to clients that listen, over real TLS: who is sent them, and who is not."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec.structs import replace

from gateway.config import PushTarget, TlsConfig
from gateway.errors import ConfigurationError, KmipError
from gateway.server import pushing
from gateway.server.peer import key_of
from gateway.server.pushing import Pusher
from tests.server.authority import Authority

MESSAGE = b"\x42\x00\x78\x01\x00\x00\x00\x08" + bytes(8)
ANSWER = b"\x42\x00\x7b\x01\x00\x00\x00\x08" + bytes(8)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ours")


@pytest.fixture
def pusher(authority):
    files = authority.issue("gateway", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return Pusher(TlsConfig(ca=authority.ca, certificate=files.certificate, key=files.key))


def listener_files(authority, name="listener"):
    return authority.issue(name, usage=ExtendedKeyUsageOID.SERVER_AUTH)


def identity_of(files):
    return f"cert:{key_of(files.spki_owner())}"


@asynccontextmanager
async def listening(authority, files, answer=ANSWER):
    """Listen as a client does, and give the target and the messages that come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    came = []

    async def converse(reader, writer):
        try:
            came.append(await reader.readexactly(len(MESSAGE)))
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            came.append(b"")
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield PushTarget(identity=identity_of(files), host="127.0.0.1", port=port), came


async def test_a_message_is_brought_and_its_answer_given(authority, pusher):
    async with listening(authority, listener_files(authority)) as (target, came):
        assert await pusher.send(target, MESSAGE) == ANSWER
    assert came == [MESSAGE]


async def test_a_reload_counts_for_what_is_pushed_too(authority, tmp_path):
    """A listener whose certificate was taken back is sent nothing more; files that cannot be used change nothing."""
    ours = authority.issue("gateway", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    config = TlsConfig(ca=authority.ca, certificate=ours.certificate, key=ours.key)
    pusher, files = Pusher(config), listener_files(authority)
    taken_back = load_pem_x509_certificate(files.certificate.read_bytes())
    lists = tmp_path / "crl.pem"
    lists.write_bytes(authority.revoke(taken_back).public_bytes(Encoding.PEM))
    async with listening(authority, files) as (target, came):
        pusher.adopt(replace(config, key=tmp_path / "none"))
        assert await pusher.send(target, MESSAGE) == ANSWER
        pusher.adopt(replace(config, crl=(lists,)))
        with pytest.raises(KmipError, match="certificate revoked"):
            await pusher.send(target, MESSAGE)
        other = Authority(tmp_path / "other")
        pusher.adopt(replace(config, ca=other.ca))
        with pytest.raises(KmipError, match="does not answer: SSLCertVerificationError"):
            await pusher.send(target, MESSAGE)
        await asyncio.sleep(0.05)
    assert came.count(MESSAGE) == 1


async def test_somebody_else_with_a_good_certificate_is_sent_nothing(authority, pusher):
    async with listening(authority, listener_files(authority)) as (target, came):
        meant = PushTarget(identity="cert:" + "0" * 64, host=target.host, port=target.port)
        with pytest.raises(KmipError, match="somebody else"):
            await pusher.send(meant, MESSAGE)
        await asyncio.sleep(0.05)
    assert MESSAGE not in came


async def test_a_certificate_of_another_authority_is_sent_nothing(tmp_path, authority, pusher):
    stranger = Authority(tmp_path / "theirs", "their root")
    key = ec.generate_private_key(ec.SECP256R1())
    mine = authority.issue("mine", usage=ExtendedKeyUsageOID.SERVER_AUTH, key=key)
    theirs = stranger.issue("theirs", usage=ExtendedKeyUsageOID.SERVER_AUTH, key=key)
    assert identity_of(mine) == identity_of(theirs)
    async with listening(authority, theirs) as (target, came):
        with pytest.raises(KmipError):
            await pusher.send(target, MESSAGE)
        await asyncio.sleep(0.05)
    assert MESSAGE not in came


async def test_what_the_operator_put_in_the_file_is_trusted_though_it_is_no_root(authority):
    files, listener = (authority.issue(name, usage=None) for name in ("gateway", "listener"))
    pusher = Pusher(TlsConfig(ca=listener.certificate, certificate=files.certificate, key=files.key))
    async with listening(authority, listener) as (target, _):
        assert await pusher.send(target, MESSAGE) == ANSWER


async def test_an_answer_has_an_end(authority, pusher):
    endless = b"\x42\x00\x7b\x01\x7f\xff\xff\xff"
    async with listening(authority, listener_files(authority), endless) as (target, _):
        with pytest.raises(KmipError, match="answers with"):
            await pusher.send(target, MESSAGE)


@pytest.mark.parametrize("answer", [b"", b"\x42\x00", ANSWER[:-1]])
async def test_half_an_answer_is_none(authority, pusher, answer):
    async with listening(authority, listener_files(authority), answer) as (target, _):
        with pytest.raises(KmipError, match="does not answer"):
            await pusher.send(target, MESSAGE)


async def test_who_says_nothing_is_not_waited_for(authority, pusher, monkeypatch):
    monkeypatch.setattr(pushing, "TIMEOUT_S", 0.3)

    over = asyncio.Event()

    async def silence(reader, writer):
        await reader.read()
        writer.close()
        over.set()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with server:
        target = PushTarget(identity="cert:x", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        with pytest.raises(KmipError, match="does not answer"):
            await pusher.send(target, MESSAGE)
        await asyncio.wait_for(over.wait(), 5)  # The connection is given up, and not only left.


def test_files_that_cannot_be_used_are_told_at_start(tmp_path, authority):
    files = listener_files(authority)
    with pytest.raises(ConfigurationError):
        Pusher(TlsConfig(ca=tmp_path / "none.pem", certificate=files.certificate, key=files.key))
