"""What forecast-fan reads of the fleet: who was scored when, how many points there are, and ten-minute bins of them.

Points of `telemetry` are aggregated by InfluxDB and only count as far as they were scored: what is newer than its fan's
newest result is left out until it has one, too. Where fans are given, queries name them: at most `fan_names.NAMED`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast.bins import BIN_MS, PLAUSIBLE, SENSORS, Bins
from fanwatch.sensors import COUNTED, FEATURES
from fanwatch.store.fan_names import among, chunks
from fanwatch.store.influx import Series, Store

MS = 1_000_000
_BIN_NS = BIN_MS * MS
_PARTS = 6
"""Mean, last, low, high, number of values and zeros, as in Bins."""
_MEAN, _LAST, _LOW, _HIGH, _COUNT, _ZEROS = range(_PARTS)
_WHAT = ("mean", "last", "min", "max")
POINTS = 200_000
"""What one query aggregates at most: a second and a half of InfluxDB's time."""
_ALL = ", ".join([f'count("{COUNTED}")'] + [f'{what}("{name}")' for name in FEATURES for what in _WHAT])
_GROUPED = 'GROUP BY time(10m), "deviceID" fill(none)'
_CELL = np.dtype([("points", "<i4"), ("values", "<f4", (SENSORS, _PARTS))])


class Span(NamedTuple):
    """k bins of m fans that follow one another."""

    start_ms: int
    points: NDArray[np.int32]
    """Points in the store, shape (k, m): whether more have come since is seen by it."""
    values: NDArray[np.float32]
    """What Bins has of each sensor, shape (k, m, 4, 6)."""

    @property
    def end_ms(self) -> int:
        """Where the last bin ends."""
        return self.start_ms + len(self.points) * BIN_MS

    def bins(self, place: int) -> Bins:
        """One of them as the forecast takes it."""
        parts = np.moveaxis(self.values[place], 2, 0)
        fans = np.arange(self.points.shape[1])
        return Bins(self.start_ms + place * BIN_MS, fans, *(np.ascontiguousarray(part) for part in parts))

    def since(self, start_ms: int) -> "Span":
        """The bins from then on."""
        skipped = max(0, (start_ms - self.start_ms) // BIN_MS)
        return Span(self.start_ms + skipped * BIN_MS, self.points[skipped:], self.values[skipped:])

    def part(self, fans: slice) -> "Span":
        """The bins of some of the fans."""
        return Span(self.start_ms, self.points[:, fans], self.values[:, fans])

    def packed(self, fan: int) -> bytes:
        """One fan's bins; 100 bytes each."""
        cells = np.empty(len(self.points), _CELL)
        cells["points"], cells["values"] = self.points[:, fan], self.values[:, fan]
        return cells.tobytes()


def packed_size(bins: int) -> int:
    """Bytes of so many bins of one fan."""
    return bins * _CELL.itemsize


def empty(start_ms: int, end_ms: int, fans: int) -> Span:
    """Bins in which nothing came."""
    shape = (max(0, (end_ms - start_ms) // BIN_MS), fans)
    values = np.zeros((*shape, SENSORS, _PARTS), np.float32)
    values[..., :_COUNT] = np.nan
    return Span(start_ms, np.zeros(shape, np.int32), values)


def unpacked(start_ms: int, packed: Sequence[bytes]) -> Span:
    """What was packed of several fans, of the same bins. ValueError where they are no bins, or not as many."""
    cells = [np.frombuffer(each, _CELL) for each in packed]
    if len({len(each) for each in cells}) > 1:
        raise ValueError("the fans' bins are not as many")
    whole = np.stack(cells, axis=1)
    return Span(start_ms, whole["points"].copy(), whole["values"].copy())


def joined(first: Span, second: Span) -> Span:
    """Both, the second of which begins where the first one ends."""
    return Span(
        first.start_ms,
        np.concatenate([first.points, second.points]),
        np.concatenate([first.values, second.values]),
    )


def _beside(spans: Sequence[Span]) -> Span:
    """The same bins of all their fans."""
    points = np.concatenate([span.points for span in spans], axis=1)
    return Span(spans[0].start_ms, points, np.concatenate([span.values for span in spans], axis=1))


def newest(store: Store, since_ms: int, until_ms: int) -> dict[str, int]:
    """By fan, in ms: up to when it was both scored and stored; of fans that were in that time."""
    scored = _newest(store, "anomaly", "quality", since_ms, until_ms)
    read = newest_read(store, since_ms, until_ms)
    return {fan: min(at, read[fan]) for fan, at in scored.items() if fan in read}


def newest_read(store: Store, since_ms: int, until_ms: int) -> dict[str, int]:
    """By fan, in ms: up to when its readings are stored, scored or not."""
    return _newest(store, "telemetry", COUNTED, since_ms, until_ms)


def _newest(store: Store, measurement: str, field: str, since_ms: int, until_ms: int) -> dict[str, int]:
    period = f"time >= {since_ms * MS} AND time <= {until_ms * MS}"
    rows = store.query(f'SELECT last("{field}") FROM "{measurement}" WHERE {period} GROUP BY "deviceID"')
    return {row["deviceID"]: int(row["time"]) // MS for row in rows}


def oldest(store: Store, since_ms: int) -> dict[str, int]:
    """By fan, in ms: its first point since then."""
    rows = store.query(
        f'SELECT first("{COUNTED}") FROM "telemetry" WHERE time >= {since_ms * MS} GROUP BY "deviceID"'
    )
    return {row["deviceID"]: int(row["time"]) // MS for row in rows}


def sizes(store: Store, start_ms: int, end_ms: int, fans: Sequence[str]) -> dict[int, int]:
    """By beginning of the bin, how many points these fans have, all of them together."""
    rows = store.query(
        f'SELECT count("{COUNTED}") AS "n" FROM "telemetry" WHERE {_period(start_ms, end_ms, fans)} '
        "GROUP BY time(10m) fill(none)"
    )
    return {int(row["time"]) // MS: int(row["n"]) for row in rows}


def points(store: Store, start_ms: int, end_ms: int, fans: Sequence[str]) -> NDArray[np.int32]:
    """How many points these fans have in each bin, shape (k, m)."""
    found = empty(start_ms, end_ms, len(fans)).points
    for fan, times, rows in _cells(store, f'count("{COUNTED}")', start_ms, end_ms, fans):
        found[times, fan] = rows[:, 0]
    return found


def taken(store: Store, start_ms: int, end_ms: int, fans: Sequence[str]) -> dict[str, int]:
    """How many points each of these fans has in all, however many fans they are."""
    counts: dict[str, int] = dict.fromkeys(fans, 0)
    for some in chunks(fans):
        rows = store.query(
            f'SELECT count("{COUNTED}") AS "n" FROM "telemetry" WHERE {_period(start_ms, end_ms, some)} '
            'GROUP BY "deviceID"'
        )
        counts |= {row["deviceID"]: int(row["n"]) for row in rows}
    return counts


def read(store: Store, start_ms: int, end_ms: int, fans: Sequence[str], parts: int = 1) -> Span:
    """The bins of these fans, whether scored or not; by at least so many queries."""
    if parts > 1 and len(fans) > 1:
        share = -(-len(fans) // parts)
        return _beside(
            [
                read(store, start_ms, end_ms, fans[first : first + share])
                for first in range(0, len(fans), share)
            ]
        )
    span = empty(start_ms, end_ms, len(fans))
    for fan, times, rows in _cells(store, _ALL, start_ms, end_ms, fans):
        count = rows[:, :1]
        span.points[times, fan] = count[:, 0]
        span.values[times, fan, :, :_COUNT] = rows[:, 1:].reshape(-1, SENSORS, _COUNT)
        span.values[times, fan, :, _COUNT] = count
    for sensor in range(SENSORS):
        _sift(store, span, sensor, fans)
    return span


def leave_out(span: Span, until_ms: NDArray[np.int64]) -> None:
    """Empties the bins of each fan that begin after it was scored last; `until_ms` has shape (m,)."""
    starts = span.start_ms + np.arange(len(span.points)) * BIN_MS
    unscored = starts[:, None] > until_ms[None, :]
    span.points[unscored] = 0
    span.values[unscored] = empty(0, BIN_MS, 1).values[0, 0]


def _sift(store: Store, span: Span, sensor: int, fans: Sequence[str]) -> None:
    """Computes those bins again, of this sensor, that have zeros or what no working sensor gives."""
    lowest, highest = PLAUSIBLE[sensor]
    found = span.values[:, :, sensor]
    low, high = found[..., _LOW], found[..., _HIGH]
    odd = (low < lowest) | (high > highest) | ((low <= 0) & (high >= 0))
    if not odd.any():
        return
    name, numbers = FEATURES[sensor], np.flatnonzero(odd.any(axis=0))
    some = [fans[number] for number in numbers.tolist()]
    bins = np.flatnonzero(odd.any(axis=1))
    start_ms = span.start_ms + int(bins[0]) * BIN_MS
    end_ms = span.start_ms + (int(bins[-1]) + 1) * BIN_MS
    found[odd] = (*[np.nan] * _COUNT, 0, 0)
    good = f'"{name}" >= {lowest!r} AND "{name}" <= {highest!r} AND "{name}" != 0'
    what = ", ".join(f'{each}("{name}")' for each in (*_WHAT, "count"))
    for condition, fields, parts in (
        (good, what, slice(0, _ZEROS)),
        (f'"{name}" = 0', f'count("{name}")', slice(_ZEROS, _PARTS)),
    ):
        for fan, times, rows in _cells(store, fields, start_ms, end_ms, some, condition):
            places, number = times + bins[0], numbers[fan]
            chosen = odd[places, number]
            found[places[chosen], number, parts] = rows[chosen]


def _cells(
    store: Store, fields: str, start_ms: int, end_ms: int, fans: Sequence[str], condition: str = ""
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """For each of the fans that has any: its number, places of bins, and their rows of fields."""
    numbers = {fan: number for number, fan in enumerate(fans)}
    where = _period(start_ms, end_ms, fans) + (f" AND {condition}" if condition else "")
    for series in store.series(f'SELECT {fields} FROM "telemetry" WHERE {where} {_GROUPED}'):
        fan = numbers.get(series.tags["deviceID"])
        if fan is not None:
            times, rows = _numbers(series, start_ms)
            yield fan, times, rows


def _numbers(series: Series, start_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    table = np.array([values[1:] for values in series.values], np.float64)
    times = np.array([values[0] for values in series.values], np.int64)
    return (times - start_ms * MS) // _BIN_NS, table


def _period(start_ms: int, end_ms: int, fans: Sequence[str]) -> str:
    return f"time >= {start_ms * MS} AND time < {end_ms * MS} AND {among(fans)}"


def clock_of(scored: Mapping[str, int]) -> int | None:
    """The fleet's clock: the newest time in ms that was scored and stored; None where nothing was."""
    return max(scored.values(), default=None)
