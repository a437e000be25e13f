"""The live fleet against a real Mosquitto: what is confirmed has arrived, whatever happened to the broker."""

import sys
from collections import defaultdict
from pathlib import Path

from tests.simulator.publishing import Listener, events, simulator
from tests.support.mosquitto import ROOT, Mosquitto
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import patience, until


def in_order(seen: list[tuple[str, int]]) -> bool:
    """Whether each device's readings arrived by time, later copies aside."""
    by_device = defaultdict(list)
    for device, time in dict.fromkeys(seen):
        by_device[device].append(time)
    return all(times == sorted(times) for times in by_device.values())


def test_it_publishes_at_its_rate_and_stops_at_once(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    process = simulator(broker.port, tmp_path, "--fans", "4", "--rate", "50")
    until(lambda: len(listener.seen) >= 200, 15, "200 readings")
    assert process.stop() < 2.5 * patience()
    assert process.process.returncode == 0
    (stopped,) = events(process)["stopped"]
    assert stopped["waiting"] == stopped["refused"] == stopped["dropped"] == stopped["unheard"] == 0
    until(lambda: len(listener.seen) >= stopped["confirmed"], 5, "every confirmed reading")
    assert len(set(listener.identities)) == len(listener.seen) == stopped["confirmed"]
    assert len((tmp_path / "record").read_text().splitlines()) == stopped["confirmed"]
    assert {device for device, _ in listener.identities} == {"fan-01", "fan-02", "fan-03", "fan-04"}
    assert in_order(listener.identities)


def test_nothing_is_lost_and_order_is_kept_when_the_broker_restarts(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    process = simulator(broker.port, tmp_path, "--fans", "4", "--rate", "200")
    until(lambda: len(listener.seen) >= 400, 15, "readings before the restart")
    broker.stop()
    until(lambda: "lost the broker, keeping readings" in events(process), 10, "the loss noticed")
    broker.start()
    broker.wait()
    before = len(listener.seen)
    until(lambda: len(listener.seen) >= before + 1200, 20, "readings after the restart")
    process.stop()
    (stopped,) = events(process)["stopped"]
    assert stopped["waiting"] == stopped["dropped"] == 0
    until(lambda: len(set(listener.identities)) >= stopped["confirmed"], 10, "every confirmed reading")
    times = sorted(time for device, time in set(listener.identities) if device == "fan-01")
    assert stopped["confirmed"] == len(set(listener.identities))
    assert len(times) == stopped["confirmed"] // 4 + (stopped["confirmed"] % 4 > 0)
    assert in_order(listener.identities)


def test_it_starts_without_a_broker_and_says_what_the_full_outbox_dropped(tmp_path: Path) -> None:
    port = free_port()
    process = simulator(port, tmp_path, "--fans", "2", "--rate", "200", "--outbox", "100")
    full = "outbox full, new readings are dropped until the broker is back"
    until(lambda: full in events(process), 10, "a full outbox")
    broker = Mosquitto(tmp_path / "mosquitto", port=port)
    listener = Listener(broker)
    try:
        until(lambda: "outbox has room again" in events(process), 10, "room in the outbox")
        process.stop()
        (stopped,) = events(process)["stopped"]
        assert stopped["dropped"] == events(process)["outbox has room again"][0]["dropped"] > 0
        assert stopped["confirmed"] > 100
    finally:
        listener.close()
        broker.kill()
        process.kill()


def test_it_stops_soon_without_a_broker(tmp_path: Path) -> None:
    process = simulator(free_port(), tmp_path, "--rate", "50", "--outbox", "1")
    full = "outbox full, new readings are dropped until the broker is back"
    until(lambda: full in events(process), 10, "its start")
    assert process.stop() < 2.5 * patience()
    assert process.process.returncode == 0
    assert events(process)["stopped"][0]["waiting"] > 0
    assert len(events(process)["no broker answers, keeping readings"]) == 1


def test_a_setting_that_does_not_exist_is_one_clear_line(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "simulator"]
    environment = {"PYTHONPATH": str(ROOT), "FANWATCH_BROKER_PROT": "1"}
    process = Process(argv, tmp_path / "log", environment, tmp_path)
    assert process.process.wait(20) == 2
    assert process.output().startswith(
        "FANWATCH_BROKER_PROT is no setting. Did you mean FANWATCH_BROKER_PORT, "
    )
    assert process.output().count("\n") == 1
