"""The ideal detector knows what the simulator does, and is told no more than it says."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.oracle import counting, hypotheses
from benchmarks.oracle.hypotheses import Fineness
from benchmarks.oracle.ideal import believe
from benchmarks.oracle.told import Told, tell
from simulator.history_files import FIRST_S, Wanted, steps
from simulator.machines import Machines
from simulator.physics import Physics
from training.forecast import truth

PHYSICS = Physics(healthy_h=150.0)
"""Faults often enough for a short history."""
WANTED = Wanted(fans=8, days=12, seed=3, physics=PHYSICS)


@pytest.fixture(scope="module")
def told() -> Told:
    return tell(WANTED)


@pytest.fixture(scope="module")
def worn(told: Told) -> NDArray[np.bool_]:
    return truth.of(told.history).worn


def test_it_is_told_of_the_same_fans_as_a_history_file_has(told: Told) -> None:
    machines = Machines(WANTED.fans, FIRST_S, physics=PHYSICS, seed=WANTED.seed)
    values = np.stack([readings.values for _, readings in steps(WANTED, machines)])
    assert (told.values == values.astype(np.float32)).all()
    assert len(told.history.faults) == sum(event.kind == "fault" for event in machines.events)


def test_its_probabilities_come_true_and_less_so_where_it_takes_load_for_noise(
    told: Told, worn: NDArray[np.bool_]
) -> None:
    places, running = hypotheses.every(PHYSICS, Fineness(3, 8, 1)), ~told.standing
    noisy = msgspec.structs.replace(
        PHYSICS, load_short=0.0, load_long=0.0, ambient_long=0.0, noise=(0.9, 0.9, 0.9, 0.9)
    )
    true, losses = worn[running], []
    for physics in (PHYSICS, noisy):
        risk = np.clip(believe(told, places, physics).fault[running], 1e-4, 1 - 1e-4)
        losses.append(-np.log(np.where(true, risk, 1 - risk)).mean())
        if physics is PHYSICS:
            assert true[risk > 0.95].mean() > 0.9
            assert true[risk < 0.1].mean() < 0.15
    assert losses[0] < 0.9 * losses[1]
    # It is .1175; without the day's rhythm it would be .123, with another weight of the evidence .22 or 4.
    assert losses[0] < 0.12


def test_it_is_counted_by_the_rules_of_evaluation(told: Told, worn: NDArray[np.bool_]) -> None:
    score = worn.astype(np.float32)
    perfect = counting.count(told, score).chosen(counting.at_most(0.1))
    assert perfect["false alarms a fan-month"].value == 0
    # The two bins that a warning takes cost those their day's notice that hardly last one.
    assert perfect["recall, 24 h notice"].value == perfect["recall, 24 h notice, at most"].value
    healthy = np.flatnonzero(~worn.any(axis=0) & ~told.standing.any(axis=0))
    score[500:510, healthy[0]] = 1
    wrong = counting.count(told, score)
    assert len(wrong.outcomes[0].false) + len(wrong.outcomes[0].by_instrument) == 1
