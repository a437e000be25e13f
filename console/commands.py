"""What a technician decides about an episode, told to forecast-fan; nothing has happened before it has said yes."""

import time
from collections.abc import Mapping
from typing import Final

import msgspec

from fanwatch.errors import FanwatchError, Unavailable, UpstreamFailed
from fanwatch.gateway.client import Gateway, Response
from fanwatch.messages.command import decode_command, encode_command

FUNCTION: Final = "forecast-fan"
_HEADERS = {"Content-Type": "application/json"}


class NotDone(FanwatchError):
    """forecast-fan said no, and why."""

    status = 409


def send(gateway: Gateway, command: Mapping[str, str | bool]) -> None:
    """Sends what is a Command on the wire, and returns once it is done.

    InvalidAlarm, NotDone, Unavailable or UpstreamFailed say why it was not.
    """
    checked = decode_command(msgspec.json.encode(command), time.time_ns() // 1_000_000)
    try:
        response = gateway.call(FUNCTION, encode_command(checked), _HEADERS)
    except Unavailable as error:
        # It may have been noted all the same: only the answer is missing.
        raise Unavailable(f"{error} Try again in a moment; to say it twice does no harm.") from error
    if response.status == 200:
        return
    said = _said(response)
    if response.status == 404 and not said:
        raise Unavailable(f"The function {FUNCTION} is not deployed, so nothing was noted.")
    if response.status in (400, 404, 409):
        raise NotDone(said or f"{FUNCTION} refused it.")
    if response.status in (429, 502, 503, 504):
        raise Unavailable(
            f"{said or 'Forecasting is away just now.'} Nothing was noted; try again in a moment."
        )
    raise UpstreamFailed(f"{FUNCTION} answered {response.status}: {said or response.text()}")


class _Problem(msgspec.Struct):
    error: str


def _said(response: Response) -> str:
    try:
        return msgspec.json.decode(response.body, type=_Problem).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
