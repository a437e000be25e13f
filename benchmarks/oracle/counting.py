"""From beliefs to episodes and to the figures of `fanwatch evaluate forecast`, by its own rules of counting."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle.told import Small, Told
from fanwatch.forecast import BIN_MS
from fanwatch.forecast.model import Machine
from fanwatch.forecast.verdict import WARNING
from training.forecast import figures
from training.forecast.figures import Figure
from training.forecast.history import History
from training.forecast.outcomes import Outcomes, compare
from training.forecast.trace import Trace
from training.forecast.trace import told as merged
from training.forecast.truth import Flags

_RULES: Final = Machine(warning=0.5, alarm=0.5, exit=0.25)
"""For how many bins risk must stay high or low; its thresholds are not used."""
_LOGITS: Final = np.linspace(-4, 8, 49)
THRESHOLDS: Final[Small] = (1 / (1 + np.exp(-_LOGITS))).astype(np.float32)

Enough = Callable[[Outcomes, float], bool]
"""Whether a threshold is high enough, from what came of it and fan-months."""


class Counted(NamedTuple):
    """Of one way of telling: what came of each of THRESHOLDS."""

    outcomes: list[Outcomes]
    fans: int
    months: float

    def chosen(self, enough: Enough) -> dict[str, Figure]:
        """Figures at the lowest threshold that is enough, chosen for each half of the fans by the other half.

        Where none is enough, the highest.
        """
        parts = []
        for half in (0, 1):
            others = (_half(each, 1 - half) for each in self.outcomes)
            good = (number for number, each in enumerate(others) if enough(each, self.months / 2))
            parts.append(_half(self.outcomes[next(good, len(self.outcomes) - 1)], half))
        both = Outcomes(*(one + other for one, other in zip(*parts, strict=True)))
        return figures.events(both, self.fans, self.months)


def count(told: Told, score: Small) -> Counted:
    """What comes of telling people where the score, shape (bins, fans), reaches each threshold."""
    outcomes = []
    for state in _warned(score, told.standing):
        trace = _trace(told.history, state)
        outcomes.append(compare(told.history, trace, merged(trace)))
    return Counted(outcomes, score.shape[1], told.history.months)


def _warned(score: Small, standing: Flags) -> Iterator[NDArray[np.int8]]:
    """For each threshold the states of bins and fans; episodes begin and end as the forecast's own do."""
    shape = (score.shape[1], len(THRESHOLDS))
    above, quiet = (np.zeros(shape, np.int16) for _ in range(2))
    warned = np.zeros(shape, np.bool_)
    state = np.zeros((len(THRESHOLDS), *score.shape), np.int8)
    for number, (risk, stands) in enumerate(zip(score[:, :, None], standing[:, :, None], strict=True)):
        above = np.where((risk >= THRESHOLDS) & ~stands, above + 1, 0)
        quiet = np.where(risk < THRESHOLDS / 2, quiet + 1, 0)
        warned |= (above >= _RULES.warning_bins) & (number >= _RULES.warmup_bins)
        warned &= (quiet < _RULES.quiet_bins) & ~stands
        state[:, number] = warned.T * np.int8(WARNING)
    yield from state


def at_most(false_alarms: float) -> Enough:
    """No more false alarms a fan-month, those that instruments cause included, as thresholds of bundles are chosen."""
    return lambda outcomes, months: len(outcomes.false) + len(outcomes.by_instrument) <= false_alarms * months


def by_instruments(false_alarms: float, caused: float) -> Enough:
    """And no more that instruments cause than `caused` a fan-month."""
    enough = at_most(false_alarms)
    return lambda outcomes, months: (
        enough(outcomes, months) and len(outcomes.by_instrument) <= caused * months
    )


def together(parts: Sequence[Counted]) -> Counted:
    """Several fleets as one."""
    before = np.cumsum([0, *(part.fans for part in parts)]).tolist()
    outcomes = []
    for same in zip(*(part.outcomes for part in parts), strict=True):
        numbered = list(zip(before, same, strict=False))
        outcomes.append(
            Outcomes(
                [each._replace(fan=each.fan + more) for more, one in numbered for each in one.foreseen],
                [fan + more for more, one in numbered for fan in one.false],
                [fan + more for more, one in numbered for fan in one.by_instrument],
                [],
            )
        )
    return Counted(outcomes, before[-1], sum(part.months for part in parts))


def _half(outcomes: Outcomes, half: int) -> Outcomes:
    return Outcomes(
        [each for each in outcomes.foreseen if each.fan % 2 == half],
        [fan for fan in outcomes.false if fan % 2 == half],
        [fan for fan in outcomes.by_instrument if fan % 2 == half],
        [],
    )


def _trace(history: History, state: NDArray[np.int8]) -> Trace:
    """With what `compare` reads beside the states: no causes, and nothing of instruments."""
    bins, fans = state.shape
    none = np.zeros((bins, fans, 0), np.float32)
    first = int(history.time_ms[0]) // BIN_MS
    zeros = np.zeros((bins, fans, 4), np.int8)
    return Trace(first, state, none, none, none, zeros[:, :, 0], zeros, none)
