"""Whether a configuration's files are there and fit, without starting anything."""

import stat
from pathlib import Path

from gateway.config import Config, TokenConfig
from gateway.errors import ConfigurationError
from gateway.server.trust import Trust

OTHERS_BITS = stat.S_IRWXG | stat.S_IRWXO


def check(config: Config) -> None:
    """Return where the certificates, and each token's module and PIN file, can be used.

    Raises:
        ConfigurationError: the first that cannot.
    """
    Trust(config.tls)
    _check_token_files(config.token, "token")
    for name, token in config.tokens.items():
        _check_token_files(token, f"tokens.{name}")


def _check_token_files(token: TokenConfig, table: str) -> None:
    if not token.module.is_file():
        raise ConfigurationError(f"[{table}] module: {token.module} is missing; give the path of the PKCS#11 library.")
    if token.pin_file is not None:
        _check_private(token.pin_file, table)


def _check_private(pin_file: Path, table: str) -> None:
    try:
        mode = pin_file.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"[{table}] pin_file: {pin_file} cannot be read ({error.strerror}).") from None
    if mode & OTHERS_BITS:
        raise ConfigurationError(f"[{table}] pin_file: {pin_file} can be read by others; run chmod 400 on it.")
