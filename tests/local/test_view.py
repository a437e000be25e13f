"""The live table: no fan is called well that is not judged, at 80 columns; and the ledger below it."""

import io
import time

import pytest
from rich.console import Console

from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.messages.reading import Reading
from fanwatch.settings import BrokerSettings
from local.feed import Feed, News
from local.health import Ledger
from local.view import Picture, alarm_line, counts, line, table

READING = (592.0, 41.2, 160.4, 47.9)
RESULT = {"fault": 0, "probability": 0.02, "quality": "ok", "cause": None}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def feed() -> Feed:
    """Four fans, connected to nothing: one judged well, one unknown, one of which nothing was said, one in alarm."""
    made = Feed(BrokerSettings())
    for number in range(1, 5):
        made.note_reading(Reading(f"fan-{number:02d}", None, READING))
        made.note_result({"deviceID": f"fan-{number:02d}", **RESULT})
    made.note_alarm("fan-01", {"state": "ok", "risk": 0.02, "why": "All sensors are as usual for this fan."})
    made.note_alarm("fan-02", {"state": "unknown", "risk": None, "why": "It is known only since today."})
    made.note_alarm("fan-04", {"state": "alarm", "risk": 0.9, "why": "sound has risen"})
    return made


def drawn(feed: Feed, picture: Picture) -> dict[str, str]:
    """Each line of the table at 80 columns by its first word."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(table(feed, picture, 30))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    return {each.split()[0]: each for each in text.splitlines() if each.split()}


def test_who_is_not_judged_is_called_so_and_counted(feed: Feed) -> None:
    lines = drawn(feed, Picture(judged_ms=now_ms()))
    unjudged = {name for name, said in lines.items() if name.startswith("fan-") and "not judged" in said}
    assert unjudged == {"fan-02", "fan-03"}
    assert "alarm" in lines["fan-04"]
    assert lines["2"].startswith("2 of 4 fans are not judged.")
    assert "not judged: 2; " in line(feed, Picture(judged_ms=now_ms()))


def test_a_verdict_that_is_old_is_none(feed: Feed) -> None:
    lines = drawn(feed, Picture(judged_ms=now_ms() - VERDICT_S * 1000 - 1000))
    assert "not judged" in lines["fan-01"]
    assert "alarm" in lines["fan-04"]
    assert lines["3"].startswith("3 of 4 fans are not judged. forecast-fan has not judged any fan since")
    assert "The store is off" in drawn(feed, Picture(no_store=True))["3"]


def test_a_change_is_told_in_words_and_not_in_tokens(feed: Feed) -> None:
    said = alarm_line(
        News("fan-02", "ok", {"state": "unknown", "since": "2026-11-23T14:00:00.000Z", "why": "x"})
    )
    assert said == "fan-02: ok → not judged (since 2026-11-23 14:00): x"


def test_empty_messages_are_told_where_there_were_any() -> None:
    known = {"received": 9.0, "empty": 0.0, 'scored{function="score-fan"}': 8.0}
    assert counts(Ledger(known, None)) == "received 9 · scored 8"
    assert counts(Ledger(known | {"empty": 1.0}, None)) == "received 9 · empty 1 · scored 8"
