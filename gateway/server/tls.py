"""TLS as this server speaks it: one context, made before the front ends are forked (KMIP Profiles 2.1 section 3).

pyOpenSSL and not the standard library's `ssl`: it brings the OpenSSL of `cryptography` (4.0) where Debian 12 has 3.0,
whose handshakes take half as much again, and lets the session cache, read buffers and client authorities be set.

All front ends share the context's ticket keys by inheritance, so a client that comes back resumes whichever process
accepts it. A ticket holds the client certificate, and OpenSSL does not look at its dates again: `peer` does.
"""

import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509StoreFlags

from gateway.config import TlsConfig
from gateway.errors import ConfigurationError

# TLS 1.2 as appliances in the field need it: forward secrecy always, AEAD first, then CBC with SHA-2 for those that
# have no AEAD. The profile's RSA key transport suites and CBC with SHA-1 are left out. TLS 1.3 brings its own.
SUITES_1_2 = (
    "ECDHE+AESGCM",
    "ECDHE+CHACHA20",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
)
ServerKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey | Ed448PrivateKey
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
# A client that just closes its socket has ended its stream, and what it asked before is still answered.
OPTIONS = (
    SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_IGNORE_UNEXPECTED_EOF
)
# SSL_MODE_NO_AUTO_CHAIN, which pyOpenSSL does not name: send the chain in the certificate file and nothing more.
# Otherwise OpenSSL looks for one among the clients' authorities, and verifies a signature in every handshake.
MODE_NO_AUTO_CHAIN = 8
MODES = SSL.MODE_RELEASE_BUFFERS | MODE_NO_AUTO_CHAIN


def server_context(config: TlsConfig) -> SSL.Context:
    """Give the context for the listening socket; a client must show a certificate of the authority in `tls.ca`.

    Raises:
        ConfigurationError: a file is missing, unreadable or not what its key says.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[config.minimum_version])
    context.set_cipher_list(":".join(SUITES_1_2).encode())
    context.set_options(OPTIONS)
    context.set_mode(MODES)
    _load_identity(context, config)
    _load_authority(context, config.ca)
    # Sessions live in tickets alone: no memory is kept for them here. A session is good for this context only.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(secrets.token_bytes(16))
    return context


def _load_identity(context: SSL.Context, config: TlsConfig) -> None:
    _check_readable("certificate", config.certificate)
    try:
        context.use_certificate_chain_file(str(config.certificate))
    except SSL.Error as error:
        raise ConfigurationError(f"[tls] certificate: {config.certificate} {_certificate_fault(error)}.") from None
    key = _read_key(config.key)
    try:
        context.use_privatekey(key)
    except (SSL.Error, TypeError):
        sentence = f"[tls] key: {config.key} is not the key of the certificate {config.certificate}."
        raise ConfigurationError(sentence) from None


def _read_key(path: Path) -> ServerKey:
    _check_readable("key", path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except TypeError:
        raise ConfigurationError(f"[tls] key: {path} is encrypted; store it without a password, mode 0400.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"[tls] key: {path} holds no private key in PEM form.") from None
    if not isinstance(key, ServerKey):
        raise ConfigurationError(f"[tls] key: {path} is of a kind that TLS has no use for; use P-256 or RSA.")
    return key


def _load_authority(context: SSL.Context, ca: Path) -> None:
    _check_readable("ca", ca)
    try:
        context.load_verify_locations(str(ca))
        # Tells clients whose certificate to show; those with several choose by it.
        context.load_client_ca(str(ca).encode())
    except SSL.Error:
        raise ConfigurationError(f"[tls] ca: {ca} holds no certificate in PEM form.") from None
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    store = context.get_cert_store()
    if store is not None:
        # A certificate that the operator put in the file is trusted though it is not self-signed: sites run issuing
        # authorities below a root that must not admit clients.
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)


def _check_readable(key: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"[tls] {key}: {path} cannot be read ({error.strerror}).") from None


def _certificate_fault(error: SSL.Error) -> str:
    if "too" in reason_of(error):  # "ee key too small", "ca md too weak"
        return f"is not strong enough ({reason_of(error)}); use P-256 or RSA of 2048 bits, and SHA-256"
    return "holds no certificate in PEM form"


def reason_of(error: SSL.Error) -> str:
    """Give OpenSSL's words for what went wrong, such as "certificate verify failed"."""
    if isinstance(error, SSL.SysCallError):
        return str(error.args[1])
    entries = error.args[0] if error.args else ()
    return str(entries[-1][2]) if entries else type(error).__name__
