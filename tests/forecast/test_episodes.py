"""One episode for each trouble: properties of the alarm's machine under any risk, and its way through a failure."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.forecast import BoxRule, Machine, Verdict
from fanwatch.forecast.bins import SENSORS
from fanwatch.forecast.cleaning import Cleaned
from fanwatch.forecast.episodes import close, smooth, step
from fanwatch.forecast.memory import Memory, empty
from fanwatch.forecast.model import Scores
from fanwatch.forecast.reasoning import tell
from fanwatch.forecast.verdict import ALARM, DRIFT, INSTRUMENT, OK, STOPPED, WARNING
from tests.forecast.fans import fleet, healthy, live

MACHINE = Machine(warning=0.5, alarm=0.8, exit=0.25)
FIRST = 2_944_000


def run(risks: list[float], borne: float = 1.0) -> list[tuple[int, int]]:
    """State and since of a fan that has been known for long and whose risk, unsmoothed, is this bin after bin.

    `borne`: which share of the risk is left without the sensor that speaks loudest.
    """
    memory = Memory(empty(1))
    memory.first[:], memory.weight[:], memory.state[:], memory.since[:] = FIRST - 1000, 500, OK, FIRST - 900
    yes, no = np.array([True]), np.array([False])
    seen = Cleaned(np.zeros((1, SENSORS), np.float32), np.zeros((1, SENSORS), np.bool_), yes, yes, no)
    states = []
    for number, risk in enumerate(risks, FIRST):
        none = np.zeros((1, SENSORS), np.float32)
        scores = Scores(np.array([risk], np.float32), np.ones((1, 3), np.float32), none, none)
        memory.scored[:] = 0
        smooth(memory, scores, scores.risk * borne, seen, MACHINE, number)
        step(memory, seen, MACHINE, number)
        states.append((int(memory.state[0]), int(memory.since[0])))
    return states


risky = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 0.55, 0.9]), st.integers(1, 45)), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=60)
@given(risky)
def test_an_episode_begins_with_two_risky_bins_and_ends_with_six_quiet_hours(
    parts: list[tuple[float, int]],
) -> None:
    risks = [risk for risk, length in parts for _ in range(length)]
    states = run(risks)
    before = (OK, 0)
    for at, now in enumerate(states):
        in_episode, was = now[0] in (WARNING, ALARM), before[0] in (WARNING, ALARM)
        if in_episode and not was:
            assert at >= 1
            assert min(risks[at - 1 : at + 1]) >= MACHINE.warning
        if in_episode and was:
            assert now[1] == before[1], "an episode keeps the time at which it began"
            assert now[0] >= before[0], "an alarm does not become a warning again"
        if was and not in_episode:
            assert max(risks[at - MACHINE.quiet_bins + 1 : at + 1]) < MACHINE.exit
        before = now
    told = [
        now[1]
        for now, earlier in zip(states[1:], states, strict=False)
        if now[0] in (WARNING, ALARM) and earlier[0] == OK
    ]
    assert all(later - earlier > MACHINE.quiet_bins for earlier, later in itertools.pairwise(told))


@pytest.mark.parametrize(
    ("parts", "states"),
    [
        ([(0.0, 50)], {OK}),
        ([(0.0, 10), (0.9, 1), (0.0, 10)], {OK}),
        ([(0.0, 10), (0.55, 5)], {OK, WARNING}),
        ([(0.0, 10), (0.55, 5), (0.9, 5)], {OK, WARNING}),
        ([(0.0, 10), (0.9, 20)], {OK, WARNING, ALARM}),
    ],
)
def test_what_a_risk_leads_to(parts: list[tuple[float, int]], states: set[int]) -> None:
    found = run([risk for risk, length in parts for _ in range(length)])
    assert {state for state, _ in found} == states


def test_what_one_sensor_alone_says_stays_a_warning() -> None:
    found = run([0.0] * 10 + [0.95] * 60, borne=0.5)
    assert {state for state, _ in found} == {OK, WARNING}


def test_a_warning_that_turns_out_a_drift_goes_on_as_the_instruments_episode() -> None:
    memory = Memory(empty(1))
    memory.first[:], memory.weight[:], memory.state[:], memory.since[:] = (
        FIRST - 1000,
        500,
        WARNING,
        FIRST - 50,
    )
    memory.fault[0, 2], memory.drifts[0, 2], memory.risk[:] = DRIFT + 1, 1, 0.1
    yes, no = np.array([True]), np.array([False])
    seen = Cleaned(np.zeros((1, SENSORS), np.float32), np.zeros((1, SENSORS), np.bool_), yes, yes, no)
    step(memory, seen, MACHINE, FIRST)
    assert (memory.state[0], memory.since[0], memory.cause[0]) == (INSTRUMENT, FIRST - 50, DRIFT + 1)
    verdict = tell("fan-01", memory, BoxRule())
    assert verdict.why.startswith(
        "What looked like a fault of the fan rests on one sensor alone. The vibration sensor "
    )


def test_a_closed_episode_does_not_begin_anew_before_the_risk_was_low() -> None:
    memory = Memory(empty(1))
    memory.first[:], memory.last[:], memory.state[:], memory.since[:] = FIRST - 1000, FIRST, ALARM, FIRST - 50
    memory.risk[:], memory.above[:] = 0.9, 40
    close(memory, FIRST)
    yes, no = np.array([True]), np.array([False])
    seen = Cleaned(np.zeros((1, SENSORS), np.float32), np.zeros((1, SENSORS), np.bool_), yes, yes, no)
    for number in range(FIRST + 1, FIRST + 20):
        step(memory, seen, MACHINE, number)
        assert memory.state[0] == OK
    for number, risk in enumerate([0.1, 0.1, *[0.9] * 20], FIRST + 20):
        memory.risk[:] = memory.borne[:] = risk
        step(memory, seen, MACHINE, number)
    assert memory.state[0] == ALARM


def test_a_fan_that_stops_after_its_episode_was_closed_gives_no_warning_anew() -> None:
    memory = Memory(empty(1))
    memory.first[:], memory.last[:], memory.state[:], memory.since[:] = FIRST - 1000, FIRST, ALARM, FIRST - 50
    memory.risk[:], memory.above[:] = 0.9, 40
    close(memory, FIRST)
    yes, no, none = np.array([True]), np.array([False]), np.zeros((1, SENSORS))
    seen = Cleaned(none.astype(np.float32), none.astype(np.bool_), yes, no, no)
    for number in (FIRST + 1, FIRST + 2):
        memory.still[:] += 1
        step(memory, seen, MACHINE, number)
        assert memory.state[0] == (OK if number == FIRST + 1 else STOPPED)
    assert memory.since[0] == FIRST + 1


def failing() -> list[Verdict]:
    """A fan whose vibration and sound rise for 40 hours until it stops, and that is repaired after 10."""
    values = healthy(800)
    values[300:540, 0, 2] += np.linspace(0, 90, 240)
    values[300:540, 0, 3] += np.linspace(0, 6, 240)
    values[540:600, 0] = [0.0, 23.0, 0.4, 33.0]
    return live(fleet(), values.round(2))


def test_a_failure_is_one_episode_from_warning_through_alarm_to_stopped_and_ends_after_the_repair() -> None:
    verdicts = failing()
    order = [
        each.state for each, before in zip(verdicts[1:], verdicts, strict=False) if each.state != before.state
    ]
    assert order == ["ok", "warning", "alarm", "stopped", "unknown", "ok"]
    trouble = [each for each in verdicts if each.state in ("warning", "alarm", "stopped")]
    assert len({each.episode for each in trouble}) == 1
    assert {each.cause for each in trouble[10:]} <= {"vibration", "sound"}
    assert verdicts[-1].expected_ms is None
    told = [each for each in trouble if each.expected_ms is not None]
    assert {each.state for each in told} == {"warning", "alarm"}
    assert all(
        "cannot be told" in each.why for each in trouble if each.state != "stopped" and each not in told
    )


def test_the_reason_is_one_sentence_with_true_numbers() -> None:
    alarm = next(each for each in failing() if each.state == "alarm")
    assert alarm.why.endswith(".")
    assert alarm.why.count(".") <= 4
    assert alarm.why.startswith((f"{alarm.cause} has risen for ", f"{alarm.cause} was above "))
    alarm = next(each for each in failing() if each.state == "alarm" and "has risen" in each.why)
    words = alarm.why.split()
    start, end = float(words[words.index("from") + 1]), float(words[words.index("to") + 1].rstrip(",.;"))
    usual = {"vibration": 150.0, "sound": 48.5}[alarm.cause or ""]
    assert start == pytest.approx(usual, rel=0.06)
    assert end > start
