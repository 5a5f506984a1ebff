"""OpenSSL's own client by ctypes, for what Python's does not do: key updates, renegotiation, a captured stream."""

import ctypes
import ctypes.util
import socket
from types import TracebackType

from tests.server.authority import Files
from tests.server.clients import dial

FILETYPE_PEM = 1
CTRL_SET_MIN_PROTO_VERSION, CTRL_SET_MAX_PROTO_VERSION = 123, 124
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
KEY_UPDATE_REQUESTED = 1

_ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
for _function in ("TLS_client_method", "SSL_CTX_new", "SSL_new", "SSL_get_session"):
    getattr(_ssl, _function).restype = ctypes.c_void_p
_ssl.SSL_CTX_ctrl.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)


class OpenSsl:
    """A connection to the port, of one version of TLS, with blocking calls."""

    def __init__(self, port: int, files: Files, version: int) -> None:
        self._socket: socket.socket = dial(port)
        self._socket.setblocking(True)
        self._context = ctypes.c_void_p(_ssl.SSL_CTX_new(ctypes.c_void_p(_ssl.TLS_client_method())))
        for control in (CTRL_SET_MIN_PROTO_VERSION, CTRL_SET_MAX_PROTO_VERSION):
            _ssl.SSL_CTX_ctrl(self._context, control, version, None)
        _ssl.SSL_CTX_use_certificate_file(self._context, str(files.certificate).encode(), FILETYPE_PEM)
        _ssl.SSL_CTX_use_PrivateKey_file(self._context, str(files.key).encode(), FILETYPE_PEM)
        self._connection = ctypes.c_void_p(_ssl.SSL_new(self._context))
        _ssl.SSL_set_fd(self._connection, self._socket.fileno())
        assert _ssl.SSL_connect(self._connection) == 1

    def __enter__(self) -> "OpenSsl":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _ssl.SSL_free(self._connection)
        _ssl.SSL_CTX_free(self._context)
        self._socket.close()

    def update_keys(self) -> bool:
        """Send one key update that asks for one in return; False when the server takes no more."""
        _ssl.SSL_key_update(self._connection, KEY_UPDATE_REQUESTED)
        return bool(_ssl.SSL_do_handshake(self._connection) == 1)

    def renegotiate(self) -> bool:
        """Ask for another handshake on this connection, and tell whether there was one."""
        _ssl.SSL_renegotiate(self._connection)
        return bool(_ssl.SSL_do_handshake(self._connection) == 1)

    def send(self, data: bytes) -> bool:
        """Send data; False when that cannot be."""
        return bool(_ssl.SSL_write(self._connection, data, len(data)) == len(data))

    def receive(self, size: int) -> bytes:
        """Give what comes next."""
        buffer = ctypes.create_string_buffer(size)
        read = _ssl.SSL_read(self._connection, buffer, size)
        return buffer.raw[: max(0, read)]

    def early_data_bytes(self) -> int:
        """Give how much the ticket of this connection lets a client send before its next handshake is done."""
        session = ctypes.c_void_p(_ssl.SSL_get_session(self._connection))
        return int(_ssl.SSL_SESSION_get_max_early_data(session))
