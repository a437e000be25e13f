"""Figures with intervals, as text."""

import numpy as np

from training.forecast.figures import Figure


def cell(found: Figure) -> str:
    """For a table: the value, its interval below."""
    return f"{value(found)}<small>{sure(found)}</small>"


def share(found: Figure) -> str:
    """In percent."""
    return "-" if np.isnan(found.value) else f"{found.value:.1%}"


def value(found: Figure, digits: int = 3) -> str:
    """The value alone."""
    return "-" if np.isnan(found.value) else f"{found.value:.{digits}f}"


def sure(found: Figure, digits: int = 3) -> str:
    """The 95 % interval; nothing where there is none."""
    return "" if np.isnan(found.low) else f"{found.low:.{digits}f} to {found.high:.{digits}f}"
