"""The ports of a front end that speaks HTTP, each with its paths: the KMIP port, HTTPS, and one for monitoring.

The last has no TLS, for this machine's own monitoring. What is said in HTTP on the KMIP port is said as on the other.
"""

import socket
from functools import partial

from aiohttp import web

from gateway.config import ServerConfig
from gateway.server.connection import Connection, Exchange, Speak
from gateway.server.front_end import Http, Start
from gateway.server.http import Endpoint, Metrics, Site, health, public
from gateway.server.http_conversation import HttpConversation
from gateway.server.kmip_connection import KmipConnection
from gateway.server.listener import Connect, Listener
from gateway.server.meters import SOURCES, Metered, Meters
from gateway.server.metrics import Further
from gateway.server.readiness import Readiness


def listeners(start: Start, http: Http, exchange: Exchange, further: Further = dict) -> list[Listener]:
    """Give a listener for each port there is; `further` says which further tokens can be used, by name."""
    limits = start.config.server
    readiness = Readiness(exchange.check)
    paths = health(readiness) | public(
        exchange,
        http.meters,
        max_body_bytes=start.config.https.max_body_bytes,
        max_message_bytes=start.config.kmip.max_message_bytes,
    )
    speak = _speaking(paths, http.meters, limits)
    counted = Metered(exchange, http.meters, SOURCES.index(("kmip", "ttlv")))
    kmip = partial(KmipConnection, trust=start.trust, config=start.config, exchange=counted, speak=speak)
    secured = partial(Connection, trust=start.trust, limits=limits, speak=speak, turn_away=exchange.turn_away)
    ports: list[tuple[socket.socket, Connect]] = [(start.listening, kmip), (http.listening, secured)]
    if http.admin is not None:
        seen = health(readiness) | {"/metrics": Metrics(http.meters, start.tally, readiness, further)}
        plain = partial(Connection, trust=None, limits=limits, speak=_speaking(seen, http.meters, limits))
        ports.append((http.admin, plain))
    return [Listener(sock, connect, limits, start.tally) for sock, connect in ports]


def _speaking(endpoints: dict[str, Endpoint], meters: Meters, limits: ServerConfig) -> Speak:
    return partial(HttpConversation, web.Server(Site(endpoints, meters).serve), limits)
