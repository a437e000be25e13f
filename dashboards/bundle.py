"""What the dashboards know of the model: the newest bundle's healthy ranges and threshold."""

import json
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]


class Sensor(NamedTuple):
    """A signal as the model has learned it."""

    name: str
    unit: str
    low: float
    high: float


class Bundle(NamedTuple):
    """The newest model, `name@version`."""

    model: str
    threshold: float
    sensors: dict[str, Sensor]


def newest(models: Path = ROOT / "models/fan-anomaly") -> Bundle:
    """The bundle of the highest version."""
    path = max(models.glob("*/model.json"), key=lambda found: int(found.parent.name))
    content = json.loads(path.read_text(encoding="utf-8"))
    sensors = {
        feature["name"]: Sensor(
            feature["name"], feature["unit"], feature["healthy"]["low"], feature["healthy"]["high"]
        )
        for feature in content["features"]
    }
    return Bundle(f"{content['name']}@{content['version']}", content["threshold"]["value"], sensors)
