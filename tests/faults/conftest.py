"""A pipeline of each test's own, and how hard it is hit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.runtime import Pipeline


class Scale(msgspec.Struct, frozen=True):
    """Short in `make test`, full in `make test-faults`."""

    full: bool
    rate: float
    """Readings a second."""
    outage_s: float
    drain_s: float
    """Seconds after an outage within which everything must be settled."""


SHORT = Scale(False, 200, 3, 30)
FULL = Scale(True, 1000, 60, 180)


@pytest.fixture(
    params=[
        pytest.param(SHORT, id="short"),
        pytest.param(FULL, id="full", marks=[pytest.mark.faults, pytest.mark.timeout(600)]),
    ]
)
def scale(request: pytest.FixtureRequest) -> Scale:
    """How hard this run is hit."""
    found: Scale = request.param
    return found


class Factory:
    """Starts pipelines and ends them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.started: list[Pipeline] = []

    def __call__(self, **options: Any) -> Pipeline:
        """See Pipeline."""
        collect = options.pop("collect", True)
        directory = self._directory / f"pipeline-{len(self.started)}"
        directory.mkdir()
        made = Pipeline(directory, **options)
        self.started.append(made)
        return made.start(collect=collect)


@pytest.fixture
def pipelines(tmp_path: Path) -> Iterator[Factory]:
    """Makes pipelines; nothing of them runs afterwards."""
    factory = Factory(tmp_path)
    yield factory
    for pipeline in factory.started:
        pipeline.close()


@pytest.fixture
def pipeline(pipelines: Factory) -> Pipeline:
    """Without a store."""
    return pipelines()
