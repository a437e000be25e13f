"""A fleet and its pipeline as their points in a store, ten seconds at a time: for tests of alert rules.

Readings wait in the broker for the connector and for Telegraf, results for Telegraf, so that whatever is away delays
points as in the real pipeline; counters begin anew with their process. Points are real, on a real InfluxDB.
"""

import urllib.parse
import urllib.request
from collections import Counter, deque

STEP_MS = 10_000
_WINDOW_MS = 600_000
LATE_MS = 5_400_000
_BEHIND_MS = 60_000

Reading = tuple[str, int, bool]


class Fleet:
    """`at_ms` is the time up to which everything has happened; `run` goes on from there."""

    def __init__(self, url: str, at_ms: int, fans: int = 6) -> None:
        self._url = url
        self.at_ms = at_ms // STEP_MS * STEP_MS
        self.fans = [f"fan-{number:02d}" for number in range(fans)]
        self.silent: set[str] = set()
        self.faulty: set[str] = set()
        self.refused: set[str] = set()
        """Fans whose readings are dead letters."""
        self.behind: dict[str, int] = {}
        """By how many ms a fan's clock is behind."""
        self.down: set[str] = set()
        """Of machine, store, telegraf, connector, gateway, scoring, rollup, forecast: what does not work."""
        self.unreadable = 0
        """Fans that the forecast cannot work up."""
        self.gauges = {
            "stored_bytes": 50_000,
            "queue_limit_bytes": 512 << 20,
            "disk_free_bytes": 80_000_000_000,
            "disk_used_percent": 60.0,
            "store_bytes": 20_000_000_000,
            "store_limit_bytes": 50 << 30,
        }
        self.extra_messages = 0
        """Messages in the broker beside those that wait here, for a client that is away."""
        self.counters: Counter[str] = Counter()
        self.each_step = 400
        """Messages of one kind that a part works off in a step."""
        self._to_score: deque[Reading] = deque()
        self._to_store: dict[str, deque[Reading]] = {"telemetry": deque(), "anomaly": deque()}
        self._means: Counter[tuple[str, int]] = Counter()
        self._changed: set[tuple[str, int]] = set()

    @property
    def waiting(self) -> int:
        """Messages in the broker."""
        return len(self._to_score) + sum(len(queue) for queue in self._to_store.values())

    def restart(self, prefix: str) -> None:
        """Sets the counters of a part back: connector, telegraf or broker."""
        for name in [name for name in self.counters if name.startswith(prefix)]:
            self.counters[name] = 0

    def publish(self, readings: list[Reading]) -> None:
        """Readings of any time: fan, time in ms, whether it is faulty."""
        self._to_score += readings
        self._to_store["telemetry"] += readings

    def run(self, minutes: float) -> None:
        """Lets time pass."""
        lines: dict[str, list[str]] = {"raw": [], "means": []}
        for _ in range(int(minutes * 60_000 / STEP_MS)):
            self.at_ms += STEP_MS
            live = [fan for fan in self.fans if fan not in self.silent]
            if "broker" not in self.down and "machine" not in self.down:
                usable = [fan for fan in live if fan not in self.refused]
                self.publish(
                    [(fan, self.at_ms - self.behind.get(fan, 0), fan in self.faulty) for fan in usable]
                )
                for fan in self.refused & set(live):
                    # Telegraf gets it, too, and drops it.
                    self.counters["telegraf telemetry"] += 1
                    lines["raw"].append(f'dead_letter,deviceID={fan} id="a",reason="field" {self.at_ms}')
                    lines["raw"].append(f"telemetry,deviceID={fan} unusable=2i {self.at_ms}")
            if "machine" not in self.down:
                self._score()
                self._store(lines["raw"])
                self._roll_up(lines["means"])
                self._forecast(lines["raw"])
        for policy, texts in lines.items():
            self.write(texts, policy)

    def say(self, fan: str, severity: int, *, in_hand: bool = False, ago_ms: int = 0) -> None:
        """What forecast-fan says of a fan, as Telegraf stores it for the rules."""
        said = f"alarm_severity={severity}i,alarm_in_hand={int(in_hand)}i"
        self.write([f"anomaly,deviceID={fan} {said} {self.at_ms - ago_ms}"])

    def write(self, lines: list[str], policy: str = "raw") -> None:
        """Line protocol with times in ms."""
        form = urllib.parse.urlencode({"db": "fanwatch", "rp": policy, "precision": "ms"})
        for start in range(0, len(lines), 5000):
            body = "\n".join(lines[start : start + 5000]).encode()
            with urllib.request.urlopen(f"{self._url}/write?{form}", data=body, timeout=30):
                pass

    def _score(self) -> None:
        if self.down & {"connector", "gateway", "scoring"}:
            return
        for _ in range(min(self.each_step, len(self._to_score))):
            self._to_store["anomaly"].append(self._to_score.popleft())
            self.counters["connector scored"] += 1

    def _store(self, lines: list[str]) -> None:
        if self.down & {"store", "telegraf"}:
            return
        for kind, waiting in self._to_store.items():
            if f"{kind} input" in self.down:
                continue
            for _ in range(min(self.each_step, len(waiting))):
                fan, at_ms, faulty = waiting.popleft()
                self.counters[f"telegraf {kind}"] += 1
                if kind == "telemetry":
                    values = "rotation=592,temperature=41.2,vibration=160.4,sound=47.9"
                    window = (fan, at_ms // _WINDOW_MS * _WINDOW_MS)
                    self._means[window] += 1
                    self.counters["telegraf delayed"] += self.at_ms - at_ms > LATE_MS
                    self._changed.add(window)
                    if self.at_ms - at_ms > _BEHIND_MS:
                        lines.append(f"telemetry,deviceID={fan} unusable=1i {self.at_ms}")
                else:
                    values = f'fault={int(faulty)}i,probability={0.9 if faulty else 0.01},quality="ok"'
                lines.append(f"{kind},deviceID={fan} {values} {at_ms}")
        self.counters["telegraf written"] += 10
        lines += [f"{name} {self.at_ms}" for name in self._metrics()]

    def _metrics(self) -> list[str]:
        count, gauge = self.counters, self.gauges
        up = {part: int(part not in self.down) for part in ("connector", "gateway", "scoring", "store")}
        if "gateway" in self.down:
            up["scoring"] = 0
        found = [
            *(
                f"telegraf,input={kind} gathered={count[f'telegraf {kind}']}i"
                for kind in ("telemetry", "anomaly")
            ),
            f"delayed readings={count['telegraf delayed']}i",
            f"telegraf written={count['telegraf written']}i,rejected={count['telegraf rejected']}i",
            f"broker publish_dropped={count['broker dropped']}i,stored_bytes={gauge['stored_bytes']}i,"
            f"queue_limit_bytes={gauge['queue_limit_bytes']}i,"
            f"stored_messages={self.waiting + self.extra_messages + 40}i",
            f"store disk_bytes={gauge['store_bytes']}i,disk_limit_bytes={gauge['store_limit_bytes']}i",
            f"machine disk_used_percent={gauge['disk_used_percent']},disk_free_bytes={gauge['disk_free_bytes']}i",
            *(f"up,part={part} up={value}i" for part, value in up.items()),
            *(
                f"dropped,kind=telemetry,reason={reason} count={count[f'telegraf dropped {reason}']}i"
                for reason in ("deviceID", "time", "value", "topic")
            ),
        ]
        if "connector" not in self.down:
            scored = count["connector scored"]
            found.append(f"connector,function=score-fan fanwatch_connector_scored_total={scored}")
        return found

    def _roll_up(self, lines: list[str]) -> None:
        if self.at_ms % _WINDOW_MS or self.down & {"store", "rollup"}:
            return
        for fan, window in self._changed:
            lines += [
                f"{name},deviceID={fan} n={self._means[fan, window]}i {window}"
                for name in ("telemetry", "anomaly")
            ]
        self._changed.clear()

    def _forecast(self, lines: list[str]) -> None:
        """A run a minute after each ten minutes, as stack.yml's schedule has it."""
        if self.at_ms % _WINDOW_MS != 60_000 or self.down & {"store", "gateway", "forecast"}:
            return
        lines.append(
            f"forecast clock_ms={self.at_ms}i,failed={self.unreadable}i,behind=0i,seconds=0.9 {self.at_ms}"
        )
