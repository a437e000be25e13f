"""The columns of a fleet's CSV files, found by their names."""

from collections.abc import Iterator, Sequence

from training.rows import Batch, HistoryError, Rows


def batches(rows: Rows, names: Sequence[str]) -> Iterator[tuple[Batch, list[int]]]:
    """The rows of a file with where in them the columns `names` are.

    HistoryError where one is missing, of a file without rows too; `Rows` itself refuses one that comes twice.
    """
    order: list[int] = []
    for batch in rows:
        order = order or _order(rows, names)
        yield batch, order
    if not order:
        _order(rows, names)


def cells(where: str, row: list[str], order: list[int]) -> list[str]:
    """The row's cells in that order, stripped. HistoryError where it ends before."""
    if len(row) <= max(order):
        raise HistoryError(f"{where} has {len(row)} values; the header names more.")
    return [row[index].strip() for index in order]


def _order(rows: Rows, names: Sequence[str]) -> list[int]:
    missing = [name for name in names if name not in rows.header]
    if missing:
        raise HistoryError(
            f"{rows.path} line 1 has no column {', '.join(missing)}: its header must name {','.join(names)}."
        )
    return [rows.header.index(name) for name in names]
