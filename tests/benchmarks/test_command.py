"""`python -m benchmarks` from its command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.pipeline import plain_environment
from local.layout import CHECKOUT
from tests.support.wait import patience


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        env=plain_environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=100 * patience(),
        check=False,
    )


@pytest.mark.timeout(400)
def test_a_short_drain(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = command("--only", "drain", "--quick", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    found = results.read(out)
    assert found.drain is not None
    assert found.drain.readings > 20_000
    assert found.drain.lost == 0
    assert found.batched is None
    assert "A backlog" in done.stdout


def test_an_unknown_step() -> None:
    done = command("--only", "drain,speed")
    assert done.returncode == 2
    assert "speed cannot be measured; there are reference, strict" in done.stderr
