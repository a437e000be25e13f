"""The forecast of a fleet, bin by bin: the one implementation for training, evaluation and service."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fanwatch.forecast import cleaning, episodes, instruments, sensor_values, windows
from fanwatch.forecast.bins import BIN_MS, SENSORS, Bins, Floats, Ints, no_bins, take
from fanwatch.forecast.cleaning import Flags
from fanwatch.forecast.memory import Memory, empty, pack, unpack
from fanwatch.forecast.model import ForecastModel, Scores
from fanwatch.forecast.reasoning import tell, told_hours
from fanwatch.forecast.verdict import ALARM, SPIKES, WARNING, Verdict

_PLAINLY: Final = np.float32(0.5)
"""Sensors that were for so much of the last six hours where wear takes them count, whatever the network says."""
LONGEST_GAP_BINS: Final = 3 * 144
"""A fan of which nothing is known for longer than this begins anew, as far as its windows go."""


class Fleet:
    """The states of fans 0 to n - 1, whose newest bins may differ. Not for use by several threads at once.

    Work is vectorised over fans; memory and work a bin are constant, however long the fleet has been watched.
    """

    def __init__(self, model: ForecastModel, devices: Sequence[str]) -> None:
        """A fleet of which nothing is known yet; `devices` are its fans' deviceIDs."""
        self.model = model
        self.devices = list(devices)
        self._rows = empty(len(self.devices))

    def add(self, device: str) -> int:
        """Add a fan of which nothing is known; its number."""
        self.devices.append(device)
        self._rows = np.concatenate((self._rows, empty(1)))
        return len(self.devices) - 1

    @property
    def next_ms(self) -> Ints:
        """When each fan's next bin begins, in ms, shape (n,); 0 for a fan of which nothing is known."""
        last = Memory(self._rows).last.astype(np.int64)
        following: Ints = np.where(last > 0, (last + 1) * BIN_MS, 0)
        return following

    def advance(self, bins: Bins) -> None:
        """Take in one bin of some fans, or of all.

        A bin that a fan has had already changes nothing for it; bins missing since its newest one count as bins in
        which nothing came. So bins must come in order of time, fan by fan.
        """
        number = bins.start_ms // BIN_MS
        last = Memory(self._rows).last[bins.fans]
        new = last < number
        if not new.all():
            bins, last = take(bins, new), last[new]
        if not len(bins.fans):
            return
        behind = np.where(last > 0, number - 1 - last, 0).astype(np.int64)
        for missing in range(min(int(behind.max()), LONGEST_GAP_BINS), 0, -1):
            late = bins.fans[behind >= missing]
            self._advance(no_bins((number - missing) * BIN_MS, late), number - missing)
        self._advance(bins, number)

    def features(self) -> Floats:
        """The network's inputs of all fans as of now, shape (n, len(windows.NAMES))."""
        return windows.features(Memory(self._rows))

    def verdict(self, fan: int) -> Verdict:
        """What is said of fan number `fan` as of its newest bin."""
        return tell(self.devices[fan], Memory(self._rows[fan : fan + 1]), self.model)

    @property
    def state(self) -> Ints:
        """Each fan's state as a number, an index of `verdict.ORDER`, shape (n,)."""
        return Memory(self._rows).state.astype(np.int64)

    @property
    def since_ms(self) -> Ints:
        """Since when, in ms: the verdicts' `since_ms`, shape (n,)."""
        return Memory(self._rows).since.astype(np.int64) * BIN_MS

    @property
    def memory(self) -> Memory:
        """All that is remembered, shape (n, ...) each; to be read only."""
        return Memory(self._rows)

    def told_hours(self) -> Floats:
        """Hours to the earliest and latest failure that verdicts tell, NaN where none is told, shape (n, 2)."""
        return told_hours(Memory(self._rows), self.model.machine)

    def close(self, fan: int) -> None:
        """End the fan's episode, as a person decided; it stays ended until the risk has been low or it restarts."""
        memory = Memory(self._rows[fan : fan + 1])
        episodes.close(memory, int(memory.last[0]))

    def pack(self, fan: int) -> bytes:
        """One fan's state, below 1.5 kB, with its version."""
        return pack(self._rows[fan])

    def unpack(self, fan: int, packed: bytes) -> None:
        """Put a packed state in place of the fan's; StateError where it is of another version."""
        self._rows[fan] = unpack(packed)

    def forget(self, fan: int) -> None:
        """Make the fan one of which nothing is known, so that it can be built anew."""
        self._rows[fan] = 0

    def _advance(self, bins: Bins, number: int) -> None:
        rows = self._rows[bins.fans]
        memory = Memory(rows)
        advance(memory, bins, self.model, number)
        self._rows[bins.fans] = rows


def advance(memory: Memory, bins: Bins, model: ForecastModel, number: int) -> None:
    """Move the memory's fans on by bin `number`."""
    observed, ready = observe(memory, bins, model.edges, number)
    scores, borne = score(memory, model)
    instruments.drift(memory, scores.drift, ready, model.machine.drift)
    episodes.smooth(memory, scores, borne, observed, model.machine, number)
    episodes.step(memory, observed, model.machine, number)
    episodes.blame(memory, scores.cause, ready & ((memory.state == WARNING) | (memory.state == ALARM)))


def observe(memory: Memory, bins: Bins, edges: Floats, number: int) -> tuple[cleaning.Cleaned, Flags]:
    """The part before the network, which training calls too: returns what was seen, and which fans can be scored."""
    observed = cleaning.clean(memory, bins, edges, number)
    believed = instruments.watch(memory, bins, observed, number)
    sensor_values.take_in(memory, bins, observed, number)
    sensor_values.usual(memory, bins, believed, number)
    windows.update(memory, observed, believed, number)
    windows.turn(memory, number)
    memory.last[:] = number
    return observed, observed.running & (memory.weight.max(axis=1) > 0)


def score(memory: Memory, model: ForecastModel) -> tuple[Scores, Floats]:
    """What the model says; a sensor that drifts or spikes counts as if it showed what is usual for fans of the kind.

    Second, the risk that is left whichever one sensor is left out, shape (n,): what at least two sensors bear out.
    Zero where the risk is so low that it would not be asked for. Neither is lower than what needs no network: two
    sensors, or two that are left without the foremost one, that lie where wear takes them.
    """
    inputs = windows.features(memory)
    scores = model.score(inputs)
    broken = (memory.drifts > 0) | (memory.fault == SPIKES + 1)
    rows = np.flatnonzero(broken.any(axis=1))
    if len(rows):
        trusted = model.score(windows.as_usual(inputs[rows], broken[rows]))
        scores.risk[rows], scores.hours[rows], scores.cause[rows] = trusted.risk, trusted.hours, trusted.cause
    borne = np.zeros_like(scores.risk)
    rows = np.flatnonzero(scores.risk >= model.machine.exit)
    if len(rows):
        # Each of these fans once without each sensor, asked together.
        without = broken[rows].repeat(SENSORS, axis=0) | np.tile(
            np.eye(SENSORS, dtype=np.bool_), (len(rows), 1)
        )
        asked = windows.as_usual(inputs[rows].repeat(SENSORS, axis=0), without)
        left = model.score(asked).risk.reshape(-1, SENSORS).min(axis=1)
        borne[rows] = np.minimum(left, scores.risk[rows])
    # Two sensors do not both break the same day, nor three; a network may not have met such values, and deny them.
    worn = np.sort(windows.worn(memory), axis=1)
    worn[worn < _PLAINLY] = 0
    return scores._replace(risk=np.maximum(scores.risk, worn[:, -2])), np.maximum(borne, worn[:, -3])
