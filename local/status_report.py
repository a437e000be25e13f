"""What `fanwatch status` says."""

import contextlib
from collections.abc import Mapping

import msgspec

from fanwatch import output, text
from fanwatch.errors import FanwatchError
from fanwatch.settings import LocalSettings, load
from fanwatch.store.parts import WINDOW_S
from local import config, view
from local.deploy import read_stack
from local.health import Ledger, Part, ledger, parts
from local.layout import Layout, of
from local.lock import holder, running
from local.stack import Stack


class UpState(msgspec.Struct):
    """What `fanwatch up` writes down for others; the ports it was started with."""

    pid: int
    state: str
    first_result_s: float | None = None
    store: Part | None = None
    settings: dict[str, str] = {}


class Report(msgspec.Struct, frozen=True):
    """The whole status; `healthy` is false when a part is down or nothing runs."""

    healthy: bool
    running: bool
    parts: list[Part]
    ledger: Ledger


def reachable(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, completed with where the runtime of its state directory is: with its ports while it runs.

    What is set goes first, so that the same commands reach a broker or a store somewhere else.
    """
    place = running(of(load(LocalSettings, environment)))
    started_with = up_state(place).settings if holder(place) is not None else {}
    given = {name: value for name, value in environment.items() if value}
    return {**config.local_environment({**started_with, **given}, place), **given}


def up_state(place: Layout) -> UpState:
    """What `fanwatch up` has written down last; empty where it has not."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(place.up_state.read_bytes(), type=UpState)
    return UpState(0, "")


def collect(environment: Mapping[str, str]) -> Report:
    """Asks every part. SettingsError for a setting that cannot be used."""
    place = running(of(load(LocalSettings, environment)))
    said = up_state(place)
    if holder(place) is None:
        down = Part("runtime", "down", "not running; start it with `make run` or `fanwatch up`")
        return Report(healthy=False, running=False, parts=[down], ledger=Ledger(None, None))
    # The ports of the one that runs, whatever this shell has set.
    environment = config.local_environment({**environment, **said.settings}, place)
    stack: Stack | None = None
    # One that cannot be read is told by the process that applies it; what runs goes on.
    with contextlib.suppress(FanwatchError):
        stack = read_stack(place, environment)
    found = parts(environment, place, stack, said.store)
    away = {part.name for part in found if part.state == "down"}
    stores = any(part.name == "influxd" and part.state == "ok" for part in found)
    off = load(LocalSettings, environment).no_store
    counted = ledger(environment, store_answers=stores, off=off)
    return Report(healthy=not away, running=True, parts=found, ledger=counted)


def as_json(report: Report) -> str:
    """For scripts: {"healthy", "running", "parts": [{"name", "state", "detail"}], "ledger"}; see `Ledger`."""
    return output.as_json(msgspec.json.format(msgspec.json.encode(report), indent=2).decode()) + "\n"


def as_text(report: Report) -> str:
    """For people."""
    width = max(len(part.name) for part in report.parts)
    columns = output.width()
    lines = [
        output.hanging(f"{part.name:<{width}}  {part.state:<8}  ", part.detail, columns).rstrip()
        for part in report.parts
    ]
    if not report.running:
        return lines[0] + "\n"
    below = [view.counts(report.ledger), *_unused(report.ledger)]
    return "\n".join([*lines, "", *(output.hanging("", each, columns) for each in below)]) + "\n"


def _unused(ledger: Ledger) -> list[str]:
    """Not every reading was scored: why, and of which fans."""
    found = ledger.unused
    if found is None or not found.count:
        return []
    told = text.say("unused", count=found.count, minutes=WINDOW_S // 60, why=found.words)
    return [f"{told} `fanwatch dead-letters list` shows them."]
