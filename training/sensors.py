"""What is known of the sensors before any data is seen."""

from typing import Final, NamedTuple

from fanwatch.bundles.anomaly import Range
from fanwatch.messages.reading import FEATURES


class Sensor(NamedTuple):
    """One sensor: its column in a history file, its unit, and what it can give while it works."""

    name: str
    column: str
    unit: str
    plausible: Range


SENSORS: Final = (
    # A standing fan and a sensor that dropped out both read 0 rpm: neither is a running fan to be judged. No
    # turbine fan of this class turns at more than 3,000 rpm (a two-pole motor at 50 Hz).
    Sensor(FEATURES[0], "Rotation", "rpm", (1.0, 3000.0)),
    # The span of an industrial Pt100 probe's usual transmitter.
    Sensor(FEATURES[1], "Temperature", "°C", (-40.0, 150.0)),
    # The history's own unit, which names none. A running fan always shakes; ten times a healthy fan's median
    # would have torn the sensor off.
    Sensor(FEATURES[2], "Vibration", "as in the history file", (1.0, 1500.0)),
    # From the quietest room to the threshold of pain, which microphones of this kind clip at.
    Sensor(FEATURES[3], "Sound", "dB", (10.0, 140.0)),
)
