"""supervisord, as a script: it goes on where its own logs cannot be written.

By itself it reports such a failure on standard error, which is on the same disk; where that is full it ends, and takes
everything with it that it watches over.
"""

import contextlib

from supervisor import loggers, supervisord

_report = loggers.Handler.handleError


def _tolerant(handler: loggers.Handler) -> None:
    with contextlib.suppress(OSError):
        _report(handler)


if __name__ == "__main__":
    loggers.Handler.handleError = _tolerant
    supervisord.main()
