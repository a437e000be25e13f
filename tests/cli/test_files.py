"""Every command that writes: where it cannot, one line says why and what to do, and nothing half written is left."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import mounts
from tests.support.wait import patience

ROOT = Path(__file__).resolve().parents[2]
_MODEL = str(ROOT / "models/fan-anomaly/1")

# What comes before the path that is written.
FILES = {
    "simulate history": ["simulate", "history", "--rows", "40320", "--out"],
    "evaluate --report": ["evaluate", "--csv", "history.csv", "--model", _MODEL, "--report"],
    "train --report": ["train", "--csv", "history.csv", "--out", "made", "--report"],
    "simulate live --truth": ["simulate", "live", "--fans", "1", "--truth"],
    "simulate live --record": ["simulate", "live", "--fans", "1", "--record"],
    "console users": ["console", "users", "add", "somebody", "--file"],
    "train forecast --report": ["train", "forecast", "--history", "fleet", "--out", "made", "--report"],
    "evaluate forecast --report": [
        "evaluate",
        "forecast",
        "--history",
        "fleet",
        "--model",
        "none",
        "--report",
    ],
}
DIRECTORIES = {
    "simulate history --days": ["simulate", "history", "--days", "40", "--fans", "10", "--out"],
    "train": ["train", "--csv", "history.csv", "--out"],
    "train forecast": ["train", "forecast", "--history", "fleet", "--out"],
    "evaluate forecast --out": ["evaluate", "forecast", "--history", "fleet", "--model", "none", "--out"],
    "threshold": ["threshold", "--model", _MODEL, "--version", "9", "--value", "0.5", "--out"],
    "certs": ["certs", "init", "--dir"],
    "history export": ["history", "export", "--out"],
}
EVERY = FILES | DIRECTORIES


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
    # Nobody listens there: what needs a broker or a store has to see before that it cannot write.
    ports = {"FANWATCH_BROKER_PORT": "1", "FANWATCH_INFLUX_PORT": "1"}
    return kept | ports | {"PYTHONPATH": str(ROOT)}


def argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def fanwatch(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv(*arguments), env=environment(), cwd=directory, capture_output=True, text=True, timeout=60 * patience(),
        check=False,
    )  # fmt: skip


_LOOP = """
import contextlib, io, json, sys
from cli.main import main
for arguments in json.load(sys.stdin):
    said, sys.argv = io.StringIO(), ["fanwatch", *arguments]
    sys.stdin = io.StringIO("a long password\\n")
    with contextlib.redirect_stderr(said):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    print("--done--", json.dumps([code, said.getvalue()]))
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    stderr: str


def all_of(
    work: Path, commands: dict[str, list[str]], target: Path, options: str = ""
) -> tuple[dict[str, Ended], list[str]]:
    """Calls each in one process, which spares starting as many; and what lies in the file system of `options` then."""
    given = json.dumps([[*arguments, str(target)] for arguments in commands.values()])
    loop = [sys.executable, "-c", _LOOP]
    if options:
        inside = ["sh", "-c", f'cd "{work}" && exec "$@"', "sh", *loop]
        done = mounts.run(options, target.parents[1], inside, environment(), 120 * patience(), given)
        stdout, stderr, left = done.stdout, done.stderr, done.left
    else:
        ran = subprocess.run(
            loop, env=environment(), cwd=work, capture_output=True, text=True, input=given,
            timeout=120 * patience(), check=False,
        )  # fmt: skip
        stdout, stderr, left = ran.stdout, ran.stderr, []
    lines = [line.removeprefix("--done-- ") for line in stdout.splitlines() if line.startswith("--done-- ")]
    assert len(lines) == len(commands), stderr
    return {name: Ended(*json.loads(line)) for name, line in zip(commands, lines, strict=True)}, left


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are called: with a history to read."""
    directory = tmp_path_factory.mktemp("work")
    assert (
        fanwatch(directory, "simulate", "history", "--rows", "3000", "--out", "history.csv").returncode == 0
    )
    done = fanwatch(directory, "simulate", "history", "--days", "1", "--fans", "1", "--out", "fleet")
    assert done.returncode == 0
    return directory


def check_said(name: str, done: Ended, path: Path, reason: str) -> None:
    assert done.code not in (0, None), name
    assert done.stderr.count("\n") == 1, f"{name}: {done.stderr}"
    assert str(path) in done.stderr, f"{name}: {done.stderr}"
    assert reason in done.stderr, f"{name}: {done.stderr}"
    # The simulator speaks for itself.
    assert done.stderr.startswith("fanwatch: ") or name.startswith("simulate live"), done.stderr


def test_below_a_file(work: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    target = tmp_path / "file/below/it"
    for name, done in all_of(work, EVERY, target)[0].items():
        check_said(name, done, target, "a part of its path is a file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_directory_is_no_file(work: Path, tmp_path: Path) -> None:
    for name, done in all_of(work, FILES, tmp_path)[0].items():
        check_said(name, done, tmp_path, "it is a directory. Name a file.")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_directory(work: Path, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine", encoding="utf-8")
    for name, done in all_of(work, DIRECTORIES, target)[0].items():
        check_said(name, done, target, "a file")
    assert target.read_text(encoding="utf-8") == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_read_only_file_system(work: Path, tmp_path: Path) -> None:
    target = tmp_path / "place/new/one"
    found, left = all_of(work, EVERY, target, "ro")
    for name, done in found.items():
        check_said(name, done, target, "the file system there is read-only")
    assert left == []


def test_a_full_disk(work: Path, tmp_path: Path) -> None:
    target = tmp_path / "place/new/one"
    # The others write a few lines, for which there is room.
    wanted = {name: each for name, each in EVERY.items() if name not in ("console users", "certs")}
    found, left = all_of(work, wanted, target, "size=64k")
    for name, done in found.items():
        check_said(name, done, target, "Make room, or name a place on another disk.")
    assert left == []


def test_a_disk_that_is_full_while_it_is_written(work: Path, tmp_path: Path) -> None:
    """There is room enough to begin."""
    target = tmp_path / "place/new/one"
    wanted = {name: EVERY[name] for name in ("simulate history", "simulate history --days")}
    found, left = all_of(work, wanted, target, "size=1200k")
    for name, done in found.items():
        check_said(name, done, target, "the disk there is full. Make room")
    assert left == []


def test_a_device_is_not_replaced(work: Path) -> None:
    """As root a file could take its place."""
    for device in ("/dev/null", "/dev/full"):
        done = fanwatch(work, "simulate", "history", "--rows", "10", "--out", device)
        check_said("history", Ended(done.returncode, done.stderr), Path(device), "no ordinary file")
        assert Path(device).is_char_device()


@pytest.mark.parametrize("arguments", [("settings", "--json"), ("--help",)])
def test_output_that_cannot_be_written(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            argv(*arguments), env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "fanwatch: The output cannot be written: the disk there is full. Make room, or name a place on another disk.\n"
    )


def test_who_has_read_enough_is_no_error() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "sh", *argv("settings", "--json")],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "[\n"
    assert done.stderr == ""
