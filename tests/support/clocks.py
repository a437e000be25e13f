"""Which tests read a clock: those whose file does, or a module of this project that the file imports.

Of helpers of tests, also what these import of one another counts; of the project's modules only what a test names.
Helpers that only stamp a message with the time of now do not count: otherwise it would be all tests.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_READ: Final = re.compile(r"time\.time\(|time\.time_ns\(|datetime\.now\(|date\.today\(|\.localtime\(\)")
_STAMPS: Final = frozenset(
    ("fanwatch/logs.py", "tests/support/readings.py", "tests/support/ledger.py", "tests/support/fleet.py")
)


def reads_clock(file: Path) -> bool:
    """Whether tests in this file read a clock."""
    return _helped(file) or any(names_clock(found) for found in _imported(file))


@cache
def _helped(file: Path) -> bool:
    """Whether the file, or a helper of tests that it imports, and so on, names a clock."""
    helpers = (found for found in _imported(file) if found.is_relative_to(ROOT / "tests"))
    return names_clock(file) or any(map(_helped, helpers))


@cache
def names_clock(file: Path) -> bool:
    """Whether the file itself does."""
    return (
        str(file.relative_to(ROOT)) not in _STAMPS
        and _READ.search(file.read_text(encoding="utf-8")) is not None
    )


def _imported(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            path = ROOT / f"{name.replace('.', '/')}.py"
            if path.is_file() and path != file and str(path.relative_to(ROOT)) not in _STAMPS:
                yield path
