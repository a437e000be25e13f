"""Alarms and commands: what is taken, what is refused, and that a refusal names what is wrong."""

import json

import msgspec
import pytest

from fanwatch.messages import topics
from fanwatch.messages.alarm import Alarm, Expected, InvalidAlarm, decode_alarm, encode_alarm, episode_name
from fanwatch.messages.command import LONGEST_SNOOZE_MS, Command, decode_command, encode_command
from fanwatch.messages.timestamps import format_ms

NOW_MS = 1_795_600_000_000
SINCE_MS = NOW_MS - 3_600_000
EPISODE = episode_name("fan-07", SINCE_MS)


def alarm(**changes: object) -> dict[str, object]:
    return {
        "deviceID": "fan-07",
        "episode": EPISODE,
        "state": "alarm",
        "since": format_ms(SINCE_MS),
        "risk": 0.83,
        "cause": "vibration",
        "failureExpected": {"earliest": format_ms(NOW_MS), "latest": format_ms(NOW_MS + 3_600_000)},
        "why": "vibration has risen for 31 h, from 142 to 188",
    } | changes


def decoded(**changes: object) -> Alarm:
    return decode_alarm("fan/fan-07/alarm", json.dumps(alarm(**changes)).encode())


def test_an_alarm_comes_back_as_it_was_sent() -> None:
    made = Alarm(
        deviceID="fan-07",
        episode=EPISODE,
        state="instrument",
        since=format_ms(SINCE_MS),
        risk=None,
        cause="stuck",
        sensor="sound",
        failureExpected=None,
        why="sound has shown 48.1 for 3 h",
        acknowledgedBy="Control room",
        snoozedUntil=format_ms(NOW_MS + 1),
    )
    payload = encode_alarm(made)
    assert decode_alarm(topics.alarm("fan-07"), payload) == made
    assert made.since_ms == SINCE_MS
    assert made.acknowledged
    assert made.snoozed(NOW_MS)
    assert not made.snoozed(NOW_MS + 1)
    assert json.loads(payload)["failureExpected"] is None


def test_what_nobody_has_decided_is_left_out_and_new_keys_are_ignored() -> None:
    made = decoded(laterAddition=[1])
    assert (made.acknowledgedBy, made.snoozedUntil, made.sensor) == (msgspec.UNSET,) * 3
    assert made.failureExpected == Expected(format_ms(NOW_MS), format_ms(NOW_MS + 3_600_000))
    assert b"acknowledgedBy" not in encode_alarm(made)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"deviceID": "fan-08"}, "not its topic"),
        ({"state": "worse"}, "state"),
        ({"since": "yesterday"}, "since is no time"),
        ({"episode": "fan-07/1"}, "episode must be"),
        ({"risk": 1.2}, "risk must be"),
        ({"risk": "high"}, "risk"),
        ({"cause": "stuck"}, "cause of state alarm"),
        ({"state": "instrument"}, "cause of state instrument"),
        ({"state": "instrument", "cause": None}, "needs a cause"),
        ({"sensor": "sound"}, "sensor"),
        ({"failureExpected": {"earliest": format_ms(NOW_MS), "latest": format_ms(SINCE_MS)}}, "ends before"),
        ({"failureExpected": {"earliest": "soon", "latest": "later"}}, "failureExpected.earliest"),
        ({"why": ""}, "why"),
        ({"why": "a\nb"}, "why"),
        ({"acknowledgedBy": "x" * 65}, "acknowledgedBy"),
        ({"snoozedUntil": "never"}, "snoozedUntil"),
        ({"why": "x" * 9000}, "bytes"),
    ],
)
def test_what_is_no_alarm_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidAlarm, match=said):
        decoded(**changes)


@pytest.mark.parametrize("payload", [b"", b"null", b"[" * 5000, b"\xff", b'{"deviceID": NaN}'])
def test_what_cannot_be_read_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidAlarm):
        decode_alarm("fan/fan-07/alarm", payload)
    with pytest.raises(InvalidAlarm):
        decode_command(payload, NOW_MS)


def command(**changes: object) -> Command:
    content = {"episode": EPISODE, "action": "acknowledge", "by": "Control room"} | changes
    return decode_command(json.dumps(content).encode(), NOW_MS)


def test_commands_that_say_enough() -> None:
    until = format_ms(NOW_MS + LONGEST_SNOOZE_MS)
    for given in (
        {},
        {"action": "snooze", "until": until},
        {"action": "close", "found": "false alarm"},
        {"action": "close", "found": "fault", "mode": "bearing", "note": "outer ring"},
        {"action": "close", "found": "instrument", "mode": "vibration:stuck"},
        {"action": "close", "found": "fault", "outcome": "failed", "outcomeAt": EPISODE.partition("/")[2]},
        {"action": "close", "found": "fault", "outcome": "prevented"},
    ):
        made = command(**given)
        assert made.device == "fan-07"
        assert decode_command(encode_command(made), NOW_MS) == made
    assert command(action="snooze", until=until).until_ms == NOW_MS + LONGEST_SNOOZE_MS


_FAILED = {"action": "close", "found": "fault", "outcome": "failed"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "delete"}, "action"),
        ({"episode": "fan-07"}, "episode"),
        ({"episode": f"fan 07/{format_ms(NOW_MS)}"}, "episode must be"),
        ({"episode": "fan-07/2026-11-23 12:00:00"}, "episode must be"),
        ({"by": "  "}, "by must be"),
        ({"by": "a\x00b"}, "by must be"),
        ({"util": "soon"}, "util"),
        ({"until": format_ms(NOW_MS + 1)}, "until belongs to snooze"),
        ({"action": "snooze"}, "needs until"),
        ({"action": "snooze", "until": format_ms(NOW_MS)}, "within the next 30 days"),
        ({"action": "snooze", "until": format_ms(NOW_MS + LONGEST_SNOOZE_MS + 1)}, "within the next 30 days"),
        ({"action": "close"}, "needs found"),
        ({"action": "close", "found": "nothing"}, "found"),
        ({"action": "close", "found": "fault", "mode": "vibration:stuck"}, "mode of fault"),
        ({"action": "close", "found": "false alarm", "mode": "bearing"}, "left out"),
        ({"found": "fault"}, "belong to close"),
        # It would be kept nowhere.
        ({"note": "on my way"}, "belong to close"),
        ({"action": "close", "found": "fault", "note": "x" * 1001}, "note must be"),
        ({"outcome": "failed"}, "belong to close"),
        ({"action": "close", "found": "instrument", "outcome": "failed"}, "belongs to a fault"),
        ({"action": "close", "found": "fault", "outcome": "lost"}, "outcome"),
        ({"action": "close", "found": "fault", "outcomeAt": format_ms(NOW_MS)}, "needs outcome"),
        (_FAILED | {"outcomeAt": "yesterday"}, "outcomeAt is no time"),
        (_FAILED | {"outcomeAt": "2020-01-01T00:00:00Z"}, "must lie between"),
        (_FAILED | {"outcomeAt": format_ms(NOW_MS + 3_600_000)}, "must lie between"),
    ],
)
def test_commands_that_cannot_be_followed_say_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidAlarm, match=said):
        command(**changes)
