"""Settings of the server, read once from the environment under the names that OpenFaaS users know."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


class SettingsError(Exception):
    """A setting that cannot be used; the text names it and says what it takes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the server reads from the environment; the environment's name stands behind each field."""

    function_name: str = "function"  # FUNCTION_NAME, for logs
    handler_dir: Path = field(default=Path("function"))  # HANDLER_DIR, holds handler.py
    listen_uds: str | None = None  # LISTEN_UDS, path of a unix socket; instead of a port
    listen_host: str = "127.0.0.1"  # LISTEN_HOST; the image sets 0.0.0.0
    listen_port: int = 8080  # LISTEN_PORT; OpenFaaS calls 8080
    exec_timeout_s: float = 10.0  # exec_timeout, "10s" or "500ms"; 504 after that
    max_inflight: int = 256  # max_inflight; 429 above that
    max_body_bytes: int = 6 * 1024 * 1024  # max_body_bytes; 413 above that
    handler_threads: int = 8  # handler_threads; 0 runs the handler on the event loop
    tell_address: bool = False  # tell_address; answers name the replica that gave them: X-Replica

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check every setting. Raises SettingsError, which names the setting."""
        read = _Reader(environment)
        return cls(
            function_name=environment.get("FUNCTION_NAME") or cls.function_name,
            handler_dir=Path(environment.get("HANDLER_DIR") or "function"),
            listen_uds=environment.get("LISTEN_UDS") or None,
            listen_host=environment.get("LISTEN_HOST") or cls.listen_host,
            listen_port=read.integer("LISTEN_PORT", cls.listen_port, 0, 65535),
            exec_timeout_s=read.duration("exec_timeout", cls.exec_timeout_s),
            max_inflight=read.integer("max_inflight", cls.max_inflight, 1, 100_000),
            max_body_bytes=read.integer("max_body_bytes", cls.max_body_bytes, 1, 2**31),
            handler_threads=read.integer("handler_threads", cls.handler_threads, 0, 256),
            tell_address=read.boolean("tell_address", cls.tell_address),
        )


@dataclass(frozen=True)
class _Reader:
    environment: Mapping[str, str]

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        text = self.environment.get(name, "").strip()
        if not text:
            return default
        if not re.fullmatch(r"\d{1,10}", text) or not low <= int(text) <= high:
            raise SettingsError(f"{name}={text!r} is no whole number from {low} to {high}.")
        return int(text)

    def boolean(self, name: str, default: bool) -> bool:
        text = self.environment.get(name, "").strip().lower()
        if text not in ("", "0", "1", "false", "true"):
            raise SettingsError(f"{name}={text!r} is neither 1 nor 0.")
        return text in ("1", "true") if text else default

    def duration(self, name: str, default_s: float) -> float:
        """Seconds of a duration as Go writes it ("10s", "1m30s"); a bare number means seconds."""
        text = self.environment.get(name, "").strip()
        if not text:
            return default_s
        if re.fullmatch(r"\d+(?:\.\d+)?", text):
            text += "s"
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
        if not _DURATION.fullmatch(text) or seconds <= 0:
            raise SettingsError(f'{name}={text!r} is no duration above zero; write it like "10s" or "500ms".')
        return seconds
