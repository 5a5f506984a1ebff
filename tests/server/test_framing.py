"""Every message three ways: whole, byte by byte, and with bytes of the next one behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.framing import Framer, FramingError
from tests.server.clients import request

MAX_BYTES = 4096
BODIES = [b"", b"\x00" * 8, bytes(range(256)) * 4, b"\x42" * (MAX_BYTES - 8)]


def messages_of(framer: Framer) -> list[bytes]:
    return list(iter(framer.next_message, None))


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_a_whole_message_is_handed_back_as_it_came(body: bytes) -> None:
    framer, message = Framer(MAX_BYTES), request(body)
    framer.feed(message)
    assert framer.next_message() is message
    assert framer.next_message() is None and not len(framer)


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_byte_by_byte(body: bytes) -> None:
    framer, message = Framer(MAX_BYTES), request(body)
    for byte in message[:-1]:
        framer.feed(bytes([byte]))
        assert framer.next_message() is None
    framer.feed(message[-1:])
    assert framer.next_message() == message
    assert not len(framer)


@pytest.mark.parametrize("body", BODIES, ids=len)
@pytest.mark.parametrize("next_bytes", [1, 4, 7, 8])
def test_trailing_bytes_stay(body: bytes, next_bytes: int) -> None:
    framer, following = Framer(MAX_BYTES), request(b"\x00" * 8)
    framer.feed(request(body) + following[:next_bytes])
    assert messages_of(framer) == [request(body)]
    assert len(framer) == next_bytes
    framer.feed(following[next_bytes:])
    assert messages_of(framer) == [following]


@given(st.lists(st.binary(max_size=64), max_size=8), st.data())
def test_however_the_stream_is_cut(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(request, bodies))
    framer, found = Framer(MAX_BYTES), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        framer.feed(stream[:cut])
        found += messages_of(framer)
        stream = stream[cut:]
    assert found == [request(body) for body in bodies]
    assert not len(framer)


@given(st.binary(max_size=64))
def test_any_bytes_give_messages_or_a_framing_error(data: bytes) -> None:
    framer = Framer(MAX_BYTES)
    framer.feed(data)
    try:
        assert all(message.startswith(b"\x42\x00\x78\x01") for message in messages_of(framer))
    except FramingError as error:
        assert 0 <= error.offset <= 4


@pytest.mark.parametrize(
    ("start", "offset"), [(b"G", 0), (b"\x42\x01", 1), (b"\x42\x00\x7b\x01", 2), (b"\x42\x00\x78\x02" + bytes(8), 3)]
)
def test_the_first_wrong_byte_is_told(start: bytes, offset: int) -> None:
    framer = Framer(MAX_BYTES)
    framer.feed(start)
    with pytest.raises(FramingError) as caught:
        framer.next_message()
    assert caught.value.offset == offset


def test_a_message_too_large_is_refused_on_its_header() -> None:
    framer = Framer(MAX_BYTES)
    framer.feed(b"\x42\x00\x78\x01" + (MAX_BYTES - 7).to_bytes(4, "big"))
    with pytest.raises(FramingError, match="4097 bytes; this server reads 4096"):
        framer.next_message()


def test_messages_before_a_fault_come_first() -> None:
    framer = Framer(MAX_BYTES)
    framer.feed(request(b"\x00" * 8) + b"nonsense")
    assert framer.next_message() == request(b"\x00" * 8)
    with pytest.raises(FramingError):
        framer.next_message()
