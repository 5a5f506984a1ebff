"""TLS as this server speaks it: one context, made before the front ends are forked (KMIP Profiles 2.1 section 3.3.2).

All front ends share the context's session-ticket keys by inheritance, so a client that comes back resumes whichever
process accepts it. A ticket holds the client certificate, and OpenSSL does not look at its dates again: `peer` does.
"""

import ssl
from pathlib import Path

from gateway.config import TlsConfig
from gateway.errors import ConfigurationError

# TLS 1.2 as appliances in the field need it: forward secrecy always, AEAD first, then CBC with SHA-2 for those that
# have no AEAD. The profile's RSA key transport suites and CBC with SHA-1 are left out. TLS 1.3 brings its own.
SUITES_1_2 = ":".join(
    (
        "ECDHE+AESGCM",
        "ECDHE+CHACHA20",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-RSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA256",
    )
)
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(config: TlsConfig) -> ssl.SSLContext:
    """Give the context for the listening socket; a client must show a certificate of the authority in `tls.ca`.

    Raises:
        ConfigurationError: a file is missing, unreadable or not what its key says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[config.minimum_version]
    context.set_ciphers(SUITES_1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # One ticket a handshake: clients keep one session a server, and each ticket costs a signature-sized write.
    context.num_tickets = 1
    _load_identity(context, config)
    _load_authority(context, config.ca)
    return context


def _load_identity(context: ssl.SSLContext, config: TlsConfig) -> None:
    for key, path in (("certificate", config.certificate), ("key", config.key)):
        _check_readable(key, path)
    try:
        context.load_cert_chain(config.certificate, config.key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigurationError(_identity_fault(config, error)) from None


def _load_authority(context: ssl.SSLContext, ca: Path) -> None:
    _check_readable("ca", ca)
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise ConfigurationError(f"[tls] ca: {ca} holds no certificate in PEM form.") from None
    context.verify_mode = ssl.CERT_REQUIRED
    # A certificate that the operator put in the file is trusted though it is not self-signed: sites run issuing
    # authorities below a root that must not admit clients.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST


def _check_readable(key: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"[tls] {key}: {path} cannot be read ({error.strerror}).") from None


def _identity_fault(config: TlsConfig, error: ssl.SSLError) -> str:
    """Say which of the two files is at fault, in words of the configuration."""
    match error.reason:
        case "KEY_VALUES_MISMATCH":
            return f"[tls] key: {config.key} is not the key of the certificate {config.certificate}."
        case "EE_KEY_TOO_SMALL" | "CA_KEY_TOO_SMALL" | "CA_MD_TOO_WEAK":
            return (
                f"[tls] certificate: the key or signature of {config.certificate} is too weak; use P-256 or RSA 2048."
            )
    if _holds(config.certificate, b"-----BEGIN CERTIFICATE-----"):
        return f"[tls] key: {config.key} holds no private key in PEM form without a password."
    return f"[tls] certificate: {config.certificate} holds no certificate in PEM form."


def _holds(path: Path, marker: bytes) -> bool:
    return marker in path.read_bytes()


def _no_password() -> bytes:
    """Keep OpenSSL from asking on the terminal when the key file is encrypted."""
    return b""
