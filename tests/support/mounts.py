"""A command before a file system of its own: read-only, or so small that it is soon full."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

_MOUNTED = """
mount -t tmpfs -o "$1" tmpfs "$2" || exit 125
place=$2
shift 2
"$@"
code=$?
echo "--left--"
find "$place" -mindepth 1
exit $code
"""


class Done(NamedTuple):
    """How it ended, and what lay in the file system then."""

    returncode: int
    stdout: str
    stderr: str
    left: list[str]


def run(
    options: str,
    place: Path,
    argv: list[str],
    environment: Mapping[str, str],
    timeout_s: float = 120,
    given: str = "",
) -> Done:
    """Runs `argv` with a tmpfs at `place`, which nobody else sees.

    `given` is what it reads. The test is skipped where mounting is not allowed.
    """
    place.mkdir(parents=True, exist_ok=True)
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is missing")
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", _MOUNTED, "sh", options, str(place), *argv],
        env=dict(environment), capture_output=True, text=True, input=given, timeout=timeout_s, check=False,
    )  # fmt: skip
    if done.returncode == 125 or "unshare failed" in done.stderr:
        pytest.skip("mounting needs root")
    said, _, left = done.stdout.partition("--left--\n")
    return Done(done.returncode, said, done.stderr, left.splitlines())
