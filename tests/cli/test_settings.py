"""`fanwatch settings` against the code and the documentation."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from cli.settings import settings
from fanwatch.settings import known

_DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def _run(*arguments: str) -> str:
    import typer

    app = typer.Typer()
    app.command()(settings)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    return result.stdout


def test_every_setting_is_listed_with_a_meaning() -> None:
    rows = json.loads(_run("--json"))
    assert {row["name"] for row in rows} == known()
    assert [row["name"] for row in rows if not row["meaning"]] == []


def test_the_documented_page_is_up_to_date() -> None:
    assert _DOCS.read_text(encoding="utf-8") == _run("--markdown")


def test_the_readme_names_no_unknown_setting() -> None:
    readme = (_DOCS.parents[1] / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"FANWATCH_[A-Z0-9_]*[A-Z0-9]", readme)) <= known()
