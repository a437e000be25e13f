"""Chooses the fans whose readings and risks a forecast bundle carries as its golden predictions."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from fanwatch.forecast import BIN_MS, ForecastModel
from fanwatch.forecast.golden import Golden, risks
from training.forecast.history import History

_DAY_MS: Final = 86_400_000
_WINDOW_MS: Final = 3 * _DAY_MS
"""As long as the longest of the windows that features are computed over."""
_WORN: Final = 2


def golden(history: History, model: ForecastModel) -> Golden:
    """Three days of up to four fans: two that fail, one whose sensor breaks, one that stays well; one where none is."""
    fans, times, values = [], [], []
    for number, (fan, end_ms) in enumerate(_chosen(history)):
        rows = np.flatnonzero(
            (history.fan == fan) & (history.time_ms >= end_ms - _WINDOW_MS) & (history.time_ms < end_ms)
        )
        bins = history.time_ms[rows] // BIN_MS
        # Of several readings in a bin the last one.
        rows = rows[np.append(bins[1:] != bins[:-1], True)[: len(rows)]]
        fans.append(np.full(len(rows), number, np.int64))
        # By whole days, for a fan's day has a rhythm: side by side they take no longer than one.
        shift_ms = (int(history.time_ms[-1]) - end_ms) // _DAY_MS * _DAY_MS
        times.append(history.time_ms[rows] // BIN_MS * BIN_MS + shift_ms)
        values.append(history.values[rows])
    time_ms = np.concatenate(times)
    order = np.argsort(time_ms, kind="stable")
    # As a file holds them, so that reading them back gives the same risks.
    shown = np.vectorize(lambda value: float(f"{value:.7g}"), otypes=[np.float32])(np.concatenate(values))
    found = Golden(np.concatenate(fans)[order], time_ms[order], shown[order], np.empty(0, np.float32))
    return found._replace(risk=risks(found, model))


def _chosen(history: History) -> Iterator[tuple[int, int]]:
    """Fans, each with the end of its window in ms."""
    first_ms, last_ms = (int(at) for at in history.time_ms[[0, -1]])
    failures = sorted((each.failure_ms, each.fan) for each in history.faults if each.failure_ms is not None)
    taken: list[int] = []
    for end_ms, fan in failures:
        if end_ms - _WINDOW_MS >= first_ms and fan not in taken and len(taken) < _WORN:
            taken.append(fan)
            yield fan, end_ms
    for each in history.broken:
        middle_ms = each.start_ms + _WINDOW_MS // 2
        if each.sensor >= 0 and each.fan not in taken and first_ms + _WINDOW_MS <= middle_ms <= last_ms:
            taken.append(each.fan)
            yield each.fan, middle_ms
            break
    known = {each.fan for each in history.faults} | {each.fan for each in history.broken}
    well = next((fan for fan in range(len(history.devices)) if fan not in known), None)
    if well is not None or not taken:
        yield well or 0, last_ms + 1
