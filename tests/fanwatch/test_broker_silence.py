"""A broker that is gone without a word: its network is cut, so nothing is closed and nothing refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Runs in a network of its own, whose only link can be taken down.
SCRIPT = """
import subprocess, sys
from pathlib import Path
import msgspec
from fanwatch.broker import PUBLISHED, Publisher, Subscriber
from fanwatch.logs import Log
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until

def link(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True, timeout=10)

link("up")
broker = Mosquitto(Path(sys.argv[1]))
settings = msgspec.structs.replace(broker.settings, broker_timeout=1.0)
publisher = Publisher(settings, Log("publisher"), name="publisher")
heard = []
subscriber = Subscriber(
    settings, Log("subscriber"), client_id="s", session_expiry_s=600, receive_maximum=10,
    on_message=lambda message: heard.append(message), on_opened=lambda *_: None, has_room=lambda: True,
)
subscriber.start()
assert publisher.wait_connected(5)
until(lambda: subscriber.connected, 5, "the subscriber")
assert publisher.publish([("a", b"1")])[0] != "timeout"
link("down")
publisher.publish([("a", b"2")])
# MQTT's keepalive would take two minutes.
until(lambda: not publisher.connected and not subscriber.connected, 15, "both to notice")
link("up")
until(lambda: publisher.connected and subscriber.connected, 15, "both to be back")
broker.kill()
print("well")
"""


def test_a_connection_ends_that_has_become_silent(tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    if shutil.which("ip") is None or subprocess.run([*alone, "true"], check=False, timeout=10).returncode:
        pytest.skip("No network namespace can be made here, or there is no `ip`.")
    done = subprocess.run(
        [*alone, sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout.endswith("well\n"), done.stdout + done.stderr
