"""What is said of fans that are heard and cannot be used."""

import json
from zoneinfo import ZoneInfo

import pytest

from fanwatch import text
from fanwatch.fleet import unusable
from fanwatch.messages.alarm import LONGEST_WHY, check_text
from fanwatch.messages.reasons import reason
from fanwatch.messages.timestamps import format_ms
from fanwatch.messages.topics import sender_of

UTC = ZoneInfo("UTC")
CAME = 1_796_086_200_000  # 2026-12-01 00:50 UTC
GOOD = CAME - 3 * 3_600_000
HOUR_MS = 3_600_000


def in_short(told: unusable.Heard) -> str:
    """What is said, as a part of a longer sentence."""
    return f"{text.why(told.reasons)[0].lower()}{text.why(told.reasons)[1:-1]}"


def message(at_ms: int = CAME, **values: object) -> bytes:
    whole = {"rotation": 612, "temperature": 41.2, "vibration": 0.0213, "sound": 47.9} | values
    content = {"deviceID": "a", "timeStamp": format_ms(at_ms), **whole}
    return json.dumps({name: value for name, value in content.items() if value != "absent"}).encode()


def said(
    payload: bytes, error: str = "wrong", *, clock: bool = False, good_ms: int | None = GOOD
) -> unusable.Heard:
    told = unusable.refused(payload, error, CAME, good_ms, UTC, clock=clock)
    check_text("why", text.why(told.reasons), LONGEST_WHY)
    return told


LAST = "; the last message came at 2026-12-01 00:50 UTC"


@pytest.mark.parametrize(
    ("values", "sensor", "what", "last"),
    [
        (
            {"temperature": None}, "temperature", "temperature has been null",
            "rotation 612 rpm, vibration 0.0213, sound 47.9 dB",
        ),
        (
            {"sound": "absent"}, "sound", "sound has been missing",
            "rotation 612 rpm, temperature 41.2 °C, vibration 0.0213",
        ),
        (
            {"temperature": "41,2"}, "temperature", "temperature has been no number",
            "rotation 612 rpm, vibration 0.0213, sound 47.9 dB",
        ),
        (
            {"temperature": None, "sound": None}, None, "temperature and sound have been null",
            "rotation 612 rpm, vibration 0.0213",
        ),
    ],
)  # fmt: skip
def test_a_sensor_without_a_value_is_named_with_what_the_others_show(
    values: dict[str, object], sensor: str | None, what: str, last: str
) -> None:
    told = said(message(**values))
    assert (told.cause, told.sensor) == ("refused", sensor)
    assert (
        in_short(told)
        == f"{what} since 2026-11-30 21:50 UTC, so its readings cannot be used{LAST}, with {last}"
    )


def test_no_sensor_has_a_value() -> None:
    none = dict.fromkeys(("rotation", "temperature", "vibration", "sound"))
    assert in_short(said(message(**none), good_ms=None)) == (
        f"every sensor has been null, so its readings cannot be used{LAST}"
    )


@pytest.mark.parametrize(
    ("off_ms", "words"),
    [(-7 * HOUR_MS, "7 h ahead"), (400 * 24 * HOUR_MS, "400 days behind"), (-400_000, "7 min ahead")],
)
def test_a_time_that_is_not_believed_is_a_wrong_clock(off_ms: int, words: str) -> None:
    told = said(message(CAME - off_ms), clock=True)
    assert told.cause == "clock"
    assert text.why(told.reasons).startswith(
        f"Its clock is {words}, so its readings cannot be used since 2026-11-30 21:50 UTC"
    )
    assert "rotation 612 rpm" in in_short(told)


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"[1]", b"{", b'{"deviceID":"a",'])
def test_what_is_no_reading_at_all_is_told_by_its_error(payload: bytes) -> None:
    told = said(payload, "not JSON: \x00 something\nis wrong.")
    assert told.cause == "refused"
    assert in_short(told) == (
        f"its readings have been refused since 2026-11-30 21:50 UTC (not JSON: ? something is wrong){LAST}"
    )


def test_a_clock_is_told_from_what_catches_up() -> None:
    at_ms = CAME - 7 * HOUR_MS
    assert unusable.movement((at_ms, CAME), (at_ms + 60_000, CAME + 60_000)) == "behind"
    assert unusable.movement((at_ms, CAME), (at_ms, CAME + 60_000)) == "stands"
    assert unusable.movement((at_ms, CAME), (at_ms + HOUR_MS, CAME + 60_000)) == "catches up"
    # Nobody can say how a clock goes that was seen once.
    assert unusable.movement((at_ms, CAME), (at_ms, CAME)) == "behind"
    values = {"rotation": 612.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    shown = "the last reading came at 2026-12-01 00:50 UTC, with rotation 612 rpm, temperature 41.2 °C, vibration 160.4"
    assert (
        in_short(unusable.belated("behind", at_ms, CAME, values))
        == f"its clock is 7 h behind; {shown}, sound 47.9 dB"
    )
    assert in_short(unusable.belated("stands", at_ms, CAME, values)).startswith(
        f"its clock stands still at 2026-11-30 17:50 UTC; {shown}"
    )
    assert in_short(unusable.belated("catches up", at_ms, CAME, values)).startswith(
        "it sends readings of 7 h ago, which it had kept"
    )


def test_what_was_said_of_a_silence_is_taken_back_in_the_sentence() -> None:
    risen = reason("risen", sensor="vibration", length=3 * HOUR_MS, then=150.0, now=190.0, since=GOOD)
    reasons = (risen, reason("also"), reason("silent", since=GOOD))
    vibration = "vibration has risen for 3 h, from 150 to 190 on average since 2026-11-30 21:50 UTC"
    assert text.why(reasons) == f"{vibration}; nothing has come from it since 2026-11-30 21:50 UTC."
    assert text.why(unusable.instead_of_silence(reasons, None)) == f"{vibration}."
    told = said(message(temperature=None))
    assert text.why(unusable.instead_of_silence(reasons, told)) == f"{vibration}; {in_short(told)}."


def test_the_sender_is_whom_the_topic_names() -> None:
    assert sender_of("fan/messages", b'{"deviceID" : "a-1", broken') == "a-1"
    # The broker vouches for a topic of its own, and for no payload.
    assert sender_of("fan/b/messages", b'{"deviceID":"a"}') == "b"
    assert sender_of("fan/messages", b'{"deviceID":"no such name"}') is None
    assert sender_of("fan/messages", b"") is None
