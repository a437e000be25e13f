"""People are told of an episode once, whatever the other side does meanwhile."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from fanwatch.forecast_service import alarm_content
from fanwatch.logs import Log
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.timestamps import format_ms
from fanwatch.notify import channel, webhook
from fanwatch.notify.outages import many
from fanwatch.settings import ForecastSettings, StoreSettings, load
from fanwatch.store import checkpoints
from fanwatch.store.influx import Store
from tests.forecast_service.conftest import Watch
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.raw_server import on_port, saying
from tests.support.wait import until
from tests.support.watched import Shape, Watched, failing


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    made = HttpStub()
    yield made
    made.close()


def test_once_an_episode(watch: Watch, stub: HttpStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_WAITS_S", (0.05, 0.05))
    seen: Counter[str] = Counter()

    def answer(request: Request) -> Reply:
        """The third attempt succeeds, for each episode."""
        seen[request.headers["Idempotency-Key"]] += 1
        return (Reply(500), Reply(hang_up=True), Reply(204))[seen[request.headers["Idempotency-Key"]] - 1]

    stub.answer = answer
    watched = watch(FANWATCH_WEBHOOK_URL=f"{stub.url}/hook", FANWATCH_WEBHOOK_TIMEOUT="5")
    for hour in range(0, 34, 2):
        watched.write("bad", hour, hour + 2, failing(10, 30, 100))
        watched.tick(hour + 2)
        watched.run()

    until(lambda: watched.store.query('SELECT "episode" FROM "forecast_told"'), 20, "it told")
    # Another process, which remembers nothing, and more runs: nobody is told again.
    other = watched.another()
    for hour in range(34, 40, 2):
        watched.write("bad", hour, hour + 2, failing(10, 30, 100))
        watched.tick(hour + 2)
        watched.run(other)
    until(lambda: not other.webhook.waiting and not watched.service.webhook.waiting, 20, "no more to tell")
    assert set(seen.values()) == {3}
    [episode] = [name for name in seen if name.startswith(watched.fan("bad"))]
    [*_, last] = [r for r in stub.requests if r.headers["Idempotency-Key"] == episode]
    content = json.loads(last.body)
    assert content["state"] in ("warning", "alarm")
    assert content["text"] == f"{content['deviceID']}: {content['state']}. {content['why']}"
    assert (content["episode"], last.path) == (episode, "/hook")


def test_what_somebody_has_in_hand_is_not_told_and_a_snooze_ends(watch: Watch, stub: HttpStub) -> None:
    """It was not told before, for there was nobody to tell; it is once the snooze is over, and once only."""
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url)
    first, watched.service.webhook.address = watched.service.webhook.address, None
    watched.write("bad", 0, 30, failing(5, 25, 100))
    watched.write("worse", 0, 30, failing(5, 25, 100))
    watched.tick(30)
    watched.run()
    watched.service.webhook.address = first

    def answer(name: str, **content: object) -> None:
        row = checkpoints.of(watched.store, watched.fan(name), 0)
        assert row is not None
        assert row.alarm is not None
        status, said = watched.order(episode=row.alarm.episode, by="Control room", **content)
        assert status == 200, said

    until_ms = time.time_ns() // 1_000_000 + 60_000
    answer("bad", action="snooze", until=format_ms(until_ms))
    answer("worse", action="acknowledge")
    with watched.listener() as listener:
        watched.run()
        assert stub.requests == []
        until(lambda: listener.of("bad"), 10, "what is retained")
        assert listener.of("bad")[-1].snoozed(until_ms - 1)
        # The same alarm, its snooze over: what a run a minute later would find.
        row = checkpoints.of(watched.store, watched.fan("bad"), 0)
        assert row is not None
        assert row.alarm is not None
        past = msgspec.structs.replace(row.alarm, snoozedUntil=format_ms(until_ms - 120_000))
        checkpoints.save(watched.store, [msgspec.structs.replace(row, alarm=past)])
        watched.run()
        until(lambda: stub.requests, 10, "it is told")
        until(
            lambda: listener.of("bad")[-1].snoozedUntil is msgspec.UNSET,
            10,
            "the end of the snooze is published",
        )
    watched.run()
    until(lambda: not watched.service.webhook.waiting, 10, "no more to tell")
    assert [json.loads(request.body)["deviceID"] for request in stub.requests] == [watched.fan("bad")]


@pytest.mark.parametrize(("kind", "gone"), [("silent", 4), ("stopped", 4), ("silent", 3)])
def test_most_of_the_fleet_at_once_is_one_message(watch: Watch, stub: HttpStub, kind: str, gone: int) -> None:
    """Of seven fans, one of them the clock. Each keeps its own episode; a later one is told by itself."""
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url)
    names = [f"fan{number}" for number in range(6)]

    def cut(first: float, last: float) -> Shape:
        still = None if kind == "silent" else np.array([0.0, 25.0, 2.0, 38.0])
        return lambda hour, well: still if first <= hour < last else well

    def played(begin: float, end: float, late: float = 40) -> list[dict[str, Any]]:
        for name in names[:gone]:
            watched.write(name, begin, end, cut(20, 30))
        for name in names[gone:]:
            watched.write(name, begin, end, cut(late, 40))
        watched.tick(end)
        for _ in range(2):
            watched.run()
        until(lambda: not watched.service.webhook.waiting, 20, "no more to tell")
        keys = [request.headers["Idempotency-Key"] for request in stub.requests]
        assert len(set(keys)) == len(keys)
        return [json.loads(request.body) for request in stub.requests]

    assert played(0, 20) == []
    told = played(20, 22)
    if 2 * gone <= 7:
        assert sorted(each["deviceID"] for each in told) == [watched.fan(name) for name in names[:gone]]
        return
    [said] = told
    at = format_ms(watched.at(20))
    what = {"silent": "have sent nothing", "stopped": "have stood still"}[kind]
    assert said["text"].startswith(
        f"4 of 7 fans {what} since {at[:16].replace('T', ' ')} UTC: look at what they"
    )
    assert (said["state"], said["fans"], said["known"]) == (kind, 4, 7)
    assert said["deviceIDs"] == [watched.fan(name) for name in names[:4]]
    # Each has its own episode.
    for name in names[:4]:
        row = checkpoints.of(watched.store, watched.fan(name), 0)
        assert row is not None
        assert row.alarm is not None
        assert row.alarm.state in EPISODES
        assert row.alarm.episode.startswith(f"{row.fan}/")
    # Another process knows what was told, and a fan that goes later is told by itself.
    watched.service = watched.another()
    told = played(22, 24, late=22.5)
    assert {each.get("deviceID") for each in told[1:]} == {watched.fan("fan4"), watched.fan("fan5")}


def test_a_whole_site_that_comes_back_is_one_message(watch: Watch, stub: HttpStub) -> None:
    """Nothing was scored meanwhile, so what was not there is known only now that it is back."""
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url)
    names = [f"fan{number}" for number in range(5)]
    for first, last in ((0, 20), (28, 28.4)):
        for name in names:
            watched.write(name, first, last)
        watched.tick(last)
        watched.run()
    until(lambda: stub.requests and not watched.service.webhook.waiting, 20, "it is told")
    watched.run()
    until(lambda: not watched.service.webhook.waiting, 20, "no more to tell")
    [request] = stub.requests
    text = json.loads(request.body)["text"]
    assert "fans have sent nothing since " in text
    assert "; 6 of them send again: look at what they share" in text


def test_a_message_of_most_fans_names_no_more_than_it_has_room_for() -> None:
    began_ms = 1_795_600_200_000
    fleet = []
    for number in range(1500):
        name = f"fan-{number:04d}"
        before = alarm_content.unreadable(name, began_ms, None, "x")
        alarm = msgspec.structs.replace(before, state="instrument", cause="silent", why="It is silent.")
        fleet.append(
            checkpoints.Row(
                fan=name, told_ms=5, alarm=alarm, note=checkpoints.Note(opened_ms=began_ms, gone_ms=began_ms)
            )
        )
    found = many(fleet, {}, began_ms + 1)
    assert found is not None
    content = found.content()
    assert (content["fans"], len(content["deviceIDs"])) == (1500, 100)
    assert str(content["text"]).startswith("1,500 of 1,500 fans have sent nothing since ")
    assert many(fleet, {}, began_ms + 3_600_000) is None
    assert many(fleet[:1], {}, began_ms + 1) is None


class Stopping:
    """A fan that stops at hour 25, and what the other side was told of it."""

    def __init__(self, watched: Watched, stub: HttpStub) -> None:
        self.watched, self._stub = watched, stub

    def until(self, first: int, end: int) -> dict[str, Any]:
        """By key, what was told until the hour `end`, of which all from `first` on was not known yet."""
        watched = self.watched
        watched.write("bad", first, end, failing(5, 25, 100))
        watched.tick(end)
        watched.run()
        watched.run()
        until(lambda: not watched.service.webhook.waiting, 10, "no more to tell")
        asked = self._stub.requests
        mine = [each for each in asked if each.headers["Idempotency-Key"].startswith(watched.fan("bad"))]
        found = {each.headers["Idempotency-Key"]: json.loads(each.body) for each in mine}
        assert len(found) == len(mine), "once each"
        return found

    @property
    def alarm(self) -> Alarm:
        """As it was published last."""
        row = checkpoints.of(self.watched.store, self.watched.fan("bad"), 0)
        assert row is not None
        assert row.alarm is not None
        return row.alarm


def test_a_fan_that_stops_after_somebody_acknowledged_it_is_told_again_once(
    watch: Watch, stub: HttpStub
) -> None:
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url)
    fan = Stopping(watched, stub)
    fan.until(0, 24)
    episode = fan.alarm.episode
    assert watched.order(episode=episode, action="acknowledge", by="Anna")[0] == 200
    told = fan.until(24, 28)
    assert list(told) == [episode, f"{episode} stopped"]
    said = told[f"{episode} stopped"]
    assert (said["state"], "acknowledgedBy" in said) == ("stopped", False)
    assert said["text"].endswith("; Anna had acknowledged it before it stopped.")
    # Whoever takes it up now has it: no run takes it from them.
    assert watched.order(episode=episode, action="acknowledge", by="Ben")[0] == 200
    assert fan.until(28, 34) == told
    assert (fan.alarm.state, fan.alarm.acknowledgedBy) == ("stopped", "Ben")


@pytest.mark.parametrize("late_ms", [0, 2 * 3_600_000])
def test_whoever_acknowledged_the_stop_itself_is_not_told_of_it(
    watch: Watch, stub: HttpStub, late_ms: int
) -> None:
    """They saw it before the run did, on the page. A stop of much later is another one."""
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url)
    fan = Stopping(watched, stub)
    fan.until(0, 24)
    episode = fan.alarm.episode
    for stands in ({}, {"stands": True}):
        assert watched.order(episode=episode, action="acknowledge", by="Anna", **stands)[0] == 200
    if late_ms:
        row = checkpoints.of(watched.store, watched.fan("bad"), 0)
        assert row is not None
        note = msgspec.structs.replace(row.note, stands_ms=row.note.stands_ms - late_ms)
        checkpoints.save(watched.store, [msgspec.structs.replace(row, note=note)])
    told = fan.until(24, 28)
    assert list(told) == ([episode, f"{episode} stopped"] if late_ms else [episode])
    assert (fan.alarm.state, fan.alarm.acknowledged) == ("stopped", not late_ms)
    assert ("had acknowledged it before" in fan.alarm.why) == bool(late_ms)


def test_a_dead_other_side_never_holds_a_run_up(watch: Watch, stub: HttpStub) -> None:
    stub.answer = lambda _request: Reply(after_s=20)
    watched = watch(FANWATCH_WEBHOOK_URL=stub.url, FANWATCH_WEBHOOK_TIMEOUT="15")
    watched.write("bad", 0, 30, failing(5, 25, 100))
    watched.tick(30)
    assert watched.run()["episodes"] >= 1
    until(lambda: stub.requests, 10, "it was told")
    assert watched.run()["skipped"] is None
    assert watched.store.query('SELECT "episode" FROM "forecast_told"') == []


def test_a_redirect_is_not_followed_for_it_would_tell_nobody(stub: HttpStub) -> None:
    for status in (301, 302, 303, 307, 308):
        stub.answer = lambda request, status=status: (
            Reply(status, headers={"Location": "/login"}) if request.method == "POST" else Reply(200)
        )
        said = told(f"{stub.url}/secret").post("key", alarm_content.unreadable("fan-01", 0, None, "a reason"))
        assert said is not None
        assert f"answered {status}, a redirect" in said
        assert "secret" not in said
    assert {request.method for request in stub.requests} == {"POST"}


def told(url: str) -> webhook.Webhook:
    """One that tells this address."""
    settings = load(ForecastSettings, {"FANWATCH_WEBHOOK_URL": url})
    return webhook.Webhook(settings, Store(load(StoreSettings, {})), Log("test"))


def test_another_side_that_speaks_no_http_is_no_end_of_telling() -> None:
    with on_port(saying(b"220 mail.example.com\r\n")) as port:
        url = f"http://127.0.0.1:{port}/secret"
        assert told(url).post("key", alarm_content.unreadable("fan-01", 0, None, "a reason")) == (
            "it gave no answer (BadStatusLine)"
        )
