"""The gateway that a case is replayed against: in process, with a new database, a clock that stands, as it needs it."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.access.identity import GATEWAY, Identity, Peer
from gateway.access.roles import EVERYTHING
from gateway.admin.authority import Plan, establish
from gateway.call import Call
from gateway.config import KmipConfig, PushTarget, RngStatement, ValidationStatement
from gateway.exchange import Exchange
from gateway.items import Batch
from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    KeyFormatType,
    NameType,
    ObjectType,
    Operation,
    SecretDataType,
)
from gateway.kmip.objects import KeyBlock, KeyValue, SecretData
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.kmip.version import V1_2, V1_4
from gateway.operations.create import CreateRequest
from gateway.operations.register import RegisterRequest
from gateway.store.sqlite import open_store
from gateway.token.api import KeyRef, MadeKey, Token
from tests.conformance.bound import bound
from tests.conformance.cases import SERVER_TO_CLIENT, Case
from tests.conformance.replay import Listener, replay
from tests.operations.conftest import Clock
from tests.support.messages import request
from tests.wire.encodings import assert_three_encodings_agree
from tests.wire.xmlcases import NOW

WAIT_S = 60

LISTENING = PushTarget(identity="cert:client", host="127.0.0.1", port=5697)
RESISTANT = partial(RngStatement, algorithm="DRBG", prediction_resistance=True)
RNGS = {
    2: (RngStatement(algorithm="ANSI_X9_31", cipher="AES", bits=256),),
    3: (RngStatement(algorithm="FIPS_186_2", hash="SHA_1", variation="X_CHANGE_NOTICE"),),
    4: (
        RESISTANT(cipher="HMAC_SHA256", drbg="HMAC"),
        RESISTANT(cipher="HMAC_SHA1", drbg="HMAC"),
        RESISTANT(hash="SHA_256", drbg="HASH"),
    ),
    5: (RESISTANT(hash="SHA_256", drbg="DUAL_EC", curve="P_256"),),
    6: (RngStatement(algorithm="DRBG", cipher="AES", bits=256),),
}
VALIDATED = ValidationStatement(
    authority="NIST_CMVP",
    country="US",
    authority_uri="http://csrc.nist.gov/groups/STM/cmvp/",
    version=2,
    type="SOFTWARE",
    level=1,
    certificate="1747",
    certificate_uri="http://csrc.nist.gov/groups/STM/cmvp/documents/140-1/1401val2012.htm#1747",
)
# Cases for a gateway set up otherwise than by default, by the beginning of their names.
CHOICES: dict[str, dict[str, Any]] = {
    # To tell an object of somebody else's from none is not what production wants.
    "TC_111": {"foreign_objects": "denied"},
    "TC_112": {"foreign_objects": "denied"},
    # Servers that take a part of a seed, none of it, and that refuse it.
    "CS-RNG-O-2": {"rng_seed_bytes": 16},
    "CS-RNG-O-3": {"rng_seed_bytes": 0},
    "CS-RNG-O-4": {"rng_seed_bytes": -1},
    # The mask of the key that is to unwrap has Wrap Key alone; that of 2.x has both.
    "TC-WRAP-2-14": {"unwrap_by_wrap_key": True},
    # What an operator states of the token.
    **{f"TC-Q-RNGS-{number}-": {"rngs": stated} for number, stated in RNGS.items()},
    "TC-Q-CREG-1-": {
        "client_registration_methods": (
            "SERVER_PRE_GENERATED",
            "SERVER_ON_DEMAND",
            "CLIENT_GENERATED",
            "CLIENT_REGISTERED",
        )
    },
    "TC-Q-VAL-1-": {"validations": (VALIDATED,)},
    # They encrypt in ECB, sign by SHA-1, and make a pair of RSA with 1024 bits.
    **{f"CS-BC-M-{number}-": {"allow": ("ecb",)} for number in range(1, 10)},
    # The same value is registered, and encrypts with the same IV, many times.
    "CS-BC-M-GCM-": {"policy": "open"},
    "TC-STREAM-ENC-": {"allow": ("ecb", "triple_des")},
    "TC-ECDSA-SIGN-DIGESTEDDATA-1": {"allow": ("sha1_signatures",)},
    "TC-RSA-SIGN-DIGESTEDDATA-1": {"allow": ("sha1_signatures",)},
    "TC_81_": {"allow": ("short_rsa",)},
    # It gives a Sensitive key wrapped by one that its client knows.
    "TC-SENSITIVE-1": {"allow": ("untrusted_wrapping",)},
    # Query lists Interop, which the case does not ask for itself.
    "QS-M-1": {"interop": True},
    # No token here has these, and production does not do them otherwise.
    "CS-BC-M-CHACHA20": {"software_ciphers": True},
    "TC-OTP-": {"software_ciphers": True},
    # A group that the server does not know, and others that it does.
    "TC-MD-6": {"object_groups": ("Group1",)},
    # Their certificate requests are of another key than the pair that they make.
    **{f"TC-REKEY-{number}-": {"certify_other_keys": True} for number in (9, 10, 11, 12)},
}
# Who issues certificates: in the test cases of 1.x by this name, with RSA and SHA-256.
AUTHORITY = Plan("authority", "CN=KMIP,OU=OASIS,O=TEST,C=US", key="rsa-2048")
# Operations that production keeps off, and what turns each on.
# Cases that look at a request while it is carried out, as if the token took its time, in seconds.
SLOW = {"TC-ASYNC-10": 1.2}
SWITCHES = {"Interop": "interop"}
FRESH_KEY = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT),
        Attribute(Tag.OBJECT_GROUP, "default"),
    ),
)


def pad(value: KeyValue | None) -> tuple[Operation, RegisterRequest]:
    """Give the request that registers what the cases of one-time pads encrypt with."""
    block = KeyBlock(key_format_type=KeyFormatType.OPAQUE, key_value=value)
    request = RegisterRequest(
        object_type=ObjectType.SECRET_DATA,
        attributes=(
            Attribute(Tag.NAME, Name(name_value="one-time-pad-1", name_type=NameType.UNINTERPRETED_TEXT_STRING)),
            Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.ONE_TIME_PAD),
            Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT | CryptographicUsageMask.DECRYPT),
            Attribute(Tag.ACTIVATION_DATE, DateTime(NOW - 3600)),
        ),
        secret_data=SecretData(secret_data_type=OpenEnumeration(SecretDataType.PASSWORD), key_block=block),
    )
    return Operation.REGISTER, request


# It makes fd912d102dbb of 010203040506.
PAD = pad(KeyValue(key_material=bytes.fromhex("fc932e1428bd0011")))
# What has to be there before a case, by the beginning of its name.
STOCK: dict[str, tuple[tuple[Operation, Structure], ...]] = {
    "TC_151": ((Operation.CREATE, FRESH_KEY),),
    **{f"TC-OTP-{number}": (PAD,) for number in (1, 2, 4, 5)},
    # The pad is told of there, and its value is not.
    "TC-OTP-3": (pad(None),),
}


def configuration(case: Case) -> KmipConfig:
    """Give the operator's choices that a case needs."""
    chosen = [choices for start, choices in CHOICES.items() if case.name.startswith(start)]
    switches = {switch for operation, switch in SWITCHES.items() if operation in case.operations}
    turned_on = dict.fromkeys(switches & set(KmipConfig.__struct_fields__), True)
    # Query lists Notify and Put where they have somebody to go to.
    listening = (LISTENING,) if case.listed & SERVER_TO_CLIENT else ()
    if case.operations & SERVER_TO_CLIENT:
        listening = (replace(LISTENING, version=case.spoken, tells="changes"),)
    return KmipConfig(
        **{**turned_on, **(chosen[0] if chosen else {})}, push=listening, certification_authority=AUTHORITY.name
    )


class SlowToken:
    """A token that takes its time to make a key; everything else is the real token's."""

    def __init__(self, token: Token, pause_s: float) -> None:
        self._token = token
        self._pause_s = pause_s

    async def generate_key(self, *arguments: Any) -> KeyRef:
        """Make the key after a while."""
        await asyncio.sleep(self._pause_s)
        return await self._token.generate_key(*arguments)

    async def generate_wrapped(self, *arguments: Any) -> MadeKey:
        """Make the key after a while, where it is kept wrapped."""
        await asyncio.sleep(self._pause_s)
        return await self._token.generate_wrapped(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._token, name)


async def replayed(chain: list[Case], token: Token, folder: Path) -> list[str]:
    """Replay cases that build on each other, and give what differs."""
    stock = [item for start, items in STOCK.items() if chain[-1].name.startswith(start) for item in items]
    clock = Clock(float(NOW))
    store = open_store(folder / "gateway.sqlite", unique_names=True)
    pause_s = [seconds for start, seconds in SLOW.items() if chain[-1].name.startswith(start)]
    exchange = Exchange(configuration(chain[-1]), store, SlowToken(token, pause_s[0]) if pause_s else token, clock)

    async def ask(raw: bytes, client: str) -> bytes:
        answer = await exchange.answer(raw, Peer(Identity(f"cert:{client}"), "127.0.0.1", (EVERYTHING,)))
        # That a case would go the same way in JSON or XML, without playing it three times.
        assert_three_encodings_agree(raw)
        assert_three_encodings_agree(answer)
        return answer

    async def wait() -> int:
        clock.now += WAIT_S
        return WAIT_S

    listener = Listener()
    telling = asyncio.create_task(exchange.notices(listener.send).run())
    made = any(operation is Operation.CREATE for operation, _ in stock)
    try:
        if "Certify" in chain[-1].operations:
            await establish(Call(exchange._services, GATEWAY, V1_2, Batch()), AUTHORITY)
        if stock:
            await ask(request(V1_4, *stock), "client")
        return [
            line for each in chain for line in await replay(each, bound(chain, NOW, made=made), ask, wait, listener)
        ]
    finally:
        telling.cancel()
        await exchange.requests.close()
        await store.close()
