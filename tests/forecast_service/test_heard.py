"""A fan of which nothing can be used is silent only where nothing comes from it."""

import base64
import json
import time

import numpy as np

from fanwatch.messages.timestamps import at_minute, format_ms
from fanwatch.store.influx import point
from tests.forecast_service.conftest import Watch
from tests.support.wait import until
from tests.support.watched import HOUR_MS, Watched

MS = 1_000_000
MINUTE_MS = 60_000


def now_ms() -> int:
    return time.time_ns() // MS


def live(watch: Watch, hours: int = 30, **settings: str) -> Watched:
    """A fleet whose past ends now."""
    return watch(ago=hours, **settings)


def letter(watched: Watched, name: str, came_ms: int, reason: str = "field", **values: object) -> None:
    """A dead letter as Telegraf stores it."""
    sensors = {"rotation": 612, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    content = {"deviceID": watched.fan(name), "timeStamp": format_ms(came_ms)} | sensors | values
    payload = json.dumps(content).encode()
    fields = {
        "id": f"{name}{came_ms}", "topic": "fan/messages", "reason": reason, "error": "it is wrong", "attempts": 1,
        "length": len(payload), "payload": base64.b64encode(payload).decode(),
    }  # fmt: skip
    watched.store.write([point("dead_letter", {"deviceID": watched.fan(name)}, fields, came_ms * MS)])


def arrived(watched: Watched, name: str, came_ms: int, at_ms: int) -> None:
    """What Telegraf notes of a reading that comes late."""
    fields = {"at_ms": at_ms, "rotation": 612.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    watched.store.write([point("arrival", {"deviceID": watched.fan(name)}, fields, came_ms * MS)])


def test_each_is_named_as_what_it_is(watch: Watch) -> None:
    watched = live(watch)
    names = ("null", "ahead", "behind", "stands", "gone", "silent")
    for name in names:
        watched.write(name, 0, 28)
    watched.tick(30)
    at = now_ms()
    good = at_minute(watched.at(28) - 300_000)
    letter(watched, "null", at - 5 * MINUTE_MS, temperature=None)
    letter(watched, "ahead", at - MINUTE_MS, "clock", timeStamp=format_ms(at + 7 * HOUR_MS))
    for age in (20, 10, 1):
        arrived(watched, "behind", at - age * MINUTE_MS, at - age * MINUTE_MS - 7 * HOUR_MS)
        arrived(watched, "stands", at - age * MINUTE_MS, watched.at(27))
    letter(watched, "gone", at - 50 * MINUTE_MS, temperature=None)
    with watched.listener() as listener:
        watched.run()
        until(lambda: len(listener.fans()) >= len(names), 10, "an alarm of each")
        found = {name: listener.of(name)[-1] for name in names}
    assert {alarm.state for alarm in found.values()} == {"instrument"}
    assert {name: (alarm.cause, alarm.sensor or None) for name, alarm in found.items()} == {
        "null": ("refused", "temperature"),
        "ahead": ("clock", None),
        "behind": ("clock", None),
        "stands": ("clock", None),
        "gone": ("silent", None),
        "silent": ("silent", None),
    }
    last = (
        f"; the last message came at {at_minute(at - 5 * MINUTE_MS)}, with rotation 612 rpm, vibration 160.4"
    )
    assert found["null"].why == (
        f"Temperature has been null since {good}, so its readings cannot be used{last}, sound 47.9 dB."
    )
    assert found["ahead"].why.startswith(
        f"Its clock is 7 h ahead, so its readings cannot be used since {good};"
    )
    assert found["behind"].why.startswith(
        f"Its clock is 7 h behind; the last reading came at {at_minute(at - MINUTE_MS)}, with rotation 612 rpm"
    )
    assert found["stands"].why.startswith(
        f"Its clock stands still at {at_minute(watched.at(27))}; the last reading"
    )
    assert found["gone"].why.startswith(
        f"Nothing has come from it since {at_minute(at - 50 * MINUTE_MS)}; before that"
    )
    assert found["silent"].why == f"Nothing has come from it since {at_minute(watched.at(28))}."
    # The same again is no news.
    assert watched.run()["published"] == 0


def test_who_is_heard_again_is_not_silent_any_more(watch: Watch) -> None:
    watched = live(watch)
    watched.write("fan", 0, 28)
    watched.tick(29)
    with watched.listener() as listener:
        watched.run()
        watched.write("fan", 29, 29 + 1 / 3)
        watched.tick(29 + 1 / 3)
        watched.run()
        until(lambda: listener.of("fan")[-1].cause == "resumed", 10, "that it sends again")
        said = listener.of("fan")
        # What it was remains to be read, also once it is over.
        silent = f"Nothing has come from it since {at_minute(watched.at(28))}."
        assert (
            said[-1].why
            == f"It sends again; this ends once it has done so for half an hour. Before: {silent}"
        )
        assert watched.run()["published"] == 0
        assert len({alarm.episode for alarm in said if alarm.state == "instrument"}) == 1
        watched.write("fan", 29 + 1 / 3, 30)
        watched.tick(30)
        watched.run()
        until(lambda: listener.states("fan")[-1] == "ok", 10, "the end of it")


def label_of(watched: Watched, name: str) -> list[str]:
    rows = watched.store.query('SELECT "mode" FROM "forecast_episode" GROUP BY "deviceID"', "means")
    return [row["mode"] for row in rows if row["deviceID"] == watched.fan(name)]


def test_to_a_training_it_was_silent(watch: Watch) -> None:
    watched = live(watch)
    watched.write("fan", 0, 28)
    watched.tick(29)
    letter(watched, "fan", now_ms() - MINUTE_MS, temperature=None)
    with watched.listener() as listener:
        watched.run()
        until(lambda: listener.of("fan")[-1].cause == "refused", 10, "what is wrong")
        watched.write("fan", 29, 30)
        watched.tick(30)
        watched.run()
        until(lambda: listener.states("fan")[-1] == "ok", 10, "the end of it")
        assert label_of(watched, "fan") == ["silent"]


def blind(watch: Watch) -> Watched:
    """A fleet of which nothing was scored for two hours, as two runs have seen."""
    watched = live(watch, FANWATCH_FORECAST_STALE="1s")
    for name in ("a", "b"):
        watched.write(name, 0, 28)
    watched.run()
    return watched


def whys(watched: Watched, names: tuple[str, ...]) -> list[str]:
    with watched.listener() as listener:

        def said() -> bool:
            watched.run()
            return all(listener.of(name) and listener.of(name)[-1].state == "unknown" for name in names)

        until(said, 30, "that nothing is known")
        return [listener.of(name)[-1].why for name in names]


def unmarked(watched: Watched) -> None:
    """Nothing came lately: not what the test itself has written."""
    watched.store.query('DROP SERIES FROM "late"')


def test_nobody_is_said_to_send_nothing_while_all_are_refused(watch: Watch) -> None:
    watched = blind(watch)
    unmarked(watched)
    letter(watched, "a", now_ms() - MINUTE_MS, temperature=None)
    refused, silent = whys(watched, ("a", "b"))
    assert refused.startswith("Temperature has been null since ")
    assert silent.endswith(": nothing comes from this fan, and what comes from others cannot be used.")


def test_nobody_is_said_to_send_nothing_while_scoring_is_away(watch: Watch) -> None:
    watched = blind(watch)
    unmarked(watched)
    lines = list(watched.reading("a", now_ms() - MINUTE_MS, np.array([600.0, 40.0, 150.0, 48.5])))
    watched.store.write(line for line in lines if str(line).startswith("telemetry"))
    [why] = whys(watched, ("a",))
    assert why.endswith(", though readings arrive: `fanwatch status` says what is away.")
