"""Frames survive any cutting of the stream, carry no secret in their repr, and nonsense is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CryptographicFailure, KmipError
from gateway.token import frames
from gateway.token.api import KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.frames import Failed, FailureCode, Splitter, append_frame, request_decoder

REF = KeyRef(ObjectClass.SECRET_KEY, b"0123456789abcdef")
TEMPLATE = KeyTemplate("label", Rights.ENCRYPT | Rights.DECRYPT, extractable=True)
REQUESTS = [
    frames.Ping(1),
    frames.Find(2, [b"a" * 16, b"b" * 16]),
    frames.GenerateKey(3, REF, KeyType.AES, 256, TEMPLATE),
    frames.GenerateKeyPair(4, b"c" * 16, KeyType.EC, 0, b"\x06\x00", TEMPLATE, TEMPLATE),
    frames.ImportKey(5, REF, KeyType.AES, b"secret material", TEMPLATE),
    frames.Encrypt(6, REF, Mechanism(0x1087, iv=b"i" * 12, aad=b"aad", tag_bits=128), b"data" * 1000),
    frames.Verify(7, REF, Mechanism(0x251), b"data", b"signature"),
    frames.Derive(8, REF, Mechanism(0x1104, data=b"data"), REF, KeyType.AES, 128, TEMPLATE),
    frames.Open(9, b"blob", b"aad"),
    frames.Info(10),
    frames.Labelled(11, "label"),
    frames.Keys(12),
]


def stream(*requests: frames.Frame) -> bytes:
    buffer = bytearray()
    for request in requests:
        append_frame(buffer, request)
    return bytes(buffer)


@given(st.lists(st.sampled_from(REQUESTS)), st.lists(st.integers(1, 3000), min_size=1))
def test_any_cutting_gives_the_same_frames(requests: list[frames.Request], cuts: list[int]) -> None:
    raw, splitter, got, position = stream(*requests), Splitter(), [], 0
    for turn in range(len(raw) + 1):
        step = cuts[turn % len(cuts)]
        got += [request_decoder.decode(frame) for frame in splitter.feed(raw[position : position + step])]
        position += step
        if position >= len(raw):
            break
    assert got == requests


def test_byte_by_byte() -> None:
    splitter = Splitter()
    got = [request_decoder.decode(f) for b in stream(*REQUESTS) for f in splitter.feed(bytes([b]))]
    assert got == REQUESTS


@given(st.binary())
def test_nonsense_is_refused_in_one_way(raw: bytes) -> None:
    try:
        request_decoder.decode(raw)
    except (msgspec.DecodeError, ValueError):
        return


def test_a_frame_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="frame of"):
        list(Splitter().feed(b"\xff\xff\xff\xff"))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_no_frame_shows_what_it_carries(request_: frames.Frame) -> None:
    assert repr(request_) == f"<{type(request_).__name__} {request_.id}>"
    assert "secret" not in repr(frames.Done(1, b"secret"))


def test_every_failure_has_an_error() -> None:
    assert set(frames.ERRORS) == set(FailureCode)
    assert all(issubclass(error, KmipError) for error in frames.ERRORS.values())


def test_what_the_token_said_is_the_cause_and_not_the_message() -> None:
    error = Failed(1, FailureCode.CRYPTOGRAPHIC, detail="Decrypt: GeneralError").error()
    assert isinstance(error, CryptographicFailure)
    assert "GeneralError" not in str(error) + error.message
    assert "GeneralError" in str(error.__cause__)
