"""Reasons and their texts: every code has one, every text a code, and those who decide write no sentences."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch import text
from fanwatch.messages.alarm import Alarm, decode_alarm, encode_alarm
from fanwatch.messages.reasons import reason
from fanwatch.text import en

ROOT = Path(__file__).resolve().parents[2]
AT_MS = 1_796_083_200_000
DECIDE = ("fanwatch/forecast", "fanwatch/fleet", "fanwatch/forecast_service")


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def codes(path: Path) -> Iterator[str]:
    """What stands first in calls of `reason` and `say`; of one that is put together, a pattern."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in ("reason", "say"):
            continue
        first = node.args[0]
        for each in [first] if isinstance(first, ast.JoinedStr) else ast.walk(first):
            if isinstance(each, ast.JoinedStr):
                yield "".join(
                    re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in each.values
                )
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield re.escape(each.value)


def test_every_code_has_a_text_and_every_text_a_code() -> None:
    sources = [path for path in files("fanwatch", "console") if path.parent.name != "text"]
    used = {code for path in sources for code in codes(path) if r"\ " not in code}
    # Chosen by name before it is called: a way, a movement, what a fan that stands is said to do.
    named = {
        each for path in sources for each in re.findall(r'"([a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    assert [code for code in used if not any(re.fullmatch(code, each) for each in en.TEXTS)] == []
    unused = [each for each in en.TEXTS if not any(re.fullmatch(code, each) for code in used)]
    assert [each for each in unused if each not in named] == []


@pytest.mark.parametrize("folder", DECIDE)
def test_those_who_decide_write_no_sentences(folder: str) -> None:
    found = []
    for path in files(folder):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        raised = {
            id(each) for node in ast.walk(tree) if isinstance(node, ast.Raise) for each in ast.walk(node)
        }
        found += [
            f"{path.name}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in told | raised
            and re.search(r"\b[Ii]ts? \w+ .*\b(since|because|judged|fan)\b", node.value)
        ]
    assert found == []


def test_a_sentence_is_made_of_its_parts() -> None:
    risen = reason("risen", sensor="vibration", length=3 * 3_600_000, then=150.2, now=190.4, since=AT_MS)
    parts = (risen, reason("alone"), reason("untold-yet"), reason("also"), reason("silent", since=AT_MS))
    assert text.why(parts) == (
        "vibration has risen for 3 h, from 150 to 190 on average since 2026-12-01 00:00 UTC, and no other sensor bears"
        " it out yet: the fan, or its sensor; when it will fail cannot be told yet; nothing has come from it since"
        " 2026-12-01 00:00 UTC."
    )
    assert text.render(parts).lead == len("vibration")
    # A code of a later version is left out, and no reason to say nothing.
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
    assert text.render(back.told) == (said.why, 0, True)
