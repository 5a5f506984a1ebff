"""How a key gets from one token to another: wrapped by the one, unwrapped by the other.

The rule of the room: it is in the clear in no process on its way. Only where the tokens have no such way, and the
operator has said so, is it in the memory of this one for a moment.
"""

from collections.abc import Container, Mapping
from typing import NamedTuple

from gateway.errors import FeatureNotSupported, KmipError, TokenDown, TokenTimeout
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Profile, Receiver
from gateway.token.pool import TokenPool

# CKM_* of the hashes of OAEP, and bits of the one-time key, the best first. One of 4096 bits takes SoftHSM seconds.
HASHES, BITS = (0x250, 0x220), (3072, 2048)
# After these the key may well go that way another time.
PASSING = (TokenDown, TokenTimeout)
THROUGH_MEMORY = "with --through-memory it goes through the memory of this command"


class Arrival(NamedTuple):
    """A key as it is to be on the other token."""

    ref: KeyRef
    key_type: KeyType
    template: KeyTemplate


class Way(NamedTuple):
    """From which token to which, by their names."""

    source: str
    target: str


class Passage:
    """The ways between tokens; one that is sent to has a one-time key, which ends with its worker."""

    def __init__(self, tokens: Mapping[str, TokenPool], *, through_memory: bool = False) -> None:
        self._tokens = tokens
        self._through_memory = through_memory
        self._receivers: dict[Way, Receiver] = {}

    async def key(self, way: Way, ref: KeyRef, arrival: Arrival) -> KeyRef:
        """Make a key of one token on another, and give its reference; the first stays.

        Raises:
            NotExtractable: it may not leave its token.
            FeatureNotSupported: the tokens have no such way, and memory is not to be one.
        """
        if ref.object_class is ObjectClass.PUBLIC_KEY:  # which is no secret
            return await self._carried(way, ref, arrival)
        lacking = self._lacking(way) or self._lacking_for(way, arrival)
        if not lacking:
            receiver = await self._receiver(way)
            crossing = await self._tokens[way.source].send_key(ref, receiver)
            try:
                return await self._tokens[way.target].take_key(receiver, crossing, *arrival)
            except KmipError as error:
                self._receivers.clear()  # the one-time key may have gone with its session
                if isinstance(error, PASSING):
                    raise
                lacking = f"the token '{way.target}' does not take such a key as it comes wrapped ({error.message})"
        self._check_memory(lacking)
        return await self._carried(way, ref, arrival)

    async def sealed(self, way: Way, blob: bytes, bound: bytes) -> bytes:
        """Give what one token has sealed as the other seals it.

        Raises:
            FeatureNotSupported: the tokens have no such way, and memory is not to be one.
        """
        source, target = self._tokens[way.source], self._tokens[way.target]
        lacking = self._lacking(way)
        if lacking:
            self._check_memory(lacking)
            return await target.seal(await source.open(blob, bound), bound)
        receiver = await self._receiver(way)
        try:
            return await target.take_sealed(receiver, await source.send_sealed(blob, bound, receiver), bound)
        except KmipError:
            self._receivers.clear()
            raise

    async def _carried(self, way: Way, ref: KeyRef, arrival: Arrival) -> KeyRef:
        """Bring a key over in this process."""
        value = await self._tokens[way.source].export_key(ref)
        return await self._tokens[way.target].import_key(arrival.ref, arrival.key_type, value, arrival.template)

    def _check_memory(self, lacking: str) -> None:
        if not self._through_memory:
            raise FeatureNotSupported(f"{lacking}; {THROUGH_MEMORY}")

    async def _receiver(self, way: Way) -> Receiver:
        """Give the one-time key of the token that is sent to: a worker has one, for the way that was asked for last."""
        if way not in self._receivers:
            self._receivers.clear()
            source, target = self._profiles(way)
            bits, hash_ = _common(BITS, source.rsa_bits, target.rsa_bits), _common(HASHES, *_carriers(source, target))
            self._receivers[way] = await self._tokens[way.target].receive(bits, hash_)
        return self._receivers[way]

    def _profiles(self, way: Way) -> tuple[Profile, Profile]:
        return self._tokens[way.source].profile, self._tokens[way.target].profile

    def _lacking(self, way: Way) -> str:
        """Say what the tokens have not shown to work for anything to go this way, "" for nothing."""
        source, target = self._profiles(way)
        if not source.sends_by:
            return f"the token '{way.source}' does not wrap by RSA-OAEP"
        if not target.receives_by:
            return f"the token '{way.target}' does not unwrap by RSA-OAEP"
        if not _common(HASHES, *_carriers(source, target)):
            return f"the tokens '{way.source}' and '{way.target}' have no hash of RSA-OAEP in common"
        if not _common(BITS, source.rsa_bits, target.rsa_bits):
            return f"the tokens '{way.source}' and '{way.target}' have no length of RSA keys in common"
        return ""

    def _lacking_for(self, way: Way, arrival: Arrival) -> str:
        """Say the same of this key: a private one is too long for OAEP, and needs AES-KWP on both."""
        source, target = self._profiles(way)
        if arrival.ref.object_class is not ObjectClass.PRIVATE_KEY:
            return ""
        if arrival.key_type not in source.private_exports:
            return f"the token '{way.source}' does not wrap private keys of type {arrival.key_type.name}"
        return "" if target.kwp else f"the token '{way.target}' does not unwrap as RFC 5649 says"


def _carriers(source: Profile, target: Profile) -> tuple[frozenset[int], frozenset[int]]:
    return source.sends_by, target.receives_by


def _common(wanted: tuple[int, ...], *had: Container[int]) -> int:
    """Give the first of those wanted that both have, 0 for none."""
    return next((each for each in wanted if all(each in some for some in had)), 0)
