"""Whether the credentials of a request are a client's (KMIP 2.1 sections 7.8 Credential, 9.11 Credential Type).

The one rule here: what is wrong with a credential is not told. Nobody of this name, a wrong password, one that was
used up: the answer is the same, and takes as long.
"""

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import json

from gateway import guesses
from gateway.access import passwords
from gateway.errors import AuthenticationNotSuccessful
from gateway.guesses import Guesses
from gateway.kmip.enums import CredentialType, HashingAlgorithm
from gateway.kmip.messages import Credential, Device, HashedPassword, OneTimePassword, UsernameAndPassword
from gateway.kmip.structure import Item, Structure
from gateway.kmip.version import Version
from gateway.store.accounts import ClientRow, CredentialRow
from gateway.store.api import Store

T = CredentialType
S = TypeVar("S", bound=Structure)
MAX_REMEMBERED = 1024  # credentials that were right
MAX_HASHING = 2  # at once, 19 MiB and a thread each
# To be checked, in all (three seconds of work) and from one address: behind a shared one many may come back at once.
MAX_WAITING, MAX_WAITING_OF_ONE = 256, 64
MAX_TEXT = 1024  # of a name or password, in characters
AHEAD_S = 300  # that the clock of a client may be before ours
MICROSECONDS = 1_000_000

REFUSED = "these credentials are not right"


class Decoder(Protocol):
    """Reads what a credential is; `wire` knows how, and is handed down from above."""

    def decode_structure(self, cls: type[S], item: Item, version: Version) -> S:
        """Decode an item that was kept as it came."""
        ...


class Verified(NamedTuple):
    """The client whose credential it is; one that is not `proven` says who, and needs a certificate to show it."""

    client: ClientRow
    proven: bool = True
    server_hashed_password: bytes | None = None


class Account(NamedTuple):
    """Whose a credential says that it is, and the key of the row that would be its."""

    kind: str
    name: str
    key: str

    @property
    def counted(self) -> str:
        """Under which name wrong ones are counted."""
        return f"{self.kind} {self.name}"


class Remembered(NamedTuple):
    """A credential that was right, for as long as nothing was changed and until then (seconds since 1970)."""

    verified: Verified
    generation: int
    until: float


class Credentials:
    """Checks credentials; in each front end, with what it remembers of those that were right."""

    def __init__(
        self, store: Store, codec: Decoder, clock: Callable[[], float], lifetime_s: float, guesses: Guesses
    ) -> None:
        """Ask this store; `clock` gives seconds since 1970, a right password is remembered for `lifetime_s`."""
        self._store = store
        self._codec = codec
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, Remembered] = OrderedDict()
        self._guesses = guesses
        self._turns = asyncio.Semaphore(MAX_HASHING)
        self._waiting: Counter[str] = Counter()

    async def verified(self, shown: Credential, address: str, version: Version, generation: int) -> Verified:
        """Give the client whose credential this is; `generation` is that of the directory.

        Raises:
            AuthenticationNotSuccessful: it is nobody's, or too many were wrong for this account at this address.
            StoreDown: the database does not answer.
        """
        place = hashlib.blake2b(
            shown.credential_value.raw, digest_size=32, key=self._key, salt=bytes([shown.credential_type])
        ).digest()
        known = self._right.get(place)
        if known is not None and known.generation == generation and known.until > self._clock():
            return known.verified
        found = await self._found(shown, address, version)
        if shown.credential_type in (T.USERNAME_AND_PASSWORD, T.DEVICE):
            self._right[place] = Remembered(found, generation, self._clock() + self._lifetime_s)
            self._right.move_to_end(place)
            while len(self._right) > MAX_REMEMBERED:
                self._right.popitem(last=False)
        return found

    def known(self, shown: Credential, version: Version) -> bool:
        """Tell whether somebody has the user name, or is the device, that a credential names."""
        if shown.credential_type not in (T.USERNAME_AND_PASSWORD, T.DEVICE):
            return True
        return self._is_kept(self._account(shown, version))

    def _account(self, shown: Credential, version: Version) -> Account:
        kind, structure, name, key = KINDS[shown.credential_type]
        given = self._codec.decode_structure(structure, shown.credential_value, version)
        return Account(kind, name(given), key(given))

    def _is_kept(self, account: Account) -> bool:
        return self._store.accounts.credential(account.kind, account.key) is not None

    async def _found(self, shown: Credential, address: str, version: Version) -> Verified:
        """Give whose a credential is; where too many were wrong, each answer that is no takes as long as any other.

        So a name that nobody has needs no hash then, and an address that shows many of them costs nothing.
        """
        if shown.credential_type not in CHECKS:
            raise AuthenticationNotSuccessful(REFUSED)
        account = self._account(shown, version)
        slowed = self._guesses.are_slowed(account.counted, address)
        end = asyncio.get_running_loop().time() + guesses.SLOW_S
        try:
            self._check_guesses(account, address)
            if slowed and not self._is_kept(account):
                raise self._wrong(account, address)
            return await self._in_turn(shown, account, address, version)
        except AuthenticationNotSuccessful:
            if slowed:
                await asyncio.sleep(end - asyncio.get_running_loop().time())
            raise

    async def _in_turn(self, shown: Credential, account: Account, address: str, version: Version) -> Verified:
        if self._waiting.total() >= MAX_WAITING or self._waiting[address] >= MAX_WAITING_OF_ONE:
            raise AuthenticationNotSuccessful("too many credentials are being checked: try again")
        self._waiting[address] += 1
        try:
            async with self._turns:
                self._check_guesses(account, address)
                found = await CHECKS[shown.credential_type](self, shown, version)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        if found is None:
            raise self._wrong(account, address)
        return found

    def _check_guesses(self, account: Account, address: str) -> None:
        if self._guesses.are_too_many(account.counted, address):
            raise AuthenticationNotSuccessful("too many credentials of this account were wrong from here: wait a while")

    def _wrong(self, account: Account, address: str) -> AuthenticationNotSuccessful:
        self._guesses.failed(account.counted, address)
        return AuthenticationNotSuccessful(REFUSED)

    async def _password(self, shown: Credential, version: Version) -> Verified | None:
        given = self._codec.decode_structure(UsernameAndPassword, shown.credential_value, version)
        return await self._matched("password", given.username, given.password)

    async def _device(self, shown: Credential, version: Version) -> Verified | None:
        given = self._codec.decode_structure(Device, shown.credential_value, version)
        key = device_key(given)
        row = self._store.accounts.credential("device", key)
        if row is not None and not row.secret and given.password is None:
            return Verified(self._client(row), proven=False)
        return await self._matched("device", key, given.password)

    async def _one_time(self, shown: Credential, version: Version) -> Verified | None:
        given = self._codec.decode_structure(OneTimePassword, shown.credential_value, version)
        if given.password is not None and not await self._matched("password", given.username, given.password):
            return None
        key = one_time_key(given.username, given.one_time_password)
        row = self._store.accounts.credential("one-time", key)
        if row is None or not await self._store.write(lambda t: t.accounts.spend_credential("one-time", key)):
            return None
        return Verified(self._client(row))

    async def _hashed(self, shown: Credential, version: Version) -> Verified | None:
        given = self._codec.decode_structure(HashedPassword, shown.credential_value, version)
        stamp, username = int(given.time_stamp), given.username
        row = self._store.accounts.credential("hashed", username) if len(username) <= MAX_TEXT else None
        secret = passwords.NOBODY_HASHED if row is None else row.secret
        wanted = partial(
            passwords.answer, secret, username, stamp.to_bytes(8, "big", signed=True), given.hashed_password
        )
        answer = await asyncio.to_thread(wanted)
        known = given.hashing_algorithm in (None, HashingAlgorithm.SHA_256)
        if row is None or answer is None or not known or stamp > (self._clock() + AHEAD_S) * MICROSECONDS:
            return None
        if not await self._store.write(lambda t: t.accounts.advance_credential("hashed", username, stamp)):
            return None
        return Verified(self._client(row), server_hashed_password=answer.server_hashed_password)

    async def _matched(self, kind: str, key: str, password: str | None) -> Verified | None:
        if password is None or len(key) > MAX_TEXT or len(password) > MAX_TEXT:
            return None
        row = self._store.accounts.credential(kind, key)
        hashed = row.secret if row is not None and row.secret else passwords.NOBODY
        right = await asyncio.to_thread(passwords.matches, hashed, password)
        return Verified(self._client(row)) if right and row is not None else None

    def _client(self, row: CredentialRow) -> ClientRow:
        client = self._store.accounts.client(row.tenant, row.client)
        if client is None:  # It was removed meanwhile.
            raise AuthenticationNotSuccessful(REFUSED)
        return client


CHECKS: dict[int, Callable[[Credentials, Credential, Version], Awaitable[Verified | None]]] = {
    T.USERNAME_AND_PASSWORD: Credentials._password,
    T.DEVICE: Credentials._device,
    T.ONE_TIME_PASSWORD: Credentials._one_time,
    T.HASHED_PASSWORD: Credentials._hashed,
}


def _username(given: UsernameAndPassword | OneTimePassword | HashedPassword) -> str:
    return given.username


def device_key(device: Device) -> str:
    """Give the key under which a device's credential is kept: all that it says of itself, and nothing more."""
    names = (
        device.device_serial_number,
        device.device_identifier,
        device.network_identifier,
        device.machine_identifier,
        device.media_identifier,
    )
    return json.encode(names).decode()


def one_time_key(username: str, password: str) -> str:
    """Give the key under which a password for one use is kept."""
    return json.encode((username, passwords.digest_of(password))).decode()


# Of each credential: the kind of its row, its structure, whose it says that it is, and the key of that row.
KINDS: dict[int, tuple[str, type[Any], Callable[[Any], str], Callable[[Any], str]]] = {
    T.USERNAME_AND_PASSWORD: ("password", UsernameAndPassword, _username, _username),
    T.DEVICE: ("device", Device, device_key, device_key),
    T.ONE_TIME_PASSWORD: (
        "one-time",
        OneTimePassword,
        _username,
        lambda given: one_time_key(given.username, given.one_time_password),
    ),
    T.HASHED_PASSWORD: ("hashed", HashedPassword, _username, _username),
}
