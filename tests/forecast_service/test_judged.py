"""A fan that cannot be judged for a while is published as such, and nobody is called for it."""

import numpy as np

from fanwatch.fleet.faulty import RAN
from tests.forecast_service.conftest import Watch
from tests.support.http_stub import HttpStub
from tests.support.wait import until

STANDING = np.array([0.0, 24.0, 0.4, 31.5])
STOP = 20


def stops_once(hour: float, values: np.ndarray) -> np.ndarray:
    """It stands still for one reading, ten minutes long."""
    return STANDING if STOP <= hour < STOP + 1 / 6 else values


def test_a_healthy_fan_that_stands_for_a_moment_is_not_judged_for_an_hour_and_no_news(watch: Watch) -> None:
    told = HttpStub()
    watched = watch(FANWATCH_WEBHOOK_URL=f"{told.url}/hook", FANWATCH_WEBHOOK_TIMEOUT="5")
    try:
        with watched.listener() as listener:
            last = 0.0
            for hour in (STOP - 1, STOP + 0.5, STOP + 1, STOP + 2):
                watched.write("good", last, hour, stops_once)
                watched.tick(hour)
                watched.run()
                last = hour
            until(lambda: len(listener.of("good")) >= 3, 20, "all that is said of it")
            said = listener.of("good")
            assert [alarm.state for alarm in said if alarm.state != "unknown" or alarm.since_ms > watched.at(9)] == [
                "ok", "unknown", "ok",
            ]  # fmt: skip
            assert all(alarm.risk is not None for alarm in said if alarm.state == "ok")
            [unjudged] = [
                alarm for alarm in said if alarm.since_ms == watched.at(STOP + 1 / 6) and alarm.risk is None
            ]
            assert unjudged.why.startswith("It last began to turn at ")
            assert unjudged.why.endswith("; it is judged once it has turned for 60 min.")
        assert told.requests == []
        # Each run leaves a mark among the results: by it dashboards know that the forecast goes on.
        assert watched.store.count("anomaly", RAN) == watched.store.count("forecast", "clock_ms") == 4
    finally:
        told.close()
