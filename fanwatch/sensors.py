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
    usual: tuple[float, float]
    """What a healthy machine shows, in `unit`: for examples and for what is simulated. Models learn their own."""
    worse: Literal["up", "down", "both"] = "up"
    """Where wear takes it."""
    limits: tuple[float, float] | None = None
    """Lowest and highest value of a sensor that works, both in `unit`; None: any."""
    still: float | None = None
    """A machine stands still while each sensor with this shows less."""

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
        raise FanwatchError(
            f"{file} does not declare a kind of machine: {error}. Its comments say what it may hold."
        ) from error
    for name, times in Counter(sensor.name for sensor in kind.sensors).items():
        if times > 1:
            raise FanwatchError(f"{file} names the sensor {name} {times} times: give each a name of its own.")
    for sensor in kind.sensors:
        for what, span in (("usual", sensor.usual), ("limits", sensor.limits)):
            if span is not None and not span[0] < span[1]:
                raise FanwatchError(
                    f"{file}: {sensor.name} has the {what} {span[0]:g} and {span[1]:g}: the lower one comes first."
                )
        if sensor.name in ("time", "fault", "faulty", "unusable"):
            raise FanwatchError(
                f"{file}: {sensor.name} is no name for a sensor, for readings use it otherwise."
            )
    return kind


def _declared() -> Kind:
    try:
        return read(resources.files("machines") / _FILE)
    except FanwatchError as error:
        # Whatever imports this cannot go on; it ends with the sentence alone.
        raise SystemExit(f"fanwatch: {error}") from error


KIND: Final = _declared()
SENSORS: Final = KIND.sensors
FEATURES: Final = tuple(sensor.name for sensor in SENSORS)
"""Names on the wire, in the order in which models take them."""
COUNTED: Final = FEATURES[0]
"""The field by which readings are counted: each has it."""
Values = tuple[float, ...]
"""One reading's values, in the order of FEATURES and in the sensors' units."""
ROW: Final[Any] = tuple[(float,) * len(FEATURES)]  # type: ignore[misc]
"""The type of such values for decoders: so many numbers, and no more."""
FALLING: Final = [index for index, sensor in enumerate(SENSORS) if sensor.worse != "up"]
"""Of the sensors, by number, those that wear may take down as well."""
BY_NAME: Final = {sensor.name: sensor for sensor in SENSORS}
COLUMNS: Final = ("DeviceID", "Time", *(sensor.column for sensor in SENSORS))
"""Of a file of readings; a history to train on has `Faulty` as well."""
EXAMPLE: Final = ",".join(f'"{sensor.name}":{sum(sensor.usual) / 2:g}' for sensor in SENSORS)
"""The values of a reading in JSON, for examples."""
