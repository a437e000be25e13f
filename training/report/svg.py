"""Pictures as inline SVG: they take the page's colours, light or dark, and stay sharp in print."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

Ticks = list[tuple[float, str]]

_TOP: Final = 10
_RIGHT: Final = 14
_BOTTOM: Final = 38
_LEFT: Final = 58


class Axis(NamedTuple):
    """One direction of a plot."""

    low: float
    high: float
    label: str
    ticks: Ticks
    log: bool = False

    def at(self, value: float) -> float:
        """0 at the low end, 1 at the high one; values beyond lie at the ends."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-12))
        return min(1.0, max(0.0, (value - low) / (high - low)))


def axis(low: float, high: float, label: str, *, percent: bool = False) -> Axis:
    """An axis with round ticks. A span of nothing is widened."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    step = _round_step((high - low) / 4)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    scaled = step * (100 if percent else 1)
    decimals = next(
        places for places in range(7) if places == 6 or abs(scaled - round(scaled, places)) < scaled * 1e-6
    )
    shown = [f"{value * 100:.{decimals}f} %" if percent else f"{value:,.{decimals}f}" for value in values]
    return Axis(low, high, label, list(zip(values, shown, strict=True)))


def log_axis(low: float, high: float, label: str, ticks: Ticks) -> Axis:
    """A logarithmic axis."""
    return Axis(low, high, label, ticks, log=True)


class Plot:
    """A picture with axes. Marks are drawn in the order in which they are added."""

    def __init__(self, said: str, x: Axis, y: Axis, *, width: int = 360, height: int = 250) -> None:
        """`said` is what it shows, for those who do not see it."""
        self._said = said
        self._x, self._y = x, y
        self._width, self._height = width, height
        self._inner = width - _LEFT - _RIGHT
        self._tall = height - _TOP - _BOTTOM
        self._marks: list[str] = []

    def line(self, xs: Sequence[float], ys: Sequence[float], look: str) -> "Plot":
        """A line through points; `look` is a CSS class."""
        points = [(self._left(x), self._top(y)) for x, y in zip(xs, ys, strict=True)]
        # Points that would not move the line by a twentieth of a pixel are left out.
        kept = [points[0]] if points else []
        for before, point, after in zip(points, points[1:], points[2:], strict=False):
            if max(abs(point[0] - kept[-1][0]), abs(point[1] - kept[-1][1])) >= 0.4 or _turns(
                before, point, after
            ):
                kept.append(point)
        kept += points[-1:]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in kept)
        self._marks.append(f'<path class="line {look}" d="M{path}"/>')
        return self

    def dots(self, xs: Sequence[float], ys: Sequence[float], look: str) -> "Plot":
        """Many small dots in one path."""
        path = "".join(f"M{self._left(x):.1f} {self._top(y):.1f}h0" for x, y in zip(xs, ys, strict=True))
        self._marks.append(f'<path class="dots {look}" d="{path}"/>')
        return self

    def point(self, x: float, y: float, look: str, radius: float = 4) -> "Plot":
        """One large dot."""
        self._marks.append(
            f'<circle class="point {look}" cx="{self._left(x):.1f}" cy="{self._top(y):.1f}" r="{radius:g}"/>'
        )
        return self

    def band(self, low: float, high: float, look: str) -> "Plot":
        """A horizontal band between two values."""
        top, bottom = self._top(high), self._top(low)
        self._marks.append(
            f'<rect class="band {look}" x="{_LEFT}" y="{top:.1f}" width="{self._inner}" height="{bottom - top:.1f}"/>'
        )
        return self

    def bar(self, x: float, width: float, value: float, look: str) -> "Plot":
        """A bar from the axis up; x and width in data coordinates."""
        left, right, top = self._left(x), self._left(x + width), self._top(value)
        self._marks.append(
            f'<rect class="bar {look}" x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 0.5):.1f}"'
            f' height="{_TOP + self._tall - top:.1f}"/>'
        )
        return self

    def rule(self, x: float, text: str, look: str = "chosen") -> "Plot":
        """A vertical line with words at its top."""
        left = self._left(x)
        near_end = left > _LEFT + self._inner * 0.6
        anchor, shift = ("end", -5) if near_end else ("start", 5)
        self._marks.append(
            f'<path class="line {look}" d="M{left:.1f} {_TOP}V{_TOP + self._tall}"/>'
            f'<text class="said" x="{left + shift:.1f}" y="{_TOP + 11}" text-anchor="{anchor}">{escape(text)}</text>'
        )
        return self

    def whisker(self, x: float, low: float, high: float, look: str) -> "Plot":
        """A vertical stroke from low to high."""
        left = self._left(x)
        self._marks.append(
            f'<path class="line {look}" d="M{left:.1f} {self._top(low):.1f}V{self._top(high):.1f}"/>'
        )
        return self

    def text(self, x: float, y: float, text: str) -> "Plot":
        """Words from a place on."""
        place = f'x="{self._left(x):.1f}" y="{self._top(y):.1f}"'
        self._marks.append(f'<text class="said" {place}>{escape(text)}</text>')
        return self

    def svg(self) -> str:
        """The picture."""
        return (
            f'<svg viewBox="0 0 {self._width} {self._height}" role="img" aria-label="{escape(self._said)}">'
            f"{self._grid()}{''.join(self._marks)}</svg>"
        )

    def _left(self, x: float) -> float:
        return _LEFT + self._x.at(x) * self._inner

    def _top(self, y: float) -> float:
        return _TOP + (1 - self._y.at(y)) * self._tall

    def _grid(self) -> str:
        bottom = _TOP + self._tall
        parts = []
        for value, shown in self._y.ticks:
            top = self._top(value)
            parts.append(f'<path class="grid" d="M{_LEFT} {top:.1f}h{self._inner}"/>')
            parts.append(
                f'<text x="{_LEFT - 6}" y="{top + 3.5:.1f}" text-anchor="end">{escape(shown)}</text>'
            )
        for number, (value, shown) in enumerate(self._x.ticks):
            anchor = "start" if number == 0 and self._left(value) < _LEFT + 20 else "middle"
            if number == len(self._x.ticks) - 1 and self._left(value) > self._width - _RIGHT - 20:
                anchor = "end"
            parts.append(
                f'<text x="{self._left(value):.1f}" y="{bottom + 15}" text-anchor="{anchor}">{escape(shown)}</text>'
            )
        parts.append(f'<path class="axis" d="M{_LEFT} {bottom}h{self._inner}"/>')
        parts.append(
            f'<text class="label" x="{_LEFT + self._inner / 2:.0f}" y="{self._height - 5}" text-anchor="middle">'
            f"{escape(self._x.label)}</text>"
        )
        middle = _TOP + self._tall / 2
        parts.append(
            f'<text class="label" transform="translate(11 {middle:.0f}) rotate(-90)" text-anchor="middle">'
            f"{escape(self._y.label)}</text>"
        )
        return "".join(parts)


def _turns(before: tuple[float, float], point: tuple[float, float], after: tuple[float, float]) -> bool:
    (x0, y0), (x1, y1), (x2, y2) = before, point, after
    return abs((x1 - x0) * (y2 - y1) - (x2 - x1) * (y1 - y0)) > 0.5


def _round_step(wanted: float) -> float:
    size: float = 10.0 ** math.floor(math.log10(wanted))
    return next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= wanted * 0.999)
