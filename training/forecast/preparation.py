"""Readings before they are learned from: which are repeats, what is put right, and whether memory holds them."""

import contextlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import PLAUSIBLE
from fanwatch.forecast.bins import Ints

_BYTES_A_ROW: Final = 600
"""What a training holds of a reading at its height, measured."""
_UNKNOWN_BYTES: Final = 4 << 30
_MEMORY: Final = Path("/proc/meminfo")
_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_USED: Final = Path("/sys/fs/cgroup/memory.stat")


def fitting_rows() -> int:
    """How many readings the memory that is free holds in a training."""
    return _free_bytes() // _BYTES_A_ROW


def _free_bytes() -> int:
    """Of the machine, or of the container where that has a limit; 4 GB where the system does not say."""
    free = _UNKNOWN_BYTES
    with contextlib.suppress(OSError, ValueError, KeyError):
        free = int(_lines(_MEMORY)["MemAvailable:"]) << 10
    # No container, or one without a limit ("max"); what its files take up in caches is given back when it is needed.
    with contextlib.suppress(OSError, ValueError, KeyError):
        free = min(free, int(_LIMIT.read_text(encoding="ascii")) - int(_lines(_USED)["anon"]))
    return max(0, free)


def _lines(path: Path) -> dict[str, str]:
    """Name → number, of a file of the kernel's."""
    parted = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {words[0]: words[1] for words in parted if len(words) > 1}


def notes_on(
    name: str,
    forms: dict[str, tuple[str, int]],
    blank: int,
    time_ms: Ints,
    fan: Ints,
    values: NDArray[np.float64],
) -> list[str]:
    """What a person should know of readings in the file's order, a sentence each."""
    notes = []
    if len(forms) > 1:
        said = "; ".join(f"{form} (line {line}: {text})" for form, (text, line) in forms.items())
        notes.append(
            f"{name}: times come in {len(forms)} forms, and those without a zone were read as UTC: {said}."
        )
    of_fans = np.argsort(fan, kind="stable")
    backwards = int(((np.diff(time_ms[of_fans]) < 0) & (np.diff(fan[of_fans]) == 0)).sum())
    if backwards:
        notes.append(
            f"{name}: rows that are older than the one above them of the same fan, put in order: {backwards:,}."
        )
    if blank:
        notes.append(f"{name}: empty lines, passed over: {blank:,}.")
    low, high = np.array(PLAUSIBLE).T
    strange = int((((values < low) | (values > high)) & (values != 0)).sum())
    if strange:
        notes.append(
            f"{name}: values that no working sensor gives count as missing, as zeros do: {strange:,}."
        )
    return notes
