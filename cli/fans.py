"""`fanwatch fans`: the fleet as forecast-fan knows it."""

import json
from typing import Annotated

import msgspec
import typer

from cli.common import AsJson, By, environment, print_json
from fanwatch import output, text

app = typer.Typer(name="fans", help="The fans that are watched.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List them: state, since when, risk, and up to when their readings are known; then how many are not judged."""
    import time

    from fanwatch.fleet import faulty
    from fanwatch.messages.timestamps import format_ms, minute
    from local import fleet_state

    here = environment()
    last_ms = fleet_state.judged_ms(here)
    counts = faulty.current(last_ms, time.time_ns() // 1_000_000)
    stopped = () if counts else faulty.not_since(last_ms)
    rows, found = fleet_state.fleet(here), []
    behind = faulty.behind({row.fan: row.told_ms for row in rows})
    for row in rows:
        alarm = row.alarm
        said, likely = (alarm.state, alarm.risk) if alarm is not None else (None, None)
        state = faulty.state_of(said, likely, counts=counts and row.fan not in behind)
        reasons = stopped or (faulty.left_behind(row.told_ms) if row.fan in behind else ())
        unjudged = state == "unknown"
        found.append(
            {
                "deviceID": row.fan,
                "state": state,
                "since": alarm.since if alarm is not None else None,
                "risk": None if unjudged else likely,
                "knownUntil": format_ms(row.told_ms) if row.told_ms else None,
                "why": text.why(faulty.why_not(alarm, reasons)) if alarm is None or unjudged else alarm.why,
            }
        )
    if as_json:
        print_json(found)
        return
    if not found:
        print("No fan is known to forecast-fan yet; it runs every ten minutes.")
        return
    columns = output.width()
    print(f"{'FAN':<20} {'STATE':<14} RISK {'SINCE (UTC)':<16}  {'KNOWN UNTIL':<16}  WHY")
    for fan in found:
        risk = f"{fan['risk']:.2f}" if isinstance(fan["risk"], float | int) else "-"
        since, until = (minute(str(fan[name] or "")) or "-" for name in ("since", "knownUntil"))
        state = text.word(str(fan["state"]))
        start = f"{fan['deviceID']:<20} {state:<14} {risk:>4} {since:<16}  {until:<16}  "
        print(output.hanging(start, str(fan["why"]), columns))
    print(_summary([str(fan["state"]) for fan in found], text.why(stopped)))


def _summary(states: list[str], stopped: str) -> str:
    """How many are well and how many are not judged; `stopped` says why nobody is, where that is so."""

    said = f"{states.count('ok')} of {len(states)} {'fans are' if len(states) != 1 else 'fan is'} well"
    for state in ("out-of-service", "unknown"):
        if count := states.count(state):
            said += f", {count} {'is' if count == 1 else 'are'} {text.word(state)}"
    return f"{said}. {stopped}".rstrip()


@app.command()
def retire(
    fans: Annotated[list[str], typer.Argument(metavar="FAN...")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Forget fans that were taken away: their alarms go. One that sends again is back by itself."""
    from fanwatch.forecast_service.requests import Retirement
    from local import fleet_state

    here = environment()
    for fan in fans:
        alarm = fleet_state.send(here, Retirement(deviceID=fan, action="retire", by=by))
        print(json.dumps(msgspec.to_builtins(alarm)) if as_json else f"{fan} is retired.")
