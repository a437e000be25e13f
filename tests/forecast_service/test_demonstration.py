"""What `make run DEMO=fan-03:MODE` shows, by the committed forecast: a failure from its first sign to its repair."""

from datetime import UTC, datetime

import numpy as np
import pytest

from fanwatch.forecast import BIN_MS, Fleet, open_model
from fanwatch.forecast.bins import gather
from fanwatch.forecast.verdict import ORDER
from simulator import demo
from simulator.failure_modes import MODES
from simulator.fleet import steps
from simulator.incidents import Forced
from simulator.machines import Machines
from simulator.physics import HOUR_S

FANS = 10
SHOWN = 2
ENDS_S = datetime(2026, 1, 13, tzinfo=UTC).timestamp()
SEED = 3
"""One for all modes, without a narrow escape: of 600 demonstrations with other seeds 573 were told like this, in the
others a warning never became an alarm, or another sensor seemed to drift first."""


@pytest.mark.parametrize("mode", MODES)
def test_it_is_told_from_warning_to_cleared_and_nobody_is_called_to_another_fan(mode: str) -> None:
    first_s = ENDS_S - demo.hours(mode) * HOUR_S
    machines = Machines(FANS, first_s, physics=demo.physics(), seed=SEED)
    order = Forced(mode, demo.life_h(mode) * HOUR_S, demo.DOWN_H * HOUR_S)
    machines.incidents.force(SHOWN, first_s + (demo.QUIET_H + demo.BEFORE_H) * HOUR_S, order)
    fleet = Fleet(open_model(None), [f"fan-{fan + 1:02d}" for fan in range(FANS)])
    everyone, story, others = np.arange(FANS), [], set()
    for now_s, readings in steps(machines, first_s, lambda: ENDS_S, BIN_MS / 1000):
        for each in gather(np.full(FANS, int(now_s * 1000)), everyone, readings.values, FANS):
            fleet.advance(each)
        over_s = now_s + BIN_MS / 1000
        if over_s < first_s + demo.QUIET_H * HOUR_S or over_s % HOUR_S:
            continue
        # forecast-fan is called each hour, so states between two calls are never shown.
        told = [ORDER[state] for state in fleet.state]
        if story[-1:] != [told[SHOWN]]:
            story.append(told[SHOWN])
        others.update(told[:SHOWN] + told[SHOWN + 1 :])
    assert story == ["ok", "warning", "alarm", "stopped", "ok"]
    assert not others & {"alarm", "stopped", "unknown"}
