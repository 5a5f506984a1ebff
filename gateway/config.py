"""TOML in, one frozen Config out; the only reader of configuration files.

The rule of the room: every fault is a ConfigurationError of one sentence that names the file, the key and what to do.
Units are in the names (`_s` seconds, `_bytes` bytes). A path that is relative is relative to the file's own folder,
so that the gateway may be started from anywhere. An empty path means "none", as the key left out does.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import fields, replace

from gateway.errors import ConfigurationError

Port = Annotated[int, Meta(ge=0, le=65535)]  # 0: any free port
Count = Annotated[int, Meta(ge=0)]
PortOrNone = Annotated[int, Meta(ge=-1, le=65535)]  # -1: does not listen
AtLeastOne = Annotated[int, Meta(ge=1)]
Window = Annotated[int, Meta(ge=0, le=36500 * 86400)]  # seconds
Seconds = Annotated[float, Meta(gt=0)]
TOKEN_NAME = re.compile(r"[A-Za-z0-9_-]+")  # part of a file's name


class ServerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway listens, with how many processes, and how long it is patient."""

    host: str = "127.0.0.1"
    kmip_port: Port = 5696
    front_ends: Count = 0  # 0: one per core
    token_workers: Count = 0  # 0: one per core
    max_connections: AtLeastOne = 4000
    max_connections_per_address: AtLeastOne = 1000
    max_handshakes_per_address_per_s: Count = 0  # ten seconds' worth may come at once; 0: no limit
    handshake_timeout_s: Seconds = 10.0
    message_timeout_s: Seconds = 30.0  # from the header to the last byte of one message
    idle_timeout_s: Seconds = 600.0
    drain_timeout_s: Seconds = 10.0
    runtime_dir: Path = Path("run")


class TlsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's certificate and the authority that its clients' certificates come from."""

    ca: Path
    certificate: Path
    key: Path
    crl: tuple[Path, ...] = ()  # none: revocation is not asked after
    crl_policy: Literal["hard", "soft"] = "hard"  # whether an issuer without a list in date vouches for nobody
    minimum_version: Literal["1.2", "1.3"] = "1.2"


class HttpsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """KMIP over HTTPS, off unless it has a port; [tls] and the limits in [server] hold for it too."""

    host: str = "127.0.0.1"
    port: PortOrNone = -1  # 9998 is the usual one
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 4194304  # JSON and XML take several times the bytes of TTLV
    admin_host: str = "127.0.0.1"  # without TLS: health and metrics, for this machine
    admin_port: PortOrNone = 9997


class TokenConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The PKCS#11 module, which of its tokens is ours, and where the PIN comes from (never the PIN itself)."""

    name: str = "default"  # as object rows name the token; of a further one, the NAME in [tokens.NAME]
    module: Path
    label: str = ""
    serial: str = ""
    slot: Annotated[int, Meta(ge=-1)] = -1  # -1: found by label or serial
    pin_file: Path | None = None  # mode 0400 or 0600
    pin_credential: str = ""  # name of a systemd credential
    environment: dict[str, str] = {}  # for the module alone, such as SOFTHSM2_CONF
    reserved: str = ""  # pReserved of C_Initialize
    call_timeout_s: Seconds = 10.0
    generate_timeout_s: Seconds = 60.0
    workers: Count = 0  # processes for this token; 0: as many as [server] token_workers says
    required: bool = False  # a further token without which the gateway does not start; [token] always is


class StoreConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metadata database."""

    path: Path = Path("gateway.sqlite")


class PushTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a client listens for what the gateway sends by itself, and who it has to be."""

    identity: str  # as `object list` shows the owner: client: and its name, or cert: and the SHA-256 of its public key
    tenant: str = "default"  # of the owner: two tenants may have one of the same name
    host: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    key: str = ""  # SHA-256 of the public key that listens there; empty: the one in `identity`
    version: Literal["1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1"] = "2.1"
    tells: Literal["replacements", "changes"] = "replacements"  # by the gateway itself; or all, whoever made them

    def is_for(self, tenant: str, owner: str) -> bool:
        """Tell whether what this owner has is told of here."""
        return (self.tenant, self.identity) == (tenant, owner)


class GroupToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the new objects of an Object Group go, instead of to [token]."""

    group: str
    token: str  # the NAME of [tokens.NAME], or [token] name


RegistrationMethod = Literal["SERVER_PRE_GENERATED", "SERVER_ON_DEMAND", "CLIENT_GENERATED", "CLIENT_REGISTERED"]


class RngStatement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator states of a random number generator of the token; an empty text states nothing."""

    algorithm: Literal["UNSPECIFIED", "FIPS_186_2", "DRBG", "NRBG", "ANSI_X9_31", "ANSI_X9_62"]
    cipher: Literal["", "AES", "DES3", "HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA384", "HMAC_SHA512"] = ""
    bits: Count = 0
    hash: Literal["", "SHA_1", "SHA_224", "SHA_256", "SHA_384", "SHA_512"] = ""
    drbg: Literal["", "HASH", "HMAC", "CTR", "DUAL_EC"] = ""
    curve: Literal["", "P_256", "P_384", "P_521"] = ""
    variation: Literal["", "GP_X_ORIGINAL", "GP_X_CHANGE_NOTICE", "X_ORIGINAL", "X_CHANGE_NOTICE"] = ""  # FIPS 186
    prediction_resistance: bool = False


class ValidationStatement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator states of a validation of the token, as its certificate says it."""

    authority: Literal["UNSPECIFIED", "NIST_CMVP", "COMMON_CRITERIA"]
    country: str = ""
    authority_uri: str = ""
    version: AtLeastOne  # 2 for FIPS 140-2
    type: Literal["UNSPECIFIED", "HARDWARE", "SOFTWARE", "FIRMWARE", "HYBRID"]
    level: AtLeastOne
    certificate: str = ""
    certificate_uri: str = ""


Weakness = Literal[
    "ecb",
    "triple_des",
    "triple_des_keys",
    "short_rsa",
    "short_mac",
    "sha1_signatures",
    "pkcs1_decryption",
    "pkcs1_encryption",
    "unapproved_ciphers",
    "client_ivs",
    "forgotten_ivs",
    "client_counters",
    "untrusted_wrapping",
    "clear_unwrapping",
    "clear_derivation",
]


class KmipConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """Bounds on a message, and the choices that the specification leaves to a server."""

    max_message_bytes: Annotated[int, Meta(ge=1024)] = 1048576
    max_batch_items: AtLeastOne = 10000
    unique_names: bool = True
    vendor_identification: str = "kmip-gateway"
    foreign_objects: Literal["missing", "denied"] = "missing"
    custody: Literal["token", "wrapped"] = "token"  # of new keys
    destroy_window_s: Window = 0  # for which an operator has back what was destroyed; 0: it is gone at once
    policy: Literal["default", "fips", "open"] = "default"  # what is too weak to be done: docs/policy.md
    allow: tuple[Weakness, ...] = ()  # of it, what is done all the same
    interop: bool = False
    unwrap_by_wrap_key: bool = False  # for keys whose mask has Wrap Key, and not Unwrap Key
    rng_seed_bytes: Annotated[int, Meta(ge=-1)] = 1048576  # 0: ignored, -1: refused
    software_ciphers: bool = False  # ChaCha20 and one-time pads, by the gateway instead of the token
    push: tuple[PushTarget, ...] = ()  # clients that are sent Notify and Put when the gateway has replaced a key
    rngs: tuple[RngStatement, ...] = ()  # that the token's vendor documents, for Query to tell
    validations: tuple[ValidationStatement, ...] = ()
    client_registration_methods: tuple[RegistrationMethod, ...] = ()  # how clients come to their certificates
    object_groups: tuple[str, ...] = ()  # that defaults and constraints may name; none: any
    certification_authority: str = ""  # the Name that `ca init` gave it
    certificate_days: Annotated[int, Meta(ge=1, le=36500)] = 365
    certify_alternative_names: bool = False
    certify_other_keys: bool = False
    max_asynchronous_requests: AtLeastOne = 100  # of one client, results that it has not fetched included
    asynchronous_result_lifetime_s: Seconds = 86400.0
    group_tokens: tuple[GroupToken, ...] = ()  # where new objects of certain Object Groups go


class AccessConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is let in that no administrator has named, and what such a client may do."""

    # Wait for an administrator, are refused, or have a space and the roles of `default_roles` of their own.
    unknown_clients: Literal["pending", "refuse", "own"] = "pending"
    default_roles: tuple[str, ...] = ()
    certificates: Literal["required", "optional"] = "required"  # optional: a credential alone is enough
    # Of a name that nobody has: refused, or as if it had not been shown, which tells who asks which names there are.
    unknown_credentials: Literal["refuse", "ignore"] = "refuse"
    credential_lifetime_s: Seconds = 300.0  # for which a password that was right is not hashed again


class LimitsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast clients may ask, of all front ends together; each batch item of a message counts, and 0 is no limit."""

    client_requests_per_s: Count = 0  # of a client whose roles say nothing of it
    tenant_requests_per_s: Count = 0
    burst_s: Seconds = 5.0  # how many seconds' worth may come at once
    patience_s: Seconds = 1.0  # how long what comes too fast waits; what would have to wait longer is refused after it


class AuditConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is recorded who did what, and what happens when it cannot be."""

    enabled: bool = True
    dir: Path = Path("audit")
    max_file_bytes: Annotated[int, Meta(ge=4096)] = 104857600
    sync: Literal["never", "checkpoint", "always"] = "checkpoint"  # when records are on the disk, not just written
    on_failure: Literal["closed", "open"] = "closed"
    checkpoint_records: AtLeastOne = 10000
    checkpoint_interval_s: Seconds = 60.0
    checkpoint_file: Path | None = None  # None: in dir
    syslog: str = ""  # unix:PATH, udp:HOST:PORT or tcp:HOST:PORT, RFC 5424


class ApprovalConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done only once others have approved it; groups are Object Groups, and "*" stands for every object."""

    needed: Count = 0  # approvals of different operators; 0: nothing waits for approval
    approvers: tuple[str, ...] = ()  # users of the operating system
    export: tuple[str, ...] = ()  # groups whose key material leaves only then
    destroy: tuple[str, ...] = ()  # groups whose objects are destroyed only then
    administration: bool = False  # commands that change who may do what
    lifetime_s: Seconds = 86400.0  # for which a request waits for approval, and an approval for its use


class LogConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration: one field per table of the file."""

    version: Literal["v1"]
    server: ServerConfig = ServerConfig()
    tls: TlsConfig
    https: HttpsConfig = HttpsConfig()
    token: TokenConfig
    tokens: dict[str, TokenConfig] = {}  # further ones, by their names
    store: StoreConfig = StoreConfig()
    kmip: KmipConfig = KmipConfig()
    access: AccessConfig = AccessConfig()
    limits: LimitsConfig = LimitsConfig()
    approval: ApprovalConfig = ApprovalConfig()
    log: LogConfig = LogConfig()
    audit: AuditConfig = AuditConfig()

    def all_tokens(self) -> dict[str, TokenConfig]:
        """Give every token by the name that object rows know it by, the one of [token] first."""
        return {self.token.name: self.token, **self.tokens}

    def with_token(self, name: str) -> "Config":
        """Give the same configuration with the token of this name in the place of [token]; "" is that one.

        Raises:
            ConfigurationError: there is none of this name.
        """
        if name in ("", self.token.name):
            return self
        if name not in self.tokens:
            raise ConfigurationError(
                f"There is no token '{name}'; the configuration has {', '.join(self.all_tokens())}."
            )
        return replace(self, token=self.tokens[name], tokens={})


SECTIONS: dict[str, type[Struct]] = {
    "server": ServerConfig,
    "tls": TlsConfig,
    "https": HttpsConfig,
    "token": TokenConfig,
    "store": StoreConfig,
    "kmip": KmipConfig,
    "access": AccessConfig,
    "limits": LimitsConfig,
    "approval": ApprovalConfig,
    "log": LogConfig,
    "audit": AuditConfig,
}

# What a running gateway takes over when it reads its file again; the rest counts from the next start on.
AT_RUN_TIME: dict[str, frozenset[str]] = {
    "tls": frozenset({"ca", "certificate", "key", "crl", "crl_policy"}),
    "limits": frozenset(LimitsConfig.__struct_fields__),
    "access": frozenset({"unknown_clients", "default_roles", "unknown_credentials"}),
    "kmip": frozenset(
        {
            "policy",
            "allow",
            "foreign_objects",
            "vendor_identification",
            "max_batch_items",
            "unwrap_by_wrap_key",
            "rng_seed_bytes",
            "software_ciphers",
            "rngs",
            "validations",
            "client_registration_methods",
            "object_groups",
            "destroy_window_s",
            "certificate_days",
            "certify_alternative_names",
            "max_asynchronous_requests",
            "asynchronous_result_lifetime_s",
        }
    ),
}

# What msgspec says, and what an operator is told instead; `{table}` is "[server] " or "" for the top of the file.
FAULTS = (
    (r"Object missing required field `(?P<key>\w+)`", "{table}lacks the key '{key}'; add it"),
    (r"Object contains unknown field `(?P<key>[^`]*)`", "{table}has no key '{key}'; correct or remove it"),
    (r"Invalid enum value (?P<value>.*)", "{table}{key} cannot be {value}; see config/gateway.toml for its values"),
    (r"Expected `(?P<type>[^`]*)`(?P<bound>.*?)(, got .*)?$", "{table}{key} must be {type}{bound}; correct it"),
)
TYPE_WORDS = {"int": "an integer", "float": "a number", "str": "a string", "bool": "true or false", "object": "a table"}


def load(path: Path) -> Config:
    """Give the configuration in the file, with every path absolute.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or has a key or value that the gateway does not know.
    """
    raw = _read(path)
    try:
        config = convert(_with_paths(raw, path.absolute().parent), Config)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_sentence(str(error))}.") from None
    _check_token(config.token, path, "token")
    for name, token in config.tokens.items():
        _check_token(token, path, f"tokens.{name}")
    _check_names(config, path)
    return config


def renewed(running: Config, read: Config) -> tuple[Config, tuple[str, ...]]:
    """Give the running configuration with what may change of the one just read, and which keys else are different."""
    waiting: list[str] = []
    tables: dict[str, Struct] = {}
    for table in SECTIONS:
        old, new = getattr(running, table), getattr(read, table)
        different = [key.name for key in fields(old) if getattr(old, key.name) != getattr(new, key.name)]
        taken = AT_RUN_TIME.get(table, frozenset())
        tables[table] = replace(old, **{key: getattr(new, key) for key in different if key in taken})
        waiting += [f"[{table}] {key}" for key in different if key not in taken]
    if running.tokens != read.tokens:
        waiting.append("[tokens]")
    return replace(running, **tables), tuple(waiting)


def with_pin_file(config: Config, pin_file: Path) -> Config:
    """Give the configuration with the PIN of [token] from this file, whatever it said itself."""
    return replace(config, token=replace(config.token, pin_file=pin_file, pin_credential=""))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}); give the gateway's TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}.") from None


def _with_paths(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Give the same tables with each path joined to the folder, defaults included."""
    tables = dict(raw)
    further = tables.get("tokens")
    if isinstance(further, dict):
        tables["tokens"] = {name: _named(name, table, folder) for name, table in further.items()}
    for name, section in SECTIONS.items():
        table = tables.get(name, {})
        if isinstance(table, dict):
            tables[name] = _absolute(table, section, folder)
    # A table that is required and was left out must still be told as missing.
    return {name: table for name, table in tables.items() if table or name in raw}


def _named(name: str, table: Any, folder: Path) -> Any:
    """Give the table of a further token, which has its name from where it stands."""
    if not isinstance(table, dict):
        return table
    return {"name": name, **_absolute(table, TokenConfig, folder)}


def _absolute(table: dict[str, Any], section: type[Struct], folder: Path) -> dict[str, Any]:
    absolute = dict(table)
    for field in fields(section):
        value = absolute.get(field.name, field.default)
        if field.type == tuple[Path, ...] and isinstance(value, list):
            absolute[field.name] = [folder / each if isinstance(each, str) else each for each in value]
        if field.type not in (Path, Path | None) or not isinstance(value, str | Path):
            continue
        if value == "":
            del absolute[field.name]
        else:
            absolute[field.name] = folder / value
    return absolute


def _sentence(fault: str) -> str:
    """Give msgspec's message in the operator's words: table, key, what to do."""
    message, _, where = fault.partition(" - at `$")
    # "[...]" stands for any key of a free table such as [token] environment.
    steps = where.rstrip("`").replace("[...]", " value").strip(".").split(".") if where else []
    for pattern, sentence in FAULTS:
        if found := re.match(pattern, message):
            words = found.groupdict()
            words["type"] = TYPE_WORDS.get(words.get("type", ""), "a path")
            key = words.pop("key", None) or steps.pop()
            table = f"[{'.'.join(steps)}] " if steps else ""
            return sentence.format(table=table, key=key, **words)
    return fault


def _check_token(token: TokenConfig, path: Path, table: str) -> None:
    """Raise where a token's own keys contradict each other."""
    if not token.label and not token.serial and token.slot < 0:
        raise ConfigurationError(f"{path}: [{table}] names no token; set label, serial or slot.")
    if token.pin_file and token.pin_credential:
        raise ConfigurationError(f"{path}: [{table}] has both pin_file and pin_credential; keep one of them.")


def _check_names(config: Config, path: Path) -> None:
    """Raise where tokens are named that there are not, or one name is given to two."""
    names = [config.token.name, *config.tokens]
    for name, token in config.tokens.items():
        if token.name != name or names.count(name) > 1:
            raise ConfigurationError(f"{path}: [tokens.{name}] is named twice; leave its key 'name' out, or rename it.")
        if not TOKEN_NAME.fullmatch(name):
            raise ConfigurationError(f"{path}: [tokens.{name}] has a name with other than letters, digits, - and _.")
    for each in config.kmip.group_tokens:
        if each.token not in names:
            raise ConfigurationError(
                f"{path}: [kmip] group_tokens sends '{each.group}' to '{each.token}', and there is no "
                f"[tokens.{each.token}]; add it, or correct the name."
            )
