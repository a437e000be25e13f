"""`python -m tests.openfaas.measure`: speed and loss through the gateway that OPENFAAS_URL names, ours beside the stock
MQTT connector where OPENFAAS_CONNECTOR names that program.

The environment is the conformance suite's (given.py); OPENFAAS_KILL is also given $SIGNAL. SECONDS=20 is how long the
highest rate is held, ROUNDS=1 how often, SPEED_ONLY=1 leaves out the losses and LOSS_ONLY=1 the speed, ONLY=updated all
losses but those that have this in their name. It prints one JSON object a row.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ways
from fanwatch.settings import ConnectorSettings, load
from tests.openfaas.given import Given
from tests.support.connector import CLIENT_ID, ConnectorProcess
from tests.support.ledger import Fans, Sent, Source, Witness
from tests.support.process import Process
from tests.support.wait import until

_TOPIC = "fan/messages"
_QUIET_S = 8.0
"""Without a result for so long, what is missing does not come any more. Longer than a connection takes to come back."""
_HANGS_S = 30.0
"""The same after an update: on faasd calls under way hang until the connector gives them up."""

_BLOWS = (
    "nothing happens",
    "connector killed",
    "score-fan killed",
    "provider restarted",
    "connector updated",
    "score-fan updated",
    "the function that decides updated",
    "score-fan stands still for 10 s",
)

Start = Callable[[Path], Process]


class Bench:
    """A gateway with functions, a broker, and whichever connector is being looked at."""

    def __init__(self, given: Given, directory: Path) -> None:
        self.given = given
        self.directory = directory
        self._runs = 0

    def ours(self, directory: Path) -> ConnectorProcess:
        """The connector of connectors/mqtt."""
        # As deployed: looking at the functions more often, as tests do, costs a slow gateway as much as readings.
        return ConnectorProcess(
            directory,
            self.given.broker,
            self.given.url,
            credentials=self.given.credentials,
            refresh=load(ConnectorSettings).connector_refresh,
        )

    def stock(self, qos: int) -> Start:
        """OpenFaaS's own."""

        def start(directory: Path) -> Process:
            argv = [os.environ["OPENFAAS_CONNECTOR"], "-gateway", self.given.url, "-topic", _TOPIC]
            argv += ["-broker", f"tcp://127.0.0.1:{self.given.broker.port}", "-id", f"stock-{qos}"]
            argv += ["-qos", str(qos), "-gw-username", self.given.auth[0], "-gw-password", self.given.auth[1]]
            made = Process(argv, directory / f"stock-{qos}.log", {}, directory)
            until(
                lambda: made.alive() and "Subscribed to topic" in made.output()[-2000:],
                20,
                "the stock connector",
            )
            return made

        return start

    def speed(self, name: str, start: Start, *, outstanding: int, ceiling: int, rate: float) -> None:
        """The highest rate that is held, and latency at `rate` readings a second."""
        connector = start(self.directory)
        directory = self.folder()
        broker = self.given.broker

        def parts() -> dict[str, list[int]]:
            return {"connector": [connector.process.pid], "mosquitto": [broker.process.pid]}

        rig = ways.Rig(broker.port, parts, directory)
        try:
            plan = ways.Plan(
                seconds=float(os.environ.get("SECONDS", "20")),
                outstanding=outstanding,
                ceiling=ceiling,
                latency_rate=rate,
                latency_count=int(rate * 20),
            )
            way = ways.measure(rig, plan)
        finally:
            rig.close()
            self.end(connector)
        told = {
            "per_second": way.per_second,
            "latency_at": rate,
            "p50_ms": way.latency_ms.p50,
            "p99_ms": way.latency_ms.p99,
            "readings": way.readings,
            "lost": way.lost,
            "duplicated": way.duplicated,
            "cpu_us": way.cpu_us_per_reading,
            "rss_mb": way.rss_mb,
        }
        _say(name, "speed", told)

    def loss(self, name: str, start: Start, what: str, *, rate: float, seconds: float) -> None:
        """Readings at `rate` a second for `seconds`, with a blow after a third of them."""
        connector = start(self.directory)
        witness, source = Witness(self.given.broker.settings), Source(self.given.broker.settings)
        try:
            self._probe(source, witness)
            before = source.keys
            fans, count = Fans(f"l{self._runs}", 10), int(rate * seconds)
            self._runs += 1
            made = _OnTopic(fans)
            with source.flowing(made, rate, count) as flow:
                until(lambda: len(source.published) >= len(before) + count // 3, 60, "readings to flow")
                self._blow(what, connector)
                while flow.is_alive():
                    flow.join(1)
                    self._revive(connector, witness)
            source.confirm()
            quiet_s = _HANGS_S if what.endswith("updated") else _QUIET_S
            until(lambda: self._complete(source, witness, connector, quiet_s), 180, "results, or silence")
            wanted = source.keys - before
            lost = len(wanted - witness.scored)
            disordered = sum(times != sorted(times) for times in witness.order.values())
            told = {"published": len(wanted), "lost": lost, "duplicated": witness.duplicated}
            _say(name, what, told | {"fans_out_of_order": disordered})
        finally:
            source.close()
            witness.close()
            self.end(connector)

    def _blow(self, what: str, connector: Process) -> None:
        match what:
            case "connector killed":
                connector.kill()
                connector.start()
            case "score-fan killed":
                self.given.kill("score-fan")
            case "provider restarted":
                self.given.restart_provider()
            case "connector updated":
                connector.stop()
                connector.start()
            case "score-fan updated":
                self.given.redeploy("score-fan")
            case "the function that decides updated":
                self.given.redeploy(self.given.infer)
            case "score-fan stands still for 10 s":
                self.given.kill("score-fan", "SIGSTOP")
                time.sleep(10)
                self.given.kill("score-fan", "SIGCONT")
            case _:
                assert what == "nothing happens", what

    def _probe(self, source: Source, witness: Witness) -> None:
        """The stock connector drops what comes before it knows the functions."""

        def scored() -> bool:
            source.put(_OnTopic(Fans(f"p{time.monotonic_ns()}", 1)).make(1))
            time.sleep(0.3)
            return bool(witness.results)

        until(scored, 30, "a first result")
        until(lambda: source.keys <= witness.scored or time.monotonic() - witness.last_at > 3, 30, "results")

    def _complete(self, source: Source, witness: Witness, connector: Process, quiet_s: float) -> bool:
        self._revive(connector, witness)
        time.sleep(0.5)
        return source.keys <= witness.scored or time.monotonic() - witness.last_at > quiet_s

    def _revive(self, connector: Process, witness: Witness) -> None:
        """A connector that has ended by itself is started again, as every runtime would."""
        if connector.process.poll() is not None:
            connector.start()
            witness.last_at = time.monotonic()

    def end(self, connector: Process) -> None:
        """Its session goes with it: what is published for the next one shall not queue for this one."""
        connector.stop()
        for name in (CLIENT_ID, "stock-0", "stock-1"):
            command = ["mosquitto_sub", "-p", str(self.given.broker.port), "-i", name, "-E", "-t", "nothing"]
            subprocess.run(command, timeout=20, check=True)

    def folder(self) -> Path:
        """A new one."""
        self._runs += 1
        made = self.directory / f"run-{self._runs}"
        made.mkdir()
        return made


class _OnTopic(Fans):
    """All on the one topic that the stock connector serves."""

    def __init__(self, fans: Fans) -> None:
        self._fans = fans

    def make(self, count: int) -> list[Sent]:
        return [sent._replace(topic=_TOPIC) for sent in self._fans.make(count)]


def _say(name: str, what: str, told: dict[str, Any]) -> None:
    around = round(os.getloadavg()[0], 1)
    print(json.dumps({"connector": name, "case": what} | told | {"load": around}), flush=True)


def main() -> None:
    """All rows."""
    with tempfile.TemporaryDirectory(prefix="fanwatch-measure-") as folder:
        directory = Path(folder)
        given = Given(directory, connect=False)
        try:
            _rows(Bench(given, directory))
        finally:
            given.close()


def _rows(bench: Bench) -> None:
    rivals: dict[str, Start] = {"ours": bench.ours}
    if os.environ.get("OPENFAAS_CONNECTOR"):
        rivals |= {"stock, QoS 1": bench.stock(1), "stock, QoS 0": bench.stock(0)}
    if not os.environ.get("LOSS_ONLY"):
        for _ in range(int(os.environ.get("ROUNDS", "1"))):
            bench.speed("ours", bench.ours, outstanding=4000, ceiling=16_000, rate=100)
        if len(rivals) > 1:
            # A few waiting keep a serial one busy; more would only be lost to its queue.
            bench.speed("stock, QoS 1", bench.stock(1), outstanding=50, ceiling=1000, rate=20)
    if os.environ.get("SPEED_ONLY"):
        return
    for name, start in rivals.items():
        for what in (blow for blow in _BLOWS if os.environ.get("ONLY", "") in blow):
            bench.loss(name, start, what, rate=30, seconds=15)


if __name__ == "__main__":
    main()
