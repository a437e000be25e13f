"""`python -m console`: the technician's page, set by FANWATCH_*, until SIGTERM."""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """0 after SIGTERM or SIGINT; 2 with one line for a bad setting or a port that is taken."""
    # First of all: the imports below take a while, and process 1 of a container does not even see a SIGTERM for which
    # it has no handler.
    signal.signal(signal.SIGTERM, _leave)
    from console.app import serve
    from fanwatch.errors import EXIT_USAGE, FanwatchError

    try:
        serve()
    except FanwatchError as error:
        print(f"console: {error}", file=sys.stderr)
        return EXIT_USAGE
    return 0


def _leave(signum: int, frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
