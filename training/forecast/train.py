"""`train`: from a fleet's history to a forecast bundle. TensorFlow is imported once it is needed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from fanwatch.bundles import verified
from fanwatch.bundles.engines import open_engine
from fanwatch.forecast import Machine, windows
from fanwatch.forecast import bundle as forecast_bundles
from fanwatch.forecast import golden as golden_file
from fanwatch.forecast.bins import Floats, Ints
from fanwatch.forecast.bundle import OUTPUT_NAMES, ForecastMetadata, NetworkModel, Sensor, TestVector
from fanwatch.forecast.model import NAME
from fanwatch.sensors import SENSORS
from training.bundle_writer import TrainingError, check_target, directory, libraries, seal
from training.forecast import card, figures, thresholds, truth
from training.forecast.augmentation import varied
from training.forecast.golden import golden
from training.forecast.history import History, read
from training.forecast.outcomes import compare
from training.forecast.samples import Samples, collect, with_less
from training.forecast.trace import Trace, at_threshold, follow, side_by_side

FALSE_ALARMS: Final = 0.15
"""Wanted at most on validation fans, a fan-month; unseen fans give a little more or less."""
_VALIDATION: Final = 0.25
_TURNS: Final = 3
"""Groups that take turns: each more costs a training and a following, and leaves the networks nearly as they are."""
_ENOUGH_FAILURES: Final = 100
"""Of fewer, thresholds and intervals would be a matter of luck."""
_ROWS_A_FAN: Final = 1200
_FEWEST_FAULTS: Final = 8
_PROBES: Final = 16
Say = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: steps done and in all."""


class Trained(NamedTuple):
    """What came out of a training."""

    path: Path
    digest: str
    """SHA-256 of model.json: the pin for stack.yml."""
    machine: Machine
    validation: dict[str, figures.Figure]
    rows: int
    notes: tuple[str, ...]
    losses: list[float]
    """Of the network, after each epoch."""


def train(
    source: Path, out: Path, *, version: int = 1, seed: int = 1, epochs: int | None = None,
    false_alarms: float = FALSE_ALARMS, say: Say = lambda what, done, total: None,
) -> Trained:  # fmt: skip
    """Train on the history in directory `source` and write the bundle to `out`, whole or not at all.

    Three quarters of the fans are learned from; the others choose the thresholds and the width of intervals. A
    bundle that was in `out` is replaced; TrainingError refuses any other content. HistoryError says what is wrong
    with the history.
    """
    check_target(out)
    history = read(source, lambda done, total: say("reading", done, total))
    learned, folds = folded(history, seed)
    network = _network()
    recipe = network.Recipe(seed=seed, **({} if epochs is None else {"epochs": epochs}))
    recipe = recipe._replace(most_rows=min(recipe.most_rows, _ROWS_A_FAN * len(learned.devices)))
    edges = learned.edges()
    samples = collect(
        varied(learned, edges, seed),
        edges,
        most=recipe.most_rows,
        on_bin=lambda done, total: say("computing features", done, total),
    )
    _check_learnable(source, learned, samples)

    losses: dict[str, list[float]] = {}

    def fit(rows: Samples, what: str) -> Any:
        def on_epoch(epoch: int, loss: float) -> None:
            losses.setdefault(what, []).append(round(loss, 3))
            say(f"{what} {epoch}, loss {loss:.3f}", epoch, recipe.epochs)

        return network.fit(with_less(rows, seed), recipe, on_epoch)

    fitted = fit(samples, "epoch")
    with directory(out) as fresh:
        validation, followed = _validate(history, learned, folds, samples, edges, fitted, network, fit, say)
        choice = thresholds.machine(validation, followed, false_alarms)
        true = truth.of(validation)
        wider = thresholds.wider(followed, followed.hours, true, choice.machine.warning, validation.failures)
        fitted = network.with_intervals(fitted, wider)
        network.export(fitted, fresh)
        seen = golden(history, NetworkModel(NAME, network.in_memory(fitted), edges, choice.machine))
        (fresh / golden_file.FILE).write_text(golden_file.write(seen), encoding="ascii")
        found = _figures(validation, followed, choice.machine, true)
        probe = samples.features[np.random.default_rng(seed).choice(len(samples.features), _PROBES)]
        metadata = ForecastMetadata(
            name=NAME,
            version=version,
            sensors=tuple(
                Sensor(sensor.name, sensor.described_unit, tuple(pair))
                for sensor, pair in zip(SENSORS, edges.astype(np.float64).round(2).tolist(), strict=True)
            ),
            features=windows.NAMES,
            outputs=OUTPUT_NAMES,
            machine=choice.machine,
            chosen=choice.reason,
            metrics={
                name: round(figure.value, 4) for name, figure in found.items() if np.isfinite(figure.value)
            },
            origin=_origin(history, samples, validation, recipe, false_alarms),
            files={},
            test_vector=TestVector(
                probe.astype(np.float64).tolist(), network.outputs(fitted, probe).tolist()
            ),
        )
        digest = seal(fresh, metadata, card.write(metadata), indent=1)
        # The same check as at every start, by the other engine: a bundle that fails it is not kept.
        open_engine(forecast_bundles.load(fresh, digest), "litert")
    return Trained(out, digest, choice.machine, found, len(samples.features), history.notes, losses["epoch"])


def _validate(
    history: History, learned: History, folds: list[Ints], samples: Samples, edges: Floats, fitted: Any,
    network: Any, fit: Callable[[Samples, str], Any], say: Say,
) -> tuple[History, Trace]:  # fmt: skip
    """Validation fans, and how a network that has not learned from them follows them."""
    validation = history.only(np.concatenate(folds))
    traces = []
    for number, fans in enumerate(folds, 1):
        if len(folds) > 1:
            # The rows of a fan and of its copy are of one fan.
            others = ~np.isin(samples.fan % len(learned.devices), fans)
            fitted = fit(samples.of(others), f"checking, part {number} of {len(folds)}: epoch")
        model = NetworkModel(NAME, network.in_memory(fitted), edges, thresholds.provisional())
        traces.append(
            follow(
                history.only(fans), model, lambda done, total: say("following validation fans", done, total),
                hours=True, within=validation,
            )
        )  # fmt: skip
    return validation, side_by_side(traces)


def _figures(
    history: History, trace: Trace, machine: Machine, true: truth.Truth
) -> dict[str, figures.Figure]:
    outcomes = compare(history, trace, at_threshold(trace.risk, machine.warning, machine.warning_bins))
    urgent = compare(history, trace, at_threshold(trace.borne, machine.alarm, machine.warning_bins))
    found = figures.events(outcomes, len(history.devices), history.months, alarms=urgent)
    kept = ("recall, 1 h notice", "recall, 24 h notice", "median lead h", "false alarms a fan-month")
    scores = {
        name: figures.Figure(value, np.nan, np.nan)
        for name, value in figures.probabilities(trace, true).items()
    }
    rare = ("warnings by instruments", "false at alarm level", "alarms by instruments")
    return {name: found[name] for name in (*kept, *(f"{each} a fan-month" for each in rare))} | scores


def _network() -> Any:
    try:
        from training.forecast import network
    except ModuleNotFoundError as error:
        message = f"Training needs {error.name}, which is not installed: run `make install`."
        raise TrainingError(message) from error
    return network


def folded(history: History, seed: int) -> tuple[History, list[Ints]]:
    """The fans that are learned from, and groups of fans that choose thresholds.

    One group, not learned from, where its failures are enough to choose by. Else all are learned from, and each of
    three groups is followed by a network of its own that has learned from the other two (cross-validation).
    """
    learned, validation = split(history, seed)
    if validation.failures >= _ENOUGH_FAILURES:
        number = {name: fan for fan, name in enumerate(history.devices)}
        return learned, [np.array([number[name] for name in validation.devices], np.int64)]
    fans = np.random.default_rng(seed).permutation(len(history.devices))
    return history, [np.sort(part).astype(np.int64) for part in np.array_split(fans, _TURNS)]


def split(history: History, seed: int) -> tuple[History, History]:
    """The fans that are learned from, and those that choose thresholds."""
    fans = np.random.default_rng(seed).permutation(len(history.devices))
    held = max(1, round(len(fans) * _VALIDATION))
    if len(fans) < 4:
        raise TrainingError(
            f"The history has {len(fans)} fans; at least 4 are needed, to learn from some and check on others."
        )
    validation, learned = (np.sort(part).astype(np.int64) for part in np.split(fans, [held]))
    return history.only(learned), history.only(validation)


def _check_learnable(source: Path, history: History, samples: Samples) -> None:
    if history.failures < _FEWEST_FAULTS or not samples.worn.any():
        raise TrainingError(
            f"{source} has {history.failures} failures of the fans that are learned from; at least {_FEWEST_FAULTS} are"
            " needed."
        )


def _origin(
    history: History, samples: Samples, validation: History, recipe: Any, false_alarms: float
) -> verified.Origin:
    rows = {"train": len(samples.features), "validation": len(validation.time_ms)}
    settings = {
        **recipe._asdict(),
        "false_alarms": false_alarms,
        "fans": len(history.devices),
        "days": round(history.days, 2),
    }
    return verified.Origin(hashlib.sha256(history.sha256.encode()).hexdigest(), rows, settings, libraries())
