"""`fanwatch alarms`: what forecast-fan says needs somebody, and what people say to that."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.common import AsJson, By, environment, print_json
from fanwatch import output

if TYPE_CHECKING:
    from fanwatch.messages.alarm import Alarm

app = typer.Typer(
    name="alarms", help="Alarm episodes: list, acknowledge, snooze, close.", no_args_is_help=True
)

Episode = Annotated[
    str, typer.Argument(metavar="FAN|EPISODE", help="The fan, or an episode as `list` names it.")
]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="Kept with it.")]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List open episodes, the worst first: since when, why, and when failure is expected."""
    from local import fleet_state

    here = environment()
    found = fleet_state.alarms(fleet_state.fleet(here))
    over = fleet_state.past(here, found) if everything else []
    if as_json:
        print_json({"open": found, "over": over})
        return
    columns = output.width()
    if not found:
        print("No fan has an open episode.")
    for alarm in found:
        print(output.hanging("", _line(alarm), columns))
    for each in over:
        print(output.hanging("", f"{each.episode}  over, was {each.state}: {each.why}", columns))


@app.command()
def acknowledge(episode: Episode, by: By, as_json: AsJson = False) -> None:
    """Say that somebody takes care of it."""
    _send(episode, as_json, action="acknowledge", by=by)


@app.command()
def snooze(
    episode: Episode,
    by: By,
    until: Annotated[str, typer.Option(metavar="8h|TIME", help="For how long, or up to when.")],
    as_json: AsJson = False,
) -> None:
    """Send nobody a message about it for a while, at most 30 days."""
    from fanwatch.messages.timestamps import format_ms
    from local import fleet_state

    _send(episode, as_json, action="snooze", by=by, until=format_ms(fleet_state.until_ms(until)))


@app.command()
def close(
    episode: Episode,
    by: By,
    found: Annotated[str, typer.Option(metavar="fault|false-alarm|instrument", help="What it was.")],
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="Of a fault: bearing, imbalance, motor or obstruction; of an instrument such as vibration:stuck.",
        ),
    ] = None,
    failed: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|seen", help="The fan failed: when, or `seen` for when it was seen to stop."
        ),
    ] = None,
    prevented: Annotated[
        str | None,
        typer.Option(metavar="TIME|now", help="It was repaired, or taken out of service, before it failed."),
    ] = None,
    note: Note = None,
    correct: Annotated[
        bool,
        typer.Option(
            "--correct", help="Somebody else has said what it was, and that was wrong; it is kept beside."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what was found, which ends it, and is a label for training. Also for an episode that is over.

    A fan that stands still then is out of service until it turns.
    """
    said = {"outcome": None, "outcomeAt": None} | _outcome(failed, prevented)
    content = {"found": found.replace("-", " "), "mode": mode, "note": note, "corrects": correct}
    _send(episode, as_json, action="close", by=by, **content, **said)


def _outcome(failed: str | None, prevented: str | None) -> dict[str, str]:
    if failed is not None and prevented is not None:
        raise typer.BadParameter(
            "A fan has failed, or that was prevented: give one of --failed and --prevented."
        )
    for outcome, at in (("failed", failed), ("prevented", prevented)):
        if at is not None:
            return {"outcome": outcome} | ({} if at in ("seen", "now") else {"outcomeAt": at})
    return {}


def _send(named: str, as_json: bool, **content: Any) -> None:
    from fanwatch.messages.alarm import InvalidAlarm
    from fanwatch.messages.command import Command
    from fanwatch.messages.refusals import in_words
    from local import fleet_state

    here = environment()
    content["episode"] = fleet_state.episode_of(here, named)
    try:
        command = msgspec.convert(content, Command)
    except msgspec.ValidationError as error:
        raise InvalidAlarm(f"This is no command: {in_words(error, Command)}.") from error
    alarm = fleet_state.send(here, command)
    if as_json:
        print_json(alarm)
    else:
        said = f"{command.action.capitalize()} of {command.episode}: done. Now: {_line(alarm)}"
        print(output.hanging("", said, output.width()))


def _line(alarm: "Alarm") -> str:
    from fanwatch.messages.timestamps import minute

    parts = [f"{alarm.episode}  {alarm.state}: {alarm.why}"]
    if alarm.failureExpected is not None:
        told = alarm.failureExpected
        parts.append(f"Failure expected between {minute(told.earliest)} and {minute(told.latest)} UTC.")
    if isinstance(alarm.acknowledgedBy, str):
        parts.append(f"Acknowledged by {alarm.acknowledgedBy}.")
    if isinstance(alarm.snoozedUntil, str):
        parts.append(f"Snoozed until {minute(alarm.snoozedUntil)} UTC.")
    return " ".join(parts)
