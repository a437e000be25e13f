"""What each Python that `make test-hours` starts does first: it takes the moved clock, and lives with its faults.

Python sleeps until a moment of the steady clock (`clock_nanosleep` with TIMER_ABSTIME), and libfaketime 0.9.10, told to
leave that clock alone, answers that with EINVAL. Leaving it alone is needed: locks wait by it past libfaketime.

libfaketime also looks into the environment whenever a thread waits for a lock. The C library frees the old list of
variables when one is added: a thread that reads it then ends the process (segmentation fault).
"""

import ctypes
import json
import os
import sys
import threading
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    threading.Event().wait(seconds)


def _replaced(variables: dict[bytes, bytes]) -> None:
    kept = [b"%s=%s" % each for each in variables.items()]
    array = (ctypes.c_char_p * (len(kept) + 1))(*kept, None)
    # Never freed, not even as Python ends: a thread may still read it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(array))
    ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ").value = ctypes.addressof(array)


def _put(name: str | bytes, value: str | bytes) -> None:
    _replaced({**os.environb, os.fsencode(name): os.fsencode(value)})


def _unset(name: str | bytes) -> None:
    _replaced({each: value for each, value in os.environb.items() if each != os.fsencode(name)})


if "FAKETIME" in os.environ or __name__ != "tests.support.sleeping":
    time.sleep = _sleep
    os.putenv, os.unsetenv = _put, _unset
if "FAKETIME" not in os.environ and "CLOCK" in globals():
    # Started without the environment of the rest, as functions are: once more, with it.
    with open(globals()["CLOCK"], encoding="ascii") as file:
        os.environ.update(json.load(file))
    os.execv(sys.executable, sys.orig_argv)
