"""One small history and one quickly trained bundle for all tests here: importing TensorFlow takes seconds."""

from pathlib import Path

import pytest

from simulator.history import save
from training.train import Trained, train


@pytest.fixture(scope="session")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small history."""
    file = tmp_path_factory.mktemp("history") / "history.csv"
    save(5760, file, seed=4)
    return file


@pytest.fixture(scope="session")
def trained(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A bundle after a few epochs."""
    return train(csv, tmp_path_factory.mktemp("models") / "7", version=7, seed=2, epochs=6)
