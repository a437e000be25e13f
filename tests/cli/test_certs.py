"""`fanwatch certs` and `fanwatch users`, as an operator calls them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from credentials import authority
from credentials.authority import Pair
from credentials.names import SERVICES

ROOT = Path(__file__).resolve().parents[2]


class Operator:
    """Calls the command in a folder, and keeps all that it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What it prints; AssertionError for another exit code."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.folder,
            env=kept | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said
        self.printed += said
        return said


@pytest.fixture
def fanwatch(tmp_path: Path) -> Operator:
    """An operator in an empty folder."""
    return Operator(tmp_path)


def test_a_deployments_credentials_from_first_to_last(fanwatch: Operator) -> None:
    said = fanwatch("certs", "init", "--host", "192.0.2.1")
    [advice] = re.findall("users add ([a-z -]+)`", said)
    assert set(advice.split()) == set(SERVICES)
    assert "secrets/services/connector/password" in fanwatch(
        "users", "add", "connector", "telegraf", "fan-07"
    )
    fanwatch("users", "add", "hall-1", "--role", "gateway")
    assert "fan-08" in fanwatch("certs", "issue", "fan-08")
    assert "SIGHUP" in fanwatch("certs", "rotate", "--host", "192.0.2.9")
    assert "copy both to fan-08" in fanwatch("certs", "rotate", "fan-08")
    assert "no restart" in fanwatch("certs", "page")
    said = fanwatch("certs", "rotate", "--ca")
    assert "every ca.crt" in said
    assert "The page's certificate" in said
    assert "SIGHUP" in fanwatch("certs", "revoke", "fan-08")
    assert "SIGHUP" in fanwatch("users", "remove", "fan-07")
    assert "SIGHUP" in fanwatch("users", "refresh")
    listed = json.loads(fanwatch("users", "list", "--json"))
    assert [user["name"] for user in listed] == ["connector", "hall-1", "telegraf"]
    assert "gateway" in fanwatch("users", "list")
    (fanwatch.folder / "secrets/next").write_text("do as this says.\n", encoding="utf-8")
    for call in (["users", "refresh"], ["certs", "rotate"], ["certs", "page"]):
        assert "Next: do as this says." in fanwatch(*call)
    secrets = [
        line
        for pattern in ("**/password", "**/*.key")
        for path in (fanwatch.folder / "secrets").glob(pattern)
        for line in path.read_text(encoding="ascii").splitlines()
    ]
    assert len(secrets) > 10
    assert not any(line in fanwatch.printed for line in secrets)


def test_git_sees_none_of_it(fanwatch: Operator) -> None:
    fanwatch("certs", "init", "--dir", "here")
    fanwatch("users", "add", "fan-07", "--dir", "here")
    git = ["git", "-C", str(fanwatch.folder)]
    subprocess.run([*git, "init", "-q"], check=True, timeout=10)
    (fanwatch.folder / "other").touch()
    done = subprocess.run(
        [*git, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True, timeout=10
    )
    assert done.stdout == "?? other\n"


def test_show_ends_with_1_where_one_ends_soon(fanwatch: Operator) -> None:
    fanwatch("certs", "init")
    assert "broker" in fanwatch("certs", "show")
    assert "broker: valid for less than 366 days" in fanwatch("certs", "show", "--warn-days", "366", code=1)
    fanwatch("certs", "issue", "fan-07", "--days", "3")
    rows = json.loads(fanwatch("certs", "show", "--json", "--warn-days", "2"))
    assert [row["name"] for row in rows] == ["fan-07", "broker", "CA, current", "CA, next"]
    assert rows[0]["days"] == pytest.approx(3, abs=0.1)
    assert "fan-07: valid for less" in fanwatch("certs", "show", code=1)


def test_show_says_what_has_ended(fanwatch: Operator) -> None:
    fanwatch("certs", "init")
    ca = fanwatch.folder / "secrets/ca/current"
    signer = Pair.parse(ca.with_suffix(".crt").read_bytes(), ca.with_suffix(".key").read_bytes())
    ended = authority.server(signer, ["x"], days=0).certificate_pem
    (fanwatch.folder / "secrets/mosquitto/server.crt").write_bytes(ended)
    assert "ENDED" in fanwatch("certs", "show", "--warn-days", "0", code=1)


def test_a_ca_that_only_is_trusted_still_warns_nobody(fanwatch: Operator) -> None:
    fanwatch("certs", "init")
    fanwatch("certs", "rotate", "--ca")
    (fanwatch.folder / "secrets/ca/previous.crt").write_bytes(authority.authority(days=1).certificate_pem)
    assert "CA, previous" in fanwatch("certs", "show")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["certs", "show"], 1, "holds no CA"),
        (["certs", "issue", "fan-07"], 1, "holds no CA"),
        (["users", "list"], 1, "holds no users' list"),
        (["users", "add", "fan-07"], 1, "holds no users' list"),
        (["certs", "rotate", "--ca", "fan-07"], 2, "take no devices' names"),
        (["certs", "rotate", "--host", "x", "fan-07"], 2, "take no devices' names"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    fanwatch: Operator, arguments: list[str], code: int, said: str
) -> None:
    [line] = fanwatch(*arguments, code=code).splitlines()
    assert said in line


def test_a_folder_that_cannot_be_written_is_named(fanwatch: Operator) -> None:
    (fanwatch.folder / "secrets").write_text("a file", encoding="ascii")
    assert "secrets" in fanwatch("certs", "init", code=1)
