"""Starts the server: `python -m function_server`."""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Serve until SIGTERM; 0 after a clean stop, 1 where it cannot start, 2 for a bad setting."""
    # First of all: the imports below take a while, and process 1 of a container does not even see a SIGTERM for which
    # it has no handler.
    signal.signal(signal.SIGTERM, _leave)
    from function_server.server import serve

    return serve()


def _leave(signum: int, frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
