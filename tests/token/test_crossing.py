"""Keys go from token to token as they are, and nobody on their way sees them."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from gateway.admin import passage
from gateway.admin.passage import Arrival, Passage, Way
from gateway.errors import FeatureNotSupported, GeneralFailure, KmipError, NotExtractable
from gateway.token import channel, testkeys
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.frames import Splitter
from gateway.token.local import LocalWorkers
from tests.token.tokens import started

on_tokens = pytest.mark.asyncio(loop_scope="module")
R = Rights
WAYS = [Way(source, target) for source in ("softhsm", "nss") for target in ("softhsm", "nss")]
DES3 = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")  # with odd parity, which NSS would make it
EC = testkeys.EC_PKCS8


class Sample(NamedTuple):
    """A key to send; its value is looked for wherever it must not be."""

    object_class: ObjectClass
    key_type: KeyType
    material: bytes
    rights: Rights = R.SIGN
    value: bytes = b""  # the part of the material that is secret, b"" for all of it


SAMPLES = {
    "AES": Sample(ObjectClass.SECRET_KEY, KeyType.AES, os.urandom(32), R.ENCRYPT | R.DECRYPT),
    "3DES": Sample(ObjectClass.SECRET_KEY, KeyType.DES3, DES3, R.ENCRYPT),
    "no whole blocks": Sample(ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, os.urandom(21)),
    "too long for OAEP": Sample(ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, os.urandom(480)),
    "RSA": Sample(ObjectClass.PRIVATE_KEY, KeyType.RSA, testkeys.RSA_PKCS8, R.SIGN, testkeys.RSA_PKCS8[-200:]),
    "EC": Sample(ObjectClass.PRIVATE_KEY, KeyType.EC, EC, R.SIGN, EC[36:68]),
}
NOT_TAKEN_BY_NSS = ("too long for OAEP", "EC")  # once they are wrapped


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(tmp_path_factory):
    """A token of each kind, each of which can be both ends of a way."""
    with (
        started("softhsm", tmp_path_factory.mktemp("softhsm")) as first,
        started("nss", tmp_path_factory.mktemp("nss")) as second,
    ):
        async with LocalWorkers(first) as softhsm, LocalWorkers(second) as nss:
            yield {"softhsm": softhsm, "nss": nss}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """A one-time key that is made soon."""
    monkeypatch.setattr(passage, "BITS", (2048,))


class Tap:
    """All that goes between this process and the workers."""

    def __init__(self, monkeypatch):
        self.bytes, self.verbs = bytearray(), set()
        send, feed = channel.append_frame, Splitter.feed

        def sent(buffer, frame):
            self.verbs.add(type(frame).__name__)
            before = len(buffer)
            send(buffer, frame)
            self.bytes += buffer[before:]

        def received(splitter, data):
            self.bytes += data
            return feed(splitter, data)

        monkeypatch.setattr(channel, "append_frame", sent)
        monkeypatch.setattr(Splitter, "feed", received)


def arrival_of(sample, *, wrapped=False):
    """Give what a sample is to be at its end, under a new name."""
    ref = KeyRef(sample.object_class, os.urandom(16))
    return Arrival(ref, sample.key_type, KeyTemplate("crossing", sample.rights, extractable=True, wrapped=wrapped))


async def brought_in(token, sample, *, wrapped=False):
    """Have a token make a key of a sample."""
    ref, key_type, template = arrival_of(sample, wrapped=wrapped)
    return await token.import_key(ref, key_type, sample.material, template)


@on_tokens
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.source}-{way.target}")
async def test_keys_arrive_as_they_were_and_are_not_seen(tokens, way, monkeypatch):
    source, target, there = tokens[way.source], tokens[way.target], Passage(tokens)
    for number, (name, sample) in enumerate(SAMPLES.items()):
        if way.target == "nss" and name in NOT_TAKEN_BY_NSS:
            continue
        wrapped = bool(number % 2)
        first = await brought_in(source, sample, wrapped=not wrapped and name != "EC")
        value = await source.export_key(first)
        with monkeypatch.context() as patch:
            tap = Tap(patch)
            second = await there.key(way, first, arrival_of(sample, wrapped=wrapped))
        assert (sample.value or sample.material) not in tap.bytes, name
        assert tap.verbs <= {"Receive", "SendKey", "TakeKey"}
        assert await target.export_key(second) == value, name
        assert bool(second.wrapped) is wrapped
        told = await target.attributes(second)
        assert (told["sensitive"], told["extractable"], told["token"]) == (True, True, not wrapped)
        assert told["sign"] is bool(sample.rights & R.SIGN)
        for token, ref in ((source, first), (target, second)):
            await token.destroy(ref)


@on_tokens
@pytest.mark.parametrize("name", NOT_TAKEN_BY_NSS)
async def test_what_a_token_does_not_take_goes_through_memory_if_that_is_said(tokens, name, monkeypatch):
    sample, way = SAMPLES[name], Way("softhsm", "nss")
    first, arrival = await brought_in(tokens["softhsm"], sample), arrival_of(sample)
    with pytest.raises(FeatureNotSupported, match=r"'nss' does not take such a key.*--through-memory"):
        await Passage(tokens).key(way, first, arrival)
    assert await tokens["nss"].find([arrival.ref.cka_id]) == []
    tap = Tap(monkeypatch)
    second = await Passage(tokens, through_memory=True).key(way, first, arrival)
    assert (sample.value or sample.material) in tap.bytes  # so it would have been found in the other tests
    assert await tokens["nss"].export_key(second) == await tokens["softhsm"].export_key(first)
    assert await tokens["softhsm"].destroy(first)
    assert await tokens["nss"].destroy(second)


@on_tokens
async def test_a_long_key_that_the_sender_fills_with_zeros_does_not_arrive(tokens):
    softhsm = tokens["softhsm"]
    sample = Sample(ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, os.urandom(300) + b"\x01")
    first, arrival = await brought_in(softhsm, sample), arrival_of(sample)
    with pytest.raises(FeatureNotSupported, match="filled the key with zeros"):
        await Passage(tokens).key(Way("softhsm", "softhsm"), first, arrival)
    assert await softhsm.find([arrival.ref.cka_id]) == []
    assert await softhsm.export_key(first) == sample.material
    assert await softhsm.destroy(first)


@on_tokens
@pytest.mark.parametrize("way", [Way("softhsm", "nss"), Way("nss", "nss")], ids=lambda way: way.source)
async def test_a_key_that_may_not_leave_is_not_wrapped_for_another_token(tokens, way):
    source = tokens[way.source]
    for wrapped in (False, True):
        ref, _, template = arrival_of(SAMPLES["AES"], wrapped=wrapped)
        resident = await source.generate_key(ref, KeyType.AES, 256, replace(template, extractable=False))
        for through_memory in (False, True):
            with pytest.raises(NotExtractable):
                await Passage(tokens, through_memory=through_memory).key(way, resident, arrival_of(SAMPLES["AES"]))
        await source.destroy(resident)


@on_tokens
@pytest.mark.parametrize("way", [Way("softhsm", "nss"), Way("nss", "nss")], ids=lambda way: way.source)
async def test_what_is_sealed_goes_to_another_seal_unseen(tokens, way, monkeypatch):
    source, target, data = tokens[way.source], tokens[way.target], os.urandom(5000)
    blob = await source.seal(data, b"place")
    with monkeypatch.context() as patch:
        tap = Tap(patch)
        resealed = await Passage(tokens).sealed(way, blob, b"place")
    assert data not in tap.bytes
    assert tap.verbs == {"Receive", "SendSealed", "TakeSealed"}
    assert await target.open(resealed, b"place") == data
    with pytest.raises(KmipError):
        await Passage(tokens).sealed(way, blob, b"another place")
    with pytest.raises(KmipError):
        await target.open(resealed, b"another place")


@on_tokens
async def test_a_one_time_key_is_known_until_the_next_is_made(tokens):
    nss = tokens["nss"]
    first = await brought_in(nss, SAMPLES["AES"])
    old = await nss.receive(2048, 0x220)
    crossing = await nss.send_key(first, old)
    new = await nss.receive(2048, 0x220)
    for receiver, error in ((old, GeneralFailure), (new, KmipError)):  # gone; not what it was wrapped for
        arrival = arrival_of(SAMPLES["AES"])
        with pytest.raises(error):
            await nss.take_key(receiver, crossing, *arrival)
        assert await nss.find([arrival.ref.cka_id]) == []
    assert await nss.destroy(first)


LACKING = {
    "does not wrap by RSA-OAEP": ("softhsm", {"sends_by": frozenset()}, "AES"),
    "does not unwrap by RSA-OAEP": ("nss", {"receives_by": frozenset()}, "AES"),
    "no hash of RSA-OAEP in common": ("nss", {"receives_by": frozenset({0x260})}, "AES"),
    "no length of RSA keys in common": ("nss", {"rsa_bits": ()}, "AES"),
    "does not wrap private keys of type RSA": ("softhsm", {"private_exports": frozenset()}, "RSA"),
    "does not unwrap as RFC 5649 says": ("nss", {"kwp": 0}, "RSA"),
}


@on_tokens
@pytest.mark.parametrize("missing", LACKING)
async def test_a_token_that_cannot_is_named_with_what_it_lacks(tokens, missing, monkeypatch):
    whose, changed, name = LACKING[missing]
    monkeypatch.setattr(tokens[whose], "profile", replace(tokens[whose].profile, **changed))
    sample, way = SAMPLES[name], Way("softhsm", "nss")
    first = await brought_in(tokens["softhsm"], sample)
    tap = Tap(monkeypatch)
    with pytest.raises(FeatureNotSupported, match=f"{whose}.*{missing}.*--through-memory|{missing}.*--through-memory"):
        await Passage(tokens).key(way, first, arrival_of(sample))
    assert tap.verbs == set()
    assert await tokens["softhsm"].destroy(first)


def test_no_call_of_the_module_shows_the_key_that_is_sent(tmp_path):
    """Both tokens are one here, so that one process sees the calls of both."""
    with started("softhsm", tmp_path) as settings:
        finished = subprocess.run(
            [sys.executable, "-m", "tests.token.watched", msgspec.json.encode(settings).decode()],
            env={**os.environ, **settings.environment},
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    for kind in ("GENERIC_SECRET", "RSA"):
        assert told[f"{kind} seen"] == []
        assert {"WrapKey", "UnwrapKey"} <= set(told[f"{kind} calls"])
    assert told["a value that is read"] == ["GetAttributeValue"]
