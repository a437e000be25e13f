"""A fleet of more fans than one query names is worked up by groups, and comes out as if it were one."""

import json

import pytest

from fanwatch.errors import Unavailable
from fanwatch.forecast import BIN_MS
from fanwatch.forecast_service import group_bins, plan
from fanwatch.store import checkpoints, fan_bins, fan_names
from fanwatch.store.checkpoints import Row
from tests.forecast_service.conftest import Watch
from tests.support.watched import HOUR_MS, Watched, failing

FANS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def fleets(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> tuple[Watched, Watched]:
    """The same readings twice: worked up as one group, and not yet, for which queries name two fans at most."""
    whole, parted = watch(), watch()
    parted.begin_ms = whole.begin_ms
    for watched in (whole, parted):
        for name in FANS:
            watched.write(name, 0, 6, failing(2, 5, 100) if name == "d" else None)
    whole.run()
    monkeypatch.setattr(fan_names, "NAMED", 2)
    return whole, parted


def remembered(watched: Watched) -> dict[str, tuple[object, ...]]:
    """By fan: what a run has left of it, names aside."""
    found = checkpoints.latest(watched.store, 0)
    return {
        name: (
            row.checkpoint_ms,
            row.through_ms,
            row.taken,
            row.state,
            row.kept,
            row.alarm and row.alarm.state,
        )
        for name in FANS
        if (row := found.get(watched.fan(name))) is not None
    }


def test_groups_leave_what_the_whole_fleet_would(
    fleets: tuple[Watched, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parted = fleets
    asked, among = [], fan_bins.among
    monkeypatch.setattr(fan_bins, "among", lambda fans: asked.append(len(fans)) or among(fans))
    assert parted.run()["fans"] == len(FANS)
    assert max(asked) == 2
    assert remembered(parted) == remembered(whole)
    assert len(remembered(whole)) == len(FANS)
    # What comes a little late is found again, of each group.
    for watched in (whole, parted):
        watched.store.write(watched.lines("e", 5, 5.5, step_ms=BIN_MS // 4))
        watched.run()
    assert remembered(parted) == remembered(whole)


def test_a_store_that_fails_at_one_group_loses_nothing(
    fleets: tuple[Watched, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parted = fleets
    gathered, seen = group_bins.gathered, []

    def failed(*given: object) -> object:
        seen.append(given)
        if len(seen) == 2:
            raise Unavailable("InfluxDB does not answer.")
        return gathered(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(group_bins, "gathered", failed)
    status, body = parted.service.answer(b"")
    assert (status, json.loads(body)) == (503, {"error": "InfluxDB does not answer."})
    assert len(remembered(parted)) == 2
    assert parted.run()["behind"] == 0
    assert remembered(parted) == remembered(whole)


def test_who_has_waited_longest_near_the_head_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_names, "NAMED", 2)
    head_ms = 1000 * HOUR_MS
    waits = {
        "done-1": 0,
        "done-2": 0,
        "done-3": 0,
        "turn": BIN_MS,
        "cold": 100 * HOUR_MS,
        "back": 5 * HOUR_MS,
    }
    members = [
        Row(fan=fan, checkpoint_ms=head_ms - wait - 2 * HOUR_MS, through_ms=head_ms - wait)
        for fan, wait in waits.items()
    ]
    found = [[row.fan for row in group] for group in plan.groups(members, head_ms)]
    assert found == [["turn"], ["done-1", "done-2"], ["done-3"], ["back"], ["cold"]]
