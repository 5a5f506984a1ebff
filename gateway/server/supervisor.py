"""The process that starts, watches and replaces all others; it holds no connection and never loads a PKCS#11 module.

One thread, one selector: ends of children come in as process descriptors, signals through a socket pair, what front
ends and workers say through their channels. Ten times a second it looks for a worker past its call's deadline.
"""

import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from msgspec.structs import replace

from gateway.config import Config, TokenConfig
from gateway.errors import ConfigurationError, PinRefused
from gateway.hardening import forbid_dumps
from gateway.server import control
from gateway.server.administration import Administration
from gateway.server.binding import Ports, Sockets, listen_all
from gateway.server.children import FrontEndSlot, WorkerSlot, how_ended, join
from gateway.server.front_end import MISCONFIGURED, Build, Http, Start
from gateway.server.meters import Meters
from gateway.server.process import allow_many_files
from gateway.server.reloading import Answer, Outcome, Reloading
from gateway.server.systemd import Systemd
from gateway.server.tally import Tally
from gateway.server.trust import Trust
from gateway.token.reports import Ready
from gateway.token.settings import open_pin_files
from gateway.token.workers import PIN_REFUSED

TURN_S = 0.1
# A front end gets this much more than its drain time before it is killed; a worker has only its present call to end.
FRONT_END_GRACE_S = 2.0
# How long the others are waited for that have not stopped to accept; it takes one turn of a front end's loop.
QUIET_S = 1.0
WORKER_GRACE_S = 5.0
KILLED_S = 5.0
# How long a worker that has a successor is left alone: until then every front end has heard of the new one.
HANDOVER_S = 1.0
# How long a start waits for further tokens: one whose module hangs must not keep the others from being served.
FURTHER_S = 10.0
# A front end that dies this often in a row never serves; better to end than to spin.
HOPELESS_DEATHS = 8

log = structlog.get_logger()


class Supervisor:
    """Runs the gateway: `build` joins store, token and exchange in each front end, `on_ready` is told the ports.

    `reread` gives the configuration as its file has it now.
    """

    def __init__(
        self, config: Config, build: Build, on_ready: Callable[[Ports], None], reread: Callable[[], Config]
    ) -> None:
        cores = len(os.sched_getaffinity(0))
        front_ends = config.server.front_ends or cores
        self._config = config
        self._build = build
        self._on_ready = on_ready
        self._reread = reread
        self._selector = selectors.DefaultSelector()
        self._leaving: dict[WorkerSlot, float] = {}  # workers that were succeeded, and when each is told to end
        self._tally = Tally(front_ends)
        self._systemd = Systemd()
        self._ports = Ports(0)
        self._front_ends = [FrontEndSlot(index) for index in range(front_ends)]
        self._tokens: dict[str, Ready] = {}  # what the first worker of each found it to be
        self._missing: set[str] = set()  # further tokens that could not be used when the gateway started
        self._workers = _slots(config, cores)
        self._new_start: Callable[[Config, Ready], Start]
        self._reloading: Reloading
        self._start: Start | None = None  # known when the first worker of [token] has told its profile
        self._begun = time.monotonic()
        self._ready = False
        self._stopping = False
        self._login_barred: set[str] = set()  # tokens that refused the PIN: nobody tries it again
        self._down_since: dict[str, float] = {}  # tokens of which no worker takes requests, each told once

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT and give the exit code 0; children are gone afterwards, whatever happens.

        Raises:
            ConfigurationError: the gateway cannot start, or cannot go on, as it is configured.
        """
        with listen_all(self._config) as sockets:
            trust = Trust(self._config.tls, certificates=self._config.access.certificates)
            self._ports = sockets.ports()
            http = self._http(sockets)
            self._reloading = Reloading(self._config, self._reread, trust, self._front_ends)

            def new_start(config: Config, ready: Ready) -> Start:
                start = Start(config, sockets.kmip, http, trust, self._tally, self._build, ready)
                return replace(start, probe_s=self._systemd.probe_s)

            self._new_start = new_start
            self._prepare_process()
            administration = self._administer()
            try:
                while not self._stopping:
                    self._turn()
            finally:
                administration.close()
                sockets.close()
                self._end_children()
        return 0

    def _http(self, sockets: Sockets) -> Http | None:
        if sockets.https is None:
            return None
        meters = Meters(len(self._front_ends))
        return Http(sockets.https, sockets.admin, meters)

    def _prepare_process(self) -> None:
        forbid_dumps()
        allow_many_files()
        self._config.server.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._catch_signals()

    def _turn(self) -> None:
        """Do what there is to do, after waiting a little for something to happen."""
        for key, _ in self._selector.select(TURN_S):
            if key.fd in self._selector.get_map():  # what came before it in this turn may have ended it
                key.data()
        now = time.monotonic()
        self._kill_overdue(now)
        self._end_leaving(now)
        self._reloading.turn(now)
        self._systemd.turn((each.index for each in self._front_ends if each.ready), now)
        if not self._stopping:
            self._start_due(now)

    def _start_due(self, now: float) -> None:
        for worker in self._workers.values():
            if worker.restarts.due > now or not self._may_log_in(worker.token.name):
                continue
            if not worker.alive:
                self._start_worker(worker)
            elif worker.wants_successor:
                worker.successor = WorkerSlot(worker.index, worker.token)
                self._start_worker(worker.successor)
        if not self._all_known(now):
            return
        for front_end in self._front_ends:
            if not front_end.alive and front_end.restarts.due <= now and self._start is not None:
                self._start_front_end(front_end, replace(self._start, config=self._reloading.config))

    # Signals.

    def _catch_signals(self) -> None:
        arriving, self._signals_in = socket.socketpair()
        for end in (arriving, self._signals_in):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._signals_in.fileno())
        self._selector.register(arriving, selectors.EVENT_READ, partial(self._take_signals, arriving))

    def _take_signals(self, arriving: socket.socket) -> None:
        for number in arriving.recv(64):
            if number in (signal.SIGTERM, signal.SIGINT):
                log.info("stopping", signal=signal.Signals(number).name)
                self._stopping = True
                self._systemd.stopping()
            elif number == signal.SIGHUP:
                self._reload(lambda _: None)

    def _reload(self, answer: Answer) -> None:
        """Have the files read again, and `answer` told what came of it."""

        def reloaded(outcome: Outcome) -> None:
            if self._ready:
                self._systemd.ready(self._status() if outcome.good else f"{self._status()}; the last reload failed")
            answer(outcome)

        if self._ready:
            self._systemd.reloading()
        self._reloading.begin(reloaded)

    def _administer(self) -> Administration:
        """Listen to the operator of this machine."""
        administration = Administration(self._config.server.runtime_dir, self._reload)

        def hear(connection: socket.socket) -> None:
            self._selector.unregister(connection)
            administration.hear(connection)

        def accept() -> None:
            connection = administration.accept()
            if connection is not None:
                self._selector.register(connection, selectors.EVENT_READ, partial(hear, connection))

        self._selector.register(administration.socket, selectors.EVENT_READ, accept)
        return administration

    # Token workers.

    def _may_log_in(self, token: str) -> bool:
        """Say whether one more worker may try the PIN: a wrong one is tried by one worker, not by all at a time."""
        if token in self._login_barred:
            return False
        starting = any(worker.alive and not worker.ready for worker in self._all_workers(token))
        return not starting or (token in self._tokens and not self._ready)

    def _start_worker(self, worker: WorkerSlot) -> None:
        process = worker.spawn(self._config)
        self._watch(process.pid, partial(self._worker_ended, worker, process.control))
        self._listen_to(process.control, partial(self._hear_worker, worker))

    def _hear_worker(self, worker: WorkerSlot) -> bool:
        """Act on what a worker says; False when it will say no more."""
        process = worker.process
        if process is None or not process.read_control():
            return False
        if process.failure:
            if not self._ready:
                fault = PinRefused if process.pin_refused else ConfigurationError
                self._start_without(worker.token, process.failure, fault)
            self._worker_log("token worker cannot start", worker, reason=process.failure)
        elif process.ready is not None and not worker.ready:
            self._welcome(worker, process.ready)
        return True

    def _welcome(self, worker: WorkerSlot, ready: Ready) -> None:
        """Join a worker that takes requests to every front end."""
        fault = self._fault(worker.token, ready)
        if fault:
            self._do_without(worker, fault)
            return
        worker.ready = True
        self._tell_up(worker.token.name)
        self._missing.discard(worker.token.name)
        self._tokens.setdefault(worker.token.name, ready)
        if self._start is None and worker.token is self._config.token:
            self._start = self._new_start(self._reloading.config, ready)
        if ready.profile.one_process:
            self._keep_one(worker)
        before = self._workers[worker.index]
        if before is not worker:
            log.info("token worker is succeeded", index=worker.index)
            self._workers[worker.index] = worker
            self._leaving[before] = time.monotonic() + HANDOVER_S
        for front_end in self._front_ends:
            join(worker, front_end, ready)
        self._tell_ready()

    def _keep_one(self, worker: WorkerSlot) -> None:
        """Give up the other workers of a token; none of them has been started, for the first logs in alone."""
        others = [each.index for each in self._workers.values() if each.token is worker.token and not each.alive]
        if others:
            log.warning("the token bears one worker only", token=worker.token.name, instead_of=len(others) + 1)
        for index in others:
            del self._workers[index]

    def _all_known(self, now: float) -> bool:
        """Say whether of each token is known what it is, or that it is missing."""
        unknown = self._config.all_tokens().keys() - self._tokens.keys() - self._missing
        for name in unknown - {self._config.token.name} if now > self._begun + FURTHER_S else ():
            self._start_without(self._config.tokens[name], f"The token '{name}' did not answer in time.")
        return not unknown

    def _start_without(
        self, token: TokenConfig, sentence: str, fault: type[ConfigurationError] = ConfigurationError
    ) -> None:
        """Go on with the start where a further token is missing; it is looked for again and again."""
        if token is self._config.token or token.required:
            self._give_up(sentence, fault)
        elif token.name not in self._missing:
            self._missing.add(token.name)
            log.error("token missing", token=token.name, reason=sentence)
            self._tell_ready()

    def _fault(self, token: TokenConfig, ready: Ready) -> str:
        """Give the promise of the configuration that a token cannot keep, in a sentence; "" where there is none."""
        if self._config.kmip.custody == "wrapped" and not ready.profile.kwp:
            return (
                f"The token '{token.name}' cannot wrap keys as RFC 5649 says, which custody = \"wrapped\" in [kmip] "
                'needs; set it to "token".'
            )
        for name, other in self._tokens.items():
            # Every database of NSS gives itself the same names, so where the module finds it counts too.
            alike = self._config.all_tokens()[name]
            apart = (alike.reserved, alike.environment) != (token.reserved, token.environment)
            if name != token.name and other.info == ready.info and not apart:
                return f"[tokens] names one token twice: '{name}' and '{token.name}'; remove one of them."
        return ""

    def _do_without(self, worker: WorkerSlot, fault: str) -> None:
        """Refuse a token that cannot keep a promise; a further one that comes while others are served stops none."""
        if not self._ready or worker.token is self._config.token:
            self._give_up(fault)
        self._login_barred.add(worker.token.name)
        log.error("token refused", token=worker.token.name, reason=fault)
        worker.stop()

    def _worker_ended(self, worker: WorkerSlot, channel: socket.socket) -> None:
        while self._hear_worker(worker):
            pass
        self._forget(channel)
        code = worker.empty()
        if self._leaving.pop(worker, None) is None:
            self._worker_log("child ended", worker, kind="token worker", how=how_ended(code))
            self._tell_down(worker.token.name)
        holder = self._workers[worker.index]
        if holder.successor is worker:  # it never took over: try again, later and later
            holder.successor = None
            holder.restarts.died(time.monotonic())
        if code == PIN_REFUSED:
            self._login_barred.add(worker.token.name)
            if not any(other.alive for other in self._workers.values()):
                self._give_up("The token refuses the PIN; correct it and start the gateway again.", PinRefused)
        if not self._ready:
            sentence = f"The token worker ended before it was ready ({how_ended(code)}); check [token] module."
            self._start_without(worker.token, sentence)

    def _kill_overdue(self, now: float) -> None:
        for worker in self._all_workers():
            if worker.overdue(now):
                log.error("token worker is past its deadline", index=worker.index)
                worker.kill()

    def _end_leaving(self, now: float) -> None:
        for worker, due in self._leaving.items():
            if due <= now:
                worker.stop()

    def _all_workers(self, token: str | None = None) -> list[WorkerSlot]:
        """Give every slot that may have a process: those in use, those that are to come and those that are to go."""
        successors = [worker.successor for worker in self._workers.values() if worker.successor is not None]
        workers = [*self._workers.values(), *successors, *self._leaving]
        return workers if token is None else [worker for worker in workers if worker.token.name == token]

    # Front ends.

    def _start_front_end(self, front_end: FrontEndSlot, start: Start) -> None:
        gc.freeze()  # a collection in the child then leaves the pages alone that it shares with this process
        pid, channel = front_end.fork(start, self._leave_behind)
        self._watch(pid, partial(self._front_end_ended, front_end, channel))
        self._listen_to(channel, partial(self._hear_front_end, front_end))
        for worker in self._workers.values():
            join(worker, front_end, self._tokens.get(worker.token.name))

    def _hear_front_end(self, front_end: FrontEndSlot) -> bool:
        """Act on what a front end says; False when it will say no more."""
        match front_end.hear():
            case control.Listening():
                front_end.ready = front_end.accepts = True
                self._systemd.probed(front_end.index, time.monotonic())
                self._tell_ready()
            case control.Failed(sentence):
                if not self._ready:
                    self._give_up(sentence)
                log.error("front end cannot start", index=front_end.index, reason=sentence)
            case control.Quieted():
                front_end.accepts = False
            case control.Probed():
                self._systemd.probed(front_end.index, time.monotonic())
            case control.Adopted() as said:
                self._reloading.follow(front_end.index, said)
            case _:
                return False
        return True

    def _front_end_ended(self, front_end: FrontEndSlot, channel: socket.socket) -> None:
        while self._hear_front_end(front_end):
            pass
        self._forget(channel)
        code = front_end.empty()
        self._tally.clear(front_end.index)
        if not self._stopping:
            log.error("child ended", kind="front end", index=front_end.index, how=how_ended(code))
        # One that says why it cannot start (the disk is full) may some day; the others serve meanwhile.
        hopeless = front_end.restarts.deaths > HOPELESS_DEATHS and code != MISCONFIGURED
        if not self._ready or hopeless:
            self._give_up(f"A front end ended right after its start ({how_ended(code)}); the log says why.")

    def _leave_behind(self) -> None:
        """Close, in a new front end, what is the supervisor's; its epoll set is shared, so nothing is unregistered."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for key in self._selector.get_map().values():
            os.close(key.fd)
        self._selector.close()
        self._signals_in.close()
        for descriptor in open_pin_files(each.pin_file for each in self._config.all_tokens().values()):
            os.close(descriptor)

    # All children.

    def _listen_to(self, channel: socket.socket, hear: Callable[[], bool]) -> None:
        """Call `hear` whenever the channel has something to say, until it says False."""

        def heard() -> None:
            if not hear():
                self._forget(channel)

        self._selector.register(channel, selectors.EVENT_READ, heard)

    def _forget(self, channel: socket.socket) -> None:
        if channel.fileno() in self._selector.get_map():
            self._selector.unregister(channel)

    def _watch(self, pid: int, ended: Callable[[], None]) -> None:
        """Call `ended` when the process has ended."""
        descriptor = os.pidfd_open(pid)
        self._selector.register(descriptor, selectors.EVENT_READ, partial(self._reap, descriptor, ended))

    def _reap(self, descriptor: int, ended: Callable[[], None]) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        ended()

    def _worker_log(self, event: str, worker: WorkerSlot, **what: object) -> None:
        """Tell of a worker; while its token is down, which has been told, its workers come and go unheard."""
        name = worker.token.name
        if not self._stopping:
            unheard = name in self._down_since or name in self._missing
            (log.debug if unheard else log.error)(event, token=name, index=worker.index, **what)

    def _tell_down(self, token: str) -> None:
        """Tell once that no worker of a token takes requests any more: one alert for one outage."""
        if self._ready and not self._stopping and token not in self._down_since and token not in self._missing:
            if not any(worker.ready for worker in self._all_workers(token)):
                self._down_since[token] = time.monotonic()
                self._systemd.status(self._status())
                log.error("token down", token=token)

    def _tell_up(self, token: str) -> None:
        since = self._down_since.pop(token, None)
        if since is not None:
            self._systemd.status(self._status())
            log.warning("token up", token=token, down_s=round(time.monotonic() - since, 1))
        elif token in self._missing:
            log.warning("token up", token=token)

    def _status(self) -> str:
        return f"down: {', '.join(sorted(self._down_since))}" if self._down_since else "serving"

    def _tell_ready(self) -> None:
        """Tell the caller, once, when every front end listens and every worker takes requests."""
        workers = [worker for worker in self._workers.values() if worker.token.name not in self._missing]
        children: list[FrontEndSlot | WorkerSlot] = [*self._front_ends, *workers]
        if not self._ready and all(child.ready for child in children):
            self._ready = True
            if self._ports.admin is not None:
                log.info("health and metrics", host=self._config.https.admin_host, port=self._ports.admin)
            self._systemd.ready("serving")
            self._on_ready(self._ports)

    def _give_up(self, sentence: str, fault: type[ConfigurationError] = ConfigurationError) -> None:
        """End with a sentence for the operator; while stopping anyway, children may end as they like."""
        if not self._stopping:
            raise fault(sentence)

    def _end_children(self) -> None:
        """Drain the front ends while the workers still work, then end the workers; kill whoever does not follow."""
        self._stopping = True
        # First nobody accepts, then connections are closed: whoever connects again finds no front end of this gateway,
        # which would close it once more, but waits for the next.
        for front_end in self._front_ends:
            front_end.quiet()
        self._turn_until(lambda: not any(front_end.accepts for front_end in self._front_ends), QUIET_S)
        self._end(self._front_ends, self._config.server.drain_timeout_s + FRONT_END_GRACE_S)
        self._end(self._all_workers(), WORKER_GRACE_S)
        signal.set_wakeup_fd(-1)
        self._selector.close()

    def _end(self, children: Sequence[FrontEndSlot | WorkerSlot], seconds: float) -> None:
        for child in children:
            child.stop()
        self._turn_until(lambda: not any(child.alive for child in children), seconds)
        for child in children:
            child.kill()
        self._turn_until(lambda: not any(child.alive for child in children), KILLED_S)

    def _turn_until(self, done: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self._turn()


def _slots(config: Config, cores: int) -> dict[int, WorkerSlot]:
    """Give the places of all workers, those of one token after the other; each has a number of its own."""
    slots: dict[int, WorkerSlot] = {}
    for token in config.all_tokens().values():
        for _ in range(token.workers or config.server.token_workers or cores):
            slots[len(slots)] = WorkerSlot(len(slots), token)
    return slots
