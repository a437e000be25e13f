"""A process ends when it is asked to, whatever it is doing just then, and however often it is asked."""

import signal
import subprocess
import sys
import time

import pytest

# The main thread holds the event's lock most of the time.
_BUSY = """
import signal, threading
from fanwatch.signals import on_stop

stop = threading.Event()
on_stop((signal.SIGTERM, signal.SIGINT), stop.set)
print("ready", flush=True)
while not stop.wait(0):
    pass
print("ended", flush=True)
"""


@pytest.mark.parametrize("times", [1, 20])
def test_it_ends(times: int) -> None:
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for number in range(times):
                process.send_signal(signal.SIGTERM if number % 2 else signal.SIGINT)
                time.sleep(0)
            said, _ = process.communicate(timeout=10)
            # A signal that comes later still meets the interpreter's end, so the exit code says nothing.
            assert said == "ended\n"
        finally:
            process.kill()
