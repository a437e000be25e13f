"""What a decoder refuses is said in words: which field, what it must be, what came; never in msgspec's own language."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import pytest

from fanwatch.bundles import anomaly
from fanwatch.errors import FanwatchError
from fanwatch.forecast import bundle as forecast
from fanwatch.forecast_service.requests import decode_request
from fanwatch.messages.alarm import decode_alarm
from fanwatch.messages.command import decode_command
from fanwatch.messages.reading import parse
from fanwatch.messages.refusals import field_of, in_words
from fanwatch.settings import BrokerSettings, ReadingSettings, load
from fanwatch.store import dead_letters
from fanwatch.store.influx import Store

MODELS = Path(__file__).parents[2] / "models"


class Part(msgspec.Struct):
    """Every kind of field there is."""

    a: int | float | None
    d: dict[str, int] = {}
    w: Literal["acknowledge", "snooze"] | None = None
    t: tuple[float, float] = (0, 0)
    n: Annotated[int, msgspec.Meta(ge=1)] = 1
    u: Annotated[str, msgspec.Meta(max_length=3)] = ""
    p: "list[Part]" = []


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "it must be an object in {braces}, not a list"),
        (b'{"a":"x"}', "a must be a number or null, not text"),
        (b'{"a":true}', "a must be a number or null, not true or false"),
        (b'{"d":{"k":null},"a":1}', "d[…] must be a whole number, not null"),
        (b'{"a":1,"w":"close"}', "w must be acknowledge or snooze, not 'close'"),
        (b'{"a":1,"p":[{"a":1,"w":"x"}]}', "p[0].w must be acknowledge or snooze, not 'x'"),
        (b'{"a":1,"t":[1]}', "t must be a list of 2"),
        (b'{"a":1,"n":0}', "n must be a whole number, at least 1"),
        (b'{"a":1,"u":"long"}', "u must be text of at most 3 characters"),
        (b'{"a":1e999}', "a is a number too large to be read"),
        (b"{}", "a is missing"),
        (b'{"a":1,"p":[{}]}', "p[0].a is missing"),
        (b'{"a":1', "it ends too early"),
        (b'{"a":1} x', "it is not JSON (something follows its end at byte 9)"),
        (b"{'a':1}", "it is not JSON (a name without double quotes at byte 2)"),
        (b'{"a":1,"u":"\xff"}', "it is not UTF-8 text"),
        (b'{"p":' + b"[" * 100_000, "p[0] must be an object in {braces}, not a list"),
        (b'{"x":' + b"[" * 100_000, "its lists or objects are nested too deeply"),
    ],
)
def test_each_refusal_has_words(raw: bytes, words: str) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)) as refused:
        msgspec.json.decode(raw, type=Part)
    assert in_words(refused.value, Part) == words


def test_entries_of_a_list_are_counted_from_one() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(b'[{"a":1},{"a":"x"}]', type=list[Part])
    assert in_words(refused.value) == "a of entry 2 must be a number or null, not text"
    assert field_of(refused.value) is None


def _bundle(load: Any, **changes: Any) -> None:
    """A copy of the default bundle whose description says something else."""
    kind = "fan-forecast" if load is forecast.load else "fan-anomaly"
    with tempfile.TemporaryDirectory() as directory:
        content = json.loads((MODELS / kind / "1" / "model.json").read_bytes()) | changes
        (Path(directory) / "model.json").write_text(json.dumps(content), encoding="utf-8")
        load(directory)


def _letters(row: dict[str, Any]) -> None:
    class Stub:
        def query(self, _text: str) -> list[dict[str, Any]]:
            return [row]

    dead_letters.stored(cast(Store, Stub()))


def _reading(**changes: Any) -> None:
    content = {"deviceID": "a", "rotation": 1, "temperature": 1, "vibration": 1, "sound": 1} | changes
    parse(msgspec.json.encode(content), ReadingSettings().rules)


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (lambda: _reading(timeStamp=True), "timeStamp must be a number, text or null, not true or false"),
        (lambda: _reading(sound="48"), "sound must be a number, not text"),
        (lambda: parse(b'{"deviceID":"a"}', ReadingSettings().rules), "rotation is missing"),
        (lambda: decode_alarm("fan/a/alarm", b'{"deviceID":1}'), "deviceID must be text, not a whole number"),
        (lambda: decode_command(b'{"action":"stop"}', 0), "action must be acknowledge, close or snooze"),
        (lambda: decode_request(b'{"action":"retire"}', 0), "This is no command: deviceID is missing."),
        (
            lambda: _bundle(anomaly.load, version="1"),
            "version must be a whole number, not text. Train it again.",
        ),
        (lambda: _bundle(anomaly.load, threshold=[]), "threshold must be an object in {braces}, not a list."),
        (
            lambda: _bundle(forecast.load, version="1"),
            "version must be a whole number, not text. Train it again.",
        ),
        (lambda: _letters({"time": 1, "id": None}), "id of entry 1 must be text, not null."),
        (lambda: load(BrokerSettings, {"FANWATCH_BROKER_PORT": "x"}), "it must be a whole number."),
        (
            lambda: load(BrokerSettings, {"FANWATCH_BROKER_PORT": "0"}),
            "it must be a whole number, at least 1.",
        ),
    ],
)
def test_what_people_are_shown_is_in_these_words(refuse: Any, words: str) -> None:
    with pytest.raises(FanwatchError) as refused:
        refuse()
    assert words in str(refused.value)
    assert "Expected" not in str(refused.value)
    assert "$" not in str(refused.value)
