"""A state directory that cannot be used: one line and an exit code, whatever is called, and the disk that fills up."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.layout import Layout
from tests.support import mounts
from tests.support.up import Machine
from tests.support.wait import patience

_UP = [sys.executable, "-m", "cli.main", "up"]


@pytest.mark.parametrize(
    "arguments", [("up",), ("up", "--detach"), ("down",), ("status",), ("alarms", "list"), ("score", "{}")]
)
def test_a_file_in_its_place(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    machine = Machine(tmp_path / "state")
    machine.state.write_text("mine", encoding="utf-8")
    done = machine.command(*arguments)
    assert done.returncode == 2
    assert done.stderr == (
        f"fanwatch: FANWATCH_STATE_DIR={machine.state} is a file. Name a directory, or move the file away.\n"
    )
    assert machine.state.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("inside", ["", "logs", "run", "secrets", "mosquitto", "run/programs"])
def test_a_file_in_the_way(tmp_path: Path, inside: str) -> None:
    machine = Machine(tmp_path / "above/state")
    (tmp_path / "above").mkdir()
    way = machine.state / inside if inside else tmp_path / "above"
    if inside:
        way.parent.mkdir(parents=True)
    else:
        way.rmdir()
    way.write_text("mine", encoding="utf-8")
    for arguments in (("up",), ("up", "--detach")):
        done = machine.command(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"fanwatch: FANWATCH_STATE_DIR={machine.state}")
        assert "is a file" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ro", "the file system there is read-only. Name a place that can be written to."),
        (
            "size=5m",
            "5.2 MB are free there, and 50 MB are needed. Make room, or name a place on another disk.",
        ),
    ],
)
def test_a_place_that_takes_nothing(tmp_path: Path, options: str, said: str) -> None:
    machine = Machine(tmp_path / "disk/state")
    for more in ([], ["--detach"]):
        done = mounts.run(options, tmp_path / "disk", [*_UP, *more], machine.environment, 60 * patience())
        assert done.returncode == 1
        assert done.stderr == f"fanwatch: FANWATCH_STATE_DIR={machine.state} cannot be written: {said}\n"
        assert done.left == []


def test_commands_read_what_is_on_a_read_only_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "disk")
    for arguments, said in ((("status",), "not running"), (("down",), "Nothing runs here.")):
        done = mounts.run("ro", machine.state, [*_UP[:-1], *arguments], machine.environment)
        assert said in done.stdout
        assert done.stderr == ""


_FILLS_UP = """
python=$1 state=$2
"$python" -m cli.main up > "$3" 2>&1 &
pid=$!
wait_for() { for each in $(seq 1500); do grep -q "$1" "$2" && return; kill -0 $pid || return; sleep 0.1; done; }
wait_for "$4" "$3"
dd if=/dev/zero of="$state/fill" bs=1M 2> /dev/null
wait_for "MB free" "$3"
sleep 1
"$python" -m cli.main status
rm "$state/fill"
wait_for "there is room again" "$3"
kill -INT $pid
wait $pid
"""


def test_a_disk_that_fills_up_ends_nothing_and_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "disk")
    said = tmp_path / "said.txt"
    said.touch()
    argv = ["sh", "-c", _FILLS_UP, "sh", sys.executable, str(machine.state), str(said), "Stop: Ctrl-C"]
    done = mounts.run("size=64m", machine.state, argv, machine.environment, 180 * patience())
    text = said.read_text(encoding="utf-8")
    assert done.returncode == 0, text
    assert f"disk: {machine.state} has 0.0 MB free: nothing more can be stored there" in text
    assert "disk: there is room again" in text
    assert "Traceback" not in text
    states = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if len(line.split()) > 1}
    assert states["disk"] == "down"
    for part in (
        "mosquitto",
        "gateway",
        "score-fan",
        "infer-fan-lite",
        "connector",
        "deploy",
        "cron",
        "simulator",
    ):
        assert states[part] == "ok", done.stdout
    assert machine.processes() == []


def test_a_password_that_a_full_disk_has_left_empty_is_made_anew(tmp_path: Path) -> None:
    from local.config import write_secrets

    place = Layout(state=tmp_path)
    place.secrets.mkdir()
    password = place.secrets / "basic-auth-password"
    password.touch()
    write_secrets(place)
    made = password.read_text(encoding="ascii")
    assert len(made) > 20
    assert password.stat().st_mode & 0o777 == 0o600
    write_secrets(place)
    assert password.read_text(encoding="ascii") == made


def test_no_directory_for_sockets(tmp_path: Path) -> None:
    """TMPDIR lies elsewhere than the state directory, and may be what cannot be used."""
    machine = Machine(tmp_path / "state")
    code = (
        "import sys, tempfile; tempfile.tempdir = '/proc'\n"
        "sys.argv = ['fanwatch', 'up']\nfrom cli.main import main\nsys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("fanwatch: TMPDIR=/proc cannot be written: ")
    assert done.stderr.count("\n") == 1
