"""The gateway's own keys on a token, as `token init` and `token check` tell of them and a ceremony records them.

The rule of the room: a check value gives nothing of a key away, and no key is given a right for it that it lacks.
"""

from itertools import count

from gateway.admin.token_report import OwnKey
from gateway.errors import KmipError
from gateway.token.api import KEK_LABEL, STORAGE_KEY_LABEL, KeyRef, Mechanism, Rights, kek_label
from gateway.token.pool import TokenPool

PROBE = bytes(range(32))
ZEROS = bytes(16)
CHECK_BYTES = 3
CKM_AES_ECB = 0x1081
STORAGE_RIGHTS, KEK_RIGHTS = Rights.ENCRYPT | Rights.DECRYPT, Rights.WRAP | Rights.UNWRAP


async def described(pool: TokenPool, made: tuple[str, ...] = ()) -> tuple[OwnKey, ...]:
    """Give the storage key and every key-encryption key; the first of each is told of where it is missing, too.

    Raises:
        KmipError: the token does not answer.
    """
    return tuple([await _described(pool, label, made) for label in await _labels(pool)])


async def check_value(pool: TokenPool, label: str) -> tuple[str, bool]:
    """Give a key's check value in hexadecimal, "" for none, and whether it is one by wrapping.

    It is the token's own, else a block of zeros encrypted by the storage key, which is the same; what only wraps has
    the start of such a block wrapped.

    Raises:
        KmipError: the token does not answer.
    """
    key, profile = await pool.labelled(label), pool.profile
    if key is None:
        return "", False
    told = str((await pool.attributes(key)).get("check_value", "")) if profile.check_values else ""
    if told:
        return told, False
    if label == STORAGE_KEY_LABEL and CKM_AES_ECB in profile.mechanisms:
        return (await pool.encrypt(key, Mechanism(CKM_AES_ECB), ZEROS))[:CHECK_BYTES].hex(), False
    if label != STORAGE_KEY_LABEL and profile.kwp:
        return (await pool.wrap_data(key, Mechanism(profile.kwp), ZEROS))[:CHECK_BYTES].hex(), True
    return "", False


async def _labels(pool: TokenPool) -> list[str]:
    labels = [STORAGE_KEY_LABEL, KEK_LABEL]
    for label in map(kek_label, count(2)):
        if await pool.labelled(label) is None:
            return labels
        labels.append(label)
    return labels


async def _described(pool: TokenPool, label: str, made: tuple[str, ...]) -> OwnKey:
    key, storage = await pool.labelled(label), label == STORAGE_KEY_LABEL
    if key is None:
        return OwnKey(label, works=False)
    works = await (_can_seal(pool) if storage else _can_wrap(pool, key))
    if not works:
        return OwnKey(label, works=False, made=label in made)
    confined = await _is_confined(pool, key, STORAGE_RIGHTS if storage else KEK_RIGHTS)
    value, by_wrapping = await check_value(pool, label)
    return OwnKey(label, works, label in made, value, by_wrapping, confined)


async def _can_seal(pool: TokenPool) -> bool:
    """Say whether the storage key encrypts and decrypts."""
    try:
        return await pool.open(await pool.seal(PROBE, b"aad"), b"aad") == PROBE
    except KmipError:
        return False


async def _can_wrap(pool: TokenPool, key: KeyRef) -> bool:
    """Say whether a key-encryption key wraps and unwraps."""
    mechanism = Mechanism(pool.profile.kwp)
    if not mechanism.ckm:
        return False
    try:
        return await pool.unwrap_data(key, mechanism, await pool.wrap_data(key, mechanism, PROBE)) == PROBE
    except KmipError:
        return False


async def _is_confined(pool: TokenPool, key: KeyRef, rights: Rights) -> bool:
    """Say whether the token says of a key that it does not leave, and has no rights but these."""
    told = await pool.attributes(key)
    others = [right for right in Rights if right not in rights and told.get(str(right.name).lower())]
    return bool(told.get("sensitive")) and not told.get("extractable") and not others
