"""Reasons and their texts: every code has one, every text a code, and those who decide write no sentences."""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from fanwatch import text
from fanwatch.messages.alarm import Alarm, decode_alarm, encode_alarm
from fanwatch.messages.reasons import Reason, reason
from fanwatch.text import en

ROOT = Path(__file__).resolve().parents[2]
AT_MS = 1_796_083_200_000
DECIDE = (
    "fanwatch/forecast",
    "fanwatch/fleet",
    "fanwatch/forecast_service",
    "fanwatch/notify",
    "console/words.py",
    "console/health.py",
)
PLACES = {"reason": 0, "say": 0, "said": 0, "phrase": 0, "_outside": 0, "_part": 2, "_answering": 2}
"""Where the code stands in calls that take one."""
TEXTS = en.LANGUAGE.texts
EXAMPLES: dict[str, Any] = {
    **dict.fromkeys(("since", "at", "began", "now"), AT_MS), **dict.fromkeys(("length", "needed", "off"), 10_800_000),
    **dict.fromkeys(("then", "now", "usual", "edge", "value", "low", "high"), 150.2), "share": 0.4,
    **dict.fromkeys(("count", "fans", "gone", "known", "again", "ago", "days", "minutes", "cpu", "memory", "disk"), 3),
    "sensor": "vibration", "sensors": ["vibration"], "shown": [40.0, 44.0, 42.0], "faults": [["sound", "stuck"]],
    "values": {"sound": 48.1}, "kind": "silent", "found": "fault", "mode": "bearing", "text": "Somebody wrote this.",
    **{name: name for name in ("side", "way", "too", "error", "by", "note", "about", "name", "why", "id")},
}  # fmt: skip


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        place = ROOT / folder
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in files(*folders):
        if path.parent.name != "text":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def pattern(node: ast.JoinedStr) -> str:
    return "".join(
        re.escape(part.value) if isinstance(part, ast.Constant) and isinstance(part.value, str) else ".+"
        for part in node.values
    )


def codes(tree: ast.Module) -> Iterator[str]:
    """What stands where calls take a code; of one that is put together, a pattern."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = PLACES.get(name)
        if place is None or len(node.args) <= place:
            continue
        code = node.args[place]
        for each in [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]:
            if isinstance(each, ast.JoinedStr):
                yield pattern(each)
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield re.escape(each.value)


def test_every_code_has_a_text_and_every_text_a_code() -> None:
    sources = list(trees("fanwatch", "console", "local"))
    # No code has a blank; others have functions of these names, too.
    used = {code for _, tree in sources for code in codes(tree) if r"\ " not in code}
    assert sorted(code for code in used if not any(re.fullmatch(code, each) for each in TEXTS)) == []
    # Some are chosen by name before a call takes them: a way, a movement, what a fan that stands is said to do.
    named = {
        node.value for _, tree in sources for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    unused = [
        each for each in TEXTS if each not in named and not any(re.fullmatch(code, each) for code in used)
    ]
    assert unused == []


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_text_is_written_with_its_parameters(code: str) -> None:
    named = [name for _, name, _, _ in string.Formatter().parse(TEXTS[code]) if name]
    assert set(named) <= EXAMPLES.keys()
    params = {name: EXAMPLES[name] for name in (*named, "sensor", "kind")}
    said = text.language().filled(TEXTS[code], params)
    assert said
    assert re.search(r"[{}]|None|  ", said) is None
    assert "." not in said[-1:] or code in ("closed-before", "ended", "before", "mistaken")


def test_the_published_example_is_what_is_said() -> None:
    published = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")
    shown = re.search(r"```json\n(\{\"code\".*\})\n```\n\n`(.+?)`", published)
    assert shown is not None
    assert text.why((msgspec.json.decode(shown[1], type=Reason),)) == shown[2]


@pytest.mark.parametrize("folder", DECIDE)
def test_those_who_decide_write_no_sentences(folder: str) -> None:
    found = []
    for path, tree in trees(folder):
        kept = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]  # docstrings
        for node in ast.walk(tree):
            # Errors are read by people, too, and say what to do.
            if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and refuses(node)):
                kept += [each for each in ast.walk(node) if isinstance(each, ast.expr)]
        inner = {
            id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in ast.walk(tree):
            if node in kept or id(node) in inner:
                continue
            said = (
                pattern(node).replace("\\", "")
                if isinstance(node, ast.JoinedStr)
                else getattr(node, "value", "")
            )
            if isinstance(said, str) and re.search(r"\w+( \w+){3}", said) and re.search(r"\.( |$)", said):
                found.append(f"{path.name}: {said}")
    assert found == []


def refuses(call: ast.Call) -> bool:
    """Whether it makes an error, or the answer to one."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    return name.endswith("Error") or name in ("Unavailable", "InvalidAlarm", "_said")


def test_another_language_is_a_class_of_its_own() -> None:
    class German(en.English):
        texts: ClassVar = {
            **TEXTS,
            "stuck": "Der Sensor {sensor:label} zeigt seit {length:length} {value:value}",
        }

        def length(self, ms: float, _params: Mapping[str, Any]) -> str:
            return f"{ms / 3_600_000:.0f} Std."

    told = (reason("stuck", sensor="sound", value=48.1, length=10_800_000),)
    assert German().render(told).text == "Der Sensor Sound zeigt seit 3 Std. 48.1 dB."
    assert text.why(told).startswith("The sound sensor has shown 48.1 dB")


def test_a_sentence_is_made_of_its_parts() -> None:
    risen = reason("risen", sensor="vibration", length=3 * 3_600_000, then=150.2, now=190.4, since=AT_MS)
    parts = (risen, reason("alone"), reason("untold-yet"), reason("also"), reason("silent", since=AT_MS))
    assert text.why(parts) == (
        "vibration has risen for 3 h, from 150 to 190 on average since 2026-12-01 00:00 UTC, and no other sensor"
        " shows it yet: it may be the fan or this sensor; when it will fail cannot be told yet; nothing has come"
        " from it since 2026-12-01 00:00 UTC."
    )
    assert text.language().render(parts).lead == len("vibration")
    # What a later version has made otherwise is left out, and no reason to say nothing.
    assert text.why((reason("stuck", sensor="sound"), reason("silent", since=AT_MS))) == text.why(parts[-1:])
    assert text.why((reason("of later"), reason("silent", since=AT_MS))) == (
        "Nothing has come from it since 2026-12-01 00:00 UTC."
    )


def test_reasons_travel_with_the_alarm_and_one_without_them_says_what_it_said() -> None:
    plain = Alarm(
        deviceID="a", episode="a/2026-12-01T00:00:00.000Z", state="alarm", since="2026-12-01T00:00:00.000Z", risk=0.9,
        cause="vibration", failureExpected=None, why="vibration has risen.",
    )  # fmt: skip
    assert text.why(decode_alarm("fan/a/alarm", encode_alarm(plain)).told) == "vibration has risen."
    said = text.saying(plain, (reason("stopped-announced", since=AT_MS, sensor="vibration"),))
    back = decode_alarm("fan/a/alarm", encode_alarm(said))
    assert back == said
    assert text.language().render(back.told) == (said.why, 0, True)
