"""A full disk under the store or the broker: said in a line, the others go on, and nothing that is held is lost."""

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fanwatch.errors import FanwatchError
from fanwatch.messages.timestamps import format_ms
from local import sessions
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf, collecting
from tests.support.wait import until

# Each may take a minute on a busy machine.
pytestmark = pytest.mark.timeout(400)

COUNT = 1000
PATIENCE_S = 60


class Disk:
    """A file system of its own, of 16 MB."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("Only somebody who may mount a file system can fill it up.")
        self.place = place

    def fill(self) -> None:
        """Leaves not a byte."""
        with (self.place / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def clear(self) -> None:
        (self.place / "filler").unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Of the test's own."""
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def publish(broker: Mosquitto, name: str) -> None:
    """COUNT readings, more than fit into the last page of a file."""
    now_ms = time.time_ns() // 1_000_000
    lines = b"".join(
        msgspec.json.encode(
            {
                "deviceID": name,
                "timeStamp": format_ms(now_ms - 60_000 + number),
                "rotation": random.uniform(500, 700),
                "temperature": random.uniform(30, 50),
                "vibration": random.uniform(100, 200),
                "sound": random.uniform(40, 60),
            }
        )
        + b"\n"
        for number in range(COUNT)
    )
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", "fan/messages", "-l"]
    subprocess.run(command, input=lines, check=True, timeout=60)


def test_a_full_disk_under_influxdb_is_said_and_what_came_meanwhile_is_stored_afterwards(
    tmp_path: Path, disk: Disk, broker: Mosquitto
) -> None:
    (tmp_path / "influxdb").mkdir()
    (tmp_path / "influxdb/wal").symlink_to(disk.place)
    influx = Influx(tmp_path / "influxdb")
    telegraf = collecting(tmp_path, broker, influx)

    def stored(name: str) -> int:
        return len(influx.store.query(f"SELECT rotation FROM telemetry WHERE deviceID = '{name}'"))

    try:
        publish(broker, "before")
        until(lambda: stored("before") == COUNT, PATIENCE_S, "the first readings")
        disk.fill()
        publish(broker, "meanwhile")
        until(lambda: "500 Internal Server Error" in telegraf.output(), PATIENCE_S, "a line of Telegraf's")
        # What names it: Telegraf leaves InfluxDB's reason out.
        with pytest.raises(FanwatchError, match="no space left on device"):
            influx.store.write(["full x=1"])
        assert telegraf.alive()
        assert influx.alive()
        assert stored("before") == COUNT, "what is there is read all the same"
        disk.clear()
        publish(broker, "after")
        # InfluxDB 1.8 does not notice that there is room again until it is started anew.
        influx.stop()
        influx.start()
        influx.wait()
        until(lambda: stored("after") == stored("meanwhile") == COUNT, PATIENCE_S, "all of it")
    finally:
        telegraf.kill()
        influx.kill()


def test_a_full_disk_under_the_broker_is_said_and_costs_no_message_while_it_runs(
    tmp_path: Path, disk: Disk
) -> None:
    # Its log is elsewhere, as it is in every deployment.
    (disk.place / "mosquitto.log").symlink_to(tmp_path / "mosquitto.log")
    broker = Mosquitto(disk.place)
    try:
        for session in sessions.TELEGRAF:
            sessions.create(broker.settings, session)
        disk.fill()
        publish(broker, "meanwhile")
        until(lambda: "No space left on device" in broker.output(), PATIENCE_S, "a line that says why")
        assert broker.alive()
        disk.clear()
        publish(broker, "after")
        # What it held in memory is on the disk now.
        broker.stop()
        broker.start()
        broker.wait()
        influx = Influx(tmp_path / "influxdb")
        telegraf = Telegraf(tmp_path / "telegraf", broker_port=broker.port, influx_port=influx.port)
        try:
            query = "SELECT rotation FROM telemetry"
            until(lambda: len(influx.store.query(query)) == 2 * COUNT, PATIENCE_S, "every reading")
        finally:
            telegraf.kill()
            influx.kill()
    finally:
        broker.kill()
