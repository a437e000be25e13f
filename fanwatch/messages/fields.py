"""What a reading's fields are called on the wire, besides its sensors, whose names the kind of machine declares."""

from typing import Final

DEVICE: Final = "deviceID"
"""The machine's name."""
TIME: Final = "timeStamp"
"""When it was measured."""
