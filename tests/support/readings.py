"""Readings to send, and payloads that are none."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

HEALTHY: dict[str, float] = {"rotation": 600.0, "temperature": 40.0, "vibration": 150.0, "sound": 48.0}
TOPIC = "fan/messages"


def reading(device: str = "fan-07", ahead_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A reading of now; `changes` replace fields, None removes one."""
    time = (
        (datetime.now(UTC) + timedelta(seconds=ahead_s))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    content = {"deviceID": device, "timeStamp": time} | HEALTHY | changes
    return {name: value for name, value in content.items() if value is not None}


def raw(field: str, value: bytes) -> bytes:
    """A reading whose field has these bytes as its JSON."""
    return json.dumps(reading(**{field: "@@"})).encode().replace(b'"@@"', value)


def bad() -> dict[str, tuple[bytes, str, str, str | None]]:
    """Name → payload, topic, reason, field: everything that cannot be read as a reading on its topic."""
    good = json.dumps(reading()).encode()
    fields: dict[str, tuple[str, bytes]] = {
        "true for a number": ("sound", b"true"), "string for a number": ("sound", b'"48"'), "null": ("sound", b"null"),
        "1e999": ("rotation", b"1e999"), "5,000 digits": ("rotation", b"9" * 5000),
        "a device that is a number": ("deviceID", b"9" * 5000), "a time that is true": ("timeStamp", b"true"),
    }  # fmt: skip
    devices = {"spaces": b"fan 07", "quotes": b'fan\\"07', "newlines": b"fan\\n07", "10 kB": b"x" * 10_000}
    times = {
        "malformed": ("yesterday", "time"), "beyond the calendar": ("0001-01-01T00:00:00+23:59", "time"),
        "far in the past": ("1999-01-01T00:00:00Z", "clock"), "far ahead": ("2199-01-01T00:00:00Z", "clock"),
    }  # fmt: skip
    return {
        "blank": (b" ", TOPIC, "json", None),
        "not JSON": (b"rotation=600", TOPIC, "json", None),
        "not UTF-8": (good.replace(b"fan-07", b"fan-\xff"), TOPIC, "json", None),
        "wrong, then not UTF-8": (b'{"deviceID": 1, "x": "\xff"}', TOPIC, "field", "deviceID"),
        "NaN": (raw("sound", b"NaN"), TOPIC, "json", None),
        "Infinity": (raw("sound", b"Infinity"), TOPIC, "json", None),
        "no object": (b"[600, 40, 150, 48]", TOPIC, "field", None),
        "missing field": (json.dumps(reading(sound=None)).encode(), TOPIC, "field", "sound"),
        "duplicate keys, the last one wrong": (good[:-1] + b', "sound": []}', TOPIC, "field", "sound"),
        "deep": (b'{"x": ' + b"[" * 30_000, TOPIC, "json", None),
        "100,000 deep": (b"[" * 100_000, TOPIC, "oversized", None),
        "another device's topic": (good, "fan/fan-08/messages", "topic", "deviceID"),
        "no device's topic": (good, "fan/fän 07/messages", "topic", "deviceID"),
        "time missing": (json.dumps(reading(timeStamp=None)).encode(), TOPIC, "time", "timeStamp"),
        **{name: (raw(*change), TOPIC, "field", change[0]) for name, change in fields.items()},
        **{
            f"device with {name}": (raw("deviceID", b'"' + text + b'"'), TOPIC, "deviceID", "deviceID")
            for name, text in devices.items()
        },
        **{
            f"time {name}": (json.dumps(reading(timeStamp=text)).encode(), TOPIC, reason, "timeStamp")
            for name, (text, reason) in times.items()
        },
    }
