"""From a bundle to the one in use: checked, compared with the running one, put in place, pinned in stack.yml."""

import csv
import io
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.bundles.anomaly import Bundle
from fanwatch.errors import BundleError, FanwatchError
from training import kinds, pins, table
from training.bundle_writer import directory
from training.evaluate import probabilities_of
from training.kinds import AnyBundle
from training.metrics import Interval, Metrics, gain, measure


class InstallError(FanwatchError):
    """The bundle cannot be put to use here; the message says what to do."""


class Labelled(NamedTuple):
    """Rows on which two models are compared."""

    source: str
    features: NDArray[np.float64]
    """Shape (n, sensors)."""
    faulty: NDArray[np.bool_]


class Compared(NamedTuple):
    """Two models on the same rows, each with its own threshold."""

    source: str
    before: Metrics
    after: Metrics
    newly_faulty: int
    """Rows that only the new one calls faulty."""
    newly_healthy: int
    gain: float
    """Of accuracy."""
    gain_interval: Interval
    """95 %."""


class Plan(NamedTuple):
    """What putting a bundle to use would do."""

    bundle: AnyBundle
    target: Path
    """Where it will lie."""
    stack: Path
    text: str
    """stack.yml with the new pin."""
    running: AnyBundle | None
    """The one that stack.yml pins now; None where it cannot be read."""
    trouble: str
    """Why it cannot be read; "" where it can."""

    @property
    def in_use(self) -> bool:
        """Whether stack.yml pins this very bundle already."""
        return self.text == pins.read(self.stack)


def plan(source: Path, stack: Path) -> Plan:
    """Check the bundle in `source`, its files and its test vector, and how it would go into `stack`, a stack.yml.

    Raises BundleError for the bundle, PinError for stack.yml, InstallError where its version is taken.
    """
    bundle = kinds.load(source)
    kinds.try_out(bundle)
    metadata = bundle.metadata
    place = f"models/{metadata.name}/{metadata.version}"
    target = stack.resolve().parent / place
    if target.is_dir() and verified.sha256(_described(target)) != bundle.digest:
        raise InstallError(
            f"{place} is another bundle of that version, and results name the version: train with --version"
            f" {newest(stack, metadata.name) + 1} (or move the threshold of {source} as that version)."
        )
    text = pins.read(stack)
    running, trouble = _running(text, stack, metadata.name)
    return Plan(
        bundle, target, stack, pins.changed(text, metadata.name, place, bundle.digest), running, trouble
    )


def install(plan: Plan) -> None:
    """Put the bundle in place, then pin it; until the last step, nothing that runs has changed."""
    if not plan.target.is_dir():
        with directory(plan.target) as fresh:
            shutil.copytree(plan.bundle.path, fresh, dirs_exist_ok=True)
            kinds.load(fresh, plan.bundle.digest)
    if not plan.in_use:
        pins.write(plan.stack, plan.text)


def compare(before: Bundle, after: Bundle, rows: Labelled) -> Compared:
    """Both models on the same rows, as they would serve them."""
    scored = [probabilities_of(bundle, rows.features) for bundle in (before, after)]
    values = [bundle.metadata.threshold.value for bundle in (before, after)]
    old, new = (scores >= value for scores, value in zip(scored, values, strict=True))
    return Compared(
        rows.source,
        measure(scored[0], rows.faulty, values[0]),
        measure(scored[1], rows.faulty, values[1]),
        int((new & ~old).sum()),
        int((old & ~new).sum()),
        *gain(new == rows.faulty, old == rows.faulty),
    )


def rows_of(bundle: Bundle, history: Path | None) -> Labelled:
    """The rows of a history file, or the validation rows that the bundle carries."""
    if history is not None:
        found = table.read(history)
        return Labelled(str(history), found.features, found.faulty)
    try:
        text = bundle.read(bundles.VALIDATION_FILE).decode("ascii")
        header, *lines = csv.reader(io.StringIO(text))
        if tuple(header) != table.COLUMNS[2:] or not lines:
            raise ValueError(header)
        values = np.array(lines, dtype=np.float64)
    except ValueError as error:
        raise BundleError(
            f"{bundle.path / bundles.VALIDATION_FILE} is not what training writes: {error}."
        ) from error
    return Labelled(
        f"{len(values):,} of {bundle.model}'s validation rows", values[:, :-1], values[:, -1] == 1
    )


def newest(stack: Path, name: str) -> int:
    """The highest version of a model beside stack.yml; 0 where there is none."""
    return max((int(path.name) for path in versions(stack, name)), default=0)


def versions(stack: Path, name: str = "*") -> list[Path]:
    """Directories of the bundles beside stack.yml, by name and version."""
    found = [path for path in (stack.resolve().parent / "models").glob(f"{name}/*") if path.name.isdecimal()]
    return sorted(found, key=lambda path: (path.parent.name, int(path.name)))


def _described(target: Path) -> bytes:
    try:
        return (target / verified.METADATA).read_bytes()
    except OSError:
        return b""


def _running(text: str, stack: Path, name: str) -> tuple[AnyBundle | None, str]:
    pinned = pins.find(text, name)
    if not pinned:
        return None, "stack.yml names none."
    try:
        return kinds.load(stack.resolve().parent / pinned[0].path, pinned[0].sha256), ""
    except BundleError as error:
        return None, str(error)
