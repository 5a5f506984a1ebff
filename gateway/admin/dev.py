"""A folder with everything a gateway on SoftHSM2 needs: token, PINs, certificates, configuration.

The rule of the room: what is there is kept. Each step makes only what is missing, and gateway.toml comes last, so that
a start that was killed half-way is finished by the next one. A second start reads and changes nothing.
"""

import json
import secrets
from pathlib import Path
from typing import get_args

from msgspec import ValidationError, convert
from msgspec.structs import replace

from gateway.admin.files import write_file
from gateway.config import Config, ServerConfig, StoreConfig, TlsConfig, TokenConfig, Weakness
from gateway.errors import ConfigurationError
from gateway.token.settings import WorkerSettings

SOFTHSM_MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
AUTHORITY = "dev"
TOKEN_LABEL = "kmip-gateway dev"  # noqa: S105 (a label, not a secret)
PIN_BYTES = 16

SOFTHSM_CONF = """\
directories.tokendir = {folder}/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
"""

GATEWAY_TOML = """\
# Made by `kmip-gateway dev` and never changed by it again; every key is explained in config/gateway.toml.
version = "v1"

[tls]
ca = "pki/ca.pem"
certificate = "pki/server.pem"
key = "pki/server.key"

[token]
module = {module}
label = {label}
pin_file = "user.pin"
environment = {{ SOFTHSM2_CONF = {softhsm_conf} }}

[access]
unknown_clients = "own"
default_roles = ["everything"]
unknown_credentials = "ignore"

[kmip]
certification_authority = {authority}
"""


def prepare(folder: Path) -> Path:
    """Give the path of gateway.toml in the folder, which has all that it names.

    Raises:
        ConfigurationError: the folder has other things in it, cannot be written, or SoftHSM2 is not installed.
    """
    folder = folder.absolute()
    configuration = folder / "gateway.toml"
    if configuration.exists():
        return configuration
    try:
        _make(folder)
    except OSError as error:
        where = error.filename or folder
        raise ConfigurationError(f"{where}: {error.strerror}; give --dir a folder that you may write.") from None
    return configuration


def with_allowed(config: Config, names: list[str]) -> Config:
    """Give the configuration with these weaknesses allowed besides its own.

    Raises:
        ConfigurationError: there is no such weakness.
    """
    try:
        allow = convert([*config.kmip.allow, *names], tuple[Weakness, ...])
    except ValidationError:
        raise ConfigurationError(f"--allow takes one of {', '.join(get_args(Weakness))}.") from None
    return replace(config, kmip=replace(config.kmip, allow=allow))


def with_https(config: Config, port: int | None) -> Config:
    """Give the configuration with HTTPS on this port, unchanged for None; port 0 lets the admin port be any too."""
    if port is None:
        return config
    admin_port = config.https.admin_port if port else 0
    return replace(config, https=replace(config.https, port=port, admin_port=admin_port))


def _make(folder: Path) -> None:
    if not SOFTHSM_MODULE.exists():
        raise ConfigurationError(f"{SOFTHSM_MODULE} is missing; install SoftHSM2 (apt-get install softhsm2).")
    _make_folder(folder)
    _write_if_missing(folder / "softhsm2.conf", SOFTHSM_CONF.format(folder=folder), 0o600)
    (folder / "tokens").mkdir(mode=0o700, exist_ok=True)
    for name in ("so.pin", "user.pin"):
        _write_if_missing(folder / name, secrets.token_hex(PIN_BYTES), 0o400)
    token = TokenConfig(
        module=SOFTHSM_MODULE,
        label=TOKEN_LABEL,
        pin_file=folder / "user.pin",
        environment={"SOFTHSM2_CONF": str(folder / "softhsm2.conf")},
    )
    # These take a while to import, and no start but the first needs them.
    from gateway.admin.pki import make_pki
    from gateway.token.setup import set_up_token

    set_up_token(WorkerSettings.of(token, folder / "run"), (folder / "so.pin").read_text())
    if not (folder / "pki").exists():
        make_pki(folder / "pki")
    _make_authority(folder, token)
    _write_if_missing(folder / "gateway.toml", _toml(token), 0o600)


def _make_authority(folder: Path, token: TokenConfig) -> None:
    from gateway.admin.authority import Plan, ensure_authority

    pki = folder / "pki"
    config = Config(
        version="v1",
        server=ServerConfig(runtime_dir=folder / "run"),
        tls=TlsConfig(ca=pki / "ca.pem", certificate=pki / "server.pem", key=pki / "server.key"),
        token=token,
        store=StoreConfig(path=folder / "gateway.sqlite"),
    )
    ensure_authority(config, Plan(AUTHORITY, "CN=kmip-gateway dev authority", key="rsa-2048"))


def _make_folder(folder: Path) -> None:
    """Leave the folder with mode 0700; one with foreign things in it is not touched."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = (folder / "softhsm2.conf").exists()
    if not ours and any(not path.name.startswith("softhsm2.conf") for path in folder.iterdir()):
        raise ConfigurationError(f"{folder} has files that `dev` did not make; give --dir a new or empty folder.")
    folder.chmod(0o700)


def _write_if_missing(path: Path, text: str, mode: int) -> None:
    if not path.exists():
        write_file(path, text.encode(), mode)


def _toml(token: TokenConfig) -> str:
    # A JSON string is a TOML basic string, whatever characters the folder's name has.
    return GATEWAY_TOML.format(
        module=json.dumps(str(token.module)),
        label=json.dumps(token.label),
        authority=json.dumps(AUTHORITY),
        softhsm_conf=json.dumps(token.environment["SOFTHSM2_CONF"]),
    )
