"""TLS as this server speaks it: contexts out of the files that [tls] names (KMIP Profiles 2.1 section 3).

pyOpenSSL and not the standard library's `ssl`: it brings the OpenSSL of `cryptography` (4.0) where Debian 12 has 3.0,
whose handshakes take half as much again, and lets the session cache, read buffers and client authorities be set.

All front ends share a context's ticket keys by inheritance, so a client that comes back resumes whichever process
accepts it. A ticket holds the client certificate, and OpenSSL does not look at its dates again: `trust` does.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from msgspec import Struct
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags

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
REQUIRED = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
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


class TlsFiles(Struct, frozen=True):
    """The content of the files that [tls] names; of a revocation list its name too, for the operator."""

    ca: bytes
    certificate: bytes
    key: bytes
    crls: tuple[tuple[str, bytes], ...] = ()

    def __repr__(self) -> str:
        return "TlsFiles()"  # one is a private key


def read_files(config: TlsConfig) -> TlsFiles:
    """Give what is in the files now.

    Raises:
        ConfigurationError: one is missing or unreadable.
    """
    return TlsFiles(
        _read("ca", config.ca),
        _read("certificate", config.certificate),
        _read("key", config.key),
        tuple((str(path), _read("crl", path)) for path in config.crl),
    )


def context_of(files: TlsFiles, config: TlsConfig, session_id: bytes, verify: int = REQUIRED) -> SSL.Context:
    """Give a context for the server; a client must show a certificate of an authority in `files.ca`.

    With `verify` of VERIFY_PEER alone it may show none; one that it shows has to be right all the same.

    Sessions are good for contexts of the same `session_id` only. Of `config`, the paths are for faults to name.

    Raises:
        ConfigurationError: a file is not what its key says.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[config.minimum_version])
    context.set_cipher_list(":".join(SUITES_1_2).encode())
    context.set_options(OPTIONS)
    context.set_mode(MODES)
    _use_identity(context, files, config)
    _use_authorities(context, read_authorities(files.ca, config.ca))
    context.set_verify(verify)
    # Sessions live in tickets alone: no memory is kept for them here.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(session_id)
    return context


def read_authorities(ca: bytes, path: Path) -> list[Certificate]:
    """Give the certificates in the file of authorities.

    Raises:
        ConfigurationError: there is none.
    """
    return _certificates(ca, f"[tls] ca: {path}")


def _certificates(content: bytes, where: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(content)
    except ValueError:
        raise ConfigurationError(f"{where} holds no certificate in PEM form.") from None


def _use_identity(context: SSL.Context, files: TlsFiles, config: TlsConfig) -> None:
    own, *chain = _certificates(files.certificate, f"[tls] certificate: {config.certificate}")
    try:
        context.use_certificate(own)
        for each in chain:
            context.add_extra_chain_cert(each)
    except SSL.Error as error:
        weakness = f"is not strong enough ({reason_of(error)}); use P-256 or RSA of 2048 bits, and SHA-256"
        raise ConfigurationError(f"[tls] certificate: {config.certificate} {weakness}.") from None
    key = _read_key(files.key, config.key)
    try:
        context.use_privatekey(key)
        context.check_privatekey()
    except (SSL.Error, TypeError):
        sentence = f"[tls] key: {config.key} is not the key of the certificate {config.certificate}."
        raise ConfigurationError(sentence) from None


def _read_key(content: bytes, path: Path) -> ServerKey:
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise ConfigurationError(f"[tls] key: {path} is encrypted; store it without a password, mode 0400.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"[tls] key: {path} holds no private key in PEM form.") from None
    if not isinstance(key, ServerKey):
        raise ConfigurationError(f"[tls] key: {path} is of a kind that TLS has no use for; use P-256 or RSA.")
    return key


def _use_authorities(context: SSL.Context, authorities: Sequence[Certificate]) -> None:
    # Tells clients whose certificate to show; those with several choose by it.
    for each in authorities:
        context.add_client_ca(each)
    store = context.get_cert_store()
    if store is not None:
        for each in authorities:
            store.add_cert(X509.from_cryptography(each))
        # A certificate that the operator put in the file is trusted though it is not self-signed: sites run issuing
        # authorities below a root that must not admit clients.
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)


def _read(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"[tls] {key}: {path} cannot be read ({error.strerror}).") from None


def reason_of(error: SSL.Error) -> str:
    """Give OpenSSL's words for what went wrong, such as "certificate verify failed"."""
    if isinstance(error, SSL.SysCallError):
        return str(error.args[1])
    entries = error.args[0] if error.args else ()
    return str(entries[-1][2]) if entries else type(error).__name__
