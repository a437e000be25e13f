"""What a viewer of the fleet is told: the lines on the screen, and of each line only what may have changed."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from console import words
from console.live.fleet import Fleet
from console.live.ranking import Ranker, Ranking, Wish
from console.live.states import STATES, common_outage
from fanwatch.bundles.anomaly import Feature
from fanwatch.messages.reasons import Reasons
from fanwatch.sensors import FEATURES

MOST_LINES: Final = 120
"""Lines in one message, whatever a viewer asks for."""
_UNKNOWN: Final = STATES.index("unknown")
_LEVELS: Final = 56
_FIRST: Final = 35
"""A trend travels as text: '#' is the lowest level, '[' the highest, a space none. None of them needs an escape."""
_MARGIN: Final = 0.45
"""How far beyond the healthy range a trend is drawn, in widths of that range."""


class FleetView:
    """One viewer's list. `message` is called on the page's loop."""

    def __init__(self, fleet: Fleet, ranker: Ranker, features: Sequence[Feature]) -> None:
        self.wish = Wish()
        self._fleet = fleet
        self._ranker = ranker
        self._low, self._high = scales(features)
        self._told: dict[str, tuple[int, int, Reasons, int]] = {}
        """By fan on the screen: the alarm, the state with whether it turns, why its verdict is none, and the minute."""

    def forget(self) -> None:
        """The viewer's page begins anew: it knows nothing."""
        self._told.clear()

    def message(self, now_ms: int) -> dict[str, Any]:
        """What fleet.js takes: counts, the fan that needs somebody first, and the lines on the screen."""
        with self._fleet.lock:
            ranking = self._ranker.rank(now_ms)
            chosen = self._ranker.chosen(self.wish, now_ms)
            first = max(0, min(self.wish.first, len(chosen) - 1))
            shown = chosen[first : first + max(1, min(self.wish.count, MOST_LINES))].tolist()
            minute = now_ms // 60_000
            names, forecast = self._fleet.names, self._fleet.forecast
            unjudged = {place: forecast.why(now_ms, names[place]) for place in shown}
            fresh = {place: self._news(place, ranking, minute, unjudged[place]) for place in shown}
            told = {names[place]: fresh[place][0] for place in shown}
            message = {
                "total": len(names),
                "hidden": self._fleet.hidden,
                "n": len(chosen),
                "first": first,
                "counts": ranking.counts,
                "needs": int(ranking.needs.sum()),
                "hand": int(ranking.in_hand.sum()),
                "faulty": ranking.faulty,
                "unjudged": words.read(forecast.why(now_ms)),
                "past": ranking.past_ms,
                "lead": self._lead(ranking),
                "most": self._most(ranking, now_ms),
                "rows": [self._row(place, ranking, now_ms) for place in shown],
                "words": {
                    names[place]: self._words(place, ranking, unjudged[place])
                    for place in shown
                    if fresh[place][1]
                },
                "lines": {
                    names[place]: self._lines(place, fresh[place][0][3]) for place in shown if fresh[place][2]
                },
            }
        self._told = told
        return message

    def _news(
        self, place: int, ranking: Ranking, minute: int, unjudged: Reasons
    ) -> tuple[tuple[int, int, Reasons, int], bool, bool]:
        end = self._fleet.trend_end(place, minute)
        live = int(ranking.codes[place]) * 2 + int(self._fleet.standstill.still[place])
        # What is wrong with one that cannot be used has the time of its last message, and more to say each minute.
        live += 100 * minute if self._unusable(place, ranking) else 0
        state = (self._fleet.alarm_seen[place], live, unjudged, end)
        before = self._told.get(self._fleet.names[place])
        if before is None:
            return state, True, True
        return state, before[:3] != state[:3], before[3] != end

    def _row(self, place: int, ranking: Ranking, now_ms: int) -> list[Any]:
        fleet = self._fleet
        return [
            fleet.names[place],
            int(ranking.codes[place]),
            int(fleet.read_ms[place]),
            *(number(value, 1) for value in fleet.values[place].tolist()),
            number(float(fleet.probability[place]), 3),
            # A risk that is old, or of nobody's verdict, is none.
            None if ranking.codes[place] == _UNKNOWN else number(float(fleet.risk[place]), 2),
            int(fleet.earliest_ms[place]),
            int(fleet.latest_ms[place]),
            int(ranking.in_hand[place]),
            int(ranking.clocks[place]),
        ]

    def _words(self, place: int, ranking: Ranking, unjudged: Reasons = ()) -> tuple[str, str, str, int]:
        fleet = self._fleet
        state = STATES[ranking.codes[place]]
        still = bool(fleet.standstill.still[place])
        heard = fleet.senders.trouble(place, ranking.at_ms) if self._unusable(place, ranking) else None
        return words.told(state, fleet.causes[place], fleet.alarms[place], still, unjudged, heard)

    def _unusable(self, place: int, ranking: Ranking) -> bool:
        """Whether the page says so by itself, and not as forecast-fan does."""
        alarm = self._fleet.alarms[place]
        return STATES[ranking.codes[place]] == "instrument" and (alarm is None or alarm.state != "instrument")

    def _lines(self, place: int, minute: int) -> list[str]:
        lines = self._fleet.trends.lines(place, minute)[:-1]
        return [text(line, low, high) for line, low, high in zip(lines, self._low, self._high, strict=True)]

    def _most(self, ranking: Ranking, now_ms: int) -> tuple[str, str, int] | None:
        """What most fans have in common that have gone: title, sentence, and how many others need somebody."""
        names, found = self._fleet.names, common_outage(self._fleet, ranking.codes, now_ms)
        needing = {names[place] for place in np.flatnonzero(ranking.needs)}
        if found is None or not needing & found.fans:
            return None
        return found.title, found.text, len(needing - found.fans)

    def _lead(self, ranking: Ranking) -> list[Any] | None:
        """The fan that needs a person first, and what it does."""
        if not len(ranking.order):
            return None
        place = int(ranking.order[0])
        if not ranking.needs[place]:
            return None
        fleet = self._fleet
        state, latest_ms = STATES[ranking.codes[place]], int(fleet.latest_ms[place])
        about, still = self._words(place, ranking)[0], bool(fleet.standstill.still[place])
        return [
            fleet.names[place],
            int(ranking.codes[place]),
            words.leading(state, about, expected=latest_ms > 0, standing=still),
            int(fleet.earliest_ms[place]) if state in ("alarm", "warning") else 0,
            latest_ms if state in ("alarm", "warning") else 0,
            int(ranking.clocks[place]),
        ]


def scales(features: Sequence[Feature]) -> tuple[list[float], list[float]]:
    """Lowest and highest drawn value of each signal: the healthy range and a margin. Without a bundle, NaN."""
    if not features:
        return [math.nan] * len(FEATURES), [math.nan] * len(FEATURES)
    ranges = [(feature.healthy.low, feature.healthy.high) for feature in features]
    return (
        [low - _MARGIN * (high - low) for low, high in ranges],
        [high + _MARGIN * (high - low) for low, high in ranges],
    )


def text(line: np.ndarray, low: float, high: float) -> str:
    """A trend as text; without a scale it gets its own."""
    known = np.isfinite(line)
    if not known.any():
        return ""
    if not low < high:
        low, high = float(line[known].min()), float(line[known].max())
        low, high = (low, high) if low < high else (low - 1, high + 1)
    levels = np.clip((line - low) / (high - low), 0, 1) * _LEVELS
    codes = np.where(known, np.nan_to_num(levels).round() + _FIRST, 32).astype(np.uint8)
    return codes.tobytes().decode("ascii")


def number(value: float, digits: int) -> float | None:
    """The same rounded; None where it is not known."""
    return round(value, digits) if math.isfinite(value) else None
