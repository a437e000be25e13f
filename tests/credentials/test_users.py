"""The broker's lists of users and rules."""

import subprocess
from pathlib import Path

import pytest

from credentials.certificates import Certificates
from credentials.users import User, Users
from fanwatch.errors import FanwatchError


@pytest.fixture
def users(tmp_path: Path) -> Users:
    """Nobody yet."""
    Certificates(tmp_path).init([])
    made = Users(tmp_path)
    made.prepare()
    return made


def rules(users: Users) -> str:
    return (users.folder / "mosquitto/acl").read_text(encoding="ascii")


def test_a_role_is_its_name_or_device(users: Users) -> None:
    for name, role in [
        ("telegraf", None),
        ("fan-07", None),
        ("gateway", None),
        ("operator-workshop", "operator"),
    ]:
        users.add(name, role)
    assert users.all() == [
        User("fan-07", "device"),
        User("gateway", "gateway"),
        User("operator-workshop", "operator"),
        User("telegraf", "telegraf"),
    ]


def test_each_user_has_the_lines_of_its_role_alone(users: Users) -> None:
    users.add("score-fan")
    users.add("hall-1", "gateway")
    users.add("fan-07")
    common = ["pattern write fan/%u/messages", ""]
    service = [
        "# role score-fan",
        "user score-fan",
        "topic deny fan/score-fan/messages",
        "topic write fan/anomaly",
    ]
    gateway = ["# role gateway", "user hall-1", "topic write fan/messages", "topic write fan/+/messages"]
    assert rules(users).splitlines()[1:] == [*common, *gateway, "", *service]
    users.remove("hall-1")
    assert rules(users).splitlines()[1:] == [*common, *service]
    assert not (users.folder / "devices/hall-1/password").exists()
    assert users.all() == [User("fan-07", "device"), User("score-fan", "score-fan")]


def test_a_refresh_takes_the_rules_of_this_release(users: Users) -> None:
    users.add("score-fan")
    users.add("operator-workshop", "operator")
    wanted = rules(users)
    path = users.folder / "mosquitto/acl"
    path.write_text(wanted.replace("topic write fan/anomaly\n", "topic write old\n"), encoding="ascii")
    users.refresh()
    assert rules(users) == wanted


def test_a_password_is_long_unlike_others_and_without_a_line_end(users: Users) -> None:
    users.add("fan-07")
    users.add("fan-08")
    one, other = (
        (users.folder / f"devices/{name}/password").read_text(encoding="ascii")
        for name in ("fan-07", "fan-08")
    )
    assert one != other
    assert len(one) == 32
    assert one.strip() == one
    listed = (users.folder / "mosquitto/passwords").read_text(encoding="ascii")
    assert one not in listed


def test_mosquittos_own_tool_reads_the_list(users: Users, tmp_path: Path) -> None:
    users.add("fan-07")
    users.add("fan-08")
    path = users.folder / "mosquitto/passwords"
    before = path.read_text(encoding="ascii").splitlines()
    subprocess.run(
        ["mosquitto_passwd", "-D", str(path), "fan-07"], check=True, timeout=10, capture_output=True
    )
    assert path.read_text(encoding="ascii").splitlines() == before[1:]


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("a/b", None, "is no name"),
        ("", None, "is no name"),
        ("fan:07", None, "is no name"),
        ("a\nuser b", None, "is no name"),
        ("fanwatch-telegraf-telemetry", None, "cannot be a device's name"),
        ("connector", "device", "cannot be a device's name"),
        ("operator", "gateway", "cannot be a device's name"),
        ("connector-2", None, "cannot be a device's name"),
        ("workshop", "operator", "called operator or operator-"),
        ("x", "admin", "'admin' is no role. There are connector, "),
    ],
)
def test_a_user_that_cannot_be_is_refused(users: Users, name: str, role: str | None, said: str) -> None:
    with pytest.raises(FanwatchError, match=said):
        users.add(name, role)
    assert users.all() == []


def test_a_name_is_given_once(users: Users) -> None:
    users.add("hall-1", "gateway")
    for role in ("gateway", "device"):
        with pytest.raises(FanwatchError, match="There is a user hall-1"):
            users.add("hall-1", role)
    with pytest.raises(FanwatchError, match="no user otto"):
        users.remove("otto")


def test_without_a_list_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FanwatchError, match="certs init"):
        Users(tmp_path).add("fan-07")
