"""The order of the tests: files whose tests mostly wait go first, so that with `-n` all processes end together."""

import pytest

_LONG_FIRST = (
    "tests/watch/",
    "tests/local/test_up.py",
    "tests/faults/test_broker.py",
    "tests/faults/",
    "tests/local/test_grafana.py",
    "tests/dashboards/test_alert_",
    "tests/local/",
    "tests/history/",
    "tests/infra/",
    "tests/training/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the files, and leaves the order within each as it is."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next(
        (rank for rank, start in enumerate(_LONG_FIRST) if item.nodeid.startswith(start)), len(_LONG_FIRST)
    )
