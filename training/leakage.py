"""Whether something that is no measurement gives the label away, and what accuracy that would pretend."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import SENSORS
from training.table import Table

_BINS: Final = 64
_FINE_BINS: Final = 1024
_ROWS_A_BIN: Final = 20
_LEAST_GAIN: Final = 0.1
"""Accuracy above that of always giving the commoner answer, from which a column is said to tell the label."""
_TOO_GOOD: Final = 0.995
"""A single sensor that is right so often was probably what the label was made from."""
_HOUR_MS: Final = 3_600_000
_FEW_VALUES: Final = 50


class Leak(NamedTuple):
    """What one column alone tells of the label."""

    column: str
    how: str
    """How it was looked at, a few words."""
    accuracy: float
    """On half of the rows, after learning from the other half with this column only."""
    guess: float
    """Of always giving the commoner answer."""
    given_away: bool
    learned_from: bool
    """Whether the model sees this column."""


def check(table: Table) -> list[Leak]:
    """Every column of the file by itself, those that tell most first."""
    time = table.time_ms
    looked = [
        _leak(table.faulty, "DeviceID", "which device it is", table.device),
        _leak(table.faulty, "Time", "the date", _binned(time)),
        _leak(table.faulty, "Time of day", "the hour", (time // _HOUR_MS % 24).astype(np.int64)),
        _leak(table.faulty, "Place in the file", "the line number", _binned(table.line)),
    ]
    for name, cells in table.others.items():
        codes = _codes(cells)
        if codes is not None:
            looked.append(_leak(table.others_faulty, name, "a column that is not used", codes))
    # Fine bins, for a label that was made by a limit changes within one.
    fine = min(_FINE_BINS, max(_BINS, len(table.faulty) // _ROWS_A_BIN))
    for index, sensor in enumerate(SENSORS):
        found = _leak(
            table.faulty, sensor.column, "one sensor alone", _binned(table.features[:, index], fine)
        )
        looked.append(found._replace(given_away=found.accuracy >= _TOO_GOOD, learned_from=True))
    return sorted(looked, key=lambda leak: (not leak.given_away, leak.learned_from, -leak.accuracy))


def _leak(
    faulty: NDArray[np.bool_], column: str, how: str, codes: NDArray[np.int64] | NDArray[np.int32]
) -> Leak:
    accuracy, guess, rows = _alone(codes, faulty)
    chance = 4 * np.sqrt(max(guess * (1 - guess), 1e-9) / rows)
    return Leak(column, how, accuracy, guess, accuracy - guess >= max(_LEAST_GAIN, float(chance)), False)


def _alone(
    codes: NDArray[np.int64] | NDArray[np.int32], faulty: NDArray[np.bool_]
) -> tuple[float, float, int]:
    """Accuracy of the commoner label of each code, learned on one half and tested on the other; the guess; rows."""
    order = np.random.default_rng(1).permutation(len(faulty))
    learn, test = order[: len(order) // 2], order[len(order) // 2 :]
    size = int(codes.max()) + 1
    ill = np.bincount(codes[learn], faulty[learn], size)
    seen = np.bincount(codes[learn], minlength=size)
    common = float(faulty[learn].mean()) >= 0.5
    answer = np.where(seen > 0, 2 * ill > seen, common)
    accuracy = float((answer[codes[test]] == faulty[test]).mean())
    guess = max(float(faulty[test].mean()), 1 - float(faulty[test].mean()))
    return accuracy, guess, len(test)


def _binned(values: NDArray[np.floating] | NDArray[np.int64], bins: int = _BINS) -> NDArray[np.int64]:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _codes(cells: list[str]) -> NDArray[np.int64] | None:
    """Numbers for a column's values; None where nearly each row has its own."""
    different, codes = np.unique(np.array(cells), return_inverse=True)
    if len(different) > _FEW_VALUES:
        try:
            return _binned(np.array(cells, dtype=np.float64))
        except ValueError:
            return codes if len(different) <= len(cells) // 2 else None
    return codes
