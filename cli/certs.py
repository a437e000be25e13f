"""`fanwatch certs`: the deployment's certificates. Keys go into files and are never shown."""

from pathlib import Path
from typing import Annotated

import typer

from cli.common import AsJson, print_json

app = typer.Typer(name="certs", help="The deployment's certificates.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--dir", help="Where all credentials of the deployment lie.")]
SECRETS = Path("secrets")
Days = Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")]
_INSTALLER = "next"
"""A file in the folder, by an installer that has been there: how a change reaches what it installed."""
_STAYS = " Connections that are there stay; new ones get the new certificate."


def installer_says(folder: Path) -> str:
    """What to do after a change in the folder; empty where no installer has been there."""
    try:
        return f"Next: {(folder / _INSTALLER).read_text(encoding='utf-8').strip()}"
    except OSError:
        return ""


def following(folder: Path, what: str = "mosquitto") -> str:
    """The same after one of `what` in it that is the broker's, by hand where no installer has been there."""
    by_hand = f"Next: have {folder}/{what} where the broker reads it, and send Mosquitto SIGHUP."
    return installer_says(folder) or by_hand


@app.command()
def init(
    host: Annotated[list[str] | None, typer.Option(help="Name or address of the broker; repeat it.")] = None,
    folder: Folder = SECRETS,
) -> None:
    """Make the CA, the broker's certificate, and empty lists of users."""
    from credentials.certificates import Certificates
    from credentials.names import SERVICES
    from credentials.users import Users
    from fanwatch.private import write

    Certificates(folder).init(host or [])
    Users(folder).prepare()
    # Wherever it lies: git is to leave all of it alone, this file included.
    write({folder / ".gitignore": b"*\n"})
    print(f"Made {folder}/ca and {folder}/mosquitto. Keep {folder}/ca from the machine that runs the broker.")
    print(
        f"Next: `fanwatch users add {' '.join(SERVICES)}`, and one for each device;\n"
        f"then mount {folder}/mosquitto at /mosquitto/secrets."
    )


@app.command()
def issue(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Devices or gateways.")],
    days: Days = 365,
    folder: Folder = SECRETS,
) -> None:
    """Make a certificate for a device or gateway that connects with one (port 8885) instead of a password."""
    from credentials.certificates import Certificates

    for name in names:
        made = Certificates(folder).issue(name, days)
        print(f"Made {made}/client.crt and .key. Next: copy them to {name}, with {made}/ca.crt.")


@app.command()
def rotate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Devices; else the broker.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="One more name or address of the broker; repeat it.")
    ] = None,
    ca: Annotated[bool, typer.Option("--ca", help="The CA too: the next one takes over.")] = False,
    days: Days = 365,
    folder: Folder = SECRETS,
) -> None:
    """Replace the broker's certificate, a device's, or the CA (and with it the page's), while all of it runs."""
    from credentials.certificates import SERVER, Certificates
    from fanwatch.errors import SettingsError

    certificates = Certificates(folder)
    if names and (ca or host):
        raise SettingsError("--ca and --host renew the broker's certificate, and take no devices' names.")
    if ca:
        certificates.rotate_authority(host or [])
        print("The next CA took over; the one before stays trusted, and another next one is in every ca.crt.")
        print(following(folder) + _STAYS)
        parts = "" if installer_says(folder) else f"{folder}/services/*, "
        print(
            f"Then, until the next `rotate --ca`: give everybody the new ca.crt ({parts}{folder}/devices/*), "
            "restart the broker once, and rotate the devices' certificates.\n"
            "The page's certificate is new too, where there is one: the console takes it by itself once it is where "
            "it reads it. Browsers need the new ca.crt, too."
        )
        return
    for name in names or [SERVER]:
        made = certificates.rotate(name, days, host or [])
        print(f"Replaced {made} and its key.")
        print(following(folder) + _STAYS if name == SERVER else f"Next: copy both to {name}.")


@app.command()
def page(
    host: Annotated[
        list[str] | None, typer.Option(help="One more name or address of the page; repeat it.")
    ] = None,
    days: Days = 365,
    folder: Folder = SECRETS,
) -> None:
    """Make a new certificate for the console's page, for the names under which fans find the broker."""
    from credentials.certificates import Certificates

    made = Certificates(folder).page(host or [], days)
    print(
        f"Made {made} and its key. The console takes them by itself once they are where it reads them: no restart."
    )
    if said := installer_says(folder):
        print(said)
    print(f"Browsers have to trust {made.parent}/ca.crt.")


@app.command()
def revoke(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Devices or gateways.")],
    folder: Folder = SECRETS,
) -> None:
    """Revoke a device's certificate, and remove it."""
    from credentials.certificates import Certificates

    for name in names:
        Certificates(folder).revoke(name)
        print(f"Revoked the certificate of {name}.")
    print(
        f"{following(folder, 'mosquitto/revoked.crl')} "
        "A connection that is there stays until it ends: restart Mosquitto to end it now."
    )


@app.command()
def show(
    warn_days: Annotated[
        int, typer.Option(min=0, help="Exit with 1 where one ends within so many days.")
    ] = 30,
    as_json: AsJson = False,
    folder: Folder = SECRETS,
) -> None:
    """List the certificates and how long each is valid."""
    from credentials.certificates import Certificates
    from fanwatch.errors import FanwatchError

    terms = Certificates(folder).terms()
    if as_json:
        rows = [
            {
                "name": term.name,
                "file": str(term.file),
                "ends": term.ends.isoformat(),
                "days": round(term.days, 1),
            }
            for term in terms
        ]
        print_json(rows)
    else:
        for term in terms:
            left = f"{term.days:.0f} days" if term.days >= 0 else "ENDED"
            print(f"{term.name:<24} {left:>10}  {term.ends:%Y-%m-%d}  {term.file}")
    ending = [term.name for term in terms if term.needed and term.days < warn_days]
    if ending:
        raise FanwatchError(
            f"{', '.join(ending)}: valid for less than {warn_days} days. Replace with `fanwatch certs rotate`"
            " (the console's page: `fanwatch certs page`)."
        )
