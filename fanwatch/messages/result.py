"""A result on the wire: what the model said of one reading. The same reading and model give the same bytes."""

from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.errors import FanwatchError
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.messages.reading import MAX_READING_BYTES, Reading
from fanwatch.messages.timestamps import format_ms, parse_ms
from fanwatch.messages.topics import DEVICE_ID

_UTC = ZoneInfo("UTC")

Quality = Literal["ok", "extrapolated", "implausible"]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What infer-fan says of one row of features.

    `fault` and `probability` are None for an implausible row; `cause` names the sensor behind a fault;
    `fields` names the features that were extrapolated or implausible; `model` is name@version.
    """

    fault: int | None
    probability: float | None
    threshold: float
    cause: str | None
    quality: Quality
    model: str
    fields: list[str] | msgspec.UnsetType = msgspec.UNSET


class Result(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, rename={"deviceID": DEVICE, "timeStamp": TIME}
):
    """A decision with the reading it belongs to."""

    deviceID: str  # noqa: N815 - the names on the wire
    timeStamp: str | None  # noqa: N815
    fault: int | None
    probability: float | None
    threshold: float
    cause: str | None
    quality: Quality
    fields: list[str] | msgspec.UnsetType = msgspec.UNSET
    model: str

    @classmethod
    def of(cls, reading: Reading, decision: Decision) -> "Result":
        """The result of `reading`, its time in RFC 3339 with milliseconds and Z."""
        return cls(
            deviceID=reading.device_id,
            timeStamp=None if reading.timestamp_ms is None else format_ms(reading.timestamp_ms),
            fault=decision.fault,
            probability=decision.probability,
            threshold=decision.threshold,
            cause=decision.cause,
            quality=decision.quality,
            fields=decision.fields,
            model=decision.model,
        )


class InvalidResult(FanwatchError):
    """No result of one reading that came over the broker."""


def parse_result(payload: bytes) -> tuple[Result, int]:
    """A published result, and the time of its reading in ms since the epoch; InvalidResult where it is none."""
    if len(payload) > MAX_READING_BYTES:
        raise InvalidResult(
            f"A result has at most {MAX_READING_BYTES:,} bytes, this one has {len(payload):,}."
        )
    try:
        found = decode_result(payload)
        if DEVICE_ID.fullmatch(found.deviceID) is None:
            raise ValueError("deviceID is no fan's name")
        return found, parse_ms(found.timeStamp or "", _UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidResult(f"This is no result: {error}.") from error


encode_json = msgspec.json.Encoder().encode
decode_result = msgspec.json.Decoder(Result).decode
decode_decisions = msgspec.json.Decoder(list[Decision]).decode
