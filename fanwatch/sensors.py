"""The kind of machine that is watched, and its sensors, as machines/fan.toml declares them.

This is the one place from which names, labels, units, digits and limits of sensors come.
"""

import tomllib
from collections import Counter
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, Literal

import msgspec

from fanwatch.errors import FanwatchError

_FILE: Final = "fan.toml"
_UNIT_OF_THE_DATA: Final = "as in the history file"


class Sensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sensor of a kind of machine."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    """On the wire and in the store."""
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    unit: Annotated[str, msgspec.Meta(max_length=12)] = ""
    """As people write it; empty where the data do not name one."""
    digits: Annotated[int, msgspec.Meta(ge=0, le=6)] = 1
    """So many after the point mean something."""
    worse: Literal["up", "down", "both"] = "up"
    """Where wear takes it."""
    limits: tuple[float, float] | None = None
    """Lowest and highest value of a sensor that works, both in `unit`; None: any."""

    @property
    def column(self) -> str:
        """Its column in CSV files."""
        return self.name.capitalize()

    @property
    def plausible(self) -> tuple[float, float]:
        """`limits`, or all numbers."""
        return self.limits or (-float("inf"), float("inf"))

    @property
    def described_unit(self) -> str:
        """The unit, or in words that the data have one of their own."""
        return self.unit or _UNIT_OF_THE_DATA

    @property
    def axis(self) -> str:
        """What stands at an axis: the column, and the unit where there is one."""
        return f"{self.column}, {self.unit}" if self.unit else self.column

    @property
    def suffix(self) -> str:
        """What follows a value: a blank and the unit, or nothing."""
        return f" {self.unit}" if self.unit else ""

    def text(self, value: float) -> str:
        """The value as people read it: in as many digits as mean something, with its unit."""
        return f"{value:.{self.digits}f}{self.suffix}"


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of machine: its sensors, in the order in which models take them."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    sensors: Annotated[tuple[Sensor, ...], msgspec.Meta(min_length=1, max_length=64)]


def read(file: Traversable) -> Kind:
    """The kind that a TOML file declares; FanwatchError says in one sentence what is wrong with it."""
    try:
        kind = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Kind)
    except OSError as error:
        raise FanwatchError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FanwatchError(f"{file} is no TOML: {error}. Mend that line.") from error
    except msgspec.ValidationError as error:
        raise FanwatchError(f"{file} does not declare a kind of machine: {error}.") from error
    for name, times in Counter(sensor.name for sensor in kind.sensors).items():
        if times > 1:
            raise FanwatchError(f"{file} names the sensor {name} {times} times: give each a name of its own.")
    for sensor in kind.sensors:
        if sensor.name in ("deviceID", "timeStamp", "fault", "time"):
            raise FanwatchError(
                f"{file}: {sensor.name} is no name for a sensor, for readings use it otherwise."
            )
        if sensor.limits is not None and not sensor.limits[0] < sensor.limits[1]:
            low, high = sensor.limits
            raise FanwatchError(
                f"{file}: {sensor.name} has the limits {low:g} and {high:g}: the lower one comes first."
            )
    return kind


KIND: Final = read(resources.files("machines") / _FILE)
SENSORS: Final = KIND.sensors
FEATURES: Final = tuple(sensor.name for sensor in SENSORS)
"""Names on the wire, in the order in which models take them."""
COUNTED: Final = FEATURES[0]
"""The field by which readings are counted: each has it."""
Values = tuple[float, ...]
"""One reading's values, in the order of FEATURES and in the sensors' units."""
ROW: Final[Any] = tuple[(float,) * len(FEATURES)]  # type: ignore[misc]
"""The type of such values for decoders: so many numbers, and no more."""
BY_NAME: Final = {sensor.name: sensor for sensor in SENSORS}
