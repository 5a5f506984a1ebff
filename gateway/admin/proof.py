"""Whether a token is the one whose keys a database names: what the token sealed once, it can open again.

The proof is made at the first start on a token and stays in the database, and in every copy of it.
"""

import structlog

from gateway.errors import ConfigurationError, KmipError, TokenDown, TokenTimeout
from gateway.store.sqlite import SqliteStore
from gateway.token.api import Token

PROOF = b"sealed by the token of this database"

log = structlog.get_logger()


async def check_proof(store: SqliteStore, token: Token, name: str) -> None:
    """Return where the token opens the proof in the database; one that is not there is made.

    A token that seals nothing proves nothing, and one that is down is asked at the next start.

    Raises:
        ConfigurationError: it is another token, or one made anew.
    """
    kept = store.fact(fact_of(name))
    try:
        if kept is not None:
            await check_opens(token, kept, name)
        elif token.profile.aes_bits:
            sealed = await token.seal(PROOF, PROOF)
            await store.keep_fact(fact_of(name), sealed.hex())
    except KmipError as error:
        log.warning("token not proven", token=name, reason=error.message)


def fact_of(name: str) -> str:
    """Give the key under which the proof of a token is kept."""
    return f"proof of token {name}"


async def check_opens(token: Token, kept: str, name: str) -> None:
    """Return where the token opens a proof; raises as `check_proof` does.

    Raises:
        KmipError: the token does not answer, or opens nothing at all.
    """
    try:
        opened = await token.open(bytes.fromhex(kept), PROOF)
    except (TokenDown, TokenTimeout):
        raise
    except KmipError:
        # A token that does not open what it has just sealed is in trouble, and proves nothing either way.
        await token.open(await token.seal(PROOF, PROOF), PROOF)
        opened = b""
    if opened != PROOF:
        raise ConfigurationError(
            f"The token '{name}' is not the one that the database was written with: it does not open what that one "
            "sealed. Correct [token] or [store], or restore the backup that belongs to this token."
        )
