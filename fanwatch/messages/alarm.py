"""An alarm on the wire, which forecast-fan alone writes; what people say to one is in fanwatch/messages/command.py.

`fan/<deviceID>/alarm` holds, retained, what is known of each fan now. An episode has the name of its fan and of the
time at which it began; it keeps both from warning through alarm to stopped, and has ended once the state is `ok`.
"""

from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.errors import FanwatchError
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.messages.refusals import in_words
from fanwatch.messages.timestamps import format_ms, parse_ms
from fanwatch.messages.topics import DEVICE_ID, alarm_device_of
from fanwatch.sensors import FEATURES

State = Literal["ok", "warning", "alarm", "stopped", "instrument", "unknown", "out-of-service"]
InstrumentCause = Literal["stuck", "zero", "drift", "spikes", "silent"]
HeardCause = Literal["refused", "clock", "resumed"]

STATES: Final[tuple[str, ...]] = get_args(State)
EPISODES: Final = ("instrument", "warning", "alarm", "stopped")
"""The states that need somebody; Telegraf stores one point of measurement `episode` for each episode of these."""
FAN_EPISODES: Final = ("warning", "alarm", "stopped")
"""Those of them that are about the fan itself."""
OUT_OF_SERVICE: Final = "out-of-service"
"""Of a fan that stands, or sends nothing, after somebody has closed its episode: it needs nobody until it turns."""
INSTRUMENT_CAUSES: Final[tuple[str, ...]] = get_args(InstrumentCause)
"""What readings show; `silent` is that there are none that can be used."""
HEARD_CAUSES: Final[tuple[str, ...]] = get_args(HeardCause)
"""What is said instead of `silent` of a fan that is heard: what it sends is refused, its clock is wrong, or it sends
again as it should. Also of state instrument."""

MAX_ALARM_BYTES: Final = 8_000
LONGEST_WHY: Final = 1_000
LONGEST_BY: Final = 64

_UTC = ZoneInfo("UTC")


class InvalidAlarm(FanwatchError):
    """What came is no alarm, or no command that can be followed."""

    status = 400


class Expected(msgspec.Struct, frozen=True):
    """Between which times failure is expected, with 80 % confidence; RFC 3339."""

    earliest: str
    latest: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one fan.

    `since` is when the episode began, or the fan became ok or unknown, or stopped where it is out of service; `risk`
    (0 to 1) is None where none is known.
    `cause` is the sensor that contributes most, for state `instrument` what is wrong with `sensor`.
    """

    deviceID: str  # noqa: N815 - the names on the wire
    episode: str
    state: State
    since: str
    risk: float | None
    cause: str | None
    sensor: str | msgspec.UnsetType = msgspec.UNSET
    failureExpected: Expected | None  # noqa: N815
    why: str
    """The reasons in English; where there are none, as of an earlier version, this is all that is known."""
    reasons: Reasons | msgspec.UnsetType = msgspec.UNSET
    acknowledgedBy: str | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    snoozedUntil: str | msgspec.UnsetType = msgspec.UNSET  # noqa: N815

    @property
    def since_ms(self) -> int:
        """`since` in ms since the epoch."""
        return parse_ms(self.since, _UTC)

    @property
    def told(self) -> Reasons:
        """Why it is so, in codes: the reasons, or the sentence as it came."""
        return self.reasons if isinstance(self.reasons, tuple) else (reason("said", text=self.why),)

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has said that they take care of it."""
        return self.acknowledgedBy is not msgspec.UNSET

    def snoozed(self, now_ms: int) -> bool:
        """Whether it is to be quiet at that time."""
        return self.snoozedUntil is not msgspec.UNSET and parse_ms(self.snoozedUntil, _UTC) > now_ms

    def in_hand(self, now_ms: int) -> bool:
        """Whether nobody need be told of it at that time: somebody takes care, or wants it quiet."""
        return self.acknowledged or self.snoozed(now_ms)


def instrument_mode(cause: str | None, sensor: str | None) -> str:
    """What was seen of a sensor, as a label and an events file name it: `vibration:stuck`, or `silent`.

    Of a fan that is heard and cannot be used there are no readings, whatever the reason: to a training it is silent.
    """
    if cause in HEARD_CAUSES:
        return "silent"
    return f"{sensor}:{cause}" if sensor else cause or ""


def with_lapsed(reasons: Reasons, by: str) -> Reasons:
    """Why a fan stopped, and whose acknowledgement has ended with it; `by` is empty where nobody's has."""
    return (*reasons, reason("lapsed", by=by)) if by else reasons


_decode_alarm = msgspec.json.Decoder(Alarm).decode
encode_alarm = msgspec.json.Encoder().encode


def episode_name(device: str, since_ms: int) -> str:
    """The name of the episode of `device` that began then: `fan-07/2026-11-23T12:00:00.000Z`."""
    return f"{device}/{format_ms(since_ms)}"


def decode_alarm(topic: str, payload: bytes) -> Alarm:
    """The alarm that came on `topic`; InvalidAlarm where it is none, or is another fan's."""
    if len(payload) > MAX_ALARM_BYTES:
        raise InvalidAlarm(f"An alarm has at most {MAX_ALARM_BYTES} bytes, this one has {len(payload)}.")
    try:
        alarm = _decode_alarm(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAlarm(f"This is no alarm: {in_words(error, Alarm)}.") from error
    if alarm_device_of(topic) != alarm.deviceID:
        raise InvalidAlarm(
            f"The alarm of {alarm.deviceID[:80]!r} came on {topic[:80]!r}, which is not its topic."
        )
    check_alarm(alarm)
    return alarm


def check_alarm(alarm: Alarm) -> None:
    """InvalidAlarm, naming the field, where the parts of an alarm contradict each other."""
    if DEVICE_ID.fullmatch(alarm.deviceID) is None:
        raise InvalidAlarm(f"deviceID must be 1 to 64 letters, digits, _ or -, not {alarm.deviceID[:80]!r}.")
    since = time_ms("since", alarm.since)
    if alarm.episode != episode_name(alarm.deviceID, since):
        raise InvalidAlarm(
            f"episode must be {episode_name(alarm.deviceID, since)}, not {alarm.episode[:120]!r}."
        )
    if alarm.risk is not None and not 0 <= alarm.risk <= 1:
        raise InvalidAlarm(f"risk must be between 0 and 1, not {alarm.risk!r}.")
    if alarm.failureExpected is not None:
        earliest = time_ms("failureExpected.earliest", alarm.failureExpected.earliest)
        if earliest > time_ms("failureExpected.latest", alarm.failureExpected.latest):
            raise InvalidAlarm("failureExpected ends before it begins.")
    _check_cause(alarm)
    check_text("why", alarm.why, LONGEST_WHY)
    if alarm.acknowledgedBy is not msgspec.UNSET:
        check_text("acknowledgedBy", alarm.acknowledgedBy, LONGEST_BY)
    if alarm.snoozedUntil is not msgspec.UNSET:
        time_ms("snoozedUntil", alarm.snoozedUntil)


def _check_cause(alarm: Alarm) -> None:
    known = INSTRUMENT_CAUSES + HEARD_CAUSES if alarm.state == "instrument" else FEATURES
    if alarm.cause is not None and alarm.cause not in known:
        raise InvalidAlarm(
            f"cause of state {alarm.state} must be one of {', '.join(known)}, not {alarm.cause[:80]!r}."
        )
    if alarm.state == "instrument" and alarm.cause is None:
        raise InvalidAlarm(f"state instrument needs a cause: one of {', '.join(known)}.")
    if alarm.sensor is not msgspec.UNSET and (alarm.state != "instrument" or alarm.sensor not in FEATURES):
        raise InvalidAlarm(
            f"sensor must be one of {', '.join(FEATURES)}, and belongs to state instrument only."
        )


def check_text(field: str, text: str, longest: int) -> None:
    """InvalidAlarm, naming the field, for a text that is empty, too long, or more than one line."""
    if not text.strip() or len(text) > longest or not text.isprintable():
        raise InvalidAlarm(f"{field} must be 1 to {longest} characters of text in one line.")


def time_ms(field: str, text: str) -> int:
    """ms since the epoch; InvalidAlarm, naming the field, for what is no time."""
    try:
        return parse_ms(text, _UTC)
    except ValueError as error:
        raise InvalidAlarm(f"{field} is no time such as 2026-11-23T12:00:00.000Z: {text[:40]!r}.") from error
