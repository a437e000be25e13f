"""Closed stays closed: a fan that stands then is out of service until it turns; one stop, one episode, one label."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fanwatch import text
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.reasons import of_text
from fanwatch.messages.timestamps import format_ms
from fanwatch.store import checkpoints, episodes
from tests.forecast_service.conftest import Watch
from tests.support.wait import until
from tests.support.watched import Shape, Watched, broken, failing

_STILL = np.array([0.0, 25.0, 2.0, 38.0])


def worn(stops: list[tuple[float, float]], first: float = 8, last: float = 28) -> Shape:
    """A fan that wears from hour `first` to `last`, and stands within each of `stops`."""
    wears = failing(first, last, last)

    def shape(hour: float, well: np.ndarray) -> np.ndarray | None:
        return _STILL if any(begin <= hour < end for begin, end in stops) else wears(hour, well)

    return shape


class Story:
    """A fan `bad`, hour by hour."""

    def __init__(self, watched: Watched, shape: Shape) -> None:
        self.watched, self._shape, self.hour = watched, shape, 0.0

    def run(self, end: float) -> Alarm:
        """A run that knows all up to the hour `end`; what is said of the fan then."""
        if end > self.hour:
            self.watched.write("bad", self.hour, end, self._shape)
            self.watched.tick(end)
            self.hour = end
        self.watched.run()
        return self.alarm

    @property
    def row(self) -> checkpoints.Row:
        found = checkpoints.of(self.watched.store, self.watched.fan("bad"), 0)
        assert found is not None
        return found

    @property
    def alarm(self) -> Alarm:
        assert self.row.alarm is not None
        return self.row.alarm

    def close(self, found: str = "fault", by: str = "Anna", **content: object) -> Alarm:
        status, answer = self.watched.order(
            episode=self.alarm.episode, action="close", by=by, found=found, **content
        )
        assert status == 200, answer
        return msgspec.convert(answer, Alarm)

    def labels(self) -> list[episodes.Label]:
        return episodes.labels(self.watched.store)


@pytest.mark.parametrize(
    "said",
    [
        {"found": "fault", "outcome": "failed", "mode": "bearing"},
        {"found": "fault", "outcome": "prevented"},
        {"found": "false alarm"},
        {"found": "instrument"},
    ],
)
@pytest.mark.parametrize("wears", [True, False])
def test_a_stopped_fan_that_is_closed_is_out_of_service_until_it_turns(
    watch: Watch, said: dict[str, str], wears: bool
) -> None:
    watched = watch()
    fan = Story(watched, worn([(28, 34), (38, 60)], 8 if wears else 28))
    stopped = fan.run(30)
    assert stopped.state == "stopped"
    closed = fan.close(**said)
    with watched.listener() as listener:
        until(lambda: listener.of("bad"), 10, "what is retained")
        assert listener.of("bad")[-1] == closed
        # Also when the checkpoint, two hours back, has come to lie behind what was said; and for as long as it stands.
        for hour in (30, 30.5, 31, 33, 34):
            assert fan.run(hour) == closed
        assert len(listener.of("bad")) == 1, "nothing is said again"
    assert (closed.state, closed.since_ms) == ("out-of-service", watched.at(28))
    began = stopped.since[:16].replace("T", " ")
    assert closed.why.startswith(f"Anna closed the episode of {began} UTC: {said['found']}")
    assert closed.why.endswith(" It is out of service until it turns.")
    assert [label.since_ms for label in fan.labels()] == [stopped.since_ms]
    assert fan.run(36).state == "ok"
    again = fan.run(40)
    assert (again.state, again.since_ms) == ("stopped", watched.at(38))
    assert again.episode != stopped.episode
    fan.close("fault", outcome="failed", by="Ben")
    failures = {label.since_ms: label.failure_ms for label in fan.labels()}
    assert list(failures) == [stopped.since_ms, again.since_ms]
    assert failures[again.since_ms] == watched.at(38)
    assert fan.run(42).state == "out-of-service"


def test_it_turns_and_stops_anew_within_one_run(watch: Watch) -> None:
    watched = watch()
    fan = Story(watched, worn([(28, 32), (34, 60)]))
    fan.run(30)
    fan.close()
    again = fan.run(38)
    assert (again.state, again.since_ms) == ("stopped", watched.at(34))


@pytest.mark.parametrize(
    ("found", "stop", "state"),
    [
        # Whoever finds a fault stops the fan to repair it.
        ({"found": "fault"}, 26.5, "out-of-service"),
        ({"found": "fault", "outcome": "prevented"}, 26.5, "out-of-service"),
        ({"found": "fault", "outcome": "prevented"}, 27.5, "stopped"),
        # Nobody expects it to stop then.
        ({"found": "false alarm"}, 26.5, "stopped"),
        ({"found": "instrument"}, 26.5, "stopped"),
    ],
)
def test_a_stop_after_the_closing(watch: Watch, found: dict[str, str], stop: float, state: str) -> None:
    watched = watch()
    fan = Story(watched, worn([(stop, stop + 3)]))
    began = fan.run(26)
    assert began.state in ("warning", "alarm")
    assert fan.close(**found).state == "ok"
    fan.run(stop)
    then = fan.run(stop + 2)
    assert (then.state, then.since_ms) == (state, watched.at(stop))
    assert fan.run(stop + 5).state in ("ok", "warning")
    assert len(fan.labels()) == 1


def test_a_fan_that_stands_by_its_readings_before_the_forecast_knows(watch: Watch) -> None:
    for found in ("fault", "false alarm"):
        watched = watch()
        fan = Story(watched, worn([(26.1, 30), (34, 60)]))
        began = fan.run(26)
        assert began.state in ("warning", "alarm")
        watched.write("bad", 26, 26.4, worn([(26.1, 30)]))
        closed = fan.close(found)
        assert closed.state == "out-of-service"
        assert 0 <= watched.at(26.1) - closed.since_ms <= 600_000
        for hour in (26.2, 26.4, 27, 29):
            assert fan.run(hour) == closed
        assert fan.run(32).state in ("ok", "warning")
        assert fan.run(36).state == "stopped"


def test_a_lone_stop_that_the_forecast_never_sees_ends_by_itself(watch: Watch) -> None:
    watched = watch()
    fan = Story(watched, worn([(26, 26.2)]))
    fan.run(26)
    watched.write("bad", 26, 26.1, worn([(26, 26.2)]))
    assert fan.close("false alarm").state == "out-of-service"
    assert fan.run(27).state in ("ok", "warning", "unknown")


def test_a_fan_of_which_nothing_comes_is_out_of_service_until_it_turns(watch: Watch) -> None:
    def silent(hour: float, well: np.ndarray) -> np.ndarray | None:
        return None if 20 <= hour < 26 or hour >= 30 else well

    watched = watch()
    fan = Story(watched, silent)
    found = fan.run(22)
    assert (found.state, found.cause) == ("instrument", "silent")
    closed = fan.close("fault", outcome="prevented")
    assert closed.state == "out-of-service"
    assert fan.run(25) == closed
    assert fan.run(27).state == "ok"
    assert (fan.run(32).state, fan.alarm.cause) == ("instrument", "silent")


def test_power_is_cut_for_the_repair(watch: Watch) -> None:
    """Of a fan with an alarm that was closed as a fault nothing comes any more: nobody is told of that."""
    watched = watch()
    fan = Story(watched, failing(8, 28, 60))
    assert fan.run(26).state in ("warning", "alarm")
    fan.close("fault", outcome="prevented")
    fan._shape = lambda hour, well: None if hour < 30 else well
    assert fan.run(28).state == "out-of-service"
    assert fan.run(31).state == "ok"


def test_what_another_has_said_is_not_overwritten_but_corrected(watch: Watch) -> None:
    watched = watch()
    fan = Story(watched, worn([(28, 60)]))
    episode = fan.run(30).episode
    fan.close("fault", outcome="failed", mode="bearing", note="outer ring")
    said = {"episode": episode, "action": "close", "by": "Ben", "found": "false alarm", "note": "all is well"}
    before = watched.store.query('SELECT * FROM "label"')
    status, answer = watched.order(**said)
    assert status == 409
    assert answer["error"].startswith("Anna has closed it on ")
    assert " UTC as fault (bearing, failed): outer ring. If that is wrong, correct it " in answer["error"]
    assert watched.store.query('SELECT * FROM "label"') == before
    for _ in range(2):
        assert watched.order(**said, corrects=True)[0] == 200
        [label] = watched.store.query('SELECT * FROM "label"')
        assert (label["found"], label["by"], label["note"]) == ("false alarm", "Ben", "all is well")
        assert label["former"].startswith("Anna has closed it on ")
        assert label["former"].endswith(" as fault (bearing, failed): outer ring.")
        assert text.why(of_text(label["former_reasons"])) == label["former"]
    assert fan.run(30.5).state == "out-of-service"
    status, answer = watched.order(episode=episode, action="acknowledge", by="Ben", corrects=True)
    assert (status, answer["error"]) == (400, "corrects belongs to close, not to acknowledge.")


def test_an_episode_of_which_somebody_said_what_it_was_does_not_begin_anew(watch: Watch) -> None:
    """A sensor's fault that comes back within six hours goes on as the episode before, unless that was closed."""
    watched = watch()

    def stuck(hour: float, well: np.ndarray) -> np.ndarray | None:
        return broken(3, 20, 24, 48.5)(hour, broken(3, 26, 30, 48.5)(hour, well))

    fan = Story(watched, stuck)
    first = fan.run(23)
    assert first.state == "instrument"
    assert fan.run(25.5).state == "ok"
    said = {"episode": first.episode, "action": "close", "by": "Anna", "found": "instrument"}
    assert watched.order(**said)[0] == 200
    again = fan.run(28)
    assert again.state == "instrument"
    assert again.episode != first.episode
    assert fan.run(29).episode == again.episode


def test_what_was_closed_by_an_earlier_version_stays_closed(watch: Watch) -> None:
    """Its notes say when an episode was closed, and nothing else; its states are read as they are."""
    watched = watch()
    fan = Story(watched, worn([(28, 60)]))
    stopped = fan.run(30)
    row = fan.row
    note = checkpoints.Note(said_ms=row.told_ms, closed=stopped.episode, closed_ms=row.told_ms)
    alarm = msgspec.structs.replace(
        stopped,
        state="ok",
        since=format_ms(row.told_ms),
        episode=f"{watched.fan('bad')}/{format_ms(row.told_ms)}",
    )
    checkpoints.save(watched.store, [msgspec.structs.replace(row, alarm=alarm, note=note)])
    then = fan.run(34)
    assert (then.state, then.since_ms) == ("out-of-service", watched.at(28))
    assert then.why == "It is out of service until it turns."


def test_a_fan_that_is_built_anew_for_late_readings_stays_out_of_service(watch: Watch) -> None:
    watched = watch()
    shape = worn([(28, 60)])
    fan = Story(watched, lambda hour, well: None if 20 <= hour < 21 else shape(hour, well))
    assert fan.run(30).state == "stopped"
    closed = fan.close("fault", outcome="failed")
    assert fan.run(34) == closed
    watched.write("bad", 20, 21, shape)
    status, answer = watched.service.answer(b"")
    assert (status, json.loads(answer)["rebuilt"] >= 1) == (200, True)
    assert fan.alarm == closed
    assert fan.run(36) == closed
    assert len(fan.labels()) == 1


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("turns"), st.sampled_from([0.2, 0.5, 1.0, 2.0])),
        st.tuples(st.just("stands"), st.sampled_from([0.2, 0.5, 1.0, 3.0])),
        st.tuples(st.just("run"), st.just(0.0)),
        st.tuples(st.just("acknowledge"), st.just(0.0)),
        st.tuples(st.just("fault"), st.just(0.0)),
        st.tuples(st.just("false alarm"), st.just(0.0)),
    ),
    min_size=6,
    max_size=14,
)


class _Anything:
    """A fan that does anything, and people who say anything of it; what must hold whatever the order."""

    def __init__(self, watched: Watched) -> None:
        self._still: list[tuple[float, float]] = []
        self.watched = watched
        self.fan = Story(watched, lambda hour, well: worn(self._still, 2, 26)(hour, well))
        self.known = 20.0
        self.closed: set[str] = set()
        self.run()

    def run(self) -> None:
        self.fan.run(self.known)
        # It may run twice, and nothing must come of it.
        alarm = self.fan.run(self.known)
        if alarm.state in EPISODES:
            assert alarm.episode not in self.closed, "reopened"

    def does(self, what: str, hours: float) -> None:
        alarm = self.fan.alarm
        if what in ("turns", "stands"):
            if what == "stands":
                self._still.append((self.known, self.known + hours))
            # Its readings come in before the next run knows them.
            self.watched.write("bad", self.known, self.known + hours, self.fan._shape)
            self.known += hours
        elif what == "run":
            self.run()
        elif what == "acknowledge":
            if alarm.state in EPISODES:
                assert self.watched.order(episode=alarm.episode, action="acknowledge", by="Anna")[0] == 200
        elif alarm.state in EPISODES:
            self.closed.add(alarm.episode)
            self.fan.close(what)

    def check(self) -> None:
        stops = self._stops()
        of_stop: dict[tuple[float, float], set[int]] = {}
        query = 'SELECT "stopped_ms" FROM "forecast_episode"'
        for row in self.watched.store.query(query, "means"):
            if row["stopped_ms"] is not None:
                [stop] = [each for each in stops if self._within(row["stopped_ms"], each)]
                of_stop.setdefault(stop, set()).add(row["time"])
        assert all(len(found) == 1 for found in of_stop.values()), "two episodes of one stop"
        failures = [label.stopped_ms for label in self.fan.labels() if label.stopped_ms is not None]
        assert len(set(failures)) == len(failures), "two labels of one stop"
        assert {format_ms(label.since_ms) for label in self.fan.labels()} == {
            name.partition("/")[2] for name in self.closed
        }

    def _within(self, ms: int, stop: tuple[float, float]) -> bool:
        return self.watched.at(stop[0] - 0.2) <= ms <= self.watched.at(stop[1])

    def _stops(self) -> list[tuple[float, float]]:
        """Those that a stop ends between: half an hour of turning and more."""
        joined: list[tuple[float, float]] = []
        for begin, end in self._still:
            if joined and begin - joined[-1][1] < 0.5:
                begin = joined.pop()[0]
            joined.append((begin, end))
        return joined


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_EVENTS)
def test_no_order_of_events_makes_two_of_one_stop_or_opens_what_was_closed(
    watch: Watch, events: list[tuple[str, float]]
) -> None:
    story = _Anything(watch())
    for what, hours in events:
        story.does(what, hours)
    story.run()
    story.run()
    story.check()
