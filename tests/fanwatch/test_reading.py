"""What is a reading and what is not: every refusal has a reason, and names the field and value where one is wrong."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.errors import InvalidReading
from fanwatch.messages.reading import AHEAD_MS, MAX_READING_BYTES, Reading, parse, parse_from_topic
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.sensors import FEATURES
from fanwatch.settings import ReadingSettings

RULES = ReadingSettings(raw_retention="30d").rules
NOW_MS = parse_ms("2026-11-23T12:00:00Z", zone("UTC"))
GOOD: dict[str, Any] = {
    "deviceID": "fan-07", "timeStamp": "2026-11-23T12:00:00.250Z",
    "rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9,
}  # fmt: skip
RAW = json.dumps(GOOD).encode()


def with_raw(field: str, raw: bytes) -> bytes:
    """The good reading with one field's JSON as given."""
    return RAW.replace(json.dumps(GOOD[field]).encode(), raw)


def refused(payload: bytes, topic: str = "fan/messages") -> InvalidReading:
    with pytest.raises(InvalidReading) as caught:
        parse_from_topic(topic, payload, RULES, NOW_MS)
    assert str(caught.value)
    assert caught.value.status == 400
    return caught.value


def test_a_reading_is_read() -> None:
    reading = parse_from_topic("fan/messages", RAW, RULES, NOW_MS)
    assert reading == Reading("fan-07", NOW_MS + 250, (592.0, 41.2, 160.4, 47.9))
    assert reading.features == ((592.0, 41.2, 160.4, 47.9))
    assert FEATURES == ("rotation", "temperature", "vibration", "sound")
    assert parse_from_topic("fan/fan-07/messages", RAW, RULES, NOW_MS) == reading


def test_a_reading_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parse(RAW, RULES).features = ()  # type: ignore[misc]


def test_whole_numbers_and_unknown_keys_are_fine() -> None:
    extra = GOOD | {"rotation": 592, "firmware": {"version": [1, None]}}
    assert parse(json.dumps(extra).encode(), RULES) == parse(RAW, RULES)


def test_of_duplicate_keys_the_last_one_counts() -> None:
    assert parse(RAW.replace(b'"sound":', b'"sound": 1, "sound":'), RULES).features[3] == 47.9
    assert refused(RAW.replace(b'"sound": 47.9', b'"sound": 47.9, "sound": "loud"')).field == "sound"


def test_implausible_values_are_read() -> None:
    assert parse(json.dumps(GOOD | {"rotation": -1e300, "sound": 0}).encode(), RULES).features[0] == -1e300


def test_over_http_the_time_may_be_missing_or_old() -> None:
    without = json.dumps({name: value for name, value in GOOD.items() if name != "timeStamp"}).encode()
    assert parse(without, RULES).timestamp_ms is None
    assert parse(with_raw("timeStamp", b"null"), RULES).timestamp_ms is None
    assert parse(with_raw("timeStamp", b'"1999-01-01T00:00:00Z"'), RULES).timestamp_ms == 915_148_800_000


def test_times_without_offset_are_in_the_zone_that_is_set() -> None:
    payload = with_raw("timeStamp", b'"2026-11-23 12:00:00"')
    assert parse(payload, RULES).timestamp_ms == NOW_MS
    berlin = ReadingSettings(timezone="Europe/Berlin").rules
    assert parse(payload, berlin).timestamp_ms == NOW_MS - 3_600_000


NOT_READINGS = {
    "empty": b"", "space": b" ", "no JSON": b"rotation=592", "cut": RAW[:-1], "more": RAW + b"{}", "NUL": RAW + b"\0",
    "not UTF-8": b"\xff\xfe\x00", "UTF-16": RAW.decode().encode("utf-16"), "byte order mark": b"\xef\xbb\xbf" + RAW,
    "not UTF-8 inside": RAW.replace(b"fan-07", b"fan-\xff"), "NaN": with_raw("sound", b"NaN"),
    "Infinity": with_raw("sound", b"-Infinity"), "half a surrogate": with_raw("deviceID", b'"\\ud800"'),
    "deep": b'{"x": ' * 5000, "deep array in a key": b'{"x": ' + b"[" * 30_000,
}  # fmt: skip


@pytest.mark.parametrize("payload", NOT_READINGS.values(), ids=NOT_READINGS.keys())
def test_what_is_no_json(payload: bytes) -> None:
    assert refused(payload).reason == "json"


@pytest.mark.parametrize("payload", [b"null", b"1", b'"a"', b"[]", b"[" * 31_000, b"[" + RAW + b"]"])
def test_json_that_is_no_object(payload: bytes) -> None:
    error = refused(payload)
    assert (error.reason, error.field, error.value) == ("field", None, None)


WRONG = {
    "true": ("rotation", b"true", True), "string": ("temperature", b'"41.2"', "41.2"),
    "null": ("vibration", b"null", None), "object": ("sound", b"{}", None), "array": ("sound", b"[1]", None),
    "1e999": ("rotation", b"1e999", None), "-1e999": ("rotation", b"-1e999", None),
    "5,000 digits": ("sound", b"9" * 5000, None), "device number": ("deviceID", b"7", 7),
    "device of 5,000 digits": ("deviceID", b"9" * 5000, None), "device of 25 digits": ("deviceID", b"9" * 25, "9" * 25),
    "long string": ("sound", b'"' + b"x" * 9000 + b'"', "x" * 80),
    "time boolean": ("timeStamp", b"true", True),
    "deep": ("sound", b"[" * 30_000, None),
}  # fmt: skip


@pytest.mark.parametrize(("field", "raw", "value"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_type_is_named_with_its_value(field: str, raw: bytes, value: object) -> None:
    error = refused(with_raw(field, raw))
    assert (error.reason, error.field) == ("field", field)
    if value is not None:
        assert error.value == value or raw.startswith(b"999")
    msgspec.json.encode([error.value])


@pytest.mark.parametrize("field", ["deviceID", *FEATURES])
def test_a_missing_field_is_named(field: str) -> None:
    error = refused(json.dumps({name: value for name, value in GOOD.items() if name != field}).encode())
    assert (error.reason, error.field, error.value) == ("field", field, None)


def test_a_wrong_field_before_bytes_that_cannot_be_read_is_named() -> None:
    error = refused(b'{"deviceID": 1, "x": "\xff"}')
    assert (error.reason, error.field, error.value) == ("field", "deviceID", None)
    assert refused(b'{"sound": true, "x": ').field == "sound"


@pytest.mark.parametrize(
    "device", ["", "a b", 'a"b', "a'b", "a\nb", "a\n", "fän", "a/b", "a+", "a,b=c", "x" * 65, "x" * 10_000]
)
def test_a_bad_device_id(device: str) -> None:
    error = refused(json.dumps(GOOD | {"deviceID": device}).encode())
    assert (error.reason, error.field, error.value) == ("deviceID", "deviceID", device[:80])


def test_the_longest_device_id() -> None:
    assert parse(with_raw("deviceID", b'"' + b"_" * 64 + b'"'), RULES).device_id == "_" * 64


@pytest.mark.parametrize("payload", [b"x" * 5_000_000, b"[" * 100_000, b" " * MAX_READING_BYTES + RAW])
def test_an_oversized_payload_is_not_even_parsed(payload: bytes) -> None:
    assert refused(payload).reason == "oversized"
    assert parse(RAW + b" " * (MAX_READING_BYTES - len(RAW)), RULES) == parse(RAW, RULES)


def test_the_device_must_be_that_of_its_topic() -> None:
    error = refused(RAW, "fan/fan-08/messages")
    assert (error.reason, error.field, error.value) == ("topic", "deviceID", "fan-07")
    assert "fan-08" in str(error)
    assert len(str(refused(RAW, "fan/" + "x" * 60_000 + "/messages"))) < 200


@pytest.mark.parametrize(
    "topic", ["fan", "fan/anomaly", "other/messages", "fan/a/b/messages", "Fan/messages"]
)
def test_an_unknown_topic(topic: str) -> None:
    assert refused(RAW, topic).reason == "topic"


@pytest.mark.parametrize("raw", [b'"yesterday"', b'""', b'"2026-13-01T00:00:00Z"', b'"' + b"2" * 9000 + b'"'])
def test_a_malformed_time(raw: bytes) -> None:
    error = refused(with_raw("timeStamp", raw))
    assert (error.reason, error.field, error.value) == ("time", "timeStamp", raw.decode()[1:81].rstrip('"'))


def test_a_missing_time() -> None:
    without = json.dumps({name: value for name, value in GOOD.items() if name != "timeStamp"}).encode()
    for payload in (without, with_raw("timeStamp", b"null")):
        error = refused(payload)
        assert (error.reason, error.field, error.value) == ("time", "timeStamp", None)


@pytest.mark.parametrize(
    ("off_ms", "believed"),
    [(AHEAD_MS, True), (AHEAD_MS + 1, False), (-30 * 86_400_000, True), (-30 * 86_400_000 - 1, False)],
)
def test_the_clock_is_believed_within_limits(off_ms: int, believed: bool) -> None:
    time = format_ms(NOW_MS + off_ms)
    payload = with_raw("timeStamp", json.dumps(time).encode())
    if believed:
        assert parse_from_topic("fan/messages", payload, RULES, NOW_MS).timestamp_ms == NOW_MS + off_ms
    else:
        error = refused(payload)
        assert (error.reason, error.field, error.value) == ("clock", "timeStamp", time)


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0001-01-01T00:00:00Z", "clock"), ("0001-01-01T00:00:00+23:59", "time"), ("0000-01-01T00:00:00Z", "time"),
        ("9999-12-31T23:59:59Z", "clock"), ("9999-12-31T23:59:59-23:59", "time"), ("1970-01-01T00:00:00Z", "clock"),
    ],
)  # fmt: skip
def test_the_ends_of_the_calendar(time: str, reason: str) -> None:
    assert refused(with_raw("timeStamp", json.dumps(time).encode())).reason == reason


near_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just(GOOD["timeStamp"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
near_readings = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | near_json for name, value in GOOD.items()}
).map(lambda content: json.dumps(content).encode())


@settings(max_examples=300)
@given(st.binary(max_size=200) | near_readings | st.binary(max_size=30).map(lambda tail: RAW[:90] + tail))
def test_any_bytes_are_a_reading_or_refused_with_a_reason(payload: bytes) -> None:
    error: InvalidReading | None = None
    try:
        reading = parse_from_topic("fan/messages", payload, RULES, NOW_MS)
    except InvalidReading as refusal:
        error = refusal
    if error is None:
        assert all(isinstance(value, float) for value in reading.features)
    else:
        assert error.reason in {"json", "field", "deviceID", "time", "clock"}
        assert str(error).encode()
        msgspec.json.encode([error.field, error.value])
