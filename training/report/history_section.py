"""The forecast report's section on the history: what it is, and what is wrong with it."""

from html import escape
from typing import Final

import numpy as np

from fanwatch.forecast import BIN_MS, PLAUSIBLE
from fanwatch.forecast.bins import Floats
from fanwatch.sensors import SENSORS
from training.forecast.history import FOREVER_MS, History
from training.forecast.truth import HEAVIEST, Truth
from training.quality import utc
from training.report.html_page import Section, beside, bullets, figure, paragraph, table
from training.report.svg import Plot, axis
from training.report.verdict import percent

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_DOTS: Final = 700
"""Readings of each kind in a picture."""
_SHOWN: Final = (0.0005, 0.9995)
"""Pictures leave out what lies beyond, such as spikes."""


def section(history: History, true: Truth, edges: Floats, source: str, *, trained: bool) -> Section:
    """The fans that were followed; `edges` are the model's healthy ranges."""
    intro = (
        f"{len(history.devices):,} fans of {source}{'' if not trained else ' that were held back from learning'},"
        f" followed from {utc(int(history.time_ms[0]))} to {utc(int(history.time_ms[-1]))}"
        f" ({history.days:,.0f} days): {len(history.time_ms):,} readings, {history.failures:,} failures and"
        f" {len(history.broken):,} faults of instruments."
    )
    body = [
        paragraph(intro),
        _sensors(history, edges),
        _modes(history),
        "<h3>What is wrong with it</h3>",
        bullets(_wrongs(history)) if _wrongs(history) else paragraph("Nothing was found."),
        "<h3>What the sensors show</h3>",
        paragraph(
            "Each dot is a reading. Where a fault is under way, dots leave the band of healthy values, at first a few"
            " and then more; that few is what the forecast lives on."
        ),
        beside([_scatter(history, true, edges, index) for index in range(len(SENSORS))]),
    ]
    return Section("data", "The data", "".join(body))


def _sensors(history: History, edges: Floats) -> str:
    rows = []
    for index, sensor in enumerate(SENSORS):
        values, (low, high) = history.values[:, index], PLAUSIBLE[index]
        strange = ((values < low) | (values > high)) & (values != 0)
        least, middle, most = np.quantile(values, (0, 0.5, 1))
        rows.append(
            (
                f"{sensor.name}<small>{escape(sensor.described_unit)}</small>",
                *(f"{value:,.6g}" for value in (least, middle, most)),
                f"{edges[index, 0]:,.5g} to {edges[index, 1]:,.5g}",
                f"{(values == 0).sum():,}",
                f"{strange.sum():,}",
            )
        )
    return table(("sensor", "lowest", "median", "highest", "healthy", "zeros", "not possible"), rows)


def _modes(history: History) -> str:
    rows = []
    for mode in dict.fromkeys([*HEAVIEST, *(fault.mode for fault in history.faults)]):
        lives = [
            (fault.failure_ms - fault.start_ms) / _HOUR_MS
            for fault in history.faults
            if fault.mode == mode and fault.failure_ms is not None and not fault.unseen
        ]
        low, middle, high = np.quantile(lives, (0.1, 0.5, 0.9)) if lives else (np.nan,) * 3
        last = f"{middle:.0f} h<small>{low:.0f} to {high:.0f} h, 8 of 10</small>" if lives else "-"
        rows.append((escape(mode) or "not said", f"{len(lives):,}", last))
    return table(("way of failing", "failures", "from the first sign to the stop"), rows)


def _wrongs(history: History) -> list[str]:
    found = []
    bins = int(history.time_ms[-1] - history.time_ms[0]) // BIN_MS + 1
    number = (history.time_ms - history.time_ms[0]) // BIN_MS
    filled = len(np.unique(number * len(history.devices) + history.fan))
    missing = 1 - filled / (bins * len(history.devices))
    if missing > 0:
        found.append(f"{percent(missing)} of all ten-minute bins of a fan hold no reading.")
    found += history.notes
    unnamed = sum(fault.mode not in HEAVIEST for fault in history.faults)
    if unnamed:
        found.append(f"{unnamed:,} faults have no known mode, and teach nothing about causes.")
    unended = sum(fault.failure_ms is None for fault in history.faults)
    if unended:
        found.append(
            f"{unended:,} faults end without a failure, repaired before or cut off by the history's end: they teach"
            " that something is wrong, not when the fan stops."
        )
    forever = sum(fault.over_ms >= FOREVER_MS for fault in history.faults)
    if forever > unended:
        found.append(f"{forever - unended:,} failures have no repair; what follows them is left out.")
    calm = len(history.devices) - len({fault.fan for fault in history.faults})
    if calm:
        found.append(f"{calm:,} fans had no fault at all: they say how often there is a false alarm.")
    return found


def _scatter(history: History, true: Truth, edges: Floats, index: int) -> str:
    sensor, values = SENSORS[index], history.values[:, index]
    bins = history.time_ms // BIN_MS - true.first
    worn, down = true.worn[bins, history.fan], true.down[bins, history.fan]
    low, high = np.quantile(values[~down], _SHOWN)
    inside = (values >= low) & (values <= high) & ~down
    days = (history.time_ms - history.time_ms[0]) / _DAY_MS
    plot = Plot(
        f"{sensor.column} over time, of healthy and of failing fans",
        axis(0, float(days[-1]), "day"),
        axis(float(low), float(high), sensor.axis),
        height=220,
    )
    plot.band(max(float(edges[index, 0]), float(low)), min(float(edges[index, 1]), float(high)), "healthy")
    random, shares = np.random.default_rng(1), []
    for kind, look in ((worn, "faulty"), (~worn, "healthy")):
        rows = np.flatnonzero(inside & kind)
        chosen = np.sort(random.choice(rows, min(_DOTS, len(rows)), replace=False))
        plot.dots(days[chosen].tolist(), values[chosen].tolist(), look)
        beyond = (values[rows] < edges[index, 0]) | (values[rows] > edges[index, 1])
        shares.append(float(beyond.mean()) if len(rows) else 0.0)
    caption = (
        f"<b>{sensor.column}.</b> {percent(shares[0])} of the readings while a fault is under way lie outside the"
        f" healthy band, {percent(shares[1])} of the others."
    )
    return figure(plot.svg(), caption, (("healthy", "healthy"), ("faulty", "a fault is under way")))
