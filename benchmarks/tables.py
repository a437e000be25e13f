"""The figures as tables, for the terminal and for docs/performance.md alike: a title, columns, rows of text."""

from collections.abc import Iterator

import msgspec

from benchmarks.results import Results
from benchmarks.targets import targets

_AROUND = ("mosquitto_pub", "mosquitto_sub", "benchmark")


class Table(msgspec.Struct, frozen=True):
    """`name` is that of its place in the document. All columns but the first are right-aligned."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(results: Results) -> Iterator[Table]:
    """All tables for which there are figures."""
    if results.ways:
        yield _ways(results)
        yield _costs(results)
        yield _memory(results)
    if results.inference:
        rows = [
            [engine, _number(speed.p50_us), f"{speed.rows_per_second:,.0f}"]
            for engine, speed in results.inference.items()
        ]
        yield Table("inference", "Engines", ["engine", "one row, p50 µs", "rows/s in calls of 256"], rows)
    if results.cold_start:
        rows = [
            [name, f"{start.seconds:.2f}", f"{start.rss_mb:.0f}"]
            for name, start in results.cold_start.items()
        ]
        yield Table("cold_start", "Cold start", ["", "seconds to the first answer", "RSS MB"], rows)
    if results.scaling:
        rows = [[f"{int(devices):,}", _number(cost)] for devices, cost in results.scaling.items()]
        yield Table("scaling", "Cost by number of fans", ["deviceIDs", "CPU µs a reading"], rows)
    if results.drain:
        yield _drain(results)
    rows = [[goal.text, goal.measured, "yes" if goal.reached else "no"] for goal in targets(results)]
    if rows:
        yield Table("targets", "Targets", ["target", "measured", "reached"], rows)


def machine(results: Results) -> str:
    """What it ran on, in a line."""
    on = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in on.versions.items())
    return (
        f"{on.cores} cores ({on.cpu}), {on.memory_mb / 1000:.0f} GB, {on.kernel}; load average before: {on.load:g}; "
        f"{on.measured}, revision {on.revision}; {versions}"
    )


def _ways(results: Results) -> Table:
    columns = [
        "",
        "readings/s",
        "× reference",
        "p50 ms",
        "p99 ms",
        "CPU µs a reading",
        "readings",
        "lost",
        "dupl.",
    ]
    rows = []
    for name, way in results.ways.items():
        ratio = results.ratios.get(name)
        cost = sum(value for part, value in way.cpu_us_per_reading.items() if part not in _AROUND)
        rows.append(
            [
                name,
                _number(way.per_second),
                f"{ratio:,.0f}" if ratio else "–",
                f"{way.latency_ms.p50:.1f}",
                f"{way.latency_ms.p99:.1f}",
                _number(cost),
                f"{way.readings:,}",
                str(way.lost),
                str(way.duplicated),
            ]
        )
    return Table("ways", "From reading to result", columns, rows)


def _costs(results: Results) -> Table:
    costs = {name: way.cpu_us_per_reading for name, way in results.ways.items()}
    return _by_part("costs", "CPU µs a reading, by process", costs)


def _memory(results: Results) -> Table:
    return _by_part("memory", "Peak RSS, MB", {name: way.rss_mb for name, way in results.ways.items()})


def _by_part(name: str, title: str, values: dict[str, dict[str, float]]) -> Table:
    parts = sorted(
        {part for column in values.values() for part in column}, key=lambda part: (part in _AROUND, part)
    )
    rows = [
        [part, *(_number(column[part]) if part in column else "" for column in values.values())]
        for part in parts
    ]
    return Table(name, title, ["", *values], rows)


def _drain(results: Results) -> Table:
    drain = results.drain
    assert drain is not None
    columns = ["backlog", "arriving/s", "scored/s", "seconds", "lost", "dupl.", "connector's RSS MB"]
    row = [
        f"{drain.backlog:,}",
        f"{drain.arrival_per_second:,.0f}",
        f"{drain.per_second:,.0f}",
        f"{drain.seconds:.1f}",
        str(drain.lost),
        str(drain.duplicated),
        f"{drain.connector_rss_mb:.0f}",
    ]
    return Table("drain", "A backlog", columns, [row])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"
