"""Queries name the fans that they are about, and not too many of them."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from fanwatch.store.influx import quoted

NAMED = 100
"""Fans named in one query at most. With 100 a fan costs InfluxDB what it does unnamed; with 1,000, twice that."""
T = TypeVar("T")


def chunks(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """These, no more than NAMED at a time."""
    for first in range(0, len(many), NAMED):
        yield many[first : first + NAMED]


def among(fans: Sequence[str]) -> str:
    """The condition for points of these fans."""
    return "(" + " OR ".join(f'"deviceID" = {quoted(fan)}' for fan in fans) + ")"
