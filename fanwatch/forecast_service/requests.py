"""What forecast-fan may be asked: nothing, which is a run, or a command as JSON."""

from typing import Literal

import msgspec

from fanwatch.messages.alarm import LONGEST_BY, InvalidAlarm
from fanwatch.messages.command import Command, decode_command
from fanwatch.messages.refusals import in_words
from fanwatch.messages.topics import DEVICE_ID


class Retirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fan was taken away: its alarm goes, and it comes back with its next reading."""

    deviceID: str  # noqa: N815 - the name on the wire
    action: Literal["retire"]
    by: str


class _Any(msgspec.Struct):
    action: str = ""


def decode_request(body: bytes, now_ms: int) -> Command | Retirement | None:
    """The command in a body; None for an empty one. InvalidAlarm says what is wrong with it."""
    if not body.strip():
        return None
    try:
        if msgspec.json.decode(body, type=_Any).action != "retire":
            return decode_command(body, now_ms)
        retirement = msgspec.json.decode(body, type=Retirement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAlarm(f"This is no command: {in_words(error, Retirement)}.") from error
    if DEVICE_ID.fullmatch(retirement.deviceID) is None:
        raise InvalidAlarm("deviceID must be 1 to 64 letters, digits, _ or -.")
    if not retirement.by.strip() or len(retirement.by) > LONGEST_BY or not retirement.by.isprintable():
        raise InvalidAlarm(f"by must be 1 to {LONGEST_BY} characters of text in one line.")
    return retirement
