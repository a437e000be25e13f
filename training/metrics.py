"""How well probabilities fit labels, and how sure that is. Needs no TensorFlow."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.scores import STEPS, Costs, Scores, cheapest, count

_RESAMPLES: Final = 1000
_BINS: Final = 10


class Confusion(NamedTuple):
    """Counts of rows; positive means faulty."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class Metrics(NamedTuple):
    """Of `n` rows; precision, recall and auroc are None where the rows leave them undefined."""

    accuracy: float
    precision: float | None
    recall: float | None
    auroc: float | None
    confusion: Confusion
    n: int

    def as_dict(self) -> dict[str, object]:
        """For JSON: accuracy, precision, recall, auroc, confusion, n."""
        return self._asdict() | {"confusion": self.confusion._asdict()}


class Calibration(NamedTuple):
    """Whether a probability means what it says."""

    brier: float
    """Mean squared distance between probability and label; 0 is perfect, 0.25 is a coin."""
    ece: float
    """Mean distance between a stretch's mean probability and its share of faulty rows."""
    said: list[float]
    """Mean probability of each stretch of width 0.1 that has rows."""
    came: list[float]
    """Share of its rows that were faulty."""
    rows: list[int]


Interval = tuple[float, float]


def measure(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_], threshold: float) -> Metrics:
    """How right it is to call a row faulty from `threshold` on; both arrays have shape (n,)."""
    return measured(count(probabilities, faulty), threshold)


def measured(scores: Scores, threshold: float) -> Metrics:
    """The same from counts."""
    alarms, found = scores.called()
    step = _step(threshold)
    healthy, faulty = int(alarms[0]), int(found[0])
    caught, false = int(found[step]), int(alarms[step])
    confusion = Confusion(caught, false, healthy - false, faulty - caught)
    return Metrics(
        accuracy=(caught + healthy - false) / (healthy + faulty),
        precision=_ratio(caught, caught + false),
        recall=_ratio(caught, faulty),
        auroc=_auroc(scores),
        confusion=confusion,
        n=healthy + faulty,
    )


def auroc(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_]) -> float | None:
    """Chance that a faulty row has a higher probability than a healthy one, a tie counting half."""
    return _auroc(count(probabilities, faulty))


def cheapest_threshold(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_], costs: Costs) -> float:
    """The threshold, to 4 decimals, at which the errors of these rows, shape (n,), cost least."""
    return cheapest(count(probabilities, faulty), costs)


def intervals(scores: Scores, threshold: float, *, seed: int = 1) -> dict[str, Interval]:
    """95 % intervals of accuracy, precision, recall and auroc, by a bootstrap of the rows.

    A share that is 0 or 1 has Wilson's interval, for there a bootstrap would claim to be sure.
    """
    came = np.flatnonzero(scores.healthy + scores.faulty)
    counts = np.concatenate((scores.healthy[came], scores.faulty[came]))
    draws = np.random.default_rng(seed).multinomial(scores.n, counts / scores.n, size=_RESAMPLES)
    healthy, faulty = np.split(draws, 2, axis=1)
    called = came >= _step(threshold)
    false, caught, ill = healthy[:, called].sum(axis=1), faulty[:, called].sum(axis=1), faulty.sum(axis=1)
    well = scores.n - ill
    below = np.cumsum(healthy, axis=1) - healthy
    won = (faulty * (2 * below + healthy)).sum(axis=1)
    drawn = {
        "accuracy": (caught + well - false, np.full(_RESAMPLES, scores.n)),
        "precision": (caught, caught + false),
        "recall": (caught, ill),
        "auroc": (won, 2 * ill * well),
    }
    sure = {
        name: _middle(part[whole > 0] / whole[whole > 0])
        for name, (part, whole) in drawn.items()
        if whole.any()
    }
    caught, false, spared, missed = measured(scores, threshold).confusion
    pairs = {
        "accuracy": (caught + spared, false + missed),
        "precision": (caught, false),
        "recall": (caught, missed),
    }
    for name, (right, wrong) in pairs.items():
        if name in sure and not (right and wrong):
            # Rows that are all right resample to rows that are all right, which is not how sure one can be.
            sure[name] = wilson(right, right + wrong)
    return sure


def gain(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], *, seed: int = 1) -> tuple[float, Interval]:
    """By how much a share of right rows exceeds another's on the same rows, shape (n,), and its 95 % interval."""
    difference = ours.astype(np.int64) - theirs
    shares = np.array([(difference == value).mean() for value in (-1, 0, 1)])
    draws = np.random.default_rng(seed).multinomial(len(ours), shares, size=_RESAMPLES)
    return float(difference.mean()), _middle((draws[:, 2] - draws[:, 0]) / len(ours))


def calibration(scores: Scores) -> Calibration:
    """How far probabilities are from shares of faulty rows."""
    value = np.arange(STEPS + 1) / STEPS
    rows = scores.healthy + scores.faulty
    brier = float((scores.faulty * (1 - value) ** 2 + scores.healthy * value**2).sum() / rows.sum())
    where = np.minimum((value * _BINS).astype(int), _BINS - 1)
    held, said, came = (np.bincount(where, w, _BINS) for w in (rows, rows * value, scores.faulty))
    full = held > 0
    held = held[full]
    mean, share = said[full] / held, came[full] / held
    ece = float((held * np.abs(mean - share)).sum() / held.sum())
    return Calibration(brier, ece, mean.tolist(), share.tolist(), held.astype(int).tolist())


def plain(metrics: Metrics, sure: dict[str, Interval]) -> Iterator[tuple[str, float]]:
    """The flat form of metrics in model.json; `accuracy_low` and `_high` are the ends of its 95 % interval."""
    for name in ("accuracy", "precision", "recall", "auroc"):
        if (value := getattr(metrics, name)) is not None:
            yield name, round(value, 6)
            yield f"{name}_low", round(sure[name][0], 6)
            yield f"{name}_high", round(sure[name][1], 6)
    yield from metrics.confusion._asdict().items()
    yield "n", metrics.n


def _auroc(scores: Scores) -> float | None:
    healthy, faulty = int(scores.healthy.sum()), int(scores.faulty.sum())
    if not healthy or not faulty:
        return None
    below = np.cumsum(scores.healthy) - scores.healthy
    # Twice the pairs won, so that a tie's half stays a whole number.
    return int((scores.faulty * (2 * below + scores.healthy)).sum()) / (2 * healthy * faulty)


def _middle(values: NDArray[np.floating]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975)).tolist()
    return low, high


def wilson(part: int, whole: int) -> Interval:
    """95 % interval of a share of `whole` rows."""
    share, z = part / whole, 1.96
    middle, half = (
        share + z * z / (2 * whole),
        z * np.sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2),
    )
    scale = 1 + z * z / whole
    return max(0.0, float((middle - half) / scale)), min(1.0, float((middle + half) / scale))


def _step(threshold: float) -> int:
    return int(np.ceil(threshold * STEPS - 1e-6))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
