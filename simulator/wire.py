"""Simulated readings as they go over the wire."""

from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.messages.timestamps import format_ms
from fanwatch.sensors import FEATURES
from simulator.failure_modes import device_id
from simulator.machines import Readings
from simulator.outbox import Entry


def entry(fan: int, timestamp_ms: int, row: list[float]) -> Entry:
    """The reading of fan number `fan`, from 0 on."""
    device = device_id(fan + 1)
    values = "".join(f', "{name}": {value}' for name, value in zip(FEATURES, row, strict=True))
    payload = f'{{"{DEVICE}": "{device}", "{TIME}": "{format_ms(timestamp_ms)}"{values}}}'
    return Entry(device, timestamp_ms, payload.encode())


def entries(fans: list[int], times_ms: list[int], readings: Readings) -> list[Entry]:
    """Those of fans that are not silent."""
    columns = (fans, times_ms, readings.values.tolist(), readings.present.tolist())
    return [entry(fan, time, row) for fan, time, row, present in zip(*columns, strict=True) if present]
