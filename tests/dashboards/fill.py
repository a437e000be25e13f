"""What the store of a small fleet holds, by the names that infra/telegraf and `fanwatch history rollup` write."""

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from fanwatch.fleet.faulty import RAN
from fanwatch.store.influx import Store, point

WELL, OUT, FAILING, QUIET, BROKEN = FANS = tuple(f"fan-0{number}" for number in range(1, 6))
MODEL, THRESHOLD = "fan-anomaly@1", 0.3801

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
EVERY_MS = 5 * SECOND_MS
WINDOW_MS = 10 * MINUTE_MS

FAILED_FOR_MS = 12 * MINUTE_MS
QUIET_FOR_MS = 5 * MINUTE_MS
RAW_FOR_MS = 70 * MINUTE_MS
MEANS_FOR_MS = 30 * HOUR_MS

_HEALTHY = {"rotation": 600.0, "temperature": 40.0, "vibration": 150.0, "sound": 48.5}
_WORN = {"rotation": 440.0, "temperature": 52.0, "vibration": 235.0, "sound": 57.5}


class Fleet:
    """`now_ms` is the time at which all of it ends: the queries' now()."""

    def __init__(self, store: Store, now_ms: int) -> None:
        self.store = store
        self.now_ms = now_ms
        self._random = random.Random(5)

    def write(self) -> None:
        """Fills the store."""
        self.store.write(self._readings())
        self.store.write(self._results())
        self.store.write(self._alarms())
        self.store.write(self._severities())
        self.store.write(self._letters())
        self.store.write(self._forecasts())
        self.store.write(self._parts())
        self.store.write(self._means(), "means")

    def _times(self, fan: str) -> range:
        end = self.now_ms - (QUIET_FOR_MS if fan == QUIET else 0)
        return range(self.now_ms - RAW_FOR_MS, end, EVERY_MS)

    def _fails(self, fan: str, at_ms: int) -> bool:
        return fan == FAILING and at_ms >= self.now_ms - FAILED_FOR_MS

    def _readings(self) -> Iterator[str]:
        for fan in FANS:
            for at in self._times(fan):
                means = _WORN if self._fails(fan, at) else _HEALTHY
                values: dict[str, object] = {
                    name: round(mean * self._random.gauss(1, 0.02), 2) for name, mean in means.items()
                }
                if fan == BROKEN:
                    values["sound"] = 0.0
                yield point("telemetry", {"deviceID": fan}, values, at * 1_000_000)

    def _results(self) -> Iterator[str]:
        for fan in FANS:
            for at in self._times(fan):
                fails = self._fails(fan, at)
                result: dict[str, object] = {
                    "fault": int(fails),
                    "probability": round(
                        min(1.0, max(0.0, self._random.gauss(0.95 if fails else 0.1, 0.03))), 4
                    ),
                    "threshold": THRESHOLD,
                    "quality": "ok",
                    "model": MODEL,
                }
                if fails:
                    result["cause"] = "vibration"
                if fan == BROKEN:
                    result |= {
                        "fault": None,
                        "probability": None,
                        "quality": "implausible",
                        "fields": "sound",
                    }
                yield point("anomaly", {"deviceID": fan}, result, at * 1_000_000)

    def _alarms(self) -> Iterator[str]:
        began = self.now_ms - FAILED_FOR_MS
        first = {
            "state": "ok",
            "severity": 0,
            "risk": 0.02,
            "since_ms": began - 5 * HOUR_MS,
            "why": "all as usual",
        }
        for fan in FANS:
            yield point(
                "alarm",
                {"deviceID": fan},
                first | {"episode": f"{fan} {began - 5 * HOUR_MS}"},
                # Longer ago than any dashboard's range: it holds until something else is said.
                (began - 5 * HOUR_MS) * 1_000_000,
            )
        failing: dict[str, object] = {
            "episode": f"{FAILING} {began}",
            "cause": "vibration",
            "why": "vibration has risen for ten minutes",
            "earliest_ms": self.now_ms + 5 * HOUR_MS,
            "latest_ms": self.now_ms + 20 * HOUR_MS,
        }
        for age_ms, state, severity, risk in (
            (FAILED_FOR_MS - 2 * MINUTE_MS, "warning", 3, 0.6),
            (FAILED_FOR_MS - 6 * MINUTE_MS, "alarm", 4, 0.9),
        ):
            said = failing | {"state": state, "severity": severity, "risk": risk}
            at = self.now_ms - age_ms
            yield point("alarm", {"deviceID": FAILING}, said | {"since_ms": began}, at * 1_000_000)
            yield point("episode", {"deviceID": FAILING}, said | {"updated_ms": at}, began * 1_000_000)
        sensor: dict[str, object] = {
            "episode": f"{BROKEN} {began}",
            "state": "instrument",
            "severity": 2,
            "cause": "zero",
            "sensor": "sound",
            "risk": 0.0,
            "why": "sound has been 0 for an hour",
        }
        closed = {"episode": f"{OUT} {began}", "state": "out-of-service", "severity": -1, "since_ms": began}
        yield point("alarm", {"deviceID": OUT}, closed | {"why": "Anna closed it"}, began * 1_000_000)
        yield point("alarm", {"deviceID": BROKEN}, sensor | {"since_ms": began}, began * 1_000_000)
        yield point("episode", {"deviceID": BROKEN}, sensor | {"updated_ms": began}, began * 1_000_000)

    def _letters(self) -> Iterator[str]:
        for number, (reason, error) in enumerate(
            (("json", "not JSON"), ("clock", "40 days old"), ("clock", "a year old"))
        ):
            letter: dict[str, object] = {
                "id": f"letter-{number}",
                "topic": "fan/messages",
                "reason": reason,
                "error": error,
                "attempts": 1,
                "length": 30 + number,
                "payload": "e30=",
                "sha256": f"{number:064x}",
                "connector": "fanwatch-connector-0",
            }
            yield point(
                "dead_letter", {}, letter, (self.now_ms - (number + 1) * 4 * MINUTE_MS) * 1_000_000 + number
            )

    def _severities(self) -> Iterator[str]:
        """What was said, as Telegraf keeps it among the results."""
        began = self.now_ms - FAILED_FOR_MS
        said = [(fan, began - 5 * HOUR_MS, 0) for fan in FANS] + [(FAILING, began, 4), (BROKEN, began, 2)]
        for fan, at_ms, severity in said:
            fields = {"alarm_severity": severity, "alarm_in_hand": 0}
            yield point("anomaly", {"deviceID": fan}, fields, at_ms * 1_000_000)

    def _forecasts(self) -> Iterator[str]:
        """A run each ten minutes; the last but one was short of time, and one fan could not be worked up."""
        for number, at in enumerate(range(self.now_ms - HOUR_MS + MINUTE_MS, self.now_ms, WINDOW_MS)):
            short = int(number == 4)
            run = {"seconds": 0.9 + short, "behind": 3 * short, "failed": short, "fans": 5, "clock_ms": at}
            yield point("forecast", {}, run, at * 1_000_000)
            yield point("anomaly", {}, {RAN: 1}, at * 1_000_000)

    def _parts(self) -> Iterator[str]:
        """Ten seconds apart, an hour long; the connector was started anew half an hour ago."""
        steps = HOUR_MS // (10 * SECOND_MS)
        for step in range(steps):
            at = (self.now_ms - HOUR_MS + step * 10 * SECOND_MS) * 1_000_000
            since_start = step % (steps // 2)
            yield from (point(name, tags, fields, at) for name, tags, fields in _parts(step, since_start))

    def _means(self) -> Iterator[str]:
        last = self.now_ms // WINDOW_MS * WINDOW_MS
        for start in range(last - MEANS_FOR_MS, last + WINDOW_MS, WINDOW_MS):
            at = start * 1_000_000
            counts = {"n": 0, "faults": 0, "implausible": 0}
            for fan in FANS:
                if start + WINDOW_MS > self.now_ms and fan == QUIET:
                    continue
                broken, fails = fan == BROKEN, self._fails(fan, start)
                n, faults, implausible = 120, 120 * fails, 120 * broken
                means = _WORN if fails else _HEALTHY
                signals = {
                    f"{name}_{which}": mean * factor
                    for name, mean in means.items()
                    for which, factor in (("mean", 1), ("min", 0.96), ("max", 1.04))
                }
                yield point("telemetry", {"deviceID": fan}, {"n": n, **signals}, at)
                result: dict[str, object] = {
                    "n": n,
                    "faults": faults,
                    "extrapolated": 0,
                    "implausible": implausible,
                }
                if not broken:
                    score = 0.95 if fails else 0.1
                    result |= {"probability_mean": score, "probability_max": min(1.0, score + 0.05)}
                yield point("anomaly", {"deviceID": fan}, result, at)
                counts["n"] += n
                counts["faults"] += faults
                counts["implausible"] += implausible
            scored = counts["n"] - counts["faults"] - counts["implausible"]
            tenths = {f"p{tenth}": 0 for tenth in range(10)} | {"p0": scored // 2, "p1": scored - scored // 2}
            tenths["p9"] = counts["faults"]
            yield point(
                "scores", {"model": MODEL}, counts | {"extrapolated": 3, "probability_mean": 0.2} | tenths, at
            )


Point = tuple[str, dict[str, str], dict[str, Any]]


def _parts(step: int, since_start: int) -> Iterator[Point]:
    """One round of what the parts say: five readings every ten seconds, one in a hundred calls slow."""
    connector: Callable[[str], str] = "fanwatch_connector_{}".format
    scored, calls = since_start * 50, since_start * 10
    yield (
        "connector",
        {},
        {
            connector("received_total"): float(scored + 5),
            connector("acknowledged_total"): float(scored),
            connector("duplicated_total"): 0.0,
            connector("held"): 5.0,
            connector("held_bytes"): 700.0,
            connector("waiting"): 0.0,
            connector("dead_letters_waiting"): 0.0,
            connector("connected"): 1.0,
            connector("sessions_lost_total"): 0.0,
            "process_cpu_seconds_total": since_start * 1.2,
            "process_resident_memory_bytes": 60e6,
        },
    )
    score = {"function": "score-fan"}
    yield (
        "connector",
        score,
        {
            connector("scored_total"): float(scored),
            connector("retried_total"): float(since_start // 20),
            connector("in_flight"): 2.0,
            connector("breaker_open"): float(100 <= step < 110),
        },
    )
    yield "connector", score | {"status": "200"}, {connector("calls_total"): float(calls)}
    yield "connector", score | {"status": "503"}, {connector("calls_total"): float(since_start // 20)}
    for number, reason in enumerate(("json", "clock")):
        yield (
            "connector",
            {"reason": reason},
            {connector("dead_lettered_total"): float((1 + number) * (since_start >= 60))},
        )
    for histogram, mean_s in (("call_seconds", 0.012), ("settled_seconds", 0.03)):
        sums = {connector(f"{histogram}_sum"): calls * mean_s, connector(f"{histogram}_count"): float(calls)}
        yield "connector", score, sums
        for bound, within in (("0.1", 0.9), ("1", 0.99), ("+Inf", 1.0)):
            bucket = {connector(f"{histogram}_bucket"): calls * within}
            yield "connector", score | {"le": bound}, bucket
    yield "gateway", {}, {"process_cpu_seconds_total": step * 0.8, "process_resident_memory_bytes": 45e6}
    for function in ("score-fan", "infer-fan-lite"):
        for replica in ("1", "2"):
            resources = {"process_cpu_seconds_total": step * 0.7, "process_resident_memory_bytes": 70e6}
            yield "function", {"function": function, "replica": replica}, resources
    yield (
        "broker",
        {},
        {
            "clients_connected": 9.0,
            "messages_received": step * 160.0,
            "messages_sent": step * 210.0,
            "publish_received": step * 100.0,
            "publish_sent": step * 150.0,
            "publish_dropped": 7.0 if step >= 300 else 0.0,
            "stored_messages": round(90 + 20 * math.sin(step / 20)),
            "retained_messages": 50,
            "stored_bytes": 9_000,
            "queue_limit_bytes": 64 << 20,
            "heap_bytes": 4e6,
            "subscriptions": 12.0,
            "uptime_s": step * 10.0,
        },
    )
    yield (
        "store",
        {},
        {
            "points_written": step * 130,
            "write_errors": 0,
            "queries": step * 8,
            "series": 64,
            "disk_bytes": 20_000_000 + step * 3_000,
            "disk_limit_bytes": 50 << 30,
            "memory_bytes": 120_000_000,
            "process_cpu_seconds_total": step * 0.3,
        },
    )
    yield "telegraf", {}, {"written": step * 130, "dropped": 0, "buffer_size": 12, "memory_bytes": 90_000_000}
    for kind in ("telemetry", "anomaly", "alarm", "dead_letter"):
        each = {"telemetry": 50, "anomaly": 50}.get(kind, 0)
        yield "telegraf", {"input": kind}, {"gathered": step * each, "errors": 0}
    yield "dropped", {"kind": "telemetry", "reason": "value"}, {"count": step // 100}
    yield (
        "machine",
        {},
        {
            "cpu_percent": 40 + 10 * math.sin(step / 15),
            "memory_used_percent": 55.0,
            "memory_available_bytes": 3_500_000_000,
            "disk_used_percent": 47.0,
            "disk_free_bytes": 60_000_000_000,
        },
    )
    for part in ("connector", "gateway", "store", "scoring"):
        up = int(not (part == "scoring" and 100 <= step < 110))
        yield "up", {"part": part}, {"up": up, "response_s": 0.004}
    yield "x509_cert", {"source": "broker.pem"}, {"expiry": 40 * 86_400}
