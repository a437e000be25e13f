"""Structured logs: one JSON line an event on standard error, never a payload at info."""

import sys
import threading
import time
import traceback

import msgspec

from fanwatch.errors import FanwatchError
from fanwatch.messages.timestamps import format_ms

_encode = msgspec.json.Encoder(enc_hook=str).encode
_lock = threading.Lock()


class Log:
    """Writes events of one part; `log.info("reconnected", sessionPresent=True)`."""

    def __init__(self, part: str) -> None:
        self._part = part

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, error: BaseException | None = None, **fields: object) -> None:
        """Where `error` is one that nobody foresaw, with its traceback; a FanwatchError says all there is to say."""
        if error is not None:
            fields["error"] = str(error)
            if not isinstance(error, FanwatchError):
                fields["trace"] = "".join(traceback.format_exception(error))
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        line = _encode(
            {
                "time": format_ms(time.time_ns() // 1_000_000),
                "level": level,
                "part": self._part,
                "event": event,
            }
            | fields
        )
        with _lock:
            sys.stderr.buffer.write(line + b"\n")
            sys.stderr.buffer.flush()
