"""`fanwatch connector`: what an operator does to the connector."""

import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Annotated

import typer

app = typer.Typer(name="connector", help="The MQTT connector.", no_args_is_help=True)

_TIMEOUT_S = 20.0


@app.callback()
def group() -> None:
    """The MQTT connector."""


@app.command()
def prune(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Unsubscribe the topics that no function is annotated with any more.

    The connector only ever adds topics by itself, so that a deploy cannot lose readings.
    """
    from fanwatch.errors import FanwatchError, Unavailable
    from fanwatch.proxies import open_part
    from fanwatch.settings import ConnectorSettings, load
    from local.report import reachable

    settings = load(ConnectorSettings, reachable(os.environ))
    url = f"http://{settings.connector_host}:{settings.connector_port}/prune"
    try:
        with open_part(urllib.request.Request(url, method="POST"), _TIMEOUT_S) as response:
            removed: list[str] = json.load(response)["removed"]
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace").strip()
        raise FanwatchError(f"The connector refused: {error.code} {said}") from error
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise Unavailable(f"The connector at {url} does not answer ({error}). Is it running?") from error
    if as_json:
        print(json.dumps({"removed": removed}))
    else:
        print(f"Removed {', '.join(removed)}." if removed else "There was nothing to remove.")


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app)
