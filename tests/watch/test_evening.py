"""An operator's first evening: what every dashboard and every alert rule says while things go wrong for real.

The whole runtime runs as a user starts it; fans are broken and unplugged, readings are bad, a part is killed and the
store is stopped. Nothing is written to the store but by the pipeline.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grafana import panels
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from local.layout import layout
from local.supervisor import Supervisor
from tests.support import alerting, grafana
from tests.support.fleet import PER_SECOND, LiveFans
from tests.support.influx import tool
from tests.support.ledger import Key, reading
from tests.support.up import Machine, Up
from tests.support.wait import until

FANS = [f"fan-{number:02}" for number in range(1, 7)]
WORN, UNPLUGGED = "fan-03", "fan-05"
# More than a minute, so that there is one in which the worn fan was well: faults begin after one.
QUIET_AFTER_START_S = 65
TOLD_WITHIN_S = 180
HOUR_MS = 3_600_000
# What no reading says anything about: certificates are not used here, and nobody drops anything.
EMPTY = {
    "fanwatch-fleet": {"In alarm", "Broken sensors", "Well"},
    "fanwatch-fan": {"Alarm episodes", "Results that are not ok"},
    "fanwatch-pipeline": {"Certificate ends in"},
}
# The forecast runs every ten minutes: in this evening once, or not at all.
FORECAST = {"What forecast-fan said", "Runs of the forecast"}


class Evening:
    """The runtime, its fans and its store."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.up: Up = machine.up()
        self.url = f"http://127.0.0.1:{machine.influx}"
        self.store = Store(StoreSettings(influx_url=self.url))
        self._watches = {name: alerting.Watch(self.url, rule) for name, rule in alerting.rules().items()}
        self.fans: LiveFans | None = None

    def start(self) -> LiveFans:
        self.up.until_said("store: storing")
        self.fans = LiveFans(self.machine.broker, FANS)
        return self.fans

    def close(self) -> None:
        if self.fans is not None and self.fans.is_alive():
            self.fans.end()
        self.up.end()

    def told(self) -> dict[str, list[dict[str, str]]]:
        """Rules of which people are told now, with the labels that fire; one look at each, so call it often."""
        now_ms = time.time_ns() // 1_000_000
        looks = {name: watch.look(now_ms) for name, watch in self._watches.items()}
        return {name: labels for name, labels in looks.items() if labels}

    def rows(self, uid: str, title: str, **variables: Any) -> dict[str, grafana.Rows]:
        """What a panel shows."""
        shown = grafana.panel(grafana.dashboard(uid), title)
        return grafana.run(self.store, shown, range_ms=HOUR_MS, variables=variables)

    def figure(self, uid: str, title: str) -> float:
        """The number of a panel that has one; 0 where it shows its empty state."""
        (rows,) = self.rows(uid, title).values()
        return float(next(value for name, value in rows[-1].items() if name != "time")) if rows else 0.0

    def every_panel(self, variables: dict[str, Any]) -> dict[str, set[str]]:
        """Titles of the panels without rows by dashboard, every query of every dashboard having been answered."""
        empty: dict[str, set[str]] = {}
        for board in grafana.dashboards():
            grafana.events(self.store, board, range_ms=HOUR_MS, variables=variables)
            for panel in panels(board):
                found = grafana.run(self.store, panel, range_ms=HOUR_MS, variables=variables)
                if not any(found.values()):
                    empty.setdefault(board["uid"], set()).add(panel["title"])
        return empty

    def needs(self) -> list[str]:
        """Fans in the order of the fleet's table: the highest need of the three that it joins counts."""
        shown = self.rows("fanwatch-fleet", "What needs a person first")
        need: dict[str, float] = {}
        for ref, column in (("Results", "by_results"), ("Readings", "by_readings"), ("Alarms", "by_alarms")):
            for row in shown[ref]:
                need[row["deviceID"]] = max(need.get(row["deviceID"], 0.0), float(row[column]))
        return sorted(need, key=lambda fan: -need[fan])

    def stored(self, measurement: str, field: str) -> set[Key]:
        """Readings by fan and time."""
        rows = self.store.query(f'SELECT "{field}", "deviceID" FROM "{measurement}"')
        return {(row["deviceID"], row["time"] // 1_000_000) for row in rows}

    def supervised(self) -> Supervisor:
        return Supervisor(layout(str(self.machine.state)))

    def kill(self, name: str) -> None:
        """kill -9 of a part, which supervisord starts again."""
        pid = next(process.pid for process in self.supervised().processes() if process.name == name)
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    tool(tools.INFLUXD), tool(tools.TELEGRAF)
    started = Evening(Machine(tmp_path / "state", FANWATCH_NO_FLEET="1", PATH=without_grafana()))
    with contextlib.closing(started):
        yield started


def without_grafana() -> str:
    """PATH without any directory that has a grafana, which would take a port of its own."""
    return os.pathsep.join(
        place for place in os.environ["PATH"].split(os.pathsep) if not (Path(place) / "grafana").exists()
    )


def hold(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """AssertionError where `condition` does not hold all the time."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        assert condition(), what
        time.sleep(1)


def healthy(evening: Evening) -> None:
    """All is well: everything that can be said is said, and nothing fires."""
    until(lambda: evening.figure("fanwatch-fleet", "Fans reporting") == len(FANS), 40, "all fans report")

    def quiet() -> bool:
        found = evening.told()
        assert found == {}, found
        return True

    hold(quiet, QUIET_AFTER_START_S, "nobody is told anything")
    assert evening.figure("fanwatch-fleet", "Silent") == 0
    assert evening.figure("fanwatch-fleet", "Faulty") == 0
    assert sorted(evening.needs()) == FANS
    assert evening.store.query('SELECT * FROM "dead_letter"') == []


def trouble(evening: Evening, fans: LiveFans) -> None:
    """One fan wears out, one is unplugged, some readings are bad, and the connector is killed."""
    fans.worn.add(WORN)
    fans.unplugged.add(UNPLUGGED)
    now = format_ms(time.time_ns() // 1_000_000)
    fans.publish(b"not JSON")
    fans.publish(reading("fan 99", time.time_ns() // 1_000_000))
    fans.publish(b'{"deviceID": "fan-01", "timeStamp": "' + now.encode() + b'", "rotation": "fast"}')
    evening.kill("connector")


def away(evening: Evening, seconds: float) -> None:
    """The store is stopped for a while."""
    supervised = evening.supervised()
    supervised.stop("influxd")
    until(lambda: not evening.store.ready(), 20, "the store is away")

    before = evening.told().keys()
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        # What nobody can know stays as it was: one alert says why, and no other comes or goes.
        told = evening.told().keys()
        assert told - before <= {"store-away"}, told
        assert before <= told, told
        time.sleep(1)
    assert "store-away" in evening.told()
    supervised.restart("influxd")
    until(evening.store.ready, 30, "the store is back")


def said_of_trouble(evening: Evening) -> None:
    def both() -> bool:
        told = evening.told().keys()
        return {"fan-needs-you", "fan-silent"} <= told and "store-away" not in told

    until(both, TOLD_WITHIN_S, "people are told of the worn and of the silent fan")
    found = evening.told()
    assert [labels["deviceID"] for labels in found.pop("fan-needs-you")] == [WORN]
    assert [labels["deviceID"] for labels in found.pop("fan-silent")] == [UNPLUGGED]
    # Three of the messages were no readings: two that Telegraf could take apart, and one that it could not.
    assert found.pop("dead-letters") == [{}]
    assert {(labels["kind"], labels["reason"]) for labels in found.pop("messages-dropped")} == {
        ("telemetry", "deviceID"),
        ("telemetry", "value"),
    }
    assert found == {}
    until(lambda: evening.figure("fanwatch-fleet", "Faulty") == 1, 60, "one fan is faulty")
    assert evening.figure("fanwatch-fleet", "Silent") == 1
    assert evening.figure("fanwatch-fleet", "Fans reporting") == len(FANS) - 1
    assert evening.needs()[:2] == [WORN, UNPLUGGED]
    shown = evening.rows("fanwatch-fleet", "What needs a person first")
    worn = next(row for row in shown["Result"] if row["deviceID"] == WORN)
    assert worn["score"] > 0.5
    assert worn["cause"] in ("rotation", "temperature", "vibration", "sound")
    letters = evening.rows("fanwatch-pipeline", "Latest dead letters")["A"]
    # One may be there twice: the connector was killed while it had them.
    assert {row["reason"] for row in letters} == {"deviceID", "field", "json"}, letters
    # The means come every ten minutes by themselves.
    made = evening.machine.command("history", "rollup")
    assert made.returncode == 0, made.stderr
    chosen = {"deviceID": [WORN], "attention": [WORN, UNPLUGGED], "model": ["fan-anomaly@1"]}
    empty = evening.every_panel(chosen)
    assert {board: titles - FORECAST for board, titles in empty.items()} == EMPTY
    began = grafana.events(
        evening.store, grafana.dashboard("fanwatch-fan"), range_ms=HOUR_MS, variables={"deviceID": [WORN]}
    )
    assert began["Faults begin"]


def settled(evening: Evening, fans: LiveFans) -> None:
    """stored = scored = published, from rows: the store's absence and the killed connector have cost nothing."""
    fans.end()
    for measurement, field in (("anomaly", "quality"), ("telemetry", "rotation")):
        until(
            lambda m=measurement, f=field: evening.stored(m, f) == fans.published,
            30,
            f"{measurement} is stored",
        )


@pytest.mark.timeout(400)
def test_first_evening(evening: Evening) -> None:
    fans = evening.start()
    healthy(evening)
    trouble(evening, fans)
    away(evening, 35)
    said_of_trouble(evening)
    settled(evening, fans)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_whole_evening(evening: Evening) -> None:
    """The same with the store away for a minute, every part killed, and everything repaired in the end."""
    fans = evening.start()
    healthy(evening)
    trouble(evening, fans)
    # Telegraf's counts of what it dropped begin anew with it: what it has not stored by then is not known.
    until(lambda: "messages-dropped" in evening.told(), 60, "people are told of dropped messages")
    for part in ("telegraf", "gateway"):
        evening.kill(part)
    away(evening, 60)
    said_of_trouble(evening)
    fans.worn.clear()
    fans.unplugged.clear()

    def well() -> bool:
        return not {"fan-needs-you", "fan-silent"} & evening.told().keys()

    until(well, 2 * TOLD_WITHIN_S, "the repaired fans are quiet")
    # Dead letters are looked at within the hour; nothing else is left.
    assert evening.told().keys() <= {"dead-letters", "messages-dropped"}
    assert evening.figure("fanwatch-fleet", "Fans reporting") == len(FANS)
    assert evening.figure("fanwatch-fleet", "Faulty") == 0
    assert evening.figure("fanwatch-fleet", "Readings stored") == pytest.approx(
        PER_SECOND * len(FANS), rel=0.2
    )
    settled(evening, fans)
