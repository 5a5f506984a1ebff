"""A front end: the child process that holds client connections and the event loop.

It has no PIN and loads no PKCS#11 module; token workers come to it as sockets from the supervisor.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any, NoReturn

import structlog
import uvloop
from msgspec import Struct

from gateway.config import Config, TokenConfig
from gateway.errors import ConfigurationError, KmipError
from gateway.server import control
from gateway.server.connection import Exchange
from gateway.server.kmip_connection import KmipConnection
from gateway.server.listener import Listener
from gateway.server.meters import Meters
from gateway.server.renewal import read_renewal
from gateway.server.tally import Tally
from gateway.server.trust import Trust
from gateway.token.pool import TokenPool
from gateway.token.reports import Ready

# Joins store, token and exchange in the front end's own process; what it opens it closes after the drain.
# The tokens come by their names; the one of [token] is there from the start.
Build = Callable[[Config, Mapping[str, TokenPool]], AbstractAsyncContextManager[Exchange]]

MISCONFIGURED = 2

log = structlog.get_logger()


class Http(Struct, frozen=True):
    """What a front end is given for HTTPS, where it is configured."""

    listening: socket.socket
    admin: socket.socket | None
    meters: Meters


class Start(Struct, frozen=True):
    """All that a front end is given when it is forked."""

    config: Config
    listening: socket.socket
    http: Http | None
    trust: Trust
    tally: Tally
    build: Build
    token: Ready  # what the first worker found the token of [token] to be
    probe_s: float = 0.0  # how often to probe database and token for a watchdog; 0: never


def run(start: Start, channel: socket.socket) -> int:
    """Serve until SIGTERM and the drain after it, and give the exit code; `channel` leads to the supervisor."""
    # The terminal sends SIGINT to every process of the group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(start, channel))
        except ConfigurationError as error:
            control.send(channel, control.Failed(str(error)))
            return MISCONFIGURED
    return 0


async def _serve(start: Start, channel: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_tell_fault)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    pools: dict[str, TokenPool] = {}
    _pool(pools, start.config, start.config.token.name, start.token)
    renewals = Renewals(start)
    loop.add_reader(channel.fileno(), _obey, channel, pools, start.config, stop, renewals)
    async with start.build(start.config, pools) as exchange:
        listeners = _listeners(start, exchange, pools)
        renewals.join(exchange, listeners)
        for listener in () if renewals.quieted else listeners:
            listener.start()
        control.send(channel, control.Listening())
        probing = loop.create_task(_probe(exchange, channel, start.probe_s)) if start.probe_s else None
        await stop.wait()
        if probing is not None:
            probing.cancel()
        await asyncio.gather(*(listener.drain(start.config.server.drain_timeout_s) for listener in listeners))
    loop.remove_reader(channel.fileno())
    for pool in pools.values():
        pool.close()


def _pool(pools: dict[str, TokenPool], config: Config, name: str, found: Ready) -> TokenPool:
    """Give the pool of a token, which is made when the front end hears of it for the first time."""
    if name not in pools:
        pools[name] = TokenPool(found.profile, found.info, timeout_s=_patience(config.all_tokens()[name]))
    return pools[name]


async def _probe(exchange: Exchange, channel: socket.socket, seconds: float) -> NoReturn:
    """Tell the supervisor again and again that database and token have answered, which they may do with a failure."""
    while True:
        with suppress(KmipError):  # readiness tells of it
            await exchange.check()
        with suppress(BlockingIOError):  # the supervisor is told the next time
            control.send(channel, control.Probed())
        await asyncio.sleep(seconds)


class Renewals:
    """Takes over what the supervisor sends; what comes before the exchange is built is taken over by it then."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._config = start.config
        self._exchange: Exchange | None = None
        self._listeners: list[Listener] = []
        self.quieted = False

    def quiet(self) -> None:
        """Have no connection accepted from now on."""
        self.quieted = True
        for listener in self._listeners:
            listener.quiet()

    def join(self, exchange: Exchange, listeners: list[Listener]) -> None:
        """Have these follow from now on."""
        self._exchange, self._listeners = exchange, listeners
        if self._config is not self._start.config:
            exchange.adopt(self._config)

    def adopt(self, descriptor: int) -> str:
        """Use what the descriptor holds, and have every connection's certificate looked at again; give the fault."""
        renewal = read_renewal(descriptor)
        try:
            self._start.trust.adopt(renewal.files, renewal.config.tls)
        except ConfigurationError as error:
            log.error("reload failed", reason=str(error))
            return str(error)
        self._config = renewal.config
        if self._exchange is not None:
            self._exchange.adopt(renewal.config)
        for listener in self._listeners:
            listener.doubt()
        return ""


def _listeners(start: Start, exchange: Exchange, pools: Mapping[str, TokenPool]) -> list[Listener]:
    """Give one for each port."""
    if start.http is not None:
        # aiohttp takes a while to import, and nobody else needs it.
        from gateway.server.sites import listeners

        def further() -> dict[str, bool]:
            return {name: name in pools and pools[name].ready for name in start.config.tokens}

        return listeners(start, start.http, exchange, further)
    connect = partial(KmipConnection, trust=start.trust, config=start.config, exchange=exchange, speak=None)
    return [Listener(start.listening, connect, start.config.server, start.tally)]


def _tell_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a fault of ours that nobody waited for; the front end goes on with its other connections."""
    log.error("fault", what=context["message"], exc_info=context.get("exception"))


def _obey(
    channel: socket.socket, pools: dict[str, TokenPool], config: Config, stop: asyncio.Event, renewals: Renewals
) -> None:
    """Carry out one message of the supervisor; the loop calls it when there is one."""
    received = control.receive(channel)
    if received is None:
        # Without a supervisor nobody replaces a worker.
        stop.set()
        asyncio.get_running_loop().remove_reader(channel.fileno())
        return
    message, descriptors = received
    if isinstance(message, control.Attach):
        pool = _pool(pools, config, message.token, message.found)
        pool.attach(message.worker, socket.socket(fileno=descriptors[0]))
    elif isinstance(message, control.Adopt):
        control.send(channel, control.Adopted(message.number, renewals.adopt(descriptors[0])))
    elif isinstance(message, control.Quiet):
        renewals.quiet()
        control.send(channel, control.Quieted())


def _patience(token: TokenConfig) -> float:
    """Give the seconds that a request may take, queueing included: one slow call before it, and its own."""
    return token.generate_timeout_s + token.call_timeout_s
