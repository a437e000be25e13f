"""The columns of a fleet's CSV files, found by their names."""

from collections.abc import Iterator, Sequence

from fanwatch.problems import Problems
from training.rows import Batch, HistoryError, Rows


def batches(rows: Rows, names: Sequence[str]) -> Iterator[tuple[Batch, list[int]]]:
    """The rows of a file with where in them the columns `names` are, -1 for one that is missing.

    Whoever iterates adds to `rows.problems` what is wrong in a row; HistoryError, at the end, says all of it.
    """
    order: list[int] = []
    for batch in rows:
        order = order or _order(rows, names)
        yield batch, order
    if not order:
        _order(rows, names)
        if rows.problems:
            raise HistoryError(str(rows.problems), (rows.problems,))


def cells(problems: Problems, line: int, row: list[str], order: list[int]) -> list[str] | None:
    """The row's cells in that order, stripped; None, and a problem, where it ends before or a column is missing."""
    if len(row) <= max(order):
        problems.add(line, "", f"has {len(row)} values; the header names more.")
        return None
    return [row[index].strip() for index in order] if min(order) >= 0 else None


def _order(rows: Rows, names: Sequence[str]) -> list[int]:
    missing = [name for name in names if name not in rows.header]
    if missing:
        what = f"has no column {', '.join(missing)}: its header must name {','.join(names)}."
        rows.problems.add(1, "", what)
    return [rows.header.index(name) if name in rows.header else -1 for name in names]
