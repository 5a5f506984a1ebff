"""Log lines on stderr: one event a line, JSON for machines or text for people.

The rule of the room: a traceback is printed plainly, never with the values of variables, which may be secrets.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog
from structlog.typing import Processor

from gateway.config import LogConfig
from gateway.hardening import swaps
from gateway.legible import ascii_json, legible

TRACEBACK = "exception"
MOST = 8000  # characters of one value: a client's Log Message, escaped
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(config: LogConfig) -> None:
    """Send the log of this process, and of those it forks, to stderr in the configured form."""
    structlog.configure(
        processors=[
            _legible,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(config.format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[config.level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _renderers(form: str) -> list[Processor]:
    if form == "console":
        # The default formatter would use rich, which shows local variables.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: Any, **_: Any) -> str:
    return ascii_json(msgspec.json.encode(event, enc_hook=str)).decode()


def _legible(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let no text that a client chose drive the terminal on which a log is read, or fill the disk."""
    for key, value in event.items():
        if type(value) is str and key != TRACEBACK:
            event[key] = legible(value, MOST)
    return event


def warn_of_swap() -> None:
    """Tell an operator whose machine may write the memory of processes, keys in it, to its disk."""
    for place in swaps():
        structlog.get_logger().warning("memory may be swapped out; encrypt it, or run without it", swap=place)
