"""From risk to episodes: one for each trouble, however often the risk crosses a line meanwhile."""

from typing import Final

import numpy as np

from fanwatch.forecast.bins import Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.model import Machine, Scores
from fanwatch.forecast.verdict import ALARM, INSTRUMENT, OK, SILENT, STOPPED, UNKNOWN, WARNING
from fanwatch.forecast.windows import worse

MERGE_BINS: Final = 36
"""The same sensor's same fault belongs to the episode before if that has ended less than 6 h ago."""
STILL_BINS: Final = 2
RUNNING_BINS: Final = 3
"""So long a fan runs again before its stop has ended."""
SOUND_BINS: Final = 3
"""So long all sensors work again before an instrument's episode has ended."""
_SMOOTHING_BINS: Final = 6.0
_BLAME_BINS: Final = 36
_UNTIL_QUIET, _UNTIL_SOUND = 1, 2
"""Why a fan whose episode was closed by hand is muted."""
_VISIBLE: Final = np.float32(0.002)


def smooth(
    memory: Memory, scores: Scores, borne: Floats, cleaned: Cleaned, machine: Machine, number: int
) -> None:
    """The risks of the last hour, exponentially weighted; nothing changes while a fan stands or is silent."""
    ready = cleaned.running & (memory.weight.max(axis=1) >= machine.restart_bins)
    dt = np.maximum(number - memory.scored, 1)
    step = np.where(memory.scored == 0, 1, 1 - np.exp(-dt / _SMOOTHING_BINS))
    for smoothed, newest in ((memory.risk, scores.risk), (memory.borne, borne)):
        smoothed[:] = np.where(ready, smoothed + step * (newest - smoothed), smoothed)
        smoothed[cleaned.restarted] = 0
    memory.scored[:] = np.where(ready, number, np.where(cleaned.restarted, 0, memory.scored))
    memory.hours[:] = np.where(ready[:, None], scores.hours, memory.hours)


def step(memory: Memory, cleaned: Cleaned, machine: Machine, number: int) -> None:
    """Move every fan's state on by one bin."""
    _count(memory, machine, cleaned)
    open_ = (memory.state == WARNING) | (memory.state == ALARM)
    known = (memory.first > 0) & (number - memory.first >= machine.warmup_bins)
    stopped, was_stopped = memory.still >= STILL_BINS, memory.state == STOPPED
    begins = known & ~open_ & ~was_stopped & ~stopped & (memory.muted != _UNTIL_QUIET)
    begins &= memory.above >= machine.warning_bins
    _enter(memory, begins, WARNING, number - memory.above + 1)
    lasted = open_ & (number - memory.since >= machine.alarm_bins)
    memory.state[lasted & (memory.urgent >= machine.warning_bins)] = ALARM
    _enter(memory, stopped & ~open_ & ~was_stopped, STOPPED, number - memory.still + 1)
    memory.state[stopped] = STOPPED
    over = open_ & ~stopped & (memory.quiet >= machine.quiet_bins)
    over |= was_stopped & cleaned.running & (number - memory.restarted >= RUNNING_BINS)
    _leave(memory, over, number)
    _mistaken(memory, machine)
    _instrument(memory, known, number)
    unknown = memory.state == UNKNOWN
    settled = unknown & known
    memory.state[settled] = OK
    memory.since[settled] = number
    # Since it was first heard of; where it never was, since it is waited for.
    memory.since[:] = np.where(unknown & ~known & (memory.first > 0), memory.first, memory.since)
    memory.since[unknown & (memory.since == 0)] = number


def blame(memory: Memory, cause: Floats, troubled: Flags) -> None:
    """Name the sensor in which the trouble shows most, over the last hours of the episode; `cause` as in `Scores`."""
    step = np.where(troubled, np.float32(1 / _BLAME_BINS), 0)[:, None]
    memory.blame += np.where(np.any(memory.blame, axis=1, keepdims=True), step, troubled[:, None]) * (
        cause - memory.blame
    )
    # A sensor that shows no wear at all is not to blame, whatever the network makes of it.
    shown = worse(memory)
    blamed = np.where(shown >= np.minimum(_VISIBLE, shown.max(axis=1))[:, None], memory.blame, -1)
    memory.cause[:] = np.where(troubled, blamed.argmax(axis=1) + 1, memory.cause)


def close(memory: Memory, number: int) -> None:
    """End the episodes. They do not begin anew before the risk has once been low, or the fan has restarted; those of
    instruments not before the sensor was sound."""
    instrument = memory.state == INSTRUMENT
    _leave(memory, np.isin(memory.state, (WARNING, ALARM, STOPPED, INSTRUMENT)), number)
    memory.ended_cause[:] = 0
    memory.muted[:] = np.where(instrument, _UNTIL_SOUND, _UNTIL_QUIET)


def _count(memory: Memory, machine: Machine, cleaned: Cleaned) -> None:
    for counter, holds in (
        (memory.above, memory.risk >= machine.warning),
        (memory.urgent, (memory.risk >= machine.warning) & (memory.borne >= machine.alarm)),
        (memory.quiet, memory.risk < machine.exit),
    ):
        counter[:] = np.where(holds, counter + cleaned.heard, 0)
    # Not with its stop: its risk is as high as it was then, and what was closed would begin anew.
    over = (memory.quiet >= machine.warning_bins) | cleaned.restarted
    memory.muted[(memory.muted == _UNTIL_QUIET) & over] = 0
    memory.muted[(memory.muted == _UNTIL_SOUND) & (memory.fault.max(axis=1) <= 0)] = 0


def _enter(memory: Memory, which: Flags, state: int, since: Floats | int) -> None:
    memory.since[:] = np.where(which, since, memory.since)
    memory.state[which] = state
    memory.cause[which] = 0
    memory.sensor[which] = 0
    memory.blame[which] = 0
    memory.mistaken[which] = 0


def _leave(memory: Memory, which: Flags, number: int) -> None:
    memory.ended[which] = number
    memory.ended_since[which] = memory.since[which]
    memory.ended_cause[which] = memory.cause[which] * 8 + memory.sensor[which]
    memory.state[which] = OK
    memory.since[which] = number
    memory.cause[which] = 0
    memory.sensor[which] = 0


def _mistaken(memory: Memory, machine: Machine) -> None:
    """A warning that turns out a drifting sensor's, nothing being left without it, goes on as an instrument's."""
    turned = (memory.state == WARNING) | (memory.state == ALARM)
    turned &= (memory.drifts.max(axis=1) > 0) & (memory.risk < machine.exit)
    memory.state[turned] = INSTRUMENT
    memory.mistaken[turned] = 1


def _instrument(memory: Memory, known: Flags, number: int) -> None:
    """Faults of sensors, where the fan itself has no episode: the worst of its sensors is told."""
    fault = memory.fault
    broken = fault.max(axis=1) > 0
    is_instrument = memory.state == INSTRUMENT
    free = is_instrument | (memory.state == OK) | (memory.state == UNKNOWN)
    sensor = fault.argmax(axis=1)
    rows = np.arange(len(fault))
    cause = fault[rows, sensor]
    enters = free & broken & ~is_instrument & (known | (cause == SILENT + 1)) & (memory.muted != _UNTIL_SOUND)
    again = enters & (memory.ended > 0) & (number - memory.ended < MERGE_BINS)
    again &= memory.ended_cause == cause * 8 + sensor + 1
    _enter(memory, enters, INSTRUMENT, np.where(again, memory.ended_since, memory.fault_since[rows, sensor]))
    told = (memory.state == INSTRUMENT) & broken
    memory.cause[:] = np.where(told, cause, memory.cause)
    memory.sensor[:] = np.where(told, sensor + 1, memory.sensor)
    memory.sound[:] = np.where(broken, 0, memory.sound + 1)
    _leave(memory, is_instrument & (memory.sound >= SOUND_BINS), number)
