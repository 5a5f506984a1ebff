"""The HTTP ports of a front end, each with its paths: HTTPS for clients, plain HTTP for this machine's monitoring."""

from gateway.server.connection import Exchange
from gateway.server.front_end import Http, Start
from gateway.server.http import Metrics, Site, health, public
from gateway.server.http_listener import HttpListener
from gateway.server.readiness import Readiness


def listeners(start: Start, http: Http, exchange: Exchange) -> list[HttpListener]:
    """Give a listener for each HTTP port there is."""
    readiness = Readiness(exchange.check)
    limits = start.config.server
    paths = health(readiness) | public(
        exchange,
        http.meters,
        max_body_bytes=start.config.https.max_body_bytes,
        max_message_bytes=start.config.kmip.max_message_bytes,
    )
    secured = HttpListener(http.listening, http.context, Site(paths, http.meters).serve, limits, start.tally)
    if http.admin is None:
        return [secured]
    seen = health(readiness) | {"/metrics": Metrics(http.meters, start.tally, readiness)}
    return [secured, HttpListener(http.admin, None, Site(seen, http.meters).serve, limits, start.tally)]
