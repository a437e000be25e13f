"""`fanwatch users`: who may do what at the deployment's broker. Passwords go into files and are never shown."""

from typing import Annotated

import typer

from cli.certs import SECRETS, Folder, following
from cli.common import AsJson, print_json

app = typer.Typer(name="users", help="The users of the deployment's broker.", no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(metavar="NAME...")]


@app.command()
def add(
    names: Names,
    role: Annotated[
        str | None,
        typer.Option(
            help="device, gateway, operator, connector, score-fan, forecast-fan, telegraf or console; "
            "by default the role that the name is, else device."
        ),
    ] = None,
    folder: Folder = SECRETS,
) -> None:
    """Make users, each with a password of its own; a device's name is its deviceID."""
    from credentials.certificates import Certificates
    from credentials.users import Users

    users = Users(folder)
    for name in names:
        user = users.add(name, role)
        home = users.home(user)
        Certificates(folder).distribute([home])
        print(f"{name} ({user.role}): {home}/password and ca.crt")
    print(following(folder))


@app.command()
def remove(names: Names, folder: Folder = SECRETS) -> None:
    """Take users' passwords away."""
    from credentials.users import Users

    for name in names:
        Users(folder).remove(name)
        print(f"Removed {name}.")
    print(following(folder) + " That ends its connections, too.")


@app.command("list")
def list_(as_json: AsJson = False, folder: Folder = SECRETS) -> None:
    """List users and their roles."""
    from credentials.users import Users

    users = Users(folder).all()
    if as_json:
        print_json([user._asdict() for user in users])
        return
    for user in users:
        print(f"{user.name:<32} {user.role}")


@app.command()
def refresh(folder: Folder = SECRETS) -> None:
    """Write the access rules anew after an upgrade, which may have changed what a role may do."""
    from credentials.users import Users

    Users(folder).refresh()
    print(following(folder))
