"""The kind of machine: what its file may hold, what is refused by a sentence, and who follows it."""

import re
from pathlib import Path

import pytest

from fanwatch.errors import FanwatchError
from fanwatch.sensors import FEATURES, KIND, SENSORS, read

ROOT = Path(__file__).parents[2]
GOOD = """
name = "pump"
[[sensors]]
name = "current"
label = "Current"
unit = "A"
usual = [4, 6]
"""


def kind(directory: Path, text: str) -> Path:
    (file := directory / "pump.toml").write_text(text, encoding="utf-8")
    return file


def test_a_kind_is_read_and_its_limits_may_be_left_out(tmp_path: Path) -> None:
    found = read(kind(tmp_path, GOOD))
    [current] = found.sensors
    assert (found.name, current.name, current.column, current.unit) == ("pump", "current", "Current", "A")
    assert current.plausible == (-float("inf"), float("inf"))
    assert current.text(4.26) == "4.3 A"
    assert read(ROOT / "machines/fan.toml") == KIND


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[[sensors]]", "[[sensors"), r"is no TOML: .*line 3"),
        (("unit =", "units ="), "unknown field `units`"),
        (("usual = [4, 6]", ""), "missing required field `usual`"),
        (("usual = [4, 6]", "usual = [6, 4]"), "current has the usual 6 and 4: the lower one comes first"),
        (
            ("usual = [4, 6]", "usual = [4, 6]\nlimits = [9, 0]"),
            "current has the limits 9 and 0: the lower one comes",
        ),
        (("usual = [4, 6]", "usual = [4, 6]\nlimits = [nan, 9]"), "current has the limits nan and 9"),
        (('"current"', '"Current Phase 1"'), "does not declare a kind of machine: .*matching regex"),
        (('"current"', '"time"'), "time is no name for a sensor"),
        (('"current"', '"unusable"'), "unusable is no name for a sensor"),
        ((GOOD, 'name = "pump"'), "missing required field `sensors`"),
        ((GOOD, 'name = "pump"\nsensors = []'), "does not declare a kind of machine: .*length >= 1"),
        ((GOOD, GOOD + GOOD.replace('name = "pump"', "")), "names the sensor current 2 times"),
        (
            (
                GOOD,
                GOOD
                + "".join(GOOD.replace('name = "pump"', "").replace("current", f"c{n}") for n in range(300)),
            ),
            "does not declare a kind of machine: .*length <= 64",
        ),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused_by_one_sentence(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    file = kind(tmp_path, GOOD.replace(*change))
    with pytest.raises(FanwatchError, match=said) as error:
        read(file)
    assert str(error.value).startswith(str(file))
    assert str(error.value).count("\n") == 0
    with pytest.raises(FanwatchError, match="cannot be read: No such file"):
        read(tmp_path / "nothing.toml")


def test_telegraf_stores_the_sensors_of_the_kind() -> None:
    """It reads no TOML: `python -m dashboards` writes this line."""
    text = (ROOT / "infra/telegraf/telegraf.conf").read_text(encoding="utf-8")
    assert re.findall(r"FANWATCH_SENSORS:-([^}]*)", text) == [",".join(FEATURES)]


def test_each_sensor_has_a_name_a_column_and_a_label_of_its_own() -> None:
    for what in ("name", "column", "label"):
        assert len({getattr(sensor, what) for sensor in SENSORS}) == len(SENSORS)
