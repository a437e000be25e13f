"""The page's live fleet without a browser: made of healthy fans, and fed as by the broker."""

import re

from console.live.fleet import Fleet
from console.live.intake import Intake
from console.words import MARK
from fanwatch.logs import Log
from fanwatch.messages.timestamps import at_minute
from fanwatch.settings import BrokerSettings, ReadingSettings

NOW = 1_800_000_000_000
VALUES = (592.0, 41.2, 160.4, 47.9)


def as_read(sentence: str) -> str:
    """A sentence of the page as a viewer in UTC reads it, with the whole date."""
    return re.sub(f"{MARK}(-?[0-9]+){MARK}", lambda found: at_minute(int(found[1])), sentence)


def judging(fleet: Fleet) -> Fleet:
    """The same, with a forecast-fan that has just judged it."""
    fleet.forecast.judged_ms, fleet.forecast.asked = NOW, True
    return fleet


def fleet_of(*names: str, most: int = 100) -> Fleet:
    """Healthy ones that were heard a second ago."""
    made = judging(Fleet(most, silent_s=60))
    for name in names:
        made.reading(name, NOW - 1000, VALUES)
        made.score(name, NOW - 1000, 0, 0.02, None)
    return made


def intake_of(fleet: Fleet) -> Intake:
    """Takes messages as the broker's thread does, connected to nothing."""
    return Intake(fleet, BrokerSettings(), ReadingSettings(), Log("test"), client_id="test")
