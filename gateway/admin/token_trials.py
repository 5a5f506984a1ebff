"""What `token check` tries on a token besides what every start does, because it costs more or takes from others.

The rule of the room: a trial is bounded, makes nothing that it does not destroy, and tries no PIN but the right one.
"""

import asyncio
import os

from gateway.admin.token_report import Ability
from gateway.errors import KmipError
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Profile, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.setup import SESSIONS_TRIED, most_sessions

KEYS_AT_ONCE = 32
WORKERS = 2
ENOUGH_SESSIONS = 16  # for a worker: its two, and streams of parts
LABEL = "kmip-gateway self-test"


async def tried(settings: WorkerSettings, profile: Profile) -> tuple[Ability, ...]:
    """Give what the trials found.

    Raises:
        ConfigurationError: the token cannot be used.
    """
    count = await asyncio.to_thread(most_sessions, settings)
    enough = count >= min(ENOUGH_SESSIONS, SESSIONS_TRIED)
    limit = f"one process opened {count} sessions{' and was stopped there' * (count == SESSIONS_TRIED)}"
    few = "streams of parts beyond them fail; a worker itself needs 2"
    found = [Ability(limit, enough, otherwise=few), Ability("two sessions for a worker", count >= WORKERS, needed=True)]
    if profile.aes_bits and not profile.one_process:
        together = f"{KEYS_AT_ONCE} keys made, used and destroyed by two workers at once"
        alone = "set workers = 1 for this token"
        found.append(Ability(together, await _together(settings), otherwise=alone))
    return tuple(found)


async def _together(settings: WorkerSettings) -> bool:
    """Say whether keys that two processes make and destroy at the same time are what they are to be."""
    refs = [KeyRef(ObjectClass.SECRET_KEY, os.urandom(16)) for _ in range(KEYS_AT_ONCE)]
    async with LocalWorkers(settings, WORKERS) as pool:
        made = await asyncio.gather(*(_make(pool, ref) for ref in refs))
        seen = set(await pool.find([ref.cka_id for ref in refs]))
        destroyed = await asyncio.gather(*(_destroy(pool, ref) for ref in refs))
        left = await pool.find([ref.cka_id for ref in refs])
    return all(made) and seen == set(refs) and all(destroyed) and not left


async def _make(pool: TokenPool, ref: KeyRef) -> bool:
    template = KeyTemplate(LABEL, Rights.ENCRYPT, extractable=False)
    try:
        await pool.generate_key(ref, KeyType.AES, max(pool.profile.aes_bits), template)
    except KmipError:
        return False
    return True


async def _destroy(pool: TokenPool, ref: KeyRef) -> bool:
    try:
        return await pool.destroy(ref)
    except KmipError:
        return False
