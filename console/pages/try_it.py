"""Try it: readings scored ad hoc, and what would change the verdict. Nothing is published, nothing is stored."""

import asyncio
import math
from typing import Any, Final

import msgspec
import nicegui.elements.echart  # noqa: F401 - puts the charts' library into the page's import map
from fastapi import Request
from fastapi.responses import JSONResponse
from nicegui import app, events, ui

from console import file_scoring, shell, whatif
from console.auth.access import visitor
from console.auth.request import read
from console.context import Console
from console.live.states import now
from console.scoring import Refused
from console.whatif import WhatIf
from console.words import SENSORS
from fanwatch.bundles.anomaly import Feature
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.sensors import FEATURES

_FILES_AT_ONCE: Final = 2
_FILES_WAITING: Final = 4
_FILE_S: Final = 30.0
_NEW_DEVICE: Final = "try"


class TryIt(shell.Component, component="../assets/whatif.js"):
    """The form and its verdict."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            sensors=[_sensor(each) for each in console.features], mostBytes=file_scoring.MOST_BYTES
        )
        self._console = console
        self._asked = 0
        self.on("ask", self._ask)
        self.on("take", self._take)

    async def _ask(self, event: events.GenericEventArguments) -> None:
        self._asked = turn = self._asked + 1
        try:
            visitor()
            values = _values(event.args)
            console = self._console
            found: WhatIf = await console.call(
                whatif.ask, console.gateway, values, console.features, _NEW_DEVICE
            )
            shown, error = _shown(found), None
        except FanwatchError as problem:
            shown, error = None, str(problem)
        # While it was being asked the values may have moved on.
        if turn == self._asked:
            self.run_method("answered", shown, error)

    def _take(self, event: events.GenericEventArguments) -> None:
        """The last reading of a fan, for the form."""
        device = str(event.args)[:64]
        found = now(self._console.fleet, device, 0)
        if found is None or any(map(math.isnan, found.values)):
            self.run_method("taken", None, f"Nothing has been heard of a fan {device}.")
            return
        self.run_method("taken", dict(zip(FEATURES, found.values, strict=True)), None)


def register(console: Console) -> None:
    """Adds the page, and where its files go."""
    places = asyncio.Semaphore(_FILES_AT_ONCE)
    waiting = [0]

    @ui.page("/try")
    def page() -> None:
        with shell.frame(console, "Try it", at="try-it"):
            ui.html("Try it", sanitize=False, tag="h1")
            if console.features:
                TryIt(console)
            else:
                ui.label(
                    "This page has no model bundle, so it knows no ranges: set FANWATCH_CONSOLE_BUNDLE."
                ).classes("fw-empty")

    @app.post("/try/file")
    async def file(request: Request, name: str = "") -> JSONResponse:
        # Who may come here at all, the middleware has seen to.
        try:
            if waiting[0] >= _FILES_WAITING:
                raise Unavailable("Others have files scored just now. Try again in a moment.")
            waiting[0] += 1
            try:
                async with places:
                    content = await read(request.stream(), file_scoring.MOST_BYTES, _FILE_S)
                    if content is None:
                        raise file_scoring.too_large()
                    scored = await console.call(file_scoring.scored, console.gateway, name, content)
                    return JSONResponse(scored)
            except TimeoutError:
                raise FanwatchError("The file took too long to arrive.") from None
            finally:
                waiting[0] -= 1
        except FanwatchError as problem:
            return JSONResponse({"error": str(problem)}, problem.status)


def _sensor(feature: Feature) -> dict[str, Any]:
    """What the form needs of one."""
    return {
        "name": feature.name,
        "label": SENSORS[feature.name],
        "unit": feature.unit if len(feature.unit) < 5 else "",
        "healthy": [feature.healthy.low, feature.healthy.high],
        "median": feature.healthy.median,
        "range": list(feature.trained),
    }


def _values(given: Any) -> dict[str, float]:
    """The form's four numbers; FanwatchError for one that is none."""
    values = {}
    for name in FEATURES:
        value = given.get(name) if isinstance(given, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise FanwatchError(f"{SENSORS[name]} needs a number.")
        values[name] = float(value)
    return values


def _shown(found: WhatIf) -> dict[str, Any]:
    """What the browser shows of a verdict."""
    answer = found.answer
    if isinstance(answer, Refused):
        raise FanwatchError(answer.sentence)
    return {
        "fault": answer.fault,
        "probability": answer.probability,
        "threshold": answer.threshold,
        "cause": SENSORS.get(answer.cause, answer.cause) if answer.cause else None,
        "remark": file_scoring.remark(answer),
        "model": answer.model,
        "sentences": found.sentences,
        "curves": [msgspec.to_builtins(curve) for curve in found.curves],
    }
