"""A command on a terminal of a given width, as a person sees it."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence


def run(
    argv: Sequence[str], environment: Mapping[str, str], columns: int, timeout_s: float
) -> tuple[int, bytes]:
    """The exit code, and what it wrote on the terminal."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(argv, env=kept, stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    shown = bytearray()

    def read() -> None:
        # The system says EIO once nobody writes any more.
        with contextlib.suppress(OSError):
            while part := os.read(primary, 65536):
                shown.extend(part)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        code = process.wait(timeout_s)
    finally:
        process.kill()
        process.wait(10)
        reading.join(10)
        os.close(primary)
    return code, bytes(shown).replace(b"\r\n", b"\n")
