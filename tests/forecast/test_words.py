"""What is said of a fan agrees with the numbers beside it, whatever its state holds."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.forecast import BoxRule
from fanwatch.forecast.bins import BIN_MS, SENSORS
from fanwatch.forecast.memory import Memory, empty
from fanwatch.forecast.model import HEALTHY
from fanwatch.forecast.reasoning import tell
from fanwatch.forecast.verdict import ALARM, DRIFT
from fanwatch.forecast.windows import HOURS, OVER, SIGNALS, UNDER
from fanwatch.messages.timestamps import format_ms
from fanwatch.sensors import FEATURES

LAST = 2_944_000
SINCE = f"{format_ms(LAST // 6 * 6 * BIN_MS)[:16].replace('T', ' ')} UTC"
SIX, BEGINNING = HOURS.index(6), SIGNALS.index("beginning")
SOUND, ROTATION = 3, 0
Numbers = list[float]


def why(
    cause: int,
    level: Numbers,
    usual: Numbers,
    over: Numbers,
    under: Numbers,
    beginning: Numbers,
    drifts: tuple[int, ...] = (),
) -> str:
    """Of a fan in alarm whose last six hours were so: by sensor, in shares of its healthy range."""
    memory = Memory(empty(1))
    memory.first[:], memory.last[:], memory.scored[:] = LAST - 2000, LAST, LAST
    memory.state[:], memory.since[:], memory.risk[:], memory.cause[:] = ALARM, LAST - 20, 0.9, cause + 1
    memory.borne[:], memory.hours[:] = 0.9, (5, 20, 60)
    for signal, values in ((0, level), (OVER, over), (UNDER, under), (BEGINNING, beginning)):
        memory.windows[0, :, signal, SIX] = values
    memory.windows[0, :, BEGINNING, HOURS.index(24)] = beginning
    memory.usual[0, :, 0] = usual
    low, width = HEALTHY[:, 0], HEALTHY[:, 1] - HEALTHY[:, 0]
    now, then = low + np.array(level) * width, low + np.array(usual) * width
    memory.shown[0, :, -1], memory.shown_hour[:] = (
        np.stack((now, np.ones(SENSORS), now, now), axis=1),
        LAST // 6,
    )
    memory.shown_usual[0], memory.usual_weight[:] = then, 1
    way = np.sign(np.subtract(level, usual))
    memory.way[0], memory.turned[0], memory.turned_from[0] = way, LAST - 17, then
    memory.fault[0, list(drifts)] = DRIFT + 1
    return tell("fan-01", memory, BoxRule()).why


@pytest.mark.parametrize(
    ("cause", "changes", "said"),
    [
        (
            SOUND,
            {"level": 0.45, "beginning": 0.4},
            "sound reads high more often than a healthy fan's would at the same load, though not on average"
            f" (48.2 dB since {SINCE}, usual 48.5 dB).",
        ),
        (SOUND, {"level": 0.53, "beginning": 0.4}, f"though hardly on average (48.7 dB since {SINCE}, usual 48.5 dB)."),
        (SOUND, {"level": 0.45}, "the sensors together look like a fault that begins (sound on average 48.2 dB since "),
        (SOUND, {"level": 0.45, "over": 0.4}, "sound was above 52.0 dB, beyond what healthy fans show, for about 40%"),
        # It lies below all that is healthy: no wear makes a fan more quiet, so that is not why it is to blame.
        (SOUND, {"level": -0.2, "under": 1, "beginning": 0.1}, f"though not on average (43.6 dB since {SINCE}, usual"),
        (SOUND, {"level": 0.7}, f"sound has risen for 3 h, from 48.5 dB to 49.9 dB on average since {SINCE}."),
        (ROTATION, {"level": 0.2, "under": 0.3}, "rotation has fallen for 3 h, from 600 rpm to 540 rpm on average"),
        (ROTATION, {"level": 0.47, "under": 0.3}, "rotation was below 500 rpm, beyond what healthy fans show, for"),
    ],
)  # fmt: skip
def test_why_a_sensor_is_blamed(cause: int, changes: dict[str, float], said: str) -> None:
    values = {name: [0.0] * SENSORS for name in ("over", "under", "beginning")}
    values |= {name: [0.5] * SENSORS for name in ("level", "usual")}
    for name, value in changes.items():
        values[name][cause] = value
    assert said in why(cause, **values)


_ranges = {"level": (-1, 2.5), "usual": (-0.5, 1.5), "over": (0, 1), "under": (0, 1), "beginning": (-1, 5)}


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, SENSORS - 1),
    st.fixed_dictionaries(
        {
            name: st.lists(st.floats(*range_, width=32), min_size=SENSORS, max_size=SENSORS)
            for name, range_ in _ranges.items()
        }
    ),
)
def test_no_sentence_says_what_its_numbers_do_not(cause: int, values: dict[str, Numbers]) -> None:
    said = why(cause, **values)
    number = r"(-?[\d.]+)(?: rpm| °C| dB)?"
    for way, start, end in re.findall(
        f"has (risen|fallen) for [^,]*, from {number} to {number} on average since", f"{said};"
    ):
        assert (float(end) > float(start)) == (way == "risen"), said
    for sensor, side in re.findall(r"(\w+) was (above|below)", said):
        share = values["over" if side == "above" else "under"][FEATURES.index(sensor)]
        assert round(share, 3) >= 0.01, said
        assert (sensor, side) == ("rotation", "below") or side == "above", said
    for sensor, now, usual in re.findall(
        rf"while (\w+) was {number}(?: on average since [-\d: ]+UTC)? where {number} is usual", said
    ):
        assert float(now) > float(usual) or (sensor == "rotation" and now != usual), said
    for too, now, usual in re.findall(
        rf"reads high .*?, (also|though \w+) on average \({number} since [-\d: ]+UTC, usual {number}\)", said
    ):
        assert {
            "also": float(now) > float(usual),
            "though hardly": True,
            "though not": float(now) <= float(usual),
        }[too], said


def test_a_sensor_that_is_not_to_be_trusted_bears_nothing_out() -> None:
    none, half = [0.0] * SENSORS, [0.5] * SENSORS
    values = {"level": [1.2, 0.5, 0.45, 0.5], "usual": half, "over": [0.4, 0, 0, 0], "under": none}
    said = why(2, **values, beginning=[0, 0, 0.4, 0])
    assert (
        ", and rotation was above 700 rpm, beyond what healthy fans show, for about 40% of the last 6 h"
        in said
    )
    assert why(2, **values, beginning=[0, 0, 0.4, 0], drifts=(0,)) == (
        "vibration reads high more often than a healthy fan's would at the same load, though not on average"
        f" (145 since {SINCE}, usual 150); not to be trusted: rotation (drift)."
    )
