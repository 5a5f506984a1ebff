"""A token worker: one process, one thread, one PKCS#11 module; frames in, C calls in their order, frames out.

Started by `workers.py` as `python -m gateway.token.worker CONTROL SETTINGS HEARTBEAT`, three inherited file
descriptors. It never meets a client, and it may be killed at any moment: nothing it holds is worth saving.
"""

import ctypes
import gc
import os
import select
import selectors
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from enum import IntEnum
from typing import Final

import msgspec
from pkcs11.exceptions import PKCS11Error

from gateway.errors import ConfigurationError, PinRefused
from gateway.hardening import forbid_dumps
from gateway.token import frames, reports, selftest
from gateway.token.connection import Connection
from gateway.token.failures import CryptokiError, Recovery, failure_of
from gateway.token.frames import Splitter, append_frame, request_decoder
from gateway.token.heartbeat import IDLE_TICK_S, Heartbeat
from gateway.token.pkcs11 import Access
from gateway.token.settings import WorkerSettings

PR_SET_PDEATHSIG = 1
RECEIVE_BYTES = 256 * 1024
# Replies go out after so many requests even if more are waiting, so that a front end works on some meanwhile.
REPLIES_A_SEND = 32
# A front end that does not read its replies is not read from either.
OUTGOING_LIMIT_BYTES = 16 * 1024 * 1024
DRAIN_S = 5.0
SLOW = (
    frames.GenerateKey,
    frames.GenerateKeyPair,
    frames.ImportKey,
    frames.TokenCopy,
    frames.Receive,
    frames.TakeKey,
    frames.Destroy,
    frames.Find,
)


class ExitCode(IntEnum):
    """Why a worker ended, for the supervisor."""

    DRAINED = 0  # asked to end
    NOT_STARTED = 3  # the configuration does not fit; starting again will not help by itself
    PIN_REFUSED = 4  # starting again would burn the token's retry counter
    TOKEN_LOST = 5  # start another: it connects anew


class FrontEnd:
    """One front end's socket with what came and what is to go."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.splitter = Splitter()
        self.outgoing = bytearray()
        self.open = True

    def receive(self) -> list[frames.Request]:
        """Give the requests that have come; closes itself at the end of the stream or at nonsense."""
        try:
            data = self.sock.recv(RECEIVE_BYTES)
            requests = [request_decoder.decode(frame) for frame in self.splitter.feed(data)]
        except BlockingIOError:
            return []
        except (OSError, ValueError, msgspec.DecodeError):
            self.close()
            return []
        if not data:
            self.close()
        return requests

    def send(self) -> None:
        """Send what can be sent without waiting."""
        try:
            sent = self.sock.send(self.outgoing)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self.outgoing[:sent]

    def close(self) -> None:
        """Forget the front end; what it still wanted is not carried out."""
        self.open = False
        self.outgoing.clear()


class Worker:
    """The loop: reads a wave of requests from all front ends, carries them out in order of arrival, replies."""

    def __init__(self, access: Access, control: socket.socket, heartbeat: Heartbeat, settings: WorkerSettings) -> None:
        self._access = access
        self._control = control
        self._heartbeat = heartbeat
        self._selector = selectors.EpollSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        self._waiting: deque[tuple[FrontEnd, frames.Request]] = deque()
        self._draining = False
        self._retiring = False
        self._call_s: Final = settings.call_timeout_s
        self._generate_s: Final = settings.generate_timeout_s

    def run(self) -> ExitCode:
        """Work until the control socket closes or the token is lost."""
        while not self._draining:
            self._heartbeat.idle()
            for key, events in self._selector.select(IDLE_TICK_S):
                self._ready(key.data, events)
            self._carry_out()
            self._access.streams.reap()
            self._access.parcels.reap()
            if self._access.stopping is not None:
                return self._stopped(self._access.stopping)
            self._retire_when_due()
        self._drain()
        self._heartbeat.begin(self._call_s)
        self._access.connection.leave()
        return ExitCode.DRAINED

    def _ready(self, front_end: FrontEnd | None, events: int) -> None:
        if front_end is None:
            self._read_control()
            return
        if events & selectors.EVENT_WRITE:
            front_end.send()
        if events & selectors.EVENT_READ:
            self._waiting.extend((front_end, request) for request in front_end.receive())
        self._watch(front_end)

    def _carry_out(self) -> None:
        """Carry out what is waiting, and send the replies of each wave in one piece per front end."""
        while self._waiting and self._access.stopping is None:
            touched: set[FrontEnd] = set()
            for _ in range(min(REPLIES_A_SEND, len(self._waiting))):
                front_end, request = self._waiting.popleft()
                if not front_end.open:  # nobody will hear the answer, so nothing must be made for it
                    continue
                self._heartbeat.begin(self._generate_s if isinstance(request, SLOW) else self._call_s)
                append_frame(front_end.outgoing, self._access.answer(request))
                touched.add(front_end)
            self._heartbeat.idle()
            for front_end in touched:
                front_end.send()
                self._watch(front_end)

    def _watch(self, front_end: FrontEnd) -> None:
        """Watch the socket for what can be done with it now."""
        if not front_end.open:
            self._selector.unregister(front_end.sock)
            front_end.sock.close()
            return
        pending = len(front_end.outgoing)
        events = selectors.EVENT_READ if pending < OUTGOING_LIMIT_BYTES else 0
        if pending:
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(front_end.sock).events != events:
            self._selector.modify(front_end.sock, events, front_end)

    def _read_control(self) -> None:
        """Take a new front end's socket, or the end."""
        message, fds, _, _ = socket.recv_fds(self._control, 16, 1)
        if not message:
            self._draining = True
        for fd in fds:
            front_end = FrontEnd(socket.socket(fileno=fd))
            self._selector.register(front_end.sock, selectors.EVENT_READ, front_end)

    def _retire_when_due(self) -> None:
        quirk = self._access.connection.quirk
        # Streams would end with this worker, so they may delay it, but not for ever.
        limit = 2 * quirk.recycle_after if self._access.streams else quirk.recycle_after
        if not limit or self._retiring or self._access.session_objects < limit:
            return
        if quirk.one_process:  # no successor would see what this one makes until it is gone
            self._heartbeat.begin(self._generate_s)
            self._access.start_over()
        else:
            self._retiring = True
            self._control.send(reports.encode_control(reports.Retiring()))

    def _drain(self) -> None:
        """Carry out what had come before the end, and wait for the replies to be taken."""
        for front_end in self._front_ends():
            self._waiting.extend((front_end, request) for request in front_end.receive())
        self._carry_out()
        for front_end in self._front_ends():
            front_end.sock.settimeout(DRAIN_S)
            with suppress(OSError):
                front_end.sock.sendall(front_end.outgoing)

    def _front_ends(self) -> list[FrontEnd]:
        keys = list(self._selector.get_map().values())
        return [key.data for key in keys if isinstance(key.data, FrontEnd) and key.data.open]

    def _stopped(self, recovery: Recovery) -> ExitCode:
        """Tell all that wait that the token is gone, and end."""
        for front_end, request in self._waiting:
            failed = frames.Failed(request.id, frames.FailureCode.DOWN, "The token does not answer.")
            append_frame(front_end.outgoing, failed)
        for front_end in self._front_ends():
            front_end.send()
        return ExitCode.PIN_REFUSED if recovery is Recovery.STOP_PIN else ExitCode.TOKEN_LOST


def harden() -> None:
    """Keep the PIN and keys out of core files and debuggers, and the module's chatter out of our standard output.

    And die with the process that started this one, even in the middle of a call that never returns, where nobody
    would be left to notice.
    """
    os.dup2(2, 1)
    forbid_dumps()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def abandoned(control: socket.socket) -> bool:
    """Say whether the process at the other end is gone: it may have died before we asked to die with it."""
    poll = select.poll()
    poll.register(control, 0)
    return bool(poll.poll(0))


def read_settings(fd: int) -> WorkerSettings:
    """Give the settings in the file behind fd, and close it."""
    with os.fdopen(fd, "rb") as file:
        return msgspec.json.decode(file.read(), type=WorkerSettings)


def start(settings: WorkerSettings, heartbeat: Heartbeat) -> Access:
    """Give a token that is logged in to, tested and enumerated."""
    connection = Connection(settings, waiting=heartbeat.idle)
    heartbeat.begin(settings.generate_timeout_s)
    access = Access(connection)
    access.profile = selftest.profile_of(access)
    access.handles.enumerate()
    gc.freeze()  # what is here now stays, and need not be looked through in the middle of requests
    return access


def main(arguments: list[str]) -> ExitCode:
    """Run a worker on three inherited file descriptors."""
    control_fd, settings_fd, heartbeat_fd = map(int, arguments)
    harden()
    control = socket.socket(fileno=control_fd)
    if abandoned(control):
        return ExitCode.DRAINED
    heartbeat = Heartbeat(heartbeat_fd)
    settings = read_settings(settings_fd)
    try:
        heartbeat.begin(settings.generate_timeout_s)
        access = start(settings, heartbeat)
    except ConfigurationError as error:
        refused = isinstance(error, PinRefused)
        control.send(reports.encode_control(reports.StartFailed(str(error), refused)))
        return ExitCode.PIN_REFUSED if refused else ExitCode.NOT_STARTED
    except (CryptokiError, PKCS11Error) as error:
        sentence = f"The token cannot be used: {failure_of(error).name}."
        control.send(reports.encode_control(reports.StartFailed(sentence)))
        return ExitCode.TOKEN_LOST
    control.send(reports.encode_control(reports.Ready(access.profile, access.connection.info)))
    return Worker(access, control, heartbeat, settings).run()


if __name__ == "__main__":
    # os._exit: a module's own exit handlers must not run after its sessions were left open.
    os._exit(main(sys.argv[1:]))
