"""Who needs a person first: the order of the fleet, and which fans a viewer asked for."""

import re
from typing import Final

import msgspec
import numpy as np

from console.live.fleet import Fleet
from console.live.states import LAST_NEED, STATES, states
from fanwatch.sensors import FEATURES

LONGEST_SEARCH: Final = 100
_FRESH_MS: Final = 400
"""A ranking is used again for as long: several viewers are told in the same second."""
_SUSPECT: Final = STATES.index("suspect")
_NUMBER = re.compile(r"(\d+)")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer wants to see: which fans, in which order, and which lines of that list are on the screen."""

    search: str = ""
    only: str = ""
    """`need` for those that need somebody, `hand` for those that somebody takes care of, or one of STATES; or all."""
    sort: str = "need"
    """"need", "name", "left", "risk", a sensor's name, or "age", as which anything else counts."""
    descending: bool = False
    first: int = 0
    count: int = 40


class Ranking(msgspec.Struct, frozen=True):
    """The fleet in the order of need, at one moment."""

    at_ms: int
    codes: np.ndarray
    """By fan, the code of its state."""
    needs: np.ndarray
    """By fan, whether somebody has to do something who does not do it yet."""
    in_hand: np.ndarray
    """By fan, whether it would need somebody, and somebody has acknowledged or snoozed it."""
    faulty: int
    """How many of those that need somebody do so for readings that are called faulty, and nothing else."""
    order: np.ndarray
    """Places of fans, the first one needing a person most."""
    counts: list[int]
    """Fans by state, in the order of STATES."""
    clocks: np.ndarray
    """By fan, the time that it is for it where its past is being played in, else 0."""
    past_ms: int
    """The same of the fleet: the newest of them where that is so for most fans that are heard; else 0."""


class Ranker:
    """Makes rankings of one fleet; hold the fleet's lock."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._names = np.zeros(0, np.int64)
        self._named = 0
        """Layout of the fleet that these are of."""
        self._ranked = 0
        """The same of the last ranking."""
        self._last: Ranking | None = None

    def rank(self, now_ms: int) -> Ranking:
        """The ranking at `now_ms`, or one that is a moment old."""
        last, fleet, count = self._last, self._fleet, len(self._fleet)
        if last is not None and 0 <= now_ms - last.at_ms < _FRESH_MS and self._ranked == fleet.table.layout:
            return last
        self._ranked = fleet.table.layout
        codes = states(fleet, now_ms)
        wanting = codes <= LAST_NEED
        in_hand = wanting & (fleet.acknowledged[:count] | (fleet.snoozed_ms[:count] > now_ms))
        needs = wanting & ~in_hand
        group = np.where(needs, 0, np.where(in_hand, 1, 2))
        risk = np.round(
            np.nan_to_num(fleet.risk[:count]) * 50
        )  # in steps, so that lines do not change places for nothing
        order = np.lexsort((self.names(), -risk, self._left(), codes, group))
        counts = np.bincount(codes, minlength=len(STATES)).tolist()
        clocks, past_ms = fleet.senders.clocks(now_ms), fleet.senders.past_ms(now_ms)
        faulty = int((needs & (codes == _SUSPECT) & fleet.faulty()).sum())
        self._last = Ranking(now_ms, codes, needs, in_hand, faulty, order, counts, clocks, past_ms)
        return self._last

    def chosen(self, wish: Wish, now_ms: int) -> np.ndarray:
        """The places of the fans that `wish` asks for, in its order."""
        ranking = self.rank(now_ms)
        order = ranking.order
        if wish.sort != "need":
            order = order[np.argsort(self._key(wish, now_ms)[order], kind="stable")]
        if wish.only == "need":
            order = order[ranking.needs[order]]
        elif wish.only == "hand":
            order = order[ranking.in_hand[order]]
        elif wish.only in STATES:
            order = order[ranking.codes[order] == STATES.index(wish.only)]
        words = wish.search[:LONGEST_SEARCH].casefold().split()
        if words:
            order = order[np.fromiter((self._has(place, words) for place in order), np.bool_, len(order))]
        return order

    def names(self) -> np.ndarray:
        """By fan, where its name stands among all, numbers in names counting as numbers."""
        names = self._fleet.names
        if self._named != self._fleet.table.layout:
            keys = [[int(part) if part.isdigit() else part for part in _NUMBER.split(name)] for name in names]
            ranks = np.empty(len(names), np.int64)
            ranks[sorted(range(len(names)), key=keys.__getitem__)] = np.arange(len(names))
            self._names, self._named = ranks, self._fleet.table.layout
        return self._names

    def _left(self) -> np.ndarray:
        latest = self._fleet.latest_ms[: len(self._fleet)]
        # By the middle of the interval, in steps of a minute.
        middle = (self._fleet.earliest_ms[: len(self._fleet)] + latest) // 120_000
        return np.where(latest > 0, middle, np.inf)

    def _key(self, wish: Wish, now_ms: int) -> np.ndarray:
        fleet, count = self._fleet, len(self._fleet)
        if wish.sort == "name":
            key = self.names().astype(np.float64)
        elif wish.sort == "left":
            key = self._left()
        elif wish.sort == "risk":
            key = -fleet.risk[:count]
        elif wish.sort in FEATURES:
            key = -fleet.values[:count, FEATURES.index(wish.sort)]
        else:
            key = fleet.read_ms[:count].astype(np.float64)
        # Those of whom it is not known come last either way.
        return np.where(~np.isfinite(key), np.inf, -key if wish.descending else key)

    def _has(self, place: int, words: list[str]) -> bool:
        alarm = self._fleet.alarms[place]
        text = self._fleet.names[place]
        if alarm is not None:
            text = f"{text} {alarm.cause or ''} {alarm.state} {alarm.why}"
        text = text.casefold()
        return all(word in text for word in words)
