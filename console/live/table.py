"""A table with room for so many fans: one row a fan, without gaps. A fan that leaves gives its row up."""

from typing import Any

import numpy as np

NOBODY = -1


class Table:
    """Rows by name. Each part of the live fleet adds the columns that it keeps; only the first len() are somebody's."""

    def __init__(self, most: int) -> None:
        """There is room for `most` fans."""
        self.most = most
        self.names: list[str] = []
        self.layout = 0
        """Grows whenever a row is given or given up: what was known by row is of other fans then."""
        self._rows: dict[str, int] = {}
        self._arrays: list[tuple[np.ndarray, float]] = []
        self._lists: list[tuple[list[Any], Any]] = []

    def numbers(self, kind: Any = np.int64, empty: float = 0, shape: tuple[int, ...] = ()) -> np.ndarray:
        """A column of numbers. Memory of rows that nobody has had is never touched."""
        made = np.zeros((self.most, *shape), kind)
        self._arrays.append((made, empty))
        return made

    def objects(self, empty: Any = None) -> list[Any]:
        """A column of anything else, as long as there are fans."""
        made: list[Any] = []
        self._lists.append((made, empty))
        return made

    @property
    def nbytes(self) -> int:
        """Room that all columns of numbers may take; it never grows."""
        return sum(array.nbytes for array, _ in self._arrays)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def full(self) -> bool:
        """Whether all rows are taken."""
        return len(self.names) >= self.most

    def find(self, device: str) -> int | None:
        """A fan's row; None where it has none."""
        return self._rows.get(device)

    def add(self, device: str) -> int:
        """The next row, to a fan that has none."""
        row = self._rows[device] = len(self.names)
        self.layout += 1
        self.names.append(device)
        for column, nothing in self._lists:
            column.append(nothing)
        for array, empty in self._arrays:
            if empty:
                array[row] = empty
        return row

    def remove(self, row: int) -> None:
        """Nobody has this row any more: the fan of the last one moves there."""
        last = len(self.names) - 1
        self.layout += 1
        del self._rows[self.names[row]]
        if row != last:
            self._rows[self.names[last]] = row
        for column in (self.names, *(column for column, _ in self._lists)):
            column[row] = column[last]
            column.pop()
        for array, _ in self._arrays:
            array[row] = array[last]
            array[last] = 0
