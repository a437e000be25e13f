"""What Fanwatch sets out to reach on two cores, and whether a run did. Reported; nothing fails because of it."""

from collections.abc import Callable, Iterator

import msgspec

from benchmarks.results import Results
from benchmarks.ways import Way

_FLAT = 0.10


class Target(msgspec.Struct, frozen=True):
    """One goal: `text` names it with its bound, `reached` says whether `measured` meets it."""

    text: str
    measured: str
    reached: bool


def targets(results: Results) -> Iterator[Target]:
    """All goals for which there are figures."""
    for name, per_second, ratio in (("batched", 8_000, 1_200), ("strict", 800, 120), ("stored", 4_500, 0)):
        way = results.ways.get(name)
        if way is not None:
            yield from _way(name, way, per_second)
            if ratio and name in results.ratios:
                found = results.ratios[name]
                yield Target(f"{name}: ≥ {ratio:,} × the reference", f"{found:,.0f} ×", found >= ratio)
    yield from _inference(results)
    yield from _scale(results)


def _way(name: str, way: Way, per_second: float) -> Iterator[Target]:
    found = f"{way.per_second:,.0f}/s"
    yield Target(f"{name}: ≥ {per_second:,}/s", found, way.per_second >= per_second)
    yield Target(f"{name}: nothing lost", f"{way.lost} of {way.readings:,}", way.lost == 0)
    if name != "stored":
        for what, value, bound in (("p50", way.latency_ms.p50, 3.5), ("p99", way.latency_ms.p99, 8.0)):
            yield Target(f"{name}: {what} < {bound} ms at 100/s", f"{value:.1f} ms", value < bound)
    for part in ("score-fan", "infer-fan-lite"):
        if part in way.rss_mb:
            size = way.rss_mb[part]
            yield Target(f"{name}: {part} ≤ 80 MB", f"{size:.0f} MB", size <= 80)


def _inference(results: Results) -> Iterator[Target]:
    bounds = {
        "litert": ("engine to its first answer", 0.3),
        "infer-fan-lite process": ("function process", 1.0),
    }
    for name, (what, bound) in bounds.items():
        start = (results.cold_start or {}).get(name)
        if start is not None:
            yield Target(f"LiteRT, {what} ≤ {bound} s", f"{start.seconds:.2f} s", start.seconds <= bound)


def _scale(results: Results) -> Iterator[Target]:
    if results.scaling:
        costs = list(results.scaling.values())
        middle = (max(costs) + min(costs)) / 2
        spread = (max(costs) - min(costs)) / 2 / middle
        text = f"cost a reading flat (± {_FLAT:.0%}), {' to '.join(_ends(results.scaling))} deviceIDs"
        yield Target(text, f"± {spread:.0%}", spread <= _FLAT)
    drain = results.drain
    if drain is not None:
        times = drain.per_second / drain.arrival_per_second
        text = f"a backlog drains at ≥ 2 × an arrival of {drain.arrival_per_second:,.0f}/s"
        yield Target(text, f"{times:.1f} ×", times >= 2)
        memory = drain.connector_rss_mb
        yield Target("connector < 150 MB with a backlog", f"{memory:.0f} MB", memory < 150)


def _ends(scaling: dict[str, float]) -> tuple[str, str]:
    order: Callable[[str], int] = int
    numbers = sorted(scaling, key=order)
    return f"{int(numbers[0]):,}", f"{int(numbers[-1]):,}"
