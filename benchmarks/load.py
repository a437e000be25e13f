"""Readings to publish: written to a file beforehand, so that making them costs nothing while something is measured."""

import random
from pathlib import Path

from fanwatch.messages.timestamps import format_ms

STEP_MS = 1
"""Between two readings of one fan; readings are told apart by (deviceID, time in ms)."""
_VARIANTS = 9973
_FAULTY = 0.02
_SEED = 7


class Readings:
    """`count` readings of `devices` fans in turn; each line of the file has the same length."""

    def __init__(self, path: Path, *, devices: int, count: int, start_ms: int) -> None:
        self.path = path
        self.count = count
        self._devices = devices
        self._start_ms = start_ms
        self.line_bytes = _write(path, devices, count, start_ms)

    def keys(self, first: int, last: int) -> set[str]:
        """`deviceID time` of the readings from number `first` to before `last`, the time as results write it."""
        found: set[str] = set()
        row, place = divmod(first, self._devices)
        number = first
        while number < last:
            time = format_ms(self._start_ms + row * STEP_MS)
            until = min(self._devices, place + last - number)
            found.update(f"{name(device)} {time}" for device in range(place, until))
            number += until - place
            row, place = row + 1, 0
        return found

    @property
    def end_ms(self) -> int:
        """A time later than any of these."""
        return self._start_ms + (self.count // self._devices + 1) * STEP_MS


def name(device: int) -> str:
    """The deviceID of a fan."""
    return f"fan-{device:05d}"


def _write(path: Path, devices: int, count: int, start_ms: int) -> int:
    values = _values()
    lengths: set[int] = set()
    left, number, row = count, 0, 0
    with path.open("wb") as file:
        while left > 0:
            time = format_ms(start_ms + row * STEP_MS)
            lines = [
                f'{{"deviceID":"{name(device)}","timeStamp":"{time}",{values[(number + device) % _VARIANTS]}}}\n'
                for device in range(min(devices, left))
            ]
            lengths.update(map(len, lines))
            file.write("".join(lines).encode())
            left, number, row = left - len(lines), number + len(lines), row + 1
    if len(lengths) != 1:
        raise ValueError(f"Lines of {sorted(lengths)} bytes; each has to have the same length.")
    return lengths.pop()


def _values() -> list[str]:
    """Sensor values as JSON, of the same length each: healthy ones, and some of a fan that fails."""
    dice = random.Random(_SEED)
    found = []
    for _ in range(_VARIANTS):
        bad = dice.random() < _FAULTY
        rotation = dice.uniform(410, 480) if bad else dice.uniform(505, 695)
        temperature = dice.uniform(45, 54) if bad else dice.uniform(35.5, 44.5)
        vibration = dice.uniform(205, 245) if bad else dice.uniform(105, 195)
        sound = dice.uniform(52, 59) if bad else dice.uniform(45.5, 51.5)
        found.append(
            f'"rotation":{rotation:.2f},"temperature":{temperature:.2f},'
            f'"vibration":{vibration:.2f},"sound":{sound:.2f}'
        )
    return found
