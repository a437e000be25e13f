"""Our ways: one reading an invocation, batches, and batches while both streams are stored."""

import time

import msgspec

from benchmarks import ways
from benchmarks.load import name
from benchmarks.pipeline import Pipeline, single, until
from benchmarks.processes import peaks_mb
from benchmarks.traffic import compare
from fanwatch.errors import FanwatchError
from fanwatch.messages.timestamps import format_ms
from fanwatch.sensors import COUNTED
from fanwatch.store.influx import Store

SCALING = (10, 100, 1_000, 10_000)
OUTSTANDING = 4_000
_STORED_OUTSTANDING = 20_000
"""More, for what InfluxDB has taken is looked up only a few times a second."""
_CEILING = 16_000
_STORED_S = 120.0
_COUNT_S = 0.25
_AROUND = ("mosquitto_pub", "mosquitto_sub", "benchmark")
"""What makes load and counts results, and is no part of the product."""


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How long everything may take."""

    seconds: float = 60.0
    latency_count: int = 2_000
    scaling_s: float = 12.0
    scaling_rounds: int = 2
    backlog: int = 100_000
    repeats: int = 5
    reference_latency_count: int = 120
    inference_s: float = 3.0


class Drain(msgspec.Struct, frozen=True):
    """A backlog that is worked off while readings go on arriving."""

    backlog: int
    arrival_per_second: float
    per_second: float
    """Readings scored a second, from the connector's start until only what had just arrived was waiting."""
    seconds: float
    readings: int
    lost: int
    duplicated: int
    connector_rss_mb: float


def strict(effort: Effort) -> ways.Way:
    """One reading an invocation."""
    with Pipeline(stack=single) as pipeline:
        plan = _plan(effort, outstanding=2_000, ceiling=4_000)
        return _measured(pipeline, plan)


def batched(effort: Effort) -> ways.Way:
    """Whatever is queued, up to 256 readings, an invocation."""
    with Pipeline() as pipeline:
        return _measured(pipeline, _plan(effort))


def stored(effort: Effort) -> ways.Way:
    """The same, with Telegraf and InfluxDB storing readings and results; a reading counts once both are stored.

    FanwatchError where what is stored differs from what was scored.
    """
    with Pipeline(store=True) as pipeline:
        stock = _Stock(pipeline)
        return _measured(pipeline, _plan(effort, outstanding=_STORED_OUTSTANDING), stock)


def scaling(effort: Effort) -> dict[str, float]:
    """CPU time a reading of all parts together, in µs, by number of deviceIDs.

    There and back again, so that a machine that gets slower or faster meanwhile weighs on all alike.
    """
    rounds = [SCALING if number % 2 == 0 else SCALING[::-1] for number in range(effort.scaling_rounds)]
    found: dict[int, list[float]] = {devices: [] for devices in SCALING}
    with Pipeline() as pipeline:
        rig = ways.Rig(pipeline.broker_port, pipeline.parts, pipeline.directory)
        try:
            for devices in (devices for turn in rounds for devices in turn):
                plan = _plan(effort, seconds=effort.scaling_s, devices=devices)
                found[devices].append(_cost(rig, plan))
        finally:
            rig.close()
    return {str(devices): round(sum(costs) / len(costs), 1) for devices, costs in found.items()}


def drain(effort: Effort, arrival: float = 1_000.0) -> Drain:
    """A backlog that built up while the connector was away, and an arrival that goes on."""
    with Pipeline() as pipeline:
        rig = ways.Rig(pipeline.broker_port, pipeline.parts, pipeline.directory)
        try:
            return _drain(pipeline, rig, effort.backlog, arrival)
        finally:
            rig.close()


def _plan(
    effort: Effort,
    *,
    seconds: float | None = None,
    outstanding: int = OUTSTANDING,
    ceiling: int = _CEILING,
    devices: int = 100,
) -> ways.Plan:
    return ways.Plan(
        seconds=seconds or effort.seconds,
        outstanding=outstanding,
        ceiling=ceiling,
        latency_rate=100,
        latency_count=effort.latency_count,
        devices=devices,
    )


def _measured(pipeline: Pipeline, plan: ways.Plan, stock: "_Stock | None" = None) -> ways.Way:
    rig = ways.Rig(pipeline.broker_port, pipeline.parts, pipeline.directory)
    try:
        if stock is None:
            return ways.measure(rig, plan)
        way = ways.measure(
            rig, plan, lambda: stock.readings() - plan.latency_count, lambda: stock.settle(rig)
        )
        check_stored(pipeline.store, set(rig.witness.keys()), plan.devices)
        return way
    finally:
        rig.close()


def _cost(rig: ways.Rig, plan: ways.Plan) -> float:
    before = rig.witness.count()
    source = rig.source(rig.readings(int(plan.ceiling * (plan.seconds + plan.warm_s)), plan.devices))
    sustained = ways.sustain(rig, plan, source)
    source.finish()
    rig.witness.await_count(before + source.sent, 60)
    return sum(cost for part, cost in sustained.cpu_us.items() if part not in _AROUND)


def _drain(pipeline: Pipeline, rig: ways.Rig, backlog: int, arrival: float) -> Drain:
    pipeline.stop("connector")
    queued = rig.source(rig.readings(backlog, 100))
    queued.feed(backlog)
    while queued.sent < backlog:
        queued.feed(backlog)
        time.sleep(0.005)
    queued.finish()
    arriving = rig.source(rig.readings(int(120 * arrival), 100))
    pipeline.start("connector")
    began = time.monotonic()
    while (seconds := time.monotonic() - began) < 100:
        arriving.feed(int(seconds * arrival))
        if rig.witness.count() + arrival / 5 >= backlog + arriving.sent:
            break
        time.sleep(0.01)
    scored = rig.witness.count()
    arriving.finish()
    rig.published |= queued.keys | arriving.keys
    rig.witness.await_count(len(rig.published), 60)
    counts = compare(rig.published, rig.witness.keys())
    connector = peaks_mb(rig.parts()).get("connector", 0.0)
    return Drain(
        backlog=backlog,
        arrival_per_second=arrival,
        per_second=round(scored / seconds, 1),
        seconds=round(seconds, 1),
        readings=counts.readings,
        lost=counts.lost,
        duplicated=counts.duplicated,
        connector_rss_mb=connector,
    )


class _Stock:
    """What InfluxDB has taken, of both streams."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._asked = 0.0
        self._points = 0

    def readings(self) -> int:
        """Readings stored with their results, and a few too many: what Telegraf measures of the parts counts as well.

        Looked up a few times a second only, for that costs too.
        """
        if time.monotonic() - self._asked > _COUNT_S:
            self._points = self._pipeline.points_written()
            self._asked = time.monotonic()
        return self._points // 2

    def settle(self, rig: ways.Rig) -> None:
        """Returns when all of it is stored."""
        until(lambda: self.readings() >= len(rig.published), "all is stored", _STORED_S)
        until(lambda: self._rows() >= len(rig.published), "all rows are there", _STORED_S)

    def _rows(self) -> int:
        time.sleep(_COUNT_S)
        store = self._pipeline.store
        return min(store.count("telemetry", COUNTED), store.count("anomaly", "threshold"))


def check_stored(store: Store, scored: set[str], devices: int) -> None:
    """stored = scored, from the rows of both measurements. FanwatchError where they differ."""
    for measurement, field in (("telemetry", COUNTED), ("anomaly", "threshold")):
        rows: set[str] = set()
        for device in map(name, range(devices)):
            found = store.query(f'SELECT "{field}" FROM "{measurement}" WHERE "deviceID" = \'{device}\'')
            rows.update(f"{device} {format_ms(row['time'] // 1_000_000)}" for row in found)
        if rows != scored:
            raise FanwatchError(
                f"{measurement}: {len(scored - rows)} readings were scored and not stored, "
                f"{len(rows - scored)} stored and not scored."
            )
