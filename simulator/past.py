"""Days that a fleet has behind it when it begins to publish, and where its life is written down.

A fleet is made anew from its seed and the time of its birth, so that each start finds the same fans, as worn as they
are by now, and what was never stored can be played in as it would have been.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from fanwatch.files import opened, replaced
from simulator.history_files import EVENTS_HEADER, event_row
from simulator.machines import Machines, Readings
from simulator.outbox import Entry, Outbox
from simulator.results import Results
from simulator.wire import entries

OLDEST_S: Final = 90 * 86_400
"""An older fleet is born anew: it would take too long to live its life again."""
_PIECE: Final = 1000
_LONGEST_S: Final = 0.02
_WAITING: Final = 300
"""While more than this waits for the broker, the past waits too: what happens now goes first."""


class Birth(msgspec.Struct, frozen=True):
    """What makes a fleet."""

    seed: int
    born_s: float
    """Seconds since the epoch; a multiple of the interval."""


def birth(file: Path | None, seed: int | None, now_s: float, days: float, interval_s: float) -> Birth:
    """The fleet of this file, which is written where there is none; a new one where it is too old or unreadable."""
    born_s = (now_s - days * 86_400) // interval_s * interval_s
    found: Birth | None = None
    if file is not None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found = msgspec.json.decode(file.read_bytes(), type=Birth)
    if found is not None and seed in (None, found.seed) and born_s - OLDEST_S <= found.born_s <= born_s:
        return found
    drawn = int(np.random.SeedSequence().generate_state(1)[0])
    made = Birth(found.seed if found and seed is None else drawn if seed is None else seed, born_s)
    if file is not None:
        _write(file, msgspec.json.encode(made))
    return made


def _write(file: Path, content: bytes) -> None:
    with replaced(file) as part:
        part.write_bytes(content)


def live_through(passed: Iterator[tuple[float, Readings]]) -> None:
    """Lets the days pass without telling anybody."""
    for _ in passed:
        pass


def missing(
    passed: Iterator[tuple[float, Readings]], newest_ms: Mapping[str, int], oldest_ms: int
) -> Iterator[list[Entry]]:
    """What of the past comes after each fan's newest reading, and not before `oldest_ms`: a piece a step, or several.

    A piece may be empty, so that whoever takes it can do something else in between.
    """
    for now_s, readings in passed:
        now_ms, made = int(now_s * 1000), []
        if now_ms >= oldest_ms:
            numbers = list(range(len(readings.values)))
            made = entries(numbers, [now_ms] * len(numbers), readings)
            made = [each for each in made if newest_ms.get(each.device_id, 0) < now_ms]
        for begin in range(0, max(1, len(made)), _PIECE):
            yield made[begin : begin + _PIECE]


class Player:
    """Hands the past to the outbox, no faster than `per_second`, than the broker takes it and than it is scored."""

    def __init__(self, past: Iterator[list[Entry]], per_second: float, results: Results) -> None:
        self._past = past
        self._results = results
        self._begun = False
        self._per_second = per_second
        self._next = time.monotonic()
        self.played = 0
        self.done = False

    def play(self, outbox: Outbox) -> None:
        """One piece more, if it is time."""
        now = time.monotonic()
        if self.done or now < self._next or not outbox.connected or outbox.counts().waiting > _WAITING:
            return
        if not self._begun:
            self._begun = True
            self._results.listen()
        if self._results.behind():
            return
        piece = next(self._past, None)
        while piece == [] and time.monotonic() - now < _LONGEST_S:
            piece = next(self._past, None)
        if piece is None:
            self.done = True
            self._results.close()
            return
        self._results.expect(len(piece))
        outbox.add(piece)
        self.played += len(piece)
        self._next = max(self._next, now - 1.0) + len(piece) / self._per_second


def truth(file: Path | None, stack: contextlib.ExitStack) -> Callable[[Machines], None]:
    """A function that writes down what has befallen a fleet since it was called last; whole lines at once."""
    if file is None:
        return lambda machines: machines.events.clear()
    lines = stack.enter_context(opened(file))
    print(EVENTS_HEADER, file=lines)

    def tell(machines: Machines) -> None:
        for event in sorted(machines.events, key=lambda each: each.start_s):
            print(event_row(event), file=lines)
        machines.events.clear()

    return tell
