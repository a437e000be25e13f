"""Results on the wire."""

import msgspec
import pytest

from fanwatch.messages.reading import Reading
from fanwatch.messages.result import Decision, Result, decode_decisions, decode_result, encode_json

READING = Reading("fan-07", 1_795_435_200_250, (592.0, 41.2, 160.4, 47.9))


def test_the_wire_form() -> None:
    decision = Decision(1, 0.9731, 0.5, "vibration", "ok", "fan-anomaly@3")
    assert encode_json(Result.of(READING, decision)) == (
        b'{"deviceID":"fan-07","timeStamp":"2026-11-23T12:00:00.250Z","fault":1,"probability":0.9731,"threshold":0.5,'
        b'"cause":"vibration","quality":"ok","model":"fan-anomaly@3"}'
    )


def test_what_is_implausible_has_neither_fault_nor_probability() -> None:
    decision = Decision(None, None, 0.5, None, "implausible", "fan-anomaly@3", ["rotation"])
    assert encode_json(Result.of(READING, decision)) == (
        b'{"deviceID":"fan-07","timeStamp":"2026-11-23T12:00:00.250Z","fault":null,"probability":null,"threshold":0.5,'
        b'"cause":null,"quality":"implausible","fields":["rotation"],"model":"fan-anomaly@3"}'
    )


def test_a_reading_without_time_has_a_result_without() -> None:
    decision = Decision(0, 0.01, 0.5, None, "ok", "fan-anomaly@3")
    result = Result.of(msgspec.structs.replace(READING, timestamp_ms=None), decision)
    assert b'"timeStamp":null' in encode_json(result)


def test_the_same_result_gives_the_same_bytes_and_comes_back() -> None:
    decision = Decision(0, 0.0001, 0.5, None, "extrapolated", "fan-anomaly@3", ["sound", "vibration"])
    plain = Decision(0, 0.0001, 0.5, None, "ok", "fan-anomaly@3")
    for each in (decision, plain):
        wire = encode_json(Result.of(READING, each))
        assert encode_json(decode_result(wire)) == wire == encode_json(Result.of(READING, each))


def test_decisions_are_read_as_infer_fan_writes_them() -> None:
    body = (
        b'[{"fault":1,"probability":0.97,"threshold":0.5,"cause":"sound","quality":"ok","model":"m@1"},'
        b'{"fault":null,"probability":null,"threshold":0.5,"cause":null,"quality":"implausible","fields":["rotation"],"model":"m@1"}]'
    )
    first, second = decode_decisions(body)
    assert first == Decision(1, 0.97, 0.5, "sound", "ok", "m@1")
    assert second.fields == ["rotation"]


@pytest.mark.parametrize("body", [b"{}", b'[{"fault":1}]', b'[{"fault":"1","threshold":0.5}]', b"[", b""])
def test_what_are_no_decisions(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_decisions(body)
