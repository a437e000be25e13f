"""Signals that ask a process to end."""

import os
import signal
import threading
from collections.abc import Callable, Iterable


def on_stop(numbers: Iterable[signal.Signals], stop: Callable[[], None]) -> None:
    """Calls `stop` after each of these signals, in a thread of its own. From the main thread only.

    A handler runs in the middle of whatever the main thread does: setting an Event there waits for ever where the main
    thread, or the handler of a signal just before, holds the Event's lock. Writing to a pipe waits for nobody.
    """
    reader, writer = os.pipe()

    def follow() -> None:
        while os.read(reader, 64):
            stop()

    def tell(*_: object) -> None:
        os.write(writer, b".")

    threading.Thread(target=follow, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, tell)
