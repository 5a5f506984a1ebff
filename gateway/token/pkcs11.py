"""The verbs of the worker protocol carried out on one token, and every failure turned into a reply.

The rule of the room: a request is tried a second time only when the token said that it did not start on the first
(a dead handle, a lost login, a lost session); anything else is told at once. One thread, one request at a time.
"""

from collections.abc import Callable
from typing import Any

from pkcs11.exceptions import PKCS11Error

from gateway.errors import ConfigurationError, KmipError, PinRefused
from gateway.token import crossing, frames, leaving, making, moving, streaming, using
from gateway.token.api import Profile
from gateway.token.connection import Connection
from gateway.token.failures import CryptokiError, Failure, KeyGone, Recovery, failure_of
from gateway.token.frames import Done, Failed, FailureCode
from gateway.token.reach import Reach

CODES = {error: code for code, error in frames.ERRORS.items()}
# A general error from these means bad data, as long as the token still answers.
ON_DATA = (
    frames.Encrypt,
    frames.Decrypt,
    frames.Sign,
    frames.Verify,
    frames.Unwrap,
    frames.Open,
    frames.Derive,
    frames.UnwrapData,
    frames.TakeKey,
    frames.TakeSealed,
    frames.BeginStream,
    frames.ContinueStream,
    frames.FinishStream,
)
# What they do has a session of its own, which is closed when it fails.
APART = (frames.BeginStream, frames.ContinueStream, frames.FinishStream)
# A part that has failed took its stream with it.
ONCE = (frames.ContinueStream, frames.FinishStream)
# What another request would be tried again after; a stream's session or key is gone, and what it was fed with it.
LOST = (Recovery.FIND_AGAIN, Recovery.NEW_SESSION, Recovery.LOGIN)
STREAM_LOST = "the token has lost the stream; begin again"


class Access(Reach):
    """One token as one worker uses it. `stopping` is set when the worker must end after its replies are out."""

    def __init__(self, connection: Connection, profile: Profile | None = None) -> None:
        super().__init__(connection, profile)
        self.stopping: Recovery | None = None

    def answer(self, request: frames.Request) -> frames.Reply:
        """Carry out one request; every failure is a reply."""
        try:
            return Done(request.id, self._twice_at_most(request))
        except KmipError as error:
            return Failed(request.id, CODES.get(type(error), FailureCode.GENERAL), error.message)
        except KeyGone as error:
            return self._key_gone(request, error)
        except ConfigurationError as error:  # a PIN source that cannot be read any more, or a PIN that is refused
            self.stopping = Recovery.STOP_PIN if isinstance(error, PinRefused) else Recovery.STOP
            return Failed(request.id, FailureCode.DOWN, "The token does not let the gateway in.")
        except (CryptokiError, PKCS11Error) as error:
            return self._told(request, failure_of(error))
        except (ValueError, OverflowError, LookupError) as error:
            # Something that the C layer cannot take: the request's fault, and no reason for the worker to end, since
            # the front end would only send it to the next one.
            return Failed(request.id, FailureCode.GENERAL, detail=f"{type(request).__name__}: {type(error).__name__}")

    def _twice_at_most(self, request: frames.Request) -> frames.Result:
        verb = VERBS[type(request)]
        try:
            return verb(self, request)
        except (CryptokiError, PKCS11Error) as error:
            if isinstance(request, ONCE) or not self._recovered(request, failure_of(error).recovery):
                raise
        return verb(self, request)

    def _recovered(self, request: frames.Request, recovery: Recovery) -> bool:
        """Do what the failure asks for; True when the request may be tried again."""
        if recovery is Recovery.FIND_AGAIN:
            self._forget_handles(request)
        elif recovery is Recovery.NEW_SESSION:
            # A token that lost our session may have restarted, and may number its objects anew.
            self._renew_session()
            self.handles.clear()
        elif recovery is Recovery.LOGIN:
            self.connection.log_in_again()
            self._forget_all()
        else:
            return False
        return True

    def _told(self, request: frames.Request, failure: Failure) -> Failed:
        """Give the reply for a failure that stays, after leaving behind what is not to be trusted."""
        code = failure.code
        if isinstance(request, ONCE) and failure.recovery in LOST:
            return Failed(request.id, FailureCode.NO_STREAM, STREAM_LOST, f"{type(request).__name__}: {failure.name}")
        if failure.recovery is Recovery.PROBE:
            code = self._probed(request)
        elif failure.recovery is Recovery.DISCARD and not isinstance(request, APART):
            self._renew_session()
        if code is FailureCode.DOWN and self.stopping is None:
            self.stopping = Recovery.STOP_PIN if failure.recovery is Recovery.STOP_PIN else Recovery.STOP
        return Failed(request.id, code, detail=f"{type(request).__name__}: {failure.name}")

    def _key_gone(self, request: frames.Request, error: KeyGone) -> Failed:
        # SoftHSM whose folder is gone finds no objects and calls that success.
        if self.connection.answers():
            return Failed(request.id, FailureCode.GENERAL, "The token has lost the key.", str(error))
        self.stopping = Recovery.STOP
        return Failed(request.id, FailureCode.DOWN, detail=str(error))

    def _probed(self, request: frames.Request) -> FailureCode:
        # SoftHSM says GeneralError for a wrong tag, for wrong padding and for a token whose folder is gone.
        if not self.connection.answers():
            self.stopping = Recovery.STOP
            return FailureCode.DOWN
        if not isinstance(request, APART):
            self._renew_session()
        return FailureCode.CRYPTOGRAPHIC if isinstance(request, ON_DATA) else FailureCode.GENERAL

    def start_over(self) -> None:
        """Begin anew with the module, in the middle of work; a token that does not let us in again ends the worker."""
        try:
            self.connection.start_over()
        except (CryptokiError, PKCS11Error, ConfigurationError) as error:
            self.stopping = Recovery.STOP_PIN if isinstance(error, PinRefused) else Recovery.STOP
        self._forget_all()
        self.wear_off()

    def _renew_session(self) -> None:
        """Leave the session; its session objects go with it."""
        try:
            self.connection.renew_session()
        except (CryptokiError, PKCS11Error):
            self.stopping = Recovery.STOP
        self.copies.clear()
        self.parcels.clear()
        self.forget_own_keys()

    def _forget_all(self) -> None:
        self.handles.clear()
        self.copies.clear()
        self.parcels.clear()
        self.forget_own_keys()

    def _forget_handles(self, request: frames.Request) -> None:
        named = [getattr(request, field, None) for field in ("ref", "wrapping", "target", "unwrapping")]
        if isinstance(request, frames.BeginStream):
            named.append(request.opening.claim.ref)
        for ref in named:
            if ref is not None:
                self.handles.forget(ref)
                self.copies.forget(ref)
        self.parcels.clear()
        self.forget_own_keys()


VERBS: dict[type[frames.Frame], Callable[[Reach, Any], frames.Result]] = {
    frames.Ping: using.ping,
    frames.Find: using.find,
    frames.GenerateKey: making.generate_key,
    frames.GenerateWrapped: making.generate_wrapped,
    frames.GenerateKeyPair: making.generate_key_pair,
    frames.ImportKey: making.import_key,
    frames.ExportKey: leaving.export_key,
    frames.Wrap: leaving.wrap,
    frames.Unwrap: making.unwrap,
    frames.Encrypt: using.encrypt,
    frames.Decrypt: using.decrypt,
    frames.Sign: using.sign,
    frames.Verify: using.verify,
    frames.Derive: making.derive,
    frames.Rewrap: making.rewrap,
    frames.WrappedCopy: moving.wrapped_copy,
    frames.TokenCopy: moving.token_copy,
    frames.Receive: crossing.receive,
    frames.SendKey: crossing.send_key,
    frames.TakeKey: crossing.take_key,
    frames.SendSealed: crossing.send_sealed,
    frames.TakeSealed: crossing.take_sealed,
    frames.Digest: using.digest,
    frames.Random: using.random,
    frames.Seed: using.seed,
    frames.Destroy: leaving.destroy,
    frames.ReadAttributes: using.attributes,
    frames.Seal: using.seal,
    frames.Open: using.open,
    frames.Info: using.token_info,
    frames.WrapData: leaving.wrap_data,
    frames.UnwrapData: leaving.unwrap_data,
    frames.DigestKey: using.digest_key,
    frames.Labelled: using.labelled,
    frames.Keys: using.keys,
    frames.BeginStream: streaming.begin_stream,
    frames.ContinueStream: streaming.continue_stream,
    frames.FinishStream: streaming.finish_stream,
    frames.EndStream: streaming.end_stream,
}
