"""What several commands share: options, the pipeline that runs here, JSON and tables on standard output."""

import getpass
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from fanwatch import output

if TYPE_CHECKING:
    from fanwatch.gateway.client import Gateway

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who says so.", default_factory=getpass.getuser)]


def environment() -> dict[str, str]:
    """The environment, completed with where the pipeline that runs here is."""
    from local.status_report import reachable

    return reachable(os.environ)


def gateway(timeout_s: float) -> "Gateway":
    """The gateway of the pipeline that runs here, for calls of functions: only /system/ asks who is there."""
    from fanwatch.gateway.client import Gateway
    from fanwatch.settings import GatewaySettings, load

    return Gateway(GatewaySettings(gateway_url=load(GatewaySettings, environment()).gateway_url), timeout_s)


def print_json(content: Any) -> None:
    """Prints it in lines, in what the terminal's encoding has."""
    shown = json.dumps(msgspec.to_builtins(content), indent=2, ensure_ascii=False)
    print(output.as_json(shown))


def print_table(
    title: str | None, headings: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None
) -> None:
    """Prints rows that begin with a name; the other columns are figures, below `headings`."""
    table = Table(title=title, title_justify="left", show_header=any(headings))
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    Console(width=width).print(table)


def stack_file() -> Path:
    """The stack.yml in use: FANWATCH_STACK, or the checkout's."""
    from fanwatch.settings import LocalSettings, load
    from local.layout import of

    return of(load(LocalSettings)).stack


def next_version(out: Path) -> int:
    """The version for a bundle in `out`: the directory's name, if a number, or one more than the newest here."""
    from training.install import newest

    if out.name.isdecimal() and int(out.name):
        return int(out.name)
    return newest(stack_file(), "fan-anomaly") + 1
