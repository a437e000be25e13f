"""The live table of `fanwatch up`, and its plain lines where the output is no terminal."""

import time
from collections.abc import Mapping

import msgspec
from rich.console import RenderableType
from rich.text import Text

from fanwatch import text
from fanwatch.fleet import faulty
from fanwatch.messages.timestamps import minute
from fanwatch.sensors import SENSORS, Sensor
from local.feed import Fan, Feed, News
from local.health import Ledger, Part
from local.screen import Column, Screen

_STALE_S = 5.0


def _column(sensor: Sensor, drop: int) -> Column:
    """A sensor's, narrow; where there is little room those with the smallest `drop` go first."""
    long = sensor.name if len(sensor.name) < 10 else f"{sensor.name[:4]}."
    return Column(f"{long}\n{sensor.unit}", sensor.unit or f"{sensor.name[:3]}.", right=True, drop=drop)


_COLUMNS = (
    Column("fan", "fan"),
    *(_column(sensor, len(SENSORS) - number) for number, sensor in enumerate(SENSORS)),
    Column("score", "score", right=True),
    Column("verdict", "verdict"),
    Column("cause", "cause"),
    Column("forecast", "forecast"),
    Column("age", "age", right=True),
)
_URGENT = ("alarm", "stopped", "warning", "instrument", "unknown")
_STYLES = {
    "alarm": "bold red",
    "stopped": "bold magenta",
    "warning": "bold yellow",
    "instrument": "cyan",
    "unknown": "yellow",
    "out-of-service": "dim",
    "ok": "green",
}
_BEHIND_S = 300.0


class Picture(msgspec.Struct):
    """What is shown; the polls replace its parts as they come in."""

    first_result_s: float | None = None
    ledger: Ledger = Ledger(None, None)
    store: Part = Part("store", "starting")
    disk: Part | None = None
    """What is wrong with the disk of the state directory; None where nothing is."""
    rates: dict[str, float] | None = None
    """Readings and results a second by the connector's counters."""
    judged_ms: int = 0
    """When forecast-fan judged the fleet last, ms since the epoch; 0 where that is not known, or never was."""
    no_store: bool = False
    """Whether there is no store by choice."""
    news: list[News] = []
    """The last alarms that have changed, the newest last."""


def table(feed: Feed, picture: Picture, height: int) -> RenderableType:
    """Everything at once, in `height` lines; it fits the width on which it is drawn."""
    fans, states = feed.fans(), _states(feed, picture)
    rows = [_row(name, fan, states[name]) for name, fan in _worst_first(fans, states)[:height]]
    news = [_news(each) for each in picture.news]
    return Screen(_COLUMNS, rows, len(fans) - len(rows), news, _footer(feed, picture, states), height)


def alarm_line(news: News) -> str:
    """What has changed for a fan, as forecast-fan says it."""
    alarm = news.alarm
    since = minute(str(alarm.get("since") or ""))
    risk, why = alarm.get("risk"), str(alarm.get("why") or "")
    likely = f", risk {risk:.2f}" if isinstance(risk, int | float) else ""
    before, after = (text.word(str(state)) for state in (news.before or "new", alarm.get("state")))
    changed = f"{before} → {after}"
    return f"{news.device_id}: {changed} (since {since}{likely}): {why}"


def line(feed: Feed, picture: Picture) -> str:
    """One line for logs."""
    fans = feed.fans()
    rates = _rates(feed, picture)
    faults = sorted(name for name, fan in fans if fan.result.get("fault") == 1)
    unjudged = list(_states(feed, picture).values()).count("unknown")
    return (
        f"{len(fans)} fans, {rates['readings']:.0f} readings/s, {rates['results']:.0f} results/s; "
        f"faults: {', '.join(faults[:10]) or 'none'}; "
        f"not judged: {unjudged}; {counts(picture.ledger)}; store: {_store(picture.store)}"
    )


def counts(ledger: Ledger) -> str:
    """The ledger in one line."""
    parts = []
    if ledger.connector is not None:
        values = totals(ledger.connector)
        parts += [f"{name.replace('_', ' ')} {value:,.0f}" for name, value in values.items()]
    if ledger.off:
        parts.append("stored nothing (off)")
    elif ledger.stored is not None:
        parts.append("stored " + ", ".join(f"{name} {count:,}" for name, count in ledger.stored.items()))
    return " · ".join(parts) or "no counts yet"


def _rates(feed: Feed, picture: Picture) -> dict[str, float]:
    return picture.rates if feed.sampled and picture.rates else feed.rates


def totals(values: Mapping[str, float]) -> dict[str, float]:
    """The ledger's counts, over all functions and reasons; waiting is what is held and in no call under way."""
    wanted = ("received", "empty", "scored", "dead_lettered", "duplicated", "retried", "held", "in_flight")
    totals: dict[str, float] = {}
    for name in wanted:
        matching = [value for key, value in values.items() if key == name or key.startswith(name + "{")]
        # Somebody clears a retained message now and then: hardly ever, so most never see that it is counted.
        if matching and (name != "empty" or sum(matching)):
            totals[name] = sum(matching)
    if "held" in totals:
        totals["waiting"] = max(0.0, totals.pop("held") - totals.get("in_flight", 0.0))
    return totals


def _states(feed: Feed, picture: Picture) -> dict[str, str]:
    """What is known of each fan that was seen: the state of its alarm, `unknown` for whoever is not judged."""
    alarms, counts = feed.alarms(), faulty.current(picture.judged_ms, time.time_ns() // 1_000_000)
    said = {name: alarms.get(name, {}) for name, _ in feed.fans()}
    return {
        name: faulty.state_of(
            str(alarm["state"]) if "state" in alarm else None, alarm.get("risk"), counts=counts
        )
        for name, alarm in said.items()
    }


def _worst_first(fans: list[tuple[str, Fan]], states: Mapping[str, str]) -> list[tuple[str, Fan]]:
    def order(item: tuple[str, Fan]) -> tuple[int, bool, str]:
        state = states[item[0]]
        urgent = _URGENT.index(state) if state in _URGENT else len(_URGENT)
        return (urgent, item[1].result.get("fault") != 1, item[0])

    return sorted(fans, key=order)


def _news(news: News) -> Text:
    line = Text(alarm_line(news))
    line.stylize(_STYLES.get(str(news.alarm.get("state")), "dim"))
    return line


def _row(name: str, fan: Fan, state: str) -> list[Text]:
    cells = [Text(name)]
    values = fan.reading.features if fan.reading else (None,) * len(SENSORS)
    cells += [Text("-" if value is None else f"{value:.1f}") for value in values]
    fault, quality = fan.result.get("fault"), fan.result.get("quality")
    if not fan.result:
        verdict = Text("not yet", style="dim")
    elif fault == 1:
        verdict = Text("FAULT", style="bold red")
    elif fault == 0:
        verdict = Text(
            "ok" if quality == "ok" else str(quality), style="green" if quality == "ok" else "yellow"
        )
    else:
        verdict = Text(str(quality), style="yellow")
    probability = fan.result.get("probability")
    age = time.monotonic() - max(fan.read_at, fan.scored_at)
    cells.append(Text(f"{probability:.4f}" if isinstance(probability, int | float) else "-"))
    said = Text(text.word(state), style=_STYLES.get(state, ""))
    cells += [verdict, Text(str(fan.result.get("cause") or "")), said]
    cells.append(Text(f"{age:.0f} s", style="yellow" if age > _STALE_S else ""))
    return cells


def _store(part: Part) -> str:
    return part.detail or part.state


def _footer(feed: Feed, picture: Picture, states: Mapping[str, str]) -> list[Text]:
    rates = _rates(feed, picture)
    first = Text(f"{rates['readings']:,.0f} readings/s in, {rates['results']:,.0f} results/s out")
    if picture.first_result_s is not None:
        first.append(f"   first result after {picture.first_result_s:.1f} s", style="dim")
    behind = feed.behind_s()
    if behind is not None and behind > _BEHIND_S:
        first.append(f"   played in: readings of {behind / 3600:.1f} h ago", style="bold cyan")
    lines = [first, *_unjudged(picture, list(states.values())), Text(counts(picture.ledger))]
    style = "green" if picture.store.state == "ok" else "yellow"
    lines.append(Text("store: ").append(_store(picture.store), style=style))
    if picture.disk is not None:
        lines.append(Text(f"disk: {picture.disk.detail}", style="bold red"))
    if feed.dropped:
        lines.append(
            Text(f"The broker dropped {feed.dropped:,} messages: its queue was full.", style="bold red")
        )
    return lines


def _unjudged(picture: Picture, states: list[str]) -> list[Text]:
    """How many fans have no verdict that counts, and why where that is so for all of them; no line where all have."""
    unjudged = states.count("unknown")
    if not unjudged:
        return []
    stopped = not faulty.current(picture.judged_ms, time.time_ns() // 1_000_000)
    why = f" {text.why(faulty.not_since(picture.judged_ms, no_store=picture.no_store))}" if stopped else ""
    return [Text(f"{text.say('not-judged', count=unjudged, fans=len(states))}{why}", style="yellow")]
