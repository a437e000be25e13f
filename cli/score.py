"""`fanwatch score`: a reading, or a file of readings, through the gateway. Nothing is published."""

import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.common import gateway
from fanwatch.errors import FanwatchError, Unavailable, UpstreamFailed
from fanwatch.gateway.client import Gateway
from fanwatch.messages import ndjson
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.messages.reading import faults
from fanwatch.problems import Problems
from fanwatch.sensors import FEATURES, SENSORS
from fanwatch.settings import ReadingSettings

_FUNCTION = "score-fan"
_TIMEOUT_S = 30.0
_MOST_ROWS = 50
_REFUSED = 400

Answered = tuple[ndjson.Line, dict[str, Any]]
"""A reading and score-fan's answer, with its status."""


def _with_sensors(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each sensor of the kind of machine, which it gets as `values`, by name."""
    options = {
        sensor.name: Annotated[
            float | None,
            typer.Option(help=f"In {sensor.unit or 'the unit of the model'}.", show_default=False),
        ]
        for sensor in SENSORS
    }

    def called(**given: Any) -> None:
        command(values={name: given.pop(name) for name in FEATURES}, **given)

    own = [each for each in inspect.signature(command).parameters.values() if each.name != "values"]
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=each)
        for name, each in options.items()
    ]
    called.__signature__ = Signature([*own[:2], *added, *own[2:]])  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in (*own, *added)}
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    return called


@_with_sensors
def score(
    *,
    values: dict[str, float | None],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|JSON|-]", help="A CSV or NDJSON file, a reading as JSON, or - for standard input."
        ),
    ] = None,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="The same as the argument.")] = None,
    device: Annotated[str, typer.Option(help="Its deviceID.")] = "fan",
    time: Annotated[
        str | None, typer.Option(help="Such as 2026-11-23T12:00:00Z.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a reading, for scripts.")] = False,
) -> None:
    """Score a reading or a file of readings, without publishing anything.

    Exit code 1 when some were refused or not scored.
    """
    source = source or file
    given = {name: value for name, value in values.items() if value is not None}
    if (source is None) != bool(given) or (given and len(given) < len(FEATURES)):
        raise typer.BadParameter(
            f"give a file, a JSON reading or -, or all of {', '.join(f'--{name}' for name in FEATURES)}"
        )
    with ExitStack() as stack:
        if source is None:
            reading = {DEVICE: device, TIME: time} | given
            content = iter([ndjson.Line(1, ndjson.as_line(reading))])
        elif source.lstrip().startswith("{"):
            content = iter([ndjson.Line(1, " ".join(source.splitlines()).encode(errors="replace"))])
        else:
            content = ndjson.lines(_opened(source, stack), source)
        shown = Shown(as_json, source or "The reading")
        for answered in _scored(gateway(_TIMEOUT_S), content):
            shown.add(*answered)
    if not shown.total:
        raise FanwatchError(f"{source} has no readings.")
    shown.finish()
    raise typer.Exit(0 if shown.total == shown.scored else 1)


def _opened(source: str, stack: ExitStack) -> BinaryIO:
    if source == "-":
        return sys.stdin.buffer
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    stack.enter_context(progress)
    try:
        return stack.enter_context(
            progress.open(Path(source), "rb", description=f"scoring {Path(source).name}")
        )
    except OSError as error:
        raise typer.BadParameter(f"{source} cannot be read: {error.strerror}") from error


def _scored(through: Gateway, content: Iterator[ndjson.Line]) -> Iterator[Answered]:
    for chunk in ndjson.chunks(content):
        body = b"\n".join(line.content for line in chunk) + b"\n"
        try:
            response = through.call(_FUNCTION, body, {"Content-Type": "application/x-ndjson"})
        except Unavailable as error:
            raise Unavailable(f"{error} Start it with `fanwatch up`, or set FANWATCH_GATEWAY_URL.") from error
        if response.status != 200:
            hint = (
                " Is score-fan deployed? See `fanwatch status`." if response.status in (404, 502, 503) else ""
            )
            raise UpstreamFailed(f"{_FUNCTION} answered {response.status}: {response.text()}{hint}")
        try:
            answers = [json.loads(line) for line in response.body.splitlines()]
            if len(answers) != len(chunk):
                raise ValueError(f"{len(answers)} lines to {len(chunk)} readings")
            yield from ((line, dict(answer)) for line, answer in zip(chunk, answers, strict=True))
        except (ValueError, TypeError) as error:
            raise UpstreamFailed(
                f"{_FUNCTION} answered with something else than results: {error}."
            ) from error


class Shown:
    """Prints answers: JSON lines as they come, or a table of the first ones that matter and a summary."""

    def __init__(self, as_json: bool, name: str) -> None:
        self._as_json = as_json
        self._rows: list[tuple[bool, list[str]]] = []
        self._faults = Counter[str]()
        self._problems = Problems(name)
        self._beyond = Counter[str]()
        self._rules = ReadingSettings().rules
        self.total = 0
        self.scored = 0

    def add(self, line: ndjson.Line, answer: dict[str, Any]) -> None:
        """One answer."""
        number = line.number
        self.total += 1
        scored = answer.get("status") == 200
        self.scored += scored
        if self._as_json:
            print(json.dumps({"line": number} | answer))
            return
        fault = answer.get("fault") if scored else None
        if not scored:
            self._note(line, answer)
        elif fault is None:
            self._beyond.update(answer.get("fields") or ())
        self._faults["faulty" if fault else "implausible" if scored and fault is None else "healthy"] += (
            scored
        )
        notable = fault != 0
        if len(self._rows) < _MOST_ROWS or notable:
            self._keep(notable, _row(number, answer) if scored else _refusal(number, answer))

    def finish(self) -> None:
        """The table and the summary."""
        if self._as_json:
            return
        rows = self._rows
        table = Table(box=None, pad_edge=False)
        for name in ("line", "device", "time", "fault", "probability", "cause", "quality"):
            # On a narrow terminal a word goes on in the next line, and is not cut.
            table.add_column(name, overflow="fold")
        for _, row in rows:
            table.add_row(*row)
        console = Console(width=None if sys.stdout.isatty() else 140)
        console.print(table)
        if self.total > 1:
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self._faults.items()) if count)
            refused = self.total - self.scored
            print(
                f"{self.total:,} readings: {counts or 'none scored'}{f', {refused:,} not scored' if refused else ''}."
            )
            if self._beyond:
                named = ", ".join(f"{name} in {count:,}" for name, count in self._beyond.most_common())
                print(
                    f"Not judged, for values that no working sensor gives: {named} of {self.total:,} readings."
                )
            if refused:
                print(f"Not scored: {self._problems}")
            if self.total > len(rows):
                print(f"The table has {len(rows)} of them, those with a fault first; --json prints all.")

    def _note(self, line: ndjson.Line, answer: dict[str, Any]) -> None:
        """All that is wrong with a reading, of which score-fan names the first; its own words where it is not that."""
        wrong = faults(line.content, self._rules) if answer.get("status") == _REFUSED else []
        for each in wrong:
            self._problems.add(line.number, "", f"{each}.", None if each.value is None else str(each.value))
        if not wrong:
            self._problems.add(line.number, "", f"{_said(answer)}.")

    def _keep(self, notable: bool, row: list[str]) -> None:
        if len(self._rows) == _MOST_ROWS:
            plain = next((i for i in reversed(range(_MOST_ROWS)) if not self._rows[i][0]), None)
            if plain is None:
                return
            del self._rows[plain]
        self._rows.append((notable, row))


def _row(number: int, result: dict[str, Any]) -> list[str]:
    fault = {0: "no", 1: "[red]yes[/]"}.get(result["fault"], "not judged")
    probability = "" if result["probability"] is None else f"{result['probability']:.4f}"
    fields = ", ".join(result.get("fields") or ())
    quality = result["quality"] + (f": {fields}" if fields else "")
    return [
        str(number),
        result["deviceID"],
        result["timeStamp"] or "",
        fault,
        probability,
        result["cause"] or "",
        quality,
    ]


def _said(problem: dict[str, Any]) -> str:
    """What score-fan says of a reading that it refused; the field is named where the sentence does not."""
    error = str(problem.get("error", "no reason was given"))
    field = str(problem.get("field") or "")
    return error if field in error else f"{field}: {error}"


def _refusal(number: int, problem: dict[str, Any]) -> list[str]:
    text = f"{problem.get('status')} {_said(problem)}".replace("[", r"\[")
    return [str(number), "", "", "[yellow]not scored[/]", "", "", text]
