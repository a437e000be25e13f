"""`fanwatch connector`: what an operator does to the connector."""

import json

import typer

from cli.common import AsJson, environment

app = typer.Typer(name="connector", help="The MQTT connector.", no_args_is_help=True)

_TIMEOUT_S = 20.0


@app.callback()
def group() -> None:
    """The MQTT connector."""


@app.command()
def prune(as_json: AsJson = False) -> None:
    """Unsubscribe the topics that no function is annotated with any more.

    The connector only ever adds topics by itself, so that a deploy cannot lose readings.
    """
    from fanwatch.errors import FanwatchError, Unavailable
    from fanwatch.http_session import direct, no_answer
    from fanwatch.settings import ConnectorSettings, load

    settings = load(ConnectorSettings, environment())
    url = f"http://{settings.connector_host}:{settings.connector_port}/prune"
    try:
        answer = direct().post(url, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise FanwatchError(f"The connector refused: {answer.status_code} {answer.text[:300].strip()}")
        removed: list[str] = answer.json()["removed"]
    except (OSError, ValueError, KeyError) as error:
        why = no_answer(error)
        raise Unavailable(f"The connector at {url} does not answer ({why}). Is it running?") from error
    if as_json:
        print(json.dumps({"removed": removed}))
    else:
        print(f"Removed {', '.join(removed)}." if removed else "There was nothing to remove.")
