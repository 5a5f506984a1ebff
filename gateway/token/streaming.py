"""Verbs for data that comes in parts; each stream has a session of its own, so that none meets another's operation."""

from gateway.errors import InvalidCorrelationValue, UnsupportedCryptographicParameters
from gateway.token import flows, frames, leaving
from gateway.token.flows import Flow
from gateway.token.reach import Reach


def begin_stream(reach: Reach, request: frames.BeginStream) -> bytes:
    reach.streams.make_room(request.opening.claim.owner)
    name, output = reach.streams.add(request.opening, _flow(reach, request), request.data)
    return name + output


def _flow(reach: Reach, request: frames.BeginStream) -> Flow:
    opening, ref = request.opening, request.opening.claim.ref
    if opening.hash:
        try:
            return flows.beside_token(opening, lambda: _material(reach, request))
        except ValueError:  # a hash that this build of OpenSSL has not
            raise UnsupportedCryptographicParameters from None
    if ref is None:
        raise InvalidCorrelationValue
    connection = reach.connection
    handle = reach.handles.of(ref)
    return flows.on_token(opening, connection.functions, connection.token.open(), handle)


def _material(reach: Reach, request: frames.BeginStream) -> bytes:
    ref = request.opening.claim.ref
    if ref is None:
        raise InvalidCorrelationValue
    return leaving.export_key(reach, frames.ExportKey(request.id, ref))


def continue_stream(reach: Reach, request: frames.ContinueStream) -> bytes:
    return reach.streams.feed(request.stream, request.claim, request.data)


def finish_stream(reach: Reach, request: frames.FinishStream) -> bytes:
    finished = reach.streams.finish(request.stream, request.claim, request.data, request.trailer)
    return frames.encode_result(finished)


def end_stream(reach: Reach, request: frames.EndStream) -> None:
    reach.streams.end(request.stream, request.owner)
