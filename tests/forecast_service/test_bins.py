"""Bins out of the store are those that training makes of the same readings."""

import numpy as np
import pytest

from fanwatch.forecast import BIN_MS, gather
from fanwatch.store import fan_bins
from fanwatch.store.influx import point
from fanwatch.store.lease import Lease
from tests.forecast_service.conftest import Watch

FANS = ["a", "b", "c"]
HOURS = 3


@pytest.mark.parametrize("parts", [1, 2])
def test_they_equal_those_of_training(watch: Watch, parts: int) -> None:
    watched = watch(ago=HOURS)
    random = np.random.default_rng(4)
    times, fans, values = [], [], []
    # Prime steps, so that readings fall anywhere in their bins, on their edges too.
    for number, step_s in enumerate((37, 600, 1210)):
        for at_ms in range(watched.begin_ms, watched.at(HOURS), step_s * 1000):
            times.append(at_ms)
            fans.append(number)
            row = np.round(np.array([600, 40, 150, 48]) + random.normal(0, [20, 2, 9, 1]), 2)
            row[random.random(4) < 0.05] = 0
            # What no working sensor gives.
            row[random.random(4) < 0.03] = 1e5
            values.append(row)
    lines = (
        point(
            "telemetry",
            {"deviceID": watched.fan(FANS[fan])},
            dict(zip(("rotation", "temperature", "vibration", "sound"), map(float, row), strict=True)),
            at_ms * 1_000_000,
        )
        for at_ms, fan, row in zip(times, fans, values, strict=True)
    )
    watched.store.write(lines)
    names = [watched.fan(fan) for fan in FANS]
    span = fan_bins.read(watched.store, watched.begin_ms, watched.at(HOURS), names, parts)
    expected = list(gather(np.array(times), np.array(fans), np.array(values), len(FANS)))
    assert len(span.points) == len(expected) == HOURS * 6
    for place, wanted in enumerate(expected):
        found = span.bins(place)
        assert found.start_ms == wanted.start_ms == watched.begin_ms + place * BIN_MS
        for name in ("last", "low", "high", "values", "zeros"):
            np.testing.assert_array_equal(
                getattr(found, name), getattr(wanted, name), f"{name} of bin {place}"
            )
        np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-6)
    assert span.points.sum() == len(times)
    assert {int(n) for n in span.points[:, 2]} == {0, 1}


def test_what_was_packed_comes_back_and_what_was_not_scored_is_left_out(watch: Watch) -> None:
    watched = watch(ago=4)
    for fan in FANS:
        watched.write(fan, 0, 4)
    names = [watched.fan(fan) for fan in FANS]
    span = fan_bins.read(watched.store, watched.begin_ms, watched.at(4), names)
    packed = [span.packed(number) for number in range(len(FANS))]
    assert {len(each) for each in packed} == {fan_bins.packed_size(24)}
    again = fan_bins.unpacked(watched.begin_ms, packed)
    np.testing.assert_array_equal(again.values, span.values)
    fan_bins.leave_out(again, np.array([watched.at(4), watched.at(2), 0]))
    assert again.points.sum(axis=0).tolist() == [24, 13, 0]
    assert np.isnan(again.bins(20).mean[1:]).all()
    assert fan_bins.newest(watched.store, 0, watched.at(5)) == {
        name: watched.at(4) - BIN_MS // 2 for name in names
    }


def test_the_lease_is_kept_while_a_large_fleets_bins_are_read(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch(ago=HOURS)
    watched.write("a", 0, HOURS)
    # As many queries as there are bins, as a fleet of thousands takes.
    monkeypatch.setattr(fan_bins, "POINTS", 1)
    kept, keep = [], Lease.keep
    monkeypatch.setattr(Lease, "keep", lambda lease: kept.append(keep(lease)))
    assert watched.run()["fans"] == 1
    assert len(kept) > HOURS * 6 - 2


def test_a_fleet_that_has_just_begun_is_not_read_from_its_beginning_each_time(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch(ago=HOURS)
    watched.write("a", 0, 1)
    assert watched.run()["fans"] == 1
    asked, read = [], fan_bins.read
    monkeypatch.setattr(fan_bins, "read", lambda *given: asked.append(given[1]) or read(*given))
    watched.write("a", 1, 1.5)
    watched.run()
    assert asked
    # The newest bin was not yet complete.
    assert min(asked) >= watched.at(1) - BIN_MS
