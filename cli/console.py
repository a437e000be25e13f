"""`fanwatch console users`: who may log in to the console's page."""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from cli.certs import installer_says
from cli.common import AsJson, print_json
from fanwatch.errors import FanwatchError
from fanwatch.files import check_file

app = typer.Typer(name="console", help="The technician's page.", no_args_is_help=True)
users = typer.Typer(name="users", help="Who may log in to it.", no_args_is_help=True)
app.add_typer(users)

LOGINS = Path("secrets/services/console/logins")

File = Annotated[
    Path, typer.Option("--file", metavar="FILE", help="As FANWATCH_CONSOLE_LOGINS_FILE names it.")
]
Name = Annotated[str, typer.Argument(metavar="NAME")]


@users.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, who looks; or technician, who also acts.")] = "viewer",
    replace: Annotated[bool, typer.Option("--replace", help="Give somebody a new password or role.")] = False,
    file: File = LOGINS,
) -> None:
    """Let somebody log in. Asks for the password; from a script it is the first line of standard input."""
    from console.auth import users

    check_file(file, room=10_000)
    found = users.read(file) if file.exists() else {}
    if name in found and not replace:
        raise FanwatchError(
            f"There is a user {name} already. --replace gives them another password and role."
        )
    login = users.made(name, role, _password(name))
    users.write(file, found | {name: login})
    said = _installer_says(file) or f"A console that runs with {file} knows at once."
    print(f"{name} ({login.role}) may log in. {said}")


@users.command()
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...")], file: File = LOGINS) -> None:
    """Lock somebody out, as soon as the console reads the file."""
    from console.auth import users

    found = users.read(file)
    for name in names:
        if found.pop(name, None) is None:
            raise FanwatchError(f"There is no user {name}; `fanwatch console users list` shows them.")
    users.write(file, found)
    print(f"Removed {', '.join(names)}. {_installer_says(file)}".strip())


@users.command("list")
def list_(as_json: AsJson = False, file: File = LOGINS) -> None:
    """List users and their roles."""
    from console.auth import users

    found = [users.read(file)[name] for name in sorted(users.read(file))]
    if as_json:
        print_json([{"name": login.name, "role": login.role} for login in found])
        return
    for login in found:
        print(f"{login.name:<32} {login.role}")


def _installer_says(file: Path) -> str:
    """What to do next where an installer brings the file to the console: it lies in services/console of its folder."""
    return installer_says(file.absolute().parents[:3][-1])


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass(f"Password of {name}: ")
    if getpass("Once more: ") != password:
        raise FanwatchError("These are two different passwords. Nothing was changed.")
    return password
