"""InfluxQL over the parts' own metrics: counters that start anew with their process, once a label set."""

from dashboards.queries import INTERVAL, raw, select, since, union


def _label(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag if tag == "*" else f'"{tag}"' for tag in tags)


def rate(measurement: str, field: str, *where: str, by: tuple[str, ...] = (), name: str = "v") -> str:
    """Increase of a counter a second over time, summed over the labels that are not in `by`."""
    each = select(
        f'non_negative_derivative(max("{field}"), 1s) AS "{name}"',
        raw(measurement),
        "$timeFilter",
        *where,
        by=(INTERVAL, "*"),
        fill="none",
    )
    return select(
        f'sum("{name}") AS "{name}"', union(each), "$timeFilter", by=(INTERVAL, *_label(by)), fill="none"
    )


def increase(measurement: str, field: str, *where: str, by: tuple[str, ...] = (), name: str = "v") -> str:
    """Increase of a counter within the range, by label; what came before the first scrape after a start is missing."""
    each = select(
        f'non_negative_difference(max("{field}")) AS "{name}"',
        raw(measurement),
        "$timeFilter",
        *where,
        by=(INTERVAL, "*"),
        fill="none",
    )
    return select(f'sum("{name}") AS "{name}"', union(each), "$timeFilter", by=_label(by))


def level(
    measurement: str,
    field: str,
    *,
    by: tuple[str, ...] = (),
    name: str = "v",
    of: str = "max",
    fill: str = "none",
) -> str:
    """A gauge over time: the highest value of each interval, or what `of` says. With fill null, gaps show."""
    what = f'{of}("{field}") AS "{name}"'
    return select(what, raw(measurement), "$timeFilter", by=(INTERVAL, *_label(by)), fill=fill)


def total(measurement: str, field: str, by: tuple[str, ...] = ()) -> str:
    """A gauge over time, summed over the labels that are not in `by`: `v`."""
    each = level(measurement, field, by=("*",))
    return select('sum("v") AS "v"', union(each), "$timeFilter", by=(INTERVAL, *_label(by)), fill="none")


def latest(
    measurement: str,
    field: str,
    *where: str,
    by: tuple[str, ...] = (),
    name: str = "v",
    age: str = "1m",
) -> str:
    """A gauge as it was last, within the last minute or `age`."""
    return select(f'last("{field}") AS "{name}"', raw(measurement), since(age), *where, by=_label(by))


def mean_time(measurement: str, histogram: str, by: str) -> str:
    """Mean of what a histogram of seconds observed, over time and by label: `v`, in seconds."""
    sums = rate(measurement, f"{histogram}_sum", by=(by,), name="sum")
    counts = rate(measurement, f"{histogram}_count", by=(by,), name="count")
    return select(
        'mean("sum") / mean("count") AS "v"',
        union(sums, counts),
        "$timeFilter",
        by=(INTERVAL, f'"{by}"'),
        fill="none",
    )


def slower(measurement: str, histogram: str, bound_s: int) -> str:
    """Share of what a histogram observed that took longer than `bound_s` seconds, over time: `v`, 0 to 1.

    A bucket must begin there. Prometheus calls it 1.0, Telegraf stores it as 1.
    """
    bucket = f'"le" =~ /^{bound_s}(\\.0)?$/'
    within = rate(measurement, f"{histogram}_bucket", bucket, name="within")
    every = rate(measurement, f"{histogram}_bucket", "\"le\" = '+Inf'", name="every")
    return select(
        '1 - mean("within") / mean("every") AS "v"',
        union(within, every),
        "$timeFilter",
        by=(INTERVAL,),
        fill="none",
    )
