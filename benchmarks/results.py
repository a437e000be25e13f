"""benchmarks/results.json: everything that one run measured."""

import os
from pathlib import Path

import msgspec

from benchmarks.engines import Speed, Start
from benchmarks.machine import Machine
from benchmarks.ours import Drain
from benchmarks.ways import Way
from fanwatch.errors import FanwatchError
from fanwatch.messages.refusals import in_words
from local.layout import CHECKOUT

PATH = CHECKOUT / "benchmarks/results.json"
WAYS = ("reference", "strict", "batched", "stored")
STEPS = (*WAYS, "inference", "cold_start", "scaling", "drain")


class Results(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was not measured is missing."""

    machine: Machine
    reference: Way | None = None
    strict: Way | None = None
    batched: Way | None = None
    stored: Way | None = None
    inference: dict[str, Speed] | None = None
    cold_start: dict[str, Start] | None = None
    scaling: dict[str, float] | None = None
    """CPU time a reading of the whole pipeline, in µs, by number of deviceIDs."""
    drain: Drain | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(getattr(self, step) is not None for step in STEPS)

    @property
    def ways(self) -> dict[str, Way]:
        """The ways that were measured, the reference's first."""
        return {name: way for name in WAYS if (way := getattr(self, name)) is not None}

    @property
    def ratios(self) -> dict[str, float]:
        """How many times the reference's readings a second each of our ways reached."""
        if self.reference is None:
            return {}
        base = self.reference.per_second
        return {
            name: way.per_second / base for name, way in self.ways.items() if name != "reference" and base
        }


def write(results: Results, path: Path) -> None:
    """Writes all of it, or leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    os.replace(fresh, path)


def read(path: Path) -> Results:
    """FanwatchError where there are none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise FanwatchError(f"{path} cannot be read: {error.strerror}. `make bench` writes it.") from error
    except msgspec.DecodeError as error:
        raise FanwatchError(
            f"{path} is damaged: {in_words(error, Results)}. `make bench` writes it anew."
        ) from error
