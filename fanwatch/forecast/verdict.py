"""What the forecast says of one fan at one moment."""

from typing import Final

import msgspec

from fanwatch import text
from fanwatch.messages.alarm import INSTRUMENT_CAUSES, State, episode_name
from fanwatch.messages.reasons import Reasons

ORDER: Final[tuple[State, ...]] = ("unknown", "ok", "warning", "alarm", "stopped", "instrument")
"""Names of the numbers that a fleet keeps as a fan's state."""
UNKNOWN, OK, WARNING, ALARM, STOPPED, INSTRUMENT = range(6)
STUCK, ZERO, DRIFT, SPIKES, SILENT = range(len(INSTRUMENT_CAUSES))
"""The numbers that a fleet keeps as an instrument's fault; -1 is none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One fan's state after its newest bin. All times in ms since the epoch."""

    device: str
    at_ms: int
    """End of the newest bin that the verdict knows of."""
    state: State
    since_ms: int
    """When the episode began, which goes on from warning through alarm to stopped, or since when it is ok, unknown."""
    risk: float | None
    """Probability, 4 decimals, that a fault is under way; None where there is too little to tell."""
    cause: str | None
    """warning, alarm, stopped: the sensor that speaks for it most; instrument: one of INSTRUMENT_CAUSES, or
    `resumed` where a fan that was silent sends again."""
    sensor: str | None
    """instrument: which sensor; None for `silent`."""
    expected_ms: tuple[int, int] | None
    """Earliest and latest failure with 80 % confidence, for warning and alarm; None where `reasons` say why not."""
    reasons: Reasons
    """Why the state is what it is, with the numbers behind it."""
    stopped_ms: int | None = None
    """stopped: since when the fan stands still, which is a little before it was called so."""
    silent_ms: int | None = None
    """Since when no reading of it is known, where that is called silence; `reasons` say so. None where
    something comes of it."""
    turns: bool = True
    """Whether it turns, and has for as long as it takes to end a stop. False also where nothing comes of it."""

    @property
    def why(self) -> str:
        """The reasons as one plain sentence."""
        return text.why(self.reasons)

    @property
    def episode(self) -> str:
        """The episode's name: the fan and the time at which it began."""
        return episode_name(self.device, self.since_ms)
