"""The committed forecast bundle: whole, of the code that is here, and the same in both engines."""

from pathlib import Path

import numpy as np
import pytest

from fanwatch.forecast import Fleet, bundle, cleaning, episodes, golden, open_model, windows
from tests.forecast.fans import START_MS, binned, healthy

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "models" / "fan-forecast" / "1"


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_it_forecasts_as_it_did_when_it_was_trained(engine: str) -> None:
    """If this fails, a change has altered predictions: where that is meant, `make forecast-model`, and its pin."""
    model, kept = open_model(DEFAULT, engine=engine), golden.read(bundle.load(DEFAULT))
    assert kept is not None
    assert np.nanmax(kept.risk) > 0.5 > np.nanmin(kept.risk)
    assert golden.furthest(kept, model) <= golden.TOLERANCE


def test_a_change_anywhere_between_a_reading_and_its_risk_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = golden.read(bundle.load(DEFAULT))
    assert kept is not None
    model = open_model(DEFAULT, engine="litert")
    for module, name, value in (
        (episodes, "_SMOOTHING_BINS", 6.5),
        (windows, "_TAU", windows._TAU * np.float32(1.05)),
        (cleaning, "_JUMP", np.float32(0.6)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert golden.furthest(kept, model) > golden.TOLERANCE, name


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
