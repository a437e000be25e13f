"""`python -m benchmarks.document`: writes the tables of docs/performance.md from benchmarks/results.json."""

import re
import sys
from pathlib import Path

from benchmarks import results, tables
from fanwatch.errors import FanwatchError
from local.layout import CHECKOUT

DOCUMENT = CHECKOUT / "docs/performance.md"
_PLACE = re.compile(r"<!-- figures: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str, found: results.Results) -> str:
    """The text with each place, from `<!-- figures: NAME -->` to `<!-- end -->`, holding its table.

    FanwatchError for a place of an unknown name; one without figures in this run is emptied.
    """
    contents = {table.name: _markdown(table) for table in tables.tables(found)}
    contents["machine"] = tables.machine(found) + "."
    known = {*results.STEPS, "machine", "ways", "costs", "memory", "targets"}

    def place(match: re.Match[str]) -> str:
        name = match[1]
        if name not in known:
            raise FanwatchError(f"There is no table {name!r}; there are {', '.join(sorted(known))}.")
        return f"<!-- figures: {name} -->\n{contents.get(name, 'Not measured.')}\n<!-- end -->"

    return _PLACE.sub(place, text)


def _markdown(table: tables.Table) -> str:
    lines = [table.columns, ["---", *("---:" for _ in table.columns[1:])], *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Exit status 1 where there are no figures."""
    try:
        found = results.read(Path(sys.argv[1]) if len(sys.argv) > 1 else results.PATH)
        text = filled(DOCUMENT.read_text(encoding="utf-8"), found)
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
