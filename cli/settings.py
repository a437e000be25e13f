"""`fanwatch settings`: every FANWATCH_* setting with its default and meaning, from the code that reads them."""

import ast
import inspect
from typing import Annotated

import typer

from cli.common import AsJson, print_json


def settings(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option(help="As docs/settings.md has it.")] = False,
) -> None:
    """List every FANWATCH_* setting, its default and what it does."""
    parts = _parts()
    if as_json:
        print_json([row for _, rows in parts for row in rows])
    elif markdown:
        print(_markdown(parts), end="")
    else:
        _print(parts)


def _parts() -> list[tuple[str, list[dict[str, str]]]]:
    """Each part's title and its settings: name, default, meaning."""
    import msgspec

    from fanwatch.settings import Settings

    found = []
    for cls in Settings.classes:
        (node,) = ast.parse(inspect.getsource(cls)).body
        assert isinstance(node, ast.ClassDef)
        defaults = {field.name: field.default for field in msgspec.structs.fields(cls)}
        found.append((ast.get_docstring(node) or node.name, _rows(node, defaults)))
    return found


def _rows(node: ast.ClassDef, defaults: dict[str, object]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = defaults[statement.target.id]
            shown = (
                "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
            )
            rows.append({"name": f"FANWATCH_{statement.target.id.upper()}", "default": shown, "meaning": ""})
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and rows:
            rows[-1]["meaning"] = " ".join(str(statement.value.value).split())
    return rows


def _markdown(parts: list[tuple[str, list[dict[str, str]]]]) -> str:
    lines = [
        "# Settings",
        "",
        "From the environment, read once at the start of each part. An unknown `FANWATCH_*` name is refused. "
        "This page is made by `fanwatch settings --markdown`.",
    ]
    for title, rows in parts:
        lines += ["", f"## {title.rstrip('.')}", "", "| setting | default | meaning |", "|---|---|---|"]
        lines += [f"| `{row['name']}` | {_code(row['default'])} | {row['meaning']} |" for row in rows]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _print(parts: list[tuple[str, list[dict[str, str]]]]) -> None:
    from fanwatch.output import hanging, width

    columns = width()
    for title, rows in parts:
        print(hanging("", title.rstrip("."), columns))
        for row in rows:
            print(f"  {row['name']}  {row['default']}".rstrip())
            print(hanging(" " * 6, row["meaning"], columns))
        print()
