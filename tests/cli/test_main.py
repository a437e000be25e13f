"""The command as such: quick, and right in its exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.raw_server import on_port, saying

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "tensorflow", "ai_edge_litert", "sklearn", "awscrt", "paho.mqtt.client", "yaml", "uvicorn"}


def command(code: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_imports_no_part() -> None:
    code = (
        "import sys; sys.argv = ['fanwatch', '--help']\nfrom cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        f"print('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = command(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"
    for name in (
        "up",
        "down",
        "status",
        "train",
        "evaluate",
        "simulate",
        "dead-letters",
        "connector",
        "history",
    ):
        assert name in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("['nonsense']", 2), ("['status', '--nonsense']", 2), ("['connector', 'prune']", 1)],
)
def test_exit_codes(arguments: str, code: int) -> None:
    done = command(
        "import os, sys; os.environ['FANWATCH_CONNECTOR_PORT'] = '1'\n"
        f"sys.argv = ['fanwatch', *{arguments}]\nfrom cli.main import main; sys.exit(main())"
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_connector_that_speaks_no_http_is_no_traceback() -> None:
    with on_port(saying(b"nonsense\r\n\r\n")) as port:
        done = command(
            f"import os, sys; os.environ['FANWATCH_CONNECTOR_PORT'] = '{port}'\n"
            "sys.argv = ['fanwatch', 'connector', 'prune']\nfrom cli.main import main; sys.exit(main())"
        )
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_history_is_written(tmp_path: Path) -> None:
    out = tmp_path / "history.csv"
    done = command(
        f"import sys; sys.argv = ['fanwatch', 'simulate', 'history', '--out', {str(out)!r}, '--rows', '500']\n"
        "from cli.main import main; sys.exit(main())"
    )
    assert done.returncode == 0, done.stderr
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty"
    assert len(lines) == 501
