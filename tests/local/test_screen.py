"""The live table on terminals of several sizes and encodings: nothing that matters is cut."""

import io
import time

import pytest
from rich.console import Console

from fanwatch import output
from fanwatch.messages.reading import Reading
from fanwatch.settings import BrokerSettings
from local.feed import Feed, News
from local.health import Ledger, Part
from local.view import Picture, table

_WHY = (
    "temperature has risen by 14.2 °C within 31 hours – from 47.1 to 61.3 °C at the same load – and vibration with it; "
    "of 212 fans that went this way, 187 failed between 20 and 44 hours later"
)
_LONGEST = "wheel-of-the-north-hall-number-17-with-a-name-that-is-long"
_COUNTS = {"received": 1234567.0, "scored": 1234566.0, "dead_lettered": 3.0, "duplicated": 0.0, "retried": 12.0,
           "held": 4.0, "in_flight": 1.0}  # fmt: skip


def feed_of(fans: int, name: str = "") -> Feed:
    """Faulty and implausible fans with the longest words there are, connected to nothing."""
    made = Feed(BrokerSettings())
    for number in range(1, fans + 1):
        device = {"deviceID": name or f"fan-{number:02d}"}
        made.note_reading(Reading(device["deviceID"], None, (12592.4, 141.2, 1160.4, 147.9)))
        result = {"fault": 1, "probability": 0.9912, "quality": "ok", "cause": "obstruction"}
        if number % 2:
            result = {"fault": None, "probability": None, "quality": "implausible", "cause": None}
        made.note_result(device | result)
        made.note_alarm(device["deviceID"], {"state": "instrument", "why": _WHY})
    for _, fan in made.fans():
        fan.read_at = fan.scored_at = time.monotonic() - 86_399
    return made


def picture(news: int, store: str = "storing") -> Picture:
    alarm = {"state": "alarm", "since": "2026-11-23T14:00:00.000Z", "risk": 0.93, "why": _WHY}
    return Picture(
        first_result_s=2.1,
        ledger=Ledger(_COUNTS, {"telemetry": 1234566, "anomaly": 1234566, "dead_letter": 3}),
        store=Part("store", "ok", store),
        news=[News(f"fan-{number:02d}", "warning", alarm) for number in range(1, news + 1)],
    )


def drawn(feed: Feed, shown: Picture, width: int, height: int, encoding: str = "utf-8") -> list[str]:
    """The lines on such a terminal; what its encoding lacks has been replaced."""
    output.degrade()
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    console = Console(file=file, width=width, height=height, color_system=None)
    console.print(table(feed, shown, height))
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (100, 30), (200, 60)])
@pytest.mark.parametrize("news", [0, 1, 6])
def test_it_fits_and_cuts_nothing_that_matters(width: int, height: int, news: int, encoding: str) -> None:
    lines = drawn(feed_of(4), picture(news), width, height, encoding)
    assert max(map(len, lines)) <= width
    assert len(lines) < height, "the terminal does not scroll"
    [head] = [line for line in lines if "verdict" in line]
    assert all(word in head for word in ("fan", "score", "verdict", "cause", "forecast", "age"))
    rows = [line.split() for line in lines if line.startswith("fan-") and "since" not in line]
    faulty = next(row for row in rows if row[0] == "fan-02")
    assert faulty[-6:] == ["0.9912", "FAULT", "obstruction", "instrument", "86399", "s"]
    strange = next(row for row in rows if row[0] == "fan-01")
    assert strange[-5:] == ["-", "implausible", "instrument", "86399", "s"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_reasons_are_whole(width: int, height: int, encoding: str) -> None:
    said = output.plain(_WHY, encoding)
    store = "InfluxDB cannot read its list of databases: " + "/a/long/path" * 12
    text = joined(drawn(feed_of(4), picture(2, store), width, height, encoding))
    assert text.count(said) >= 1 + (height > 24), "the last one always, and more where there is room"
    for words in ("1,234,567", "in flight 1", "waiting 3", "dead_letter 3"):
        assert words in text
    assert store.replace(" ", "") in text.replace(" ", "")


def joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_many_fans_leave_room_for_the_rest() -> None:
    lines = drawn(feed_of(40), picture(6), 80, 24)
    assert len(lines) < 24
    assert any("more" in line for line in lines)
    assert _WHY in joined(lines)


def test_a_long_name_gives_way_before_a_verdict_does() -> None:
    lines = drawn(feed_of(2, _LONGEST), picture(0), 80, 24)
    [row] = [line for line in lines if line.startswith("wheel-")]
    assert "~ " in row
    assert row.split()[0].startswith("wheel-of-the-north")
    assert row.split()[-5:] == ["FAULT", "obstruction", "instrument", "86399", "s"]
    assert max(map(len, lines)) <= 80
