"""What is news about a fan and what is not, and how long an episode keeps its name."""

import msgspec
import pytest

from fanwatch import text
from fanwatch.forecast import Verdict
from fanwatch.forecast_service.alarm_content import (
    alarm_of,
    blind_since,
    closed,
    closed_by,
    is_news,
    out_of_service,
    retired,
    unreadable,
)
from fanwatch.messages.alarm import Alarm, check_alarm
from fanwatch.store.checkpoints import Note

HOUR_MS = 3_600_000
NOW_MS = 1_795_600_200_000 // 600_000 * 600_000
BEGAN_MS = NOW_MS - 10 * HOUR_MS


def verdict(**changes: object) -> Verdict:
    content: dict[str, object] = {
        "device": "fan-07", "at_ms": NOW_MS, "state": "warning", "since_ms": BEGAN_MS, "risk": 0.6,
        "cause": "vibration", "sensor": None, "expected_ms": (NOW_MS + 5 * HOUR_MS, NOW_MS + 60 * HOUR_MS),
        "reasons": [{"code": "said", "params": {"text": "vibration has risen for 10 h."}}],
    } | changes  # fmt: skip
    if "why" in content:
        content["reasons"] = [{"code": "said", "params": {"text": content.pop("why")}}]
    return msgspec.convert(content, Verdict)


def made(before: Alarm | None = None, **changes: object) -> Alarm:
    alarm = alarm_of(verdict(**changes), before, NOW_MS, NOW_MS)
    check_alarm(alarm)
    return alarm


FIRST = made()


@pytest.mark.parametrize(
    ("changes", "quiet_h", "news"),
    [
        ({}, 100, False),
        ({"why": "vibration has risen for 11 h."}, 0.5, False),
        ({"why": "vibration has risen for 11 h."}, 1, True),
        ({"risk": 0.69}, 0, False),
        ({"risk": 0.71}, 0, True),
        ({"risk": None}, 0, True),
        ({"state": "alarm"}, 0, True),
        ({"cause": "sound"}, 0, True),
        ({"expected_ms": None}, 0, True),
        # An end that moves by less than it is told to is as before.
        ({"expected_ms": (NOW_MS + 6 * HOUR_MS, NOW_MS + 58 * HOUR_MS)}, 0, False),
        ({"expected_ms": (NOW_MS + 5 * HOUR_MS, NOW_MS + 52 * HOUR_MS)}, 0, True),
        # Late readings say that it began earlier: still the same episode.
        ({"since_ms": BEGAN_MS - HOUR_MS}, 0, False),
    ],
)
def test_what_is_news(changes: dict[str, object], quiet_h: float, news: bool) -> None:
    assert is_news(made(FIRST, **changes), FIRST, round(quiet_h * HOUR_MS)) == news
    assert is_news(FIRST, None, 0)


def test_an_episode_keeps_name_and_answers_until_it_is_over() -> None:
    answered = msgspec.structs.replace(FIRST, acknowledgedBy="me", snoozedUntil="2026-12-01T00:00:00.000Z")
    worse = made(answered, state="alarm", since_ms=BEGAN_MS + HOUR_MS)
    assert (worse.episode, worse.acknowledgedBy, worse.snoozedUntil) == (
        FIRST.episode, "me", "2026-12-01T00:00:00.000Z",
    )  # fmt: skip
    late = alarm_of(verdict(), answered, NOW_MS, NOW_MS + 30 * 24 * HOUR_MS)
    assert (late.acknowledgedBy, late.snoozedUntil) == ("me", msgspec.UNSET), "a snooze ends"
    assert is_news(late, answered, 0)
    well = made(worse, state="ok", since_ms=NOW_MS, expected_ms=None, cause=None)
    assert (well.acknowledgedBy, well.snoozedUntil) == (msgspec.UNSET, msgspec.UNSET)
    assert well.episode != FIRST.episode
    # What begins after all that was known is another one, and so is what is not about the fan itself.
    assert made(answered, since_ms=NOW_MS).episode != FIRST.episode
    broken = made(answered, state="instrument", cause="zero", sensor="sound", expected_ms=None)
    assert broken.acknowledgedBy is msgspec.UNSET


def test_who_acknowledged_a_fan_that_ran_has_not_acknowledged_that_it_stands() -> None:
    answered = msgspec.structs.replace(FIRST, acknowledgedBy="Anna", snoozedUntil="2026-12-01T00:00:00.000Z")
    still = {"state": "stopped", "expected_ms": None, "risk": None, "why": "It has stood still since noon."}
    stopped = made(answered, **still)
    assert (stopped.episode, stopped.acknowledgedBy) == (FIRST.episode, msgspec.UNSET)
    assert stopped.snoozedUntil == answered.snoozedUntil, (
        "who wants it quiet wants that even if it gets worse"
    )
    assert stopped.why == "It has stood still since noon; Anna had acknowledged it before it stopped."
    # So it goes on being said, and acknowledging it now holds.
    again = msgspec.structs.replace(stopped, acknowledgedBy="Ben")
    later = alarm_of(verdict(**still), again, NOW_MS, NOW_MS, lapsed="Anna")
    assert not is_news(later, again, 100 * HOUR_MS)


def test_what_is_not_seen_is_unknown_but_no_episode_ends() -> None:
    blind = blind_since(NOW_MS)
    well = verdict(state="ok", cause=None, expected_ms=None)
    unseen = alarm_of(well, None, NOW_MS, NOW_MS, blind)
    check_alarm(unseen)
    assert (unseen.state, unseen.why, unseen.risk) == ("unknown", text.why(blind), None)
    assert not is_news(alarm_of(well, unseen, NOW_MS, NOW_MS, blind), unseen, 0)
    assert alarm_of(verdict(), FIRST, NOW_MS, NOW_MS, blind) == FIRST


def test_what_an_earlier_version_has_noted_of_a_closing_is_said_on() -> None:
    note = Note(closed_why="Anna closed the episode of 2026-11-23 12:00 UTC: fault.")
    alarm = out_of_service("fan-07", NOW_MS, note.closed_told)
    assert alarm.why == f"{note.closed_why} It is out of service until it turns."


def test_all_that_is_said_is_an_alarm() -> None:
    for alarm in (
        closed(FIRST, NOW_MS, closed_by(FIRST, "x" * 64, "false alarm")),
        out_of_service("fan-07", NOW_MS, closed_by(FIRST, "x" * 64, "instrument", "vibration:stuck")),
        retired("fan-07", NOW_MS, "x" * 64),
        unreadable("fan-07", NOW_MS, FIRST, "ValueError: " + "y" * 2000),
        unreadable("fan-07", NOW_MS, None, "two\nlines\tand\x00more"),
    ):
        check_alarm(alarm)
