"""What the page Alarms lists: open episodes, the one that needs somebody first at the top, and those of the past."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from console import words
from console.words import cause_of
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.reasons import Reasons, of_text

SHOWN_OPEN: Final = 200
"""Cards on the page at most; the counts are of all."""
SHOWN_PAST: Final = 300
DAYS: Final = 30

_WORST_FIRST: Final = ("stopped", "alarm", "warning", "instrument")
MODES: Final = {
    "bearing": "Bearing",
    "imbalance": "Imbalance",
    "motor": "Motor",
    "obstruction": "Obstruction",
}
OUTCOMES: Final = {"failed": "it failed", "prevented": "repaired before it failed"}
FOUND: Final = {"fault": "A fault of the fan", "false alarm": "False alarm", "instrument": "A sensor fault"}


def open_ones(alarms: Iterable[Alarm], now_ms: int) -> list[Alarm]:
    """Those that need somebody: what nobody has acknowledged before what somebody has, what is snoozed last."""

    def rank(alarm: Alarm) -> tuple[bool, bool, int, float, int]:
        expected = alarm.failureExpected
        earliest = words.ms(expected.earliest) if expected else None
        return (
            alarm.snoozed(now_ms),
            alarm.acknowledged,
            _WORST_FIRST.index(alarm.state),
            math.inf if earliest is None else earliest,
            -alarm.since_ms,
        )

    return sorted((alarm for alarm in alarms if alarm.state in EPISODES), key=rank)


def mode_in_words(mode: str) -> str:
    """`Bearing`; `vibration:stuck` is `Vibration sensor is stuck`."""
    sensor, colon, cause = mode.partition(":")
    if colon:
        return cause_of("instrument", cause, sensor)
    return MODES.get(mode) or cause_of("instrument", mode, None)


class Past(msgspec.Struct, kw_only=True):
    """An episode as the store has it, with what was found when it was looked at."""

    device: str
    episode: str
    since_ms: int
    state: str = ""
    """The last one that was stored of it; none where only what was found is kept."""
    cause: str | None = None
    sensor: str | None = None
    reasons: Reasons = ()
    """Why it was so."""
    updated_ms: int | None = None
    stopped_ms: int | None = None
    """When the fan stopped in it; None where it did not."""
    ended_ms: int | None = None
    """When it was over, where that is known."""
    acknowledged_by: str | None = None
    found: str | None = None
    """In words."""
    note: str | None = None
    former: Reasons = ()
    """What others had said before it was corrected."""
    found_by: str | None = None
    closed_ms: int | None = None


def left_out(listed: int, stored: int, device: str) -> str:
    """What is said where not all of `stored` episodes are among the `listed` newest; else nothing."""
    if stored <= listed:
        return ""
    rest = "" if device else " Look for one fan to see its older ones."
    return f"The newest {listed:,} of {stored:,} episodes are listed.{rest}"


Row = Mapping[str, Any]


def found_in_words(label: Row) -> str | None:
    """`A fault of the fan: Bearing, repaired before it failed`; None where nobody has said anything."""
    if not label.get("found"):
        return None
    said = FOUND.get(label["found"], str(label["found"]))
    if label.get("mode"):
        said += f": {mode_in_words(label['mode'])}"
    return f"{said}, {OUTCOMES[label['outcome']]}" if label.get("outcome") in OUTCOMES else said


def past(
    episodes: Iterable[Row], labels: Iterable[Row], turns: Iterable[Row], still_open: Iterable[str]
) -> list[Past]:
    """The newest first, without those that are open."""
    turned = {(row["deviceID"], row["time"]): row for row in turns}
    found: dict[str, Past] = {}
    for row in episodes:
        name = str(row["episode"])
        turn = turned.get((row["deviceID"], row["time"]), {})
        found[name] = Past(
            device=str(row["deviceID"]),
            episode=name,
            since_ms=int(row["time"]) // 1_000_000,
            state=str(row.get("state") or ""),
            cause=row.get("cause"),
            sensor=row.get("sensor"),
            reasons=of_text(turn.get("reasons"), row.get("why")),
            updated_ms=_whole(row.get("updated_ms")),
            stopped_ms=_whole(turn.get("stopped_ms")),
            ended_ms=_whole(turn.get("ended_ms")),
            acknowledged_by=row.get("acknowledgedBy"),
        )
    for row in labels:
        name = str(row["episode"])
        device, _, since = name.partition("/")
        each = found.setdefault(name, Past(device=device, episode=name, since_ms=ms(since) or 0))
        each.found, each.note = found_in_words(row), row.get("note")
        each.former = of_text(row.get("former_reasons"), row.get("former"))
        each.found_by, each.closed_ms = row.get("by"), _whole(row.get("closed_ms"))
    hidden = set(still_open)
    return sorted(
        (each for name, each in found.items() if name not in hidden), key=lambda each: -each.since_ms
    )


def ms(text: str) -> int | None:
    """A time in ms since the epoch; None for what is none."""
    try:
        return words.ms(text)
    except ValueError:
        return None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
