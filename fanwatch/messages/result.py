"""A result on the wire: what the model said of one reading. The same reading and model give the same bytes."""

from typing import Literal

import msgspec

from fanwatch.messages.reading import Reading
from fanwatch.messages.timestamps import format_ms

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


class Result(msgspec.Struct, frozen=True, gc=False, kw_only=True):
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


encode_json = msgspec.json.Encoder().encode
decode_result = msgspec.json.Decoder(Result).decode
decode_decisions = msgspec.json.Decoder(list[Decision]).decode
