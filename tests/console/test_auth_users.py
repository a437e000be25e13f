"""Names, passwords, guesses and sessions, without a page."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.auth import attempts, sessions, users
from console.auth.login_page import LoginPage
from console.auth.request import Request
from fanwatch.errors import FanwatchError, SettingsError, Unavailable

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


def _command(file: Path, *arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "console", "users", *arguments, "--file", str(file)],
        input=said, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip


def test_the_command_writes_what_the_page_reads(tmp_path: Path) -> None:
    file = tmp_path / "made" / "logins"
    done = _command(file, "add", "workshop", "--role", "technician", said=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text() + done.stdout + done.stderr
    found = users.Logins(str(file))
    login = found.check("workshop", PASSWORD)
    assert login is not None
    assert login.role == "technician"
    assert found.check("workshop", PASSWORD + " ") is None
    assert found.check("stranger", PASSWORD) is None

    again = _command(file, "add", "workshop", said=PASSWORD + "\n")
    assert again.returncode == 1
    assert "There is a user workshop already" in again.stderr
    assert "has 10 to 256 characters" in _command(file, "add", "night", said="short\n").stderr
    # A console that runs learns of it by itself.
    assert _command(file, "remove", "workshop").returncode == 0
    assert found.find("workshop") is None
    assert found.check("workshop", PASSWORD) is None


@pytest.mark.parametrize(
    "line",
    ["workshop", "workshop:technician:plain:16384:8:5:AAAA:AAAA", "workshop:owner:scrypt:16384:8:5:{0}:{1}",
     "workshop:viewer:scrypt:4294967296:8:5:{0}:{1}", "workshop:viewer:scrypt:16384:8:5:{0}:AAAA"],
)  # fmt: skip
def test_a_file_that_is_no_list_of_logins_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "logins"
    file.write_text(line.format("A" * 22 + "==", "A" * 43 + "=") + "\n")
    with pytest.raises(SettingsError, match=r"FANWATCH_CONSOLE_LOGINS_FILE: .*line 1 is no login"):
        users.Logins(str(file))


def test_a_broken_file_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    users.write(file, {"workshop": users.made("workshop", "viewer", PASSWORD)})
    found = users.Logins(str(file))
    file.write_text("nonsense\n")
    os.utime(file, ns=(1, 1))
    assert found.check("workshop", PASSWORD) is None


def test_guesses_are_counted_by_pair_address_and_name_and_forgotten() -> None:
    now = [0.0]
    tried = attempts.Attempts(lambda: now[0])
    for _ in range(attempts.MOST_PAIR):
        assert tried.wait_s("workshop", "192.0.2.1") == 0
        tried.began("workshop", "192.0.2.1")
    assert tried.wait_s("workshop", "192.0.2.1") == attempts.WINDOW_S
    # Whose name it is still gets in from elsewhere.
    assert tried.wait_s("workshop", "192.0.2.2") == 0
    for index in range(attempts.MOST_ADDRESS):
        tried.began(f"user-{index}", "192.0.2.1")
    assert tried.wait_s("night", "192.0.2.1") > 0
    for index in range(attempts.MOST_NAME):
        tried.began("workshop", f"198.51.100.{index}")
    assert tried.wait_s("workshop", "203.0.113.1") > 0
    now[0] = attempts.WINDOW_S + 1
    assert tried.wait_s("workshop", "192.0.2.1") == 0

    tried.began("workshop", "192.0.2.1")
    tried.succeeded("workshop", "192.0.2.1")
    for _ in range(attempts.MOST_PAIR - 1):
        tried.began("workshop", "192.0.2.1")
    assert tried.wait_s("workshop", "192.0.2.1") == 0


def test_guesses_from_everywhere_take_no_more_memory() -> None:
    tried = attempts.Attempts()
    for index in range(attempts.MOST_KEPT):
        tried.began(f"user-{index}", f"2001:db8:{index:x}::")
    assert len(tried) == attempts.MOST_KEPT


def test_a_session_ends_with_its_time_its_user_or_its_password(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    workshop = users.made("workshop", "technician", PASSWORD)
    users.write(file, {"workshop": workshop})
    found = users.Logins(str(file))
    now = [0.0]
    held = sessions.Sessions(found, 60.0, lambda: now[0])
    token = held.begin(workshop)
    assert held.visitor(token) == sessions.Visitor("workshop", "technician")
    assert held.visitor(token[:-1]) is None
    # Fewer rights hold at once, a new password ends it, and so do logging out and time.
    users.write(file, {"workshop": workshop._replace(role="viewer")})
    assert held.visitor(token) == sessions.Visitor("workshop", "viewer")
    users.write(file, {"workshop": users.made("workshop", "viewer", PASSWORD + "!")})
    assert held.visitor(token) is None
    users.write(file, {"workshop": workshop})
    token = held.begin(workshop)
    held.end(token)
    assert held.visitor(token) is None
    token = held.begin(workshop)
    now[0] = 60.0
    assert held.visitor(token) is None
    tokens = [held.begin(workshop) for _ in range(sessions.MOST_OF_ONE + 1)]
    assert [held.visitor(each) is None for each in tokens] == [True] + [False] * sessions.MOST_OF_ONE


def test_a_name_or_role_that_will_not_do_is_said() -> None:
    for name in ("", "a:b", "x" * 33, "-x", "<script>"):
        with pytest.raises(FanwatchError, match="is no name"):
            users.made(name, "viewer", PASSWORD)
    with pytest.raises(FanwatchError, match="no role"):
        users.made("workshop", "owner", PASSWORD)
    with pytest.raises(FanwatchError, match="contains the name"):
        users.made("workshop", "viewer", "1workshop1")


def test_an_attempt_that_nobody_looked_at_is_no_wrong_password(tmp_path: Path) -> None:
    class Busy(users.Logins):
        def check(self, name: str, password: str) -> users.Login | None:
            raise Unavailable("Too many people are logging in just now.")

    path = tmp_path / "logins"
    users.write(path, {"ann": users.made("ann", "viewer", PASSWORD)})
    busy = Busy(str(path))
    entrance = LoginPage(busy, sessions.Sessions(busy, 60), attempts.Attempts(), 60)
    scope = {"type": "http", "client": ("192.0.2.1", 1), "headers": []}
    request = Request(scope, proxied=False)
    form = {"name": "ann", "password": PASSWORD}
    # On a thread of its own: where a browser was tried before, this one's loop is Playwright's.
    with ThreadPoolExecutor(1) as own:
        tries = [entrance.attempt(form, request) for _ in range(2 * attempts.MOST_PAIR)]
        answers = [own.submit(asyncio.run, each).result() for each in tries]
    assert {answer.status_code for answer in answers} == {503}
