"""What InfluxDB knows of one fan: signals and score over a time, and its episodes.

Raw points for an hour and a day; for longer the ten-minute means, completed by raw ones where the rollup has not been.
"""

import statistics
from itertools import pairwise
from typing import Any, Final

import msgspec

from console.queries.episodes import found_in_words
from fanwatch.messages.reasons import Reasons, of_text
from fanwatch.sensors import FEATURES
from fanwatch.store import fan_history
from fanwatch.store.influx import Store

_TEN_MINUTES_S: Final = 600
_MS: Final = 1_000_000
MOST_EPISODES: Final = 50
STATES: Final = ("instrument", "warning", "alarm", "stopped")


class Range(msgspec.Struct, frozen=True):
    """A length of time, and how fine it is drawn."""

    name: str
    word: str
    seconds: int
    step_s: int
    from_means: bool


RANGES: Final = {
    each.name: each
    for each in (
        Range("hour", "1 hour", 3600, 10, False),
        Range("day", "1 day", 86_400, 120, False),
        Range("week", "1 week", 7 * 86_400, _TEN_MINUTES_S, True),
        Range("month", "30 days", 30 * 86_400, 3600, True),
    )
}


class Episode(msgspec.Struct, frozen=True):
    """One episode of a fan, as far as it is known; times in ms since the epoch."""

    since_ms: int
    updated_ms: int
    stopped_ms: int | None
    """When the fan stopped in it; None where it did not."""
    ended_ms: int | None
    """When it was over; None where that is not known, or it is not."""
    state: str
    """The last state that it was in."""
    cause: str | None
    sensor: str | None
    reasons: Reasons
    """Why it was so."""
    acknowledged_by: str | None
    found: str | None
    """What somebody found when they closed it, in words."""
    note: str | None
    closed_by: str | None


class Series(msgspec.Struct, frozen=True):
    """One fan over a range. Each time, ms since the epoch, has a value of every signal and a score; None in gaps."""

    range: str
    start_ms: int
    end_ms: int
    times: list[int]
    values: list[list[float | None]]
    """By signal, in the order of FEATURES."""
    score: list[float | None]
    risk: list[tuple[int, float]]


def history(store: Store, device: str, chosen: Range, now_ms: int) -> tuple[Series, list[Episode]]:
    """All that is shown of a fan's past, up to `now_ms`. Raises what the store raises."""
    start_ms = now_ms - chosen.seconds * 1000
    period = (device, start_ms - start_ms % (chosen.step_s * 1000), now_ms, chosen.step_s)
    signals = fan_history.signals(store, *period, means=chosen.from_means)
    scores = fan_history.scores(store, *period, means=chosen.from_means)
    risks = fan_history.risks(store, *period)
    told = episodes(*fan_history.episodes(store, device, MOST_EPISODES))
    return series(chosen, now_ms, signals, scores, risks), told


def series(
    chosen: Range,
    now_ms: int,
    signals: list[dict[str, Any]],
    scores: list[dict[str, Any]],
    risks: list[dict[str, Any]],
) -> Series:
    """Puts rows together, with gaps where nothing came for three steps, or three of the fan's own intervals."""
    step_ms = chosen.step_s * 1000
    known = {int(row["time"]) // _MS: row for row in signals}
    probabilities = {int(row["time"]) // _MS: row["score"] for row in scores}
    times: list[int] = []
    came = sorted(known.keys() | probabilities.keys())
    gaps = [later - at for at, later in pairwise(came)]
    # A fan that sends every ten minutes has a line as well.
    usual_ms = statistics.median(gaps) if len(came) > 2 else 0
    longest_ms = 3 * max(step_ms, usual_ms)
    for place, time_ms in enumerate(came):
        # What it sends by now is no measure of a time when it was read seldom.
        if place and gaps[place - 1] > longest_ms and gaps[place - 1] > 3 * _around(gaps, place - 1):
            times.append(times[-1] + step_ms)  # nothing is known of it, which ends the line
        times.append(time_ms)
    return Series(
        range=chosen.name,
        start_ms=now_ms - chosen.seconds * 1000,
        end_ms=now_ms,
        times=times,
        values=[[_rounded(known.get(time_ms, {}).get(name), 2) for time_ms in times] for name in FEATURES],
        score=[_rounded(probabilities.get(time_ms), 4) for time_ms in times],
        risk=[(int(row["time"]) // _MS, float(row["risk"])) for row in risks if row["risk"] is not None],
    )


def _around(gaps: list[int], place: int) -> float:
    """What is usual about that one, in ms."""
    return statistics.median(gaps[max(0, place - 2) : place + 3])


def episodes(
    rows: list[dict[str, Any]], labels: list[dict[str, Any]], turns: list[dict[str, Any]]
) -> list[Episode]:
    """Newest first; a label and a turn belong to the episode that began at their time."""
    found = {int(row["time"]) // _MS: row for row in labels}
    turned = {int(row["time"]) // _MS: row for row in turns}
    told = []
    for row in rows:
        since_ms = int(row["time"]) // _MS
        label = found.get(since_ms, {})
        told.append(
            Episode(
                since_ms=since_ms,
                updated_ms=int(row.get("updated_ms") or since_ms),
                stopped_ms=turned.get(since_ms, {}).get("stopped_ms"),
                ended_ms=turned.get(since_ms, {}).get("ended_ms"),
                state=row["state"] if row.get("state") in STATES else "warning",
                cause=row.get("cause"),
                sensor=row.get("sensor"),
                reasons=of_text(turned.get(since_ms, {}).get("reasons"), row.get("why")),
                acknowledged_by=row.get("acknowledgedBy"),
                found=found_in_words(label),
                note=label.get("note"),
                closed_by=label.get("by"),
            )
        )
    return told


def _rounded(value: Any, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
