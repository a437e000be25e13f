"""The fleet: one line a fan, sorted by what needs a person first."""

import time
from typing import Any

import msgspec
from nicegui import ui
from nicegui.events import GenericEventArguments

from console import shell, words
from console.context import Console
from console.live.ranking import Ranker, Wish
from console.live.view import FleetView, scales
from fanwatch.sensors import BY_NAME


class FleetList(shell.Component, component="../assets/fleet.js"):
    """The list itself; it asks for the lines on the screen by the event `view`, and draws what it is told."""


def register(console: Console) -> None:
    """Adds the page."""
    ranker = Ranker(console.fleet)

    @ui.page("/")
    def page() -> None:
        view = FleetView(console.fleet, ranker, console.features)
        client = ui.context.client

        async def wish(event: GenericEventArguments) -> None:
            if event.args.get("anew"):
                view.forget()
            try:
                view.wish = msgspec.convert(event.args, Wish)
            except msgspec.ValidationError:
                return  # no page of ours asks for this
            await console.push.tell(client)

        def make(now_ms: int) -> dict[str, Any]:
            # While the broker is away the fleet stays as it was when that began, and nobody falls silent.
            return view.message(console.intake.away_since_ms or now_ms)

        with shell.frame(console, "Fleet", at="fleet", make=make, wide=True):
            now_ms, away_ms = time.time_ns() // 1_000_000, console.intake.away_since_ms
            fleet = FleetList(
                states=words.states_prop(),
                signals=signals(console),
                broker=console.intake.where,
                # Drawn at once, before there is a socket to be told by.
                begin={"at": now_ms, "broker": away_ms, "page": make(now_ms)},
            )
            fleet.on("view", wish)


def signals(console: Console) -> list[dict[str, Any]]:
    """Of each signal what the list needs: name, unit and where the healthy range lies on the drawn scale, 0 to 1."""
    low, high = scales(console.features)
    known = {feature.name: feature for feature in console.features}
    found = []
    for position, (name, sensor) in enumerate(BY_NAME.items()):
        signal: dict[str, Any] = {
            "name": name,
            "word": sensor.label,
            "unit": sensor.unit,
            "digits": sensor.digits,
        }
        if name in known:
            healthy, width = known[name].healthy, high[position] - low[position]
            signal |= {
                "low": healthy.low,
                "high": healthy.high,
                "from": (healthy.low - low[position]) / width,
                "to": (healthy.high - low[position]) / width,
            }
        found.append(signal)
    return found
