"""InfluxQL of the Python parts stands in one place, as functions named for what they answer."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "fanwatch", "functions", "connectors", "console", "local", "simulator", "training", "history", "credentials", "cli",
)  # fmt: skip
INFLUXQL = re.compile(r"\b(SELECT|SHOW|DROP|CREATE|ALTER|DELETE) \S|\bGROUP BY\b|\bFROM \"")


def texts(path: Path) -> Iterator[str]:
    """Strings of the code; not what explains it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_only_the_store_asks_in_influxql() -> None:
    files = [path for part in PARTS for path in (ROOT / part).rglob("*.py")]
    asking = {path for path in files for text in texts(path) if INFLUXQL.search(text)}
    store = ROOT / "fanwatch" / "store"
    assert [str(path) for path in asking if store not in path.parents] == []
    assert len([path for path in asking if store in path.parents]) > 5
