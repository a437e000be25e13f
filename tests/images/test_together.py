"""The whole deployment as containers, over TLS: from mosquitto_pub to a stored row."""

import json
import time
from pathlib import Path

import pytest

from fanwatch.messages import topics
from fanwatch.messages.alarm import decode_alarm
from fanwatch.messages.timestamps import format_ms
from tests.images.building import Images
from tests.images.checks import confined, ended_cleanly
from tests.images.containers import Containers
from tests.images.outside import DEVICE
from tests.images.together import Together
from tests.support.wait import until

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

_OURS = ("connector", "score-fan", "rollup")


@pytest.mark.parametrize("infer", ["infer-fan", "infer-fan-lite"])
def test_a_reading_from_its_publisher_to_a_stored_row(
    tmp_path: Path, images: Images, containers: Containers, infer: str
) -> None:
    world = Together(tmp_path, images, containers, infer)
    now_ms = time.time_ns() // 1_000_000
    values = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    reading = {"deviceID": DEVICE, "timeStamp": format_ms(now_ms), **values}
    world.publish(f"fan/{DEVICE}/messages", json.dumps(reading))
    # In the name of another one: refused by the broker's rules, or by the topic.
    world.publish(f"fan/{DEVICE}/messages", json.dumps(reading | {"deviceID": "fan-08"}))
    world.publish("fan/fan-08/messages", json.dumps(reading | {"deviceID": "fan-08"}))

    def rows(measurement: str) -> list[dict[str, object]]:
        return world.store.query(f'SELECT * FROM "{measurement}"')

    until(lambda: rows("telemetry") and rows("anomaly") and rows("dead_letter"), 60, "three stored rows")
    [result] = rows("anomaly")
    assert (result["deviceID"], result["time"], result["fault"]) == (DEVICE, now_ms * 1_000_000, 0)
    [stored] = [row for row in rows("telemetry") if row["deviceID"] == DEVICE and row["rotation"] is not None]
    assert (stored["time"], stored["rotation"]) == (now_ms * 1_000_000, 592)
    assert len(rows("dead_letter")) == 1
    # The forecast: a fan of whom half an hour is known has a word of its own, retained.
    world.publish(
        f"fan/{DEVICE}/messages", json.dumps(reading | {"timeStamp": format_ms(now_ms - 1_800_000)})
    )
    until(lambda: len(rows("anomaly")) == 2, 60, "the second result")
    answer = world.call("forecast-fan", b"")
    assert answer is not None, world.parts["forecast-fan"].logs()
    ran = json.loads(answer)
    assert (ran["fans"], ran["published"], ran["failed"]) == (1, 1, {})
    topic = topics.alarm(DEVICE)
    alarm = decode_alarm(topic, world.retained(topic).encode())
    assert (alarm.deviceID, alarm.state) == (DEVICE, "unknown")
    until(lambda: rows("alarm"), 60, "the stored alarm")
    confined(world.parts["forecast-fan"])
    # No password in what the engine shows of a container.
    for box in world.parts.values():
        shown = images.engine.docker("inspect", box.id) + images.engine.docker("top", box.id) + box.logs()
        for file in (tmp_path / "secrets").rglob("password"):
            assert file.read_text(encoding="ascii") not in shown
    for name, box in world.parts.items():
        peak = resident_mb(box.inspect()["State"]["Pid"])
        print(f"{name}: {peak:.0f} MB resident at most")
    ended_cleanly(world.parts["forecast-fan"], "forecast-fan")
    for name in (infer, *_OURS):
        code, took = world.parts[name].stop()
        assert code == 0, world.parts[name].logs()
        assert took < 5


def resident_mb(pid: int) -> float:
    """The most that a process has had resident, in MB (10^6 bytes); 0 where the engine is elsewhere."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return 0.0
    return int(path.read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) * 1.024e-3
