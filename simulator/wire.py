"""Simulated readings as they go over the wire."""

from fanwatch.messages.timestamps import format_ms
from simulator.machines import Readings
from simulator.modes import device_id
from simulator.outbox import Entry


def entry(fan: int, timestamp_ms: int, row: list[float]) -> Entry:
    """The reading of fan number `fan`, from 0 on."""
    device = device_id(fan + 1)
    rotation, temperature, vibration, sound = row
    payload = (
        f'{{"deviceID": "{device}", "timeStamp": "{format_ms(timestamp_ms)}", "rotation": {rotation}, '
        f'"temperature": {temperature}, "vibration": {vibration}, "sound": {sound}}}'
    )
    return Entry(device, timestamp_ms, payload.encode())


def entries(fans: list[int], times_ms: list[int], readings: Readings) -> list[Entry]:
    """Those of fans that are not silent."""
    columns = (fans, times_ms, readings.values.tolist(), readings.present.tolist())
    return [entry(fan, time, row) for fan, time, row, present in zip(*columns, strict=True) if present]
