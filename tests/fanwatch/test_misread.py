"""What is sent in place of a reading is named, with the call that is right for it, over HTTP and over MQTT."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanwatch.errors import InvalidReading
from fanwatch.messages.misread import sent
from fanwatch.messages.reading import parse, parse_from_topic
from fanwatch.settings import ReadingSettings

RULES = ReadingSettings().rules
READING = {"deviceID": "a", "rotation": 600, "temperature": 40, "vibration": 150, "sound": 48}
LINE = json.dumps(READING).encode()
NDJSON = b"\n".join([LINE] * 3) + b"\n"
CSV = b"DeviceID,Time,Rotation,Temperature,Vibration,Sound\nfan-01,2026-10-01 00:00:00,600,40,150,48\n"


def stripped(body: bytes) -> bytes:
    """As curl -d @FILE sends a file."""
    return body.replace(b"\r", b"").replace(b"\n", b"")


def zipped(body: bytes) -> bytes:
    """A zip archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readings.csv", body)
    return file.getvalue()


SENT = {
    "NDJSON without newlines": (stripped(NDJSON), "NDJSON without its newlines", "--data-binary @FILE"),
    "a large one": (stripped(NDJSON) * 500, "NDJSON without its newlines", "--data-binary @FILE"),
    "its first reading wrong": (b'{"deviceID": 1}' + LINE, "NDJSON without its newlines", "--data-binary @FILE"),
    "NDJSON": (NDJSON, "NDJSON, one reading a line", "Content-Type: application/x-ndjson"),
    "readings with commas": (LINE + b"," + LINE, "several readings with commas", "--data-binary @FILE"),
    "JSON list": (b"[" + LINE + b",\n" + LINE + b"]", "a JSON list of readings", "score --file FILE"),
    "a large one, indented": (json.dumps([READING] * 999, indent=1).encode(), "a JSON list of rea", "--file FILE"),
    "list of numbers": (b"[600, 40, 150, 48]", "a JSON list.", "one JSON object"),
    "CSV": (CSV, "CSV, not JSON", "score --file FILE"),
    "CSV without newlines": (stripped(CSV * 900), "CSV, not JSON", "score --file FILE"),
    "too many rows": (CSV * 6000, "CSV, not JSON", "score --file FILE"),
    "CSV with semicolons": (CSV.replace(b",", b";"), "CSV, separated by semicolons, not JSON", "with commas"),
    "a row": (CSV.splitlines()[1], "CSV, not JSON", "score --file FILE"),
    "gzip": (gzip.compress(NDJSON), "compressed by gzip", "gunzip -c FILE"),
    "zstd": (b"\x28\xb5\x2f\xfd" + NDJSON, "compressed by zstd", "zstd -dc FILE"),
    "bzip2": (bz2.compress(NDJSON), "compressed by bzip2", "bunzip2 -c FILE"),
    "xz": (lzma.compress(NDJSON), "compressed by xz", "xz -dc FILE"),
    "deflate": (zlib.compress(NDJSON), "compressed (deflate)", "as it was before"),
    "zip": (zipped(NDJSON), "a zip archive, as Excel's .xlsx", "unzip -p FILE"),
    "UTF-16": (LINE.decode().encode("utf-16"), "text in UTF-16", "iconv"),
    "UTF-16 without a mark": (LINE.decode().encode("utf-16-le"), "text in UTF-16", "iconv"),
    "a byte order mark": (b"\xef\xbb\xbf" + LINE, "JSON behind a byte order mark", "without"),
}  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_over_http_it_is_named_with_the_right_call(name: str) -> None:
    payload, what, call = SENT[name]
    with pytest.raises(InvalidReading) as refused:
        parse(payload, RULES)
    assert str(refused.value).startswith(f"This is {what}")
    assert call in str(refused.value)
    assert refused.value.reason == ("oversized" if len(payload) > 32_000 else refused.value.reason)


@pytest.mark.parametrize("name", SENT)
def test_over_mqtt_it_is_named_without_a_call_of_curl(name: str) -> None:
    payload, what, _ = SENT[name]
    with pytest.raises(InvalidReading) as refused:
        parse_from_topic("fan/messages", payload, RULES, 0)
    assert str(refused.value).startswith(f"This is {what}")
    assert "ublish" in str(refused.value)
    assert "curl -H" not in str(refused.value)
    assert "FILE" not in str(refused.value)


@pytest.mark.parametrize(
    "payload",
    [
        LINE,
        b"",
        b"rotation=592",
        b'{"deviceID": 1}',
        b'{"x": ' * 4000,
        b"a, b, c, d, e",
        LINE[1:],
        b"fan rotation=1,sound=2,vibration=3,temperature=4",
    ],
)
def test_nothing_is_said_of_what_nobody_can_tell(payload: bytes) -> None:
    assert sent(payload, over_mqtt=False) is None


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_looked_at(payload: bytes) -> None:
    said = sent(payload, over_mqtt=True)
    assert said is None or said.startswith("This is ")
