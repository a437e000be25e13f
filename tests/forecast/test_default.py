"""The committed forecast bundle: whole, of the code that is here, and the same in both engines."""

import hashlib
from pathlib import Path

import numpy as np

from fanwatch.forecast import Fleet, bundle, open_model, windows
from tests.forecast.fans import START_MS, binned, healthy
from training.forecast import train

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "models" / "fan-forecast" / "1"


def test_it_was_made_by_the_code_that_is_here() -> None:
    """If this fails, training has changed: `make forecast-model`, and its new SHA-256 into stack.yml."""
    core, here = Path(windows.__file__).parent, Path(train.__file__).parent
    code = [*(core / f"{name}.py" for name in train._CORE), *(here / f"{name}.py" for name in train._CODE)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()
    assert bundle.load(DEFAULT).metadata.origin.code_sha256 == digest


def test_both_engines_say_the_same_and_a_healthy_fan_is_left_in_peace() -> None:
    lite, full = (open_model(DEFAULT, engine=engine) for engine in ("litert", "tensorflow"))
    fleet = Fleet(lite, ["fan-01", "fan-02"])
    states = set()
    for each in binned(healthy(288, 2)):
        fleet.advance(each)
        states.add(fleet.verdict(0).state)
    assert states == {"unknown", "ok"}
    for ours, theirs in zip(lite.score(fleet.features()), full.score(fleet.features()), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert fleet.verdict(0).at_ms > START_MS
