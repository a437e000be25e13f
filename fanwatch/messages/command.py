"""What people decide about an episode, as they send it to forecast-fan."""

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.messages.alarm import (
    INSTRUMENT_CAUSES,
    LONGEST_BY,
    InvalidAlarm,
    check_text,
    episode_name,
    time_ms,
)
from fanwatch.messages.refusals import in_words
from fanwatch.messages.timestamps import parse_ms
from fanwatch.messages.topics import DEVICE_ID
from fanwatch.sensors import FEATURES

Action = Literal["acknowledge", "snooze", "close"]
Found = Literal["fault", "false alarm", "instrument"]
Outcome = Literal["failed", "prevented"]

FAULT_MODES: Final = ("bearing", "imbalance", "motor", "obstruction")
INSTRUMENT_MODES: Final = (
    *(f"{sensor}:{cause}" for sensor in FEATURES for cause in INSTRUMENT_CAUSES if cause != "silent"),
    "silent",
)
MAX_COMMAND_BYTES: Final = 8_000
LONGEST_NOTE: Final = 1_000
LONGEST_SNOOZE_MS: Final = 30 * 86_400_000
"""A fan that is to be quiet for longer is retired, or its episode closed."""
AHEAD_MS: Final = 5 * 60_000
"""How far the clock of whoever says when something happened may be ahead."""

_UTC = ZoneInfo("UTC")


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody has decided about an episode; all from `found` on is of close, when it was looked at."""

    episode: str
    action: Action
    by: str
    stands: bool = False
    """Of acknowledge: who says so has seen that the fan stands still, which the forecast may not know yet."""
    until: str | None = None
    found: Found | None = None
    mode: str | None = None
    outcome: Outcome | None = None
    """Of a fault: whether the fan failed, or was repaired (or taken out of service) before. None: as it was seen."""
    outcomeAt: str | None = None  # noqa: N815 - the names on the wire
    """When it failed, or was repaired; None: when it was seen to stop, or the episode's end."""
    note: str | None = None
    corrects: bool = False
    """Of close: another person has said what it was, and that is put right."""

    @property
    def device(self) -> str:
        """The fan that the episode's name names."""
        return self.episode.partition("/")[0]

    @property
    def until_ms(self) -> int | None:
        """`until` in ms since the epoch."""
        return None if self.until is None else parse_ms(self.until, _UTC)

    @property
    def outcome_ms(self) -> int | None:
        """`outcomeAt` in ms since the epoch."""
        return None if self.outcomeAt is None else parse_ms(self.outcomeAt, _UTC)


_decode_command = msgspec.json.Decoder(Command).decode
encode_command = msgspec.json.Encoder().encode


def decode_command(payload: bytes, now_ms: int) -> Command:
    """The command in `payload`; InvalidAlarm says which part of it is wrong. Whether it is open is not asked here."""
    if len(payload) > MAX_COMMAND_BYTES:
        raise InvalidAlarm(f"A command has at most {MAX_COMMAND_BYTES} bytes, this one has {len(payload)}.")
    try:
        command = _decode_command(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAlarm(f"This is no command about an alarm: {in_words(error, Command)}.") from error
    check_command(command, now_ms)
    return command


def check_command(command: Command, now_ms: int) -> None:
    """InvalidAlarm, naming the field, for a command that says too little or too much."""
    device, _, since = command.episode.partition("/")
    if DEVICE_ID.fullmatch(device) is None or command.episode != episode_name(
        device, time_ms("episode", since)
    ):
        raise InvalidAlarm(
            f"episode must be as an alarm names it, such as fan-07/2026-11-23T12:00:00.000Z, not "
            f"{command.episode[:120]!r}."
        )
    check_text("by", command.by, LONGEST_BY)
    if command.note is not None:
        check_text("note", command.note, LONGEST_NOTE)
    if command.action == "snooze":
        _check_until(command, now_ms)
    elif command.until is not None:
        raise InvalidAlarm(f"until belongs to snooze, not to {command.action}.")
    if command.stands and command.action != "acknowledge":
        raise InvalidAlarm(f"stands belongs to acknowledge, not to {command.action}.")
    if command.action == "close":
        _check_found(command)
        _check_outcome(command, now_ms)
    elif command.corrects:
        raise InvalidAlarm(f"corrects belongs to close, not to {command.action}.")
    elif (command.found, command.mode, command.outcome, command.outcomeAt, command.note) != (None,) * 5:
        raise InvalidAlarm(f"found, mode, outcome and note belong to close, not to {command.action}.")


def _check_until(command: Command, now_ms: int) -> None:
    if command.until is None:
        raise InvalidAlarm("snooze needs until: the time up to which nobody wants to hear of it.")
    until = time_ms("until", command.until)
    if not now_ms < until <= now_ms + LONGEST_SNOOZE_MS:
        raise InvalidAlarm(f"until must be within the next 30 days, not {command.until[:40]!r}.")


def _check_found(command: Command) -> None:
    if command.found is None:
        raise InvalidAlarm("close needs found: fault, false alarm or instrument, as it turned out to be.")
    modes = {"fault": FAULT_MODES, "instrument": INSTRUMENT_MODES}.get(command.found, ())
    if command.mode is not None and command.mode not in modes:
        known = f"one of {', '.join(modes)}" if modes else "left out"
        raise InvalidAlarm(f"mode of {command.found} must be {known}, not {command.mode[:80]!r}.")


def _check_outcome(command: Command, now_ms: int) -> None:
    if command.outcome is None:
        if command.outcomeAt is not None:
            raise InvalidAlarm("outcomeAt needs outcome: failed, or prevented where it was repaired before.")
        return
    if command.found != "fault":
        raise InvalidAlarm(f"outcome belongs to a fault, not to {command.found}.")
    if command.outcomeAt is None:
        return
    began = time_ms("episode", command.episode.partition("/")[2])
    if not began <= time_ms("outcomeAt", command.outcomeAt) <= now_ms + AHEAD_MS:
        raise InvalidAlarm(
            f"outcomeAt must lie between the episode's beginning and now, not at {command.outcomeAt[:40]!r}."
        )
