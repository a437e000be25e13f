"""End-to-end latency: one process publishes at a steady rate, another one subscribes; both look at the same clock."""

import argparse
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from benchmarks.load import Readings
from benchmarks.pipeline import plain_environment
from fanwatch.errors import FanwatchError
from fanwatch.messages import topics

WARM = 100
"""Readings at the beginning that are not looked at, at most a tenth of all."""
_PATIENCE_S = 30.0
_READY = b"ready\n"


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from before the publish to after the result's arrival."""

    p50: float
    p99: float


def measure(readings: Readings, port: int, *, rate: float, qos: int, directory: Path) -> Latency:
    """Publishes all the readings at `rate` a second. FanwatchError where less than 99 % of the results arrive."""
    timeout_s = readings.count / rate + _PATIENCE_S
    common = [sys.executable, "-m", "benchmarks.probe"]
    environment = plain_environment()
    arrivals = directory / "arrivals"
    with arrivals.open("wb") as output, arrivals.open("rb") as told:
        listener = subprocess.Popen(
            [*common, "listen", str(port), str(qos), str(readings.count), str(timeout_s)],
            stdout=output,
            env=environment,
        )
        try:
            deadline = time.monotonic() + _PATIENCE_S
            while told.read(len(_READY)) != _READY:
                told.seek(0)
                if time.monotonic() > deadline:
                    raise FanwatchError("The latency probe could not subscribe.")
                time.sleep(0.02)
            published = subprocess.run(
                [*common, "publish", str(port), str(qos), str(rate), str(readings.path)],
                stdout=subprocess.PIPE,
                env=environment,
                timeout=timeout_s,
                check=True,
            ).stdout
            listener.wait(timeout_s)
        finally:
            listener.kill()
            listener.wait()
    sent = dict(_stamps(published))
    seen: dict[str, int] = {}
    for key, at in _stamps(arrivals.read_bytes().removeprefix(_READY)):
        seen.setdefault(key, at)
    kept = list(sent)[min(WARM, len(sent) // 10) :]
    times = sorted((seen[key] - sent[key]) / 1e6 for key in kept if key in seen)
    if len(times) < 0.99 * len(kept):
        raise FanwatchError(f"Only {len(times)} of {len(kept)} results arrived while latency was measured.")
    return Latency(round(_at(times, 0.5), 2), round(_at(times, 0.99), 2))


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _stamps(text: bytes) -> list[tuple[str, int]]:
    """`ns payload` a line, as (`deviceID time`, ns)."""
    found = []
    for line in text.splitlines():
        at, payload = line.split(b" ", 1)
        content = msgspec.json.decode(payload)
        found.append((f"{content['deviceID']} {content['timeStamp']}", int(at)))
    return found


def _client() -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_open = _send_at_once
    return client


def _send_at_once(_client: paho.Client, _data: object, opened: object) -> None:
    assert isinstance(opened, socket.socket)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _publish(port: int, qos: int, rate: float, path: str) -> None:
    """Without a thread: publish writes at once, and in between this one waits for what the broker says."""
    client = _client()
    client.connect("127.0.0.1", port)
    while not client.is_connected():
        _turn(client, 0.1)
    lines = Path(path).read_bytes().splitlines()
    stamps = []
    began = time.monotonic()
    for number, line in enumerate(lines):
        while (left := began + number / rate - time.monotonic()) > 0:
            _turn(client, left)
        stamps.append(time.monotonic_ns())
        client.publish(topics.READINGS, line, qos=qos)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        _turn(client, 0.1)
    client.disconnect()
    sys.stdout.writelines(f"{at} {line.decode()}\n" for at, line in zip(stamps, lines, strict=True))


def _listen(port: int, qos: int, count: int, timeout_s: float) -> None:
    client = _client()
    came: list[tuple[int, bytes]] = []
    client.on_message = lambda _client, _data, message: came.append(
        (time.monotonic_ns(), bytes(message.payload))
    )

    def subscribed(*_: object) -> None:
        sys.stdout.buffer.write(_READY)
        sys.stdout.buffer.flush()

    client.on_subscribe = subscribed
    client.connect("127.0.0.1", port)
    while not client.is_connected():
        _turn(client, 0.1)
    client.subscribe(topics.RESULTS, qos)
    deadline = time.monotonic() + timeout_s
    while len(came) < count and time.monotonic() < deadline:
        _turn(client, 0.1)
    sys.stdout.buffer.writelines(b"%d %s\n" % arrival for arrival in came)


def _turn(client: paho.Client, timeout_s: float) -> None:
    if client.loop(timeout_s) != MQTTErrorCode.MQTT_ERR_SUCCESS:
        sys.exit("The broker ended the connection.")


def main() -> None:
    """`python -m benchmarks.probe`: started by `measure`."""
    parser = argparse.ArgumentParser(description="One end of the measurement of latency.")
    parser.add_argument("role", choices=("publish", "listen"))
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    port, qos, number, last = given.arguments
    if given.role == "publish":
        _publish(int(port), int(qos), float(number), last)
    else:
        _listen(int(port), int(qos), int(number), float(last))


if __name__ == "__main__":
    main()
