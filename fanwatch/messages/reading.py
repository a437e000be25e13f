"""A reading: what one fan's sensors measured at one moment, validated once, when it is made."""

import math
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.errors import InvalidReading
from fanwatch.messages import misread
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.messages.refusals import field_of, in_words
from fanwatch.messages.timestamps import format_ms, parse_ms
from fanwatch.messages.topics import DEVICE_ID, DEVICE_RULE, READINGS, device_of
from fanwatch.sensors import FEATURES, Values

MAX_READING_BYTES = 32_000
"""A longer payload is no reading and is never parsed."""

AHEAD_MS = 5 * 60_000
"""How far a sensor's clock may run ahead before its readings are refused; AHEAD in infra/telegraf/points.star."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One reading. Construct it with `parse`."""

    device_id: str
    timestamp_ms: int | None
    """Since the epoch; None where an ad-hoc request named no time."""
    features: Values
    """In the order of FEATURES, in the units of their sensors."""


_Wire = msgspec.defstruct(
    "_Wire",
    [(DEVICE, str), *((name, float) for name in FEATURES), (TIME, str | float | None, None)],
    frozen=True,
    gc=False,
)
_decode = msgspec.json.Decoder(_Wire).decode
_fields = msgspec.structs.astuple


class Rules(msgspec.Struct, frozen=True):
    """How times are read and which are believed."""

    timezone: ZoneInfo
    retention_ms: int


def parse(payload: bytes, rules: Rules, *, over_mqtt: bool = False) -> Reading:
    """The reading in `payload`, whatever its time; InvalidReading says which field is wrong and why.

    Where it is something else than a reading, the right way to send that is said, which is another `over_mqtt`.
    """
    if len(payload) > MAX_READING_BYTES:
        raise InvalidReading(oversized(payload, over_mqtt=over_mqtt), reason="oversized")
    try:
        fields = _fields(_decode(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(payload, error, over_mqtt) from error
    device_id, values, time = fields[0], fields[1:-1], fields[-1]
    # Finite as long as their sum is; where that is not, only one of them may say so.
    if not math.isfinite(sum(values)) and not all(map(math.isfinite, values)):
        name, value = next(pair for pair in zip(FEATURES, values, strict=True) if not math.isfinite(pair[1]))
        raise InvalidReading(f"{name} is not a finite number", field=name, value=value, reason="field")
    if DEVICE_ID.fullmatch(device_id) is None:
        raise InvalidReading(
            f"{DEVICE} {DEVICE_RULE}",
            field=DEVICE,
            value=device_id[:80],
            reason="deviceID",
        )
    return Reading(device_id, _time_ms(time, rules.timezone), values)


def faults(payload: bytes, rules: Rules) -> list[InvalidReading]:
    """All that is wrong with what `parse` refuses, which itself stops at the first: each field is tried alone."""
    try:
        content = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    found = []
    sound = dict.fromkeys(FEATURES, msgspec.Raw(b"0")) | {DEVICE: msgspec.Raw(b'"a"')}
    for name in (DEVICE, TIME, *FEATURES) if content is not None else ():
        alone = {key: value for key, value in sound.items() if key != name}
        if name in (content or ()):
            alone[name] = (content or {})[name]
        try:
            parse(msgspec.json.encode(alone), rules)
        except InvalidReading as error:
            found.append(error)
    if not found:
        try:
            parse(payload, rules)
        except InvalidReading as error:
            found.append(error)
    return found


def parse_from_topic(topic: str, payload: bytes, rules: Rules, now_ms: int) -> Reading:
    """The reading that came on `topic`: it must carry a believable time and the topic's own device."""
    reading = parse(payload, rules, over_mqtt=True)
    device = device_of(topic)
    if device is None:
        if topic != READINGS:
            raise InvalidReading(f"no readings are expected on the topic {topic[:80]!r}", reason="topic")
    elif device != reading.device_id:
        raise InvalidReading(
            f"{DEVICE} differs from its topic's, {device[:80]!r}",
            field=DEVICE,
            value=reading.device_id,
            reason="topic",
        )
    if reading.timestamp_ms is None:
        raise InvalidReading(f"a reading on a topic needs a {TIME}", field=TIME, reason="time")
    if reading.timestamp_ms > now_ms + AHEAD_MS:
        raise _unbelievable(reading.timestamp_ms, "more than 5 minutes ahead of the clock here")
    if reading.timestamp_ms < now_ms - rules.retention_ms:
        raise _unbelievable(reading.timestamp_ms, "older than what is kept (FANWATCH_RAW_RETENTION)")
    return reading


def _unbelievable(timestamp_ms: int, why: str) -> InvalidReading:
    return InvalidReading(f"the time is {why}", field=TIME, value=format_ms(timestamp_ms), reason="clock")


def _time_ms(time: str | float | None, timezone: ZoneInfo) -> int | None:
    if time is None:
        return None
    try:
        return parse_ms(time, timezone)
    except ValueError as error:
        raise InvalidReading(
            f"{TIME} is not a time such as 2026-11-23T12:00:00.250Z, 2026-11-23 12:00:00 or 1795435200250",
            field=TIME,
            value=time[:80] if isinstance(time, str) else time,
            reason="time",
        ) from error


def oversized(payload: bytes, *, over_mqtt: bool) -> str:
    """Why a payload that is longer than any reading is none."""
    size = f"a reading has at most {MAX_READING_BYTES:,} bytes, this one has {len(payload):,}"
    what = misread.sent(payload, over_mqtt=over_mqtt)
    return f"{what} ({size})" if what else size


def _unreadable(payload: bytes, error: Exception, over_mqtt: bool) -> InvalidReading:
    reason = "field" if isinstance(error, msgspec.ValidationError) else "json"
    what = misread.sent(payload, over_mqtt=over_mqtt)
    found = field_of(error) if reason == "field" else None
    if what or found is None:
        return InvalidReading(what or _no_object(payload, error), reason=reason)
    name, missing = found
    value = None if missing else _shown(payload, name)
    return InvalidReading(in_words(error), field=name, value=value, reason=reason)


def _no_object(payload: bytes, error: Exception) -> str:
    if not payload.strip():
        return "this is empty, and no reading"
    return f"this is no reading: {in_words(error)}"


def _shown(payload: bytes, field: str) -> Any:
    """What stands in a field, as far as it is short and can be shown."""
    try:
        value: Any = msgspec.json.decode(payload)[field]
    except (ValueError, RecursionError, KeyError, TypeError):
        # What follows the wrong field need not be JSON, nor UTF-8.
        return None
    if not isinstance(value, int | float | str | bool):
        return None
    if isinstance(value, str) or (isinstance(value, int) and abs(value) > 2**53):
        return str(value)[:80]
    return value
