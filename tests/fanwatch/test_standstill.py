"""When a machine stands still: by all sensors that tell, the first of which always does."""

import numpy as np
import pytest

from fanwatch.fleet.standstill import TURNING, stands, stood


def test_both_sensors_have_to_show_less() -> None:
    assert TURNING == {"rotation": 50, "vibration": 20}
    assert stands((0.0, 40.0, 0.5, 33.0))
    assert stands((49.9, 40.0, 19.9, 33.0))
    assert not stands((50.0, 40.0, 0.5, 33.0))
    assert not stands((0.0, 40.0, 20.0, 33.0))
    assert not stands((-1.0, 40.0, 0.5, 33.0)), "no working sensor shows that"


@pytest.mark.parametrize(
    ("rotation", "vibration", "came", "still"),
    [
        (np.nan, np.nan, 1, True), (np.nan, np.nan, 0, False), (np.nan, 150, 1, False), (600, np.nan, 1, False),
        (20, 5, 1, True),
    ],
)  # fmt: skip
def test_of_a_bin_what_is_missing_says_nothing_against_it(
    rotation: float, vibration: float, came: int, still: bool
) -> None:
    mean = np.array([[rotation, 40, vibration, 48]], np.float32)
    counts = np.array([[came, 1, 1, 1]], np.float32)
    assert stood(mean, counts).tolist() == [still]
