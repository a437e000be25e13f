"""`make run DEMO=fan-03:bearing`: a state directory of its own, made anew each time, for its past is played in.

What is stored already would be newer than the days of the demonstration, and those would tell nothing then.
"""

import shutil
from collections.abc import Mapping

from fanwatch.errors import SettingsError
from fanwatch.settings import LocalSettings, load
from local.layout import Layout, of
from local.lock import holder

_FOLDER = "demo"


def prepare(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the demonstration's state directory, emptied; as it is where DEMO asks for none."""
    if not environment.get("DEMO"):
        return environment
    local = load(LocalSettings, environment)
    if local.no_store or local.no_fleet:
        raise SettingsError("DEMO needs the simulated fans, and InfluxDB, out of which forecasts are made.")
    place = of(local)
    if place.state.name == _FOLDER:
        return environment
    place = _below(place)
    if holder(place) is None:
        shutil.rmtree(place.state, ignore_errors=True)
    return {**environment, "FANWATCH_STATE_DIR": str(place.state)}


def running(place: Layout) -> Layout:
    """Where the runtime of this state directory keeps its files: below it while a demonstration runs."""
    below = _below(place)
    return below if holder(place) is None and holder(below) is not None else place


def _below(place: Layout) -> Layout:
    return Layout(state=place.state / _FOLDER, root=place.root, stack=place.stack)
