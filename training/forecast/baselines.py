"""Other ways of seeing failures coming, measured as the forecast is: thresholds from validation fans, events of others.

They see what the forecast's network sees, cleaned by the same code, and their risk is smoothed as in service. Of
sensors that drift they know nothing.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import BoxRule
from fanwatch.forecast.bins import Floats
from fanwatch.forecast.fleet import observe
from fanwatch.forecast.memory import Memory, empty
from fanwatch.forecast.model import Machine
from fanwatch.forecast.windows import features
from training.baselines import one_thread
from training.forecast import figures, thresholds, truth
from training.forecast.figures import Figure
from training.forecast.history import History, read
from training.forecast.outcomes import compare
from training.forecast.trace import Trace, at_threshold
from training.forecast.train import Say, split

_ROWS: Final = 60_000
_AT_ONCE: Final = 100
_ROUNDS: Final = 200
"""Of the net's learning, at most: it ends by itself once ten rounds have brought nothing, mostly after 40 to 100."""
_HOUR: Final = 6.0
_THREE_HOURS: Final = 18.0

_UNTOLD: Final = ("cause", "recognised", "named")
"""In the names of figures of what baselines do not tell."""

Score = Callable[[Floats, Floats], Floats]
"""Risk, shape (n,), of window features, shape (n, len(NAMES)), and of the newest cleaned values, shape (n, sensors)."""


class _Baseline(NamedTuple):
    name: str
    score: Score
    smoothing_bins: float
    note: str = ""
    """What a person should know of its training, a sentence."""


def baselines(
    source: Path, history: History, false_alarms: float, seed: int, say: Say
) -> tuple[dict[str, dict[str, Figure]], list[str]]:
    """Train on the history in directory `source`; figures of events on `history`, by the baseline's name, and notes."""
    learned, validation = split(
        read(source, lambda done, total: say("reading baselines' history", done, total)), seed
    )
    edges = learned.edges()
    rows = training_rows(learned, edges, seed, say)
    those = [boosting(rows, seed), single(rows, seed), box(edges)]
    chosen = {
        baseline.name: thresholds.machine(validation, trace, false_alarms).machine.warning
        for baseline, trace in _follow(validation, edges, those, say)
    }
    found = {}
    for baseline, trace in _follow(history, edges, those, say):
        outcomes = compare(history, trace, at_threshold(trace.risk, chosen[baseline.name]))
        figure = figures.events(outcomes, len(history.devices), history.months, seed=seed)
        true = truth.of(history)
        scores = {
            name: Figure(value, np.nan, np.nan) for name, value in figures.probabilities(trace, true).items()
        }
        told = {name: each for name, each in figure.items() if not any(word in name for word in _UNTOLD)}
        found[baseline.name] = told | scores
    return found, [baseline.note for baseline in those if baseline.note]


def boosting(rows: "_Rows", seed: int) -> _Baseline:
    """Gradient boosting on the forecast's own inputs."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=100, l2_regularization=1.0,
        random_state=seed,
    )  # fmt: skip
    with one_thread():
        model.fit(rows.features, rows.worn)
    return _Baseline("gradient boosting", lambda inputs, values: _chance(model, inputs), _HOUR)


def single(rows: "_Rows", seed: int) -> _Baseline:
    """A net on single readings."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    name = "single readings, 3 h mean"
    model = MLPClassifier((32, 16), random_state=seed, max_iter=_ROUNDS, early_stopping=True)
    known = np.isfinite(rows.values).all(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.values[known], rows.worn[known])
    note = (
        f'The net of "{name}" was still learning when its {_ROUNDS} rounds were over: with more it might do better.'
        if model.n_iter_ == _ROUNDS
        else ""
    )

    def score(inputs: Floats, values: Floats) -> Floats:
        return _chance(model, np.where(np.isfinite(values), values, np.float32(0.5)))

    return _Baseline(name, score, _THREE_HOURS, note)


def box(edges: Floats) -> _Baseline:
    """Values outside the healthy range, `edges` of shape (n, 2)."""
    rule = BoxRule(edges=edges)
    return _Baseline("box rule", lambda inputs, values: rule.score(inputs).risk, _HOUR)


def _chance(model: Any, inputs: Floats) -> Floats:
    with one_thread():
        chance: Floats = model.predict_proba(inputs)[:, 1].astype(np.float32)
    return chance


class _Rows(NamedTuple):
    features: Floats
    values: Floats
    worn: NDArray[np.bool_]


def training_rows(history: History, edges: Floats, seed: int, say: Say) -> _Rows:
    """A sample of a history, as the baselines learn from it."""
    true, random = truth.of(history), np.random.default_rng(seed)
    share = _ROWS / true.worn.size
    parts: list[tuple[Floats, Floats, NDArray[np.bool_]]] = []
    for step, memory, value, ready in _bins(history, edges, true.first, "computing baselines' features", say):
        some = np.flatnonzero(ready & ~true.down[step] & (random.random(len(ready)) < share))
        if len(some):
            parts.append((features(Memory(memory.rows[some])), value[some], true.worn[step, some]))
    inputs, values, worn = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Rows(inputs, values, worn)


def _follow(
    history: History, edges: Floats, those: list[_Baseline], say: Say
) -> list[tuple[_Baseline, Trace]]:
    true = truth.of(history)
    bins, fans = true.worn.shape
    risks = [np.full((bins, fans), np.nan, np.float32) for _ in those]
    held: list[tuple[int, Floats, Floats]] = []
    readies = np.zeros((bins, fans), np.bool_)

    def flush() -> None:
        if not held:
            return
        inputs, values = (
            np.concatenate(part) for part in ([each[1] for each in held], [each[2] for each in held])
        )
        for risk, baseline in zip(risks, those, strict=True):
            scored = baseline.score(inputs, values).reshape(len(held), fans)
            for (step, _, _), row in zip(held, scored, strict=True):
                risk[step] = row
        held.clear()

    for step, memory, value, ready in _bins(history, edges, true.first, "following fans with baselines", say):
        held.append((step, features(memory), value))
        readies[step] = ready
        if len(held) == _AT_ONCE:
            flush()
    flush()
    nothing = np.zeros((bins, fans), np.int8)
    empty_hours = np.empty((0, fans, 3), np.float32)
    return [
        (
            baseline,
            Trace(
                true.first,
                nothing,
                _smooth(risk, readies, baseline.smoothing_bins),
                risk,
                empty_hours,
                nothing,
                np.zeros((0, fans, 4), np.int8),
                empty_hours,
            ),
        )
        for baseline, risk in zip(those, risks, strict=True)
    ]


def _smooth(risk: Floats, ready: NDArray[np.bool_], bins: float) -> Floats:
    smooth, fresh = np.zeros(risk.shape[1], np.float32), np.ones(risk.shape[1], np.bool_)
    step = np.float32(1 - np.exp(-1 / bins))
    for row, those in zip(risk, ready, strict=True):
        smooth = np.where(those, np.where(fresh, row, smooth + step * (row - smooth)), smooth)
        fresh &= ~those
        row[:] = np.where(those, smooth, np.nan)
    return risk


def _bins(history: History, edges: Floats, first: int, what: str, say: Say) -> Any:
    """Yield step, memory, cleaned values and whether the fans can be judged, for each bin."""
    memory = Memory(empty(len(history.devices)))
    restart = Machine(warning=0.5, alarm=0.5, exit=0.5).restart_bins
    bins = int(history.time_ms[-1]) // 600_000 + 1 - first
    for step, each in enumerate(history.bins()):
        observed, ready = observe(memory, each, edges, first + step)
        yield step, memory, observed.value, ready & (memory.weight.max(axis=1) >= restart)
        if step % 144 == 0:
            say(what, step, bins)
