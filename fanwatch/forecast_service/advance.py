"""Takes one group of fans on, bin by bin, and says what became of each: its alarms, and what to remember."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from fanwatch.forecast import BIN_MS, Fleet, ForecastModel, Verdict
from fanwatch.forecast.bins import Ints
from fanwatch.forecast.verdict import STOPPED
from fanwatch.forecast_service import alarm_content, out_of_service, unusable_fans
from fanwatch.forecast_service.group_bins import Goal
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.store.checkpoints import DAY_MS, Row
from fanwatch.store.episodes import EpisodeEvent
from fanwatch.store.fan_bins import Span

LAG_MS = 2 * 3_600_000
"""How far the checkpoint is behind the newest bin."""


class Advanced(NamedTuple):
    """What became of a fan."""

    row: Row
    """To be saved once the alarms are published."""
    alarms: list[Alarm]
    """To be published, in this order."""
    turns: list[EpisodeEvent]


def advanced(model: ForecastModel, group: Sequence[Row], span: Span, goal: Goal) -> list[Advanced]:
    """The fans of `group` after these bins. StateError for a state that cannot be gone on from."""
    return _Advance(model, group, span, goal).run()


class _Advance:
    def __init__(self, model: ForecastModel, group: Sequence[Row], span: Span, goal: Goal) -> None:
        self._group, self._span, self._goal = group, span, goal
        self._fleet = Fleet(model, [row.fan for row in group])
        for number, row in enumerate(group):
            if row.state:
                self._fleet.unpack(number, row.state)
        self._alarms = [row.alarm for row in group]
        self._notes = [row.note for row in group]
        self._said: list[list[Alarm]] = [[] for _ in group]
        self._turns: list[list[EpisodeEvent]] = [[] for _ in group]
        self._closes: dict[int, list[int]] = {}
        for number, row in enumerate(group):
            self._closes.setdefault(row.note.closed_ms, []).append(number)

    def run(self) -> list[Advanced]:
        span = self._span
        # What is not caught up with is not told: it may be over.
        caught_up = span.end_ms >= self._goal.head_ms
        keep_ms = max(span.start_ms, min(span.end_ms, self._goal.head_ms - LAG_MS))
        # A fan that is known for less than LAG_MS has its first checkpoint where it begins, with nothing known.
        states = [row.state or self._fleet.pack(number) for number, row in enumerate(self._group)]
        before = self._fleet.state
        for place in range(len(span.points)):
            at_ms = span.start_ms + (place + 1) * BIN_MS
            self._fleet.advance(span.bins(place))
            for number in self._closes.get(at_ms, ()):
                # A stop that was closed is still that stop, until the fan turns.
                if self._fleet.state[number] != STOPPED:
                    self._fleet.close(number)
            if at_ms == keep_ms:
                states = [self._fleet.pack(number) for number in range(len(self._group))]
            after = self._fleet.state
            for number in self._moved(before, after) if caught_up else ():
                if at_ms > self._group[number].told_ms:
                    self._say(number, self._fleet.verdict(number), at_ms)
            before = after
        if caught_up:
            for number in range(len(self._group)):
                self._say(number, self._fleet.verdict(number), span.end_ms, last=True)
        return self._results(states, keep_ms, caught_up)

    def _moved(self, before: Ints, after: Ints) -> list[int]:
        """Fans whose state has changed, and those out of service: that a silent one turns again is no change of it."""
        out = np.array([note.out_ms > 0 for note in self._notes])
        moved: list[int] = np.flatnonzero((after != before) | out).tolist()
        return moved

    def _say(self, number: int, verdict: Verdict, at_ms: int, *, last: bool = False) -> None:
        before, note = self._alarms[number], self._notes[number]
        if verdict.at_ms == 0:
            return  # nothing was ever heard of it
        seen_ms = note.said_ms if self._said[number] else self._group[number].told_ms
        good_ms = self._goal.scored.get(verdict.device)
        verdict = unusable_fans.named(verdict, self._goal.hearing, good_ms)
        blind = self._goal.blind if last else None
        if blind is not None:
            heard = self._goal.hearing.of(verdict.device, good_ms)
            blind = blind if heard is None else heard.reasons
        known = note.stop_known(self._goal.now_ms)
        changed = out_of_service.after(note, verdict, at_ms)
        if changed.out_ms:
            alarm = alarm_content.out_of_service(verdict.device, changed.out_ms, note.closed_told)
        else:
            alarm = alarm_content.alarm_of(
                verdict,
                before,
                seen_ms,
                self._goal.now_ms,
                blind,
                note.lapsed,
                stop_known=known,
                done=(note.closed, note.labelled),
            )
        self._notes[number] = changed
        if not alarm_content.is_news(alarm, before, at_ms - note.said_ms):
            return
        self._turn(number, alarm, at_ms, verdict.stopped_ms)
        opened_ms, lapsed, gone_ms = 0, "", 0
        if alarm.state in EPISODES:
            goes_on = before is not None and before.episode == alarm.episode
            lapsing = alarm_content.lapsing(alarm, before, stop_known=known)
            opened_ms = note.opened_ms if goes_on and not lapsing else self._goal.now_ms
            lapsed = lapsing or (note.lapsed if goes_on else "")
            gone_ms = verdict.stopped_ms or verdict.silent_ms or (note.gone_ms if goes_on else 0)
        self._alarms[number] = alarm
        said = {"said_ms": at_ms, "opened_ms": opened_ms, "lapsed": lapsed, "gone_ms": gone_ms}
        self._notes[number] = msgspec.structs.replace(changed, **said)
        self._said[number].append(alarm)

    def _turn(self, number: int, alarm: Alarm, at_ms: int, stopped_ms: int | None) -> None:
        """Notes when the fan of an episode stops, and when the episode ends."""
        before = self._alarms[number]
        goes_on = before is not None and before.episode == alarm.episode
        if alarm.state == "stopped" and not (goes_on and before is not None and before.state == "stopped"):
            since_ms = alarm.since_ms if stopped_ms is None else max(stopped_ms, alarm.since_ms)
            self._turns[number].append(EpisodeEvent(alarm, "stopped_ms", since_ms))
        if before is not None and before.state in EPISODES and not goes_on:
            self._turns[number].append(EpisodeEvent(before, "ended_ms", at_ms))

    def _results(self, states: list[bytes], keep_ms: int, caught_up: bool) -> list[Advanced]:
        span = self._span
        taken = span.points[: (keep_ms - span.start_ms) // BIN_MS].sum(axis=0).tolist()
        kept = span.since(keep_ms)
        found = []
        for number, row in enumerate(self._group):
            # The point of another day accounts for what came after the last one's checkpoint.
            same_day = row.checkpoint_ms // DAY_MS == keep_ms // DAY_MS or row.void
            new = Row(
                fan=row.fan,
                from_ms=row.from_ms if same_day else row.checkpoint_ms,
                checkpoint_ms=keep_ms,
                through_ms=span.end_ms,
                told_ms=max(row.told_ms, span.end_ms) if caught_up else row.told_ms,
                taken=taken[number] + (row.taken if same_day else 0),
                state=states[number],
                kept=kept.packed(number),
                alarm=self._alarms[number],
                note=self._notes[number],
            )
            found.append(Advanced(new, self._said[number], self._turns[number]))
        return found
