"""`fanwatch fans`: the fleet as forecast-fan knows it."""

import getpass
import json
import os
from typing import Annotated

import msgspec
import typer

from fanwatch import output

app = typer.Typer(name="fans", help="The fans that are watched.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List them: state, since when, risk, and up to when their readings are known."""
    from fanwatch.timestamps import format_ms
    from local import watching
    from local.report import reachable

    found = [
        {
            "deviceID": row.fan,
            "state": row.alarm.state if row.alarm is not None else "unknown",
            "since": row.alarm.since if row.alarm is not None else None,
            "risk": row.alarm.risk if row.alarm is not None else None,
            "knownUntil": format_ms(row.told_ms) if row.told_ms else None,
            "why": row.alarm.why if row.alarm is not None else "It is being worked up for the first time.",
        }
        for row in watching.fleet(reachable(os.environ))
    ]
    if as_json:
        print(output.as_json(json.dumps(found, indent=2, ensure_ascii=False)))
        return
    if not found:
        print("No fan is known to forecast-fan yet; it runs every ten minutes.")
        return
    columns = output.width()
    print(f"{'FAN':<20} {'STATE':<10} RISK  {'SINCE (UTC)':<16}  {'KNOWN UNTIL':<16}  WHY")
    for fan in found:
        risk = f"{fan['risk']:.2f}" if isinstance(fan["risk"], float | int) else "-"
        since, until = (str(fan[name] or "-")[:16].replace("T", " ") for name in ("since", "knownUntil"))
        start = f"{fan['deviceID']:<20} {fan['state']:<10} {risk:>4}  {since:<16}  {until:<16}  "
        print(output.hanging(start, str(fan["why"]), columns))


@app.command()
def retire(
    fans: Annotated[list[str], typer.Argument(metavar="FAN...")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.", default_factory=getpass.getuser)],
    as_json: AsJson = False,
) -> None:
    """Forget fans that were taken away: their alarms go. One that sends again is back by itself."""
    from fanwatch.forecasting.requests import Retirement
    from local import watching
    from local.report import reachable

    environment = reachable(os.environ)
    for fan in fans:
        alarm = watching.send(environment, Retirement(deviceID=fan, action="retire", by=by))
        print(json.dumps(msgspec.to_builtins(alarm)) if as_json else f"{fan} is retired.")


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app)
