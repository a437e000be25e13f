"""What is printed on terminals whose encoding lacks letters, and how long lines are broken."""

import io
import json
import sys

import pytest

from fanwatch import output

_SAID = "Lüfter 7 – Halle Ost: 47.1 °C → 61 °C · ‘sound’ × 2 … µ ☃"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "Luefter 7 - Halle Ost: 47.1 degC -> 61 degC | 'sound' x 2 ... u ?"),
        ("latin-1", "Lüfter 7 - Halle Ost: 47.1 °C -> 61 °C · 'sound' × 2 ... µ ?"),
        ("utf-8", _SAID),
    ],
)
def test_what_an_encoding_lacks_is_written_in_plain_letters(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    kept = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(kept, encoding=encoding))
    output.degrade()
    print(_SAID, flush=True)
    assert kept.getvalue().decode(encoding) == shown + "\n"
    assert output.plain(_SAID, encoding) == shown


def test_a_name_that_is_no_text_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system gives file names in another encoding."""
    kept = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(kept, encoding="utf-8"))
    output.degrade()
    print(b"caf\xe9.csv".decode("utf-8", "surrogateescape"), flush=True)
    assert kept.getvalue() == b"caf?.csv\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "UTF-16"])
def test_json_keeps_its_content(encoding: str) -> None:
    content = {"Lüfter": "–", "smile": "😀", "quote": '"\\'}
    text = output.as_json(
        json.dumps(content, ensure_ascii=False), io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    )
    assert json.loads(text) == content
    text.encode(encoding)


def test_long_lines_are_broken_between_words_below_their_beginning() -> None:
    why = "temperature has risen by 14.2 degrees within 31 hours and vibration with it; look at the bearing"
    assert output.hanging("fan-01  alarm  ", why, None) == "fan-01  alarm  " + why
    lines = output.hanging("fan-01  alarm  ", why, 80).splitlines()
    assert lines[0].startswith("fan-01  alarm  temperature ")
    assert all(line.startswith(" " * 15 + line.strip()[0]) for line in lines[1:])
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()) == "fan-01 alarm " + why
    # Where too little room is left beside it, below it.
    lines = output.hanging("x" * 60 + "  ", why, 80).splitlines()
    assert lines[0] == "x" * 60
    assert all(line.startswith("    ") for line in lines[1:])
    assert max(map(len, lines)) <= 80
