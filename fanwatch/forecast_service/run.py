"""One run: from what InfluxDB holds to the alarms of the whole fleet.

State is saved only after the alarms that follow from it were acknowledged by the broker. So a run that is cut off
anywhere is made up for by the next one, which finds the same states and the same readings and says the same again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from fanwatch import text
from fanwatch.errors import Unavailable
from fanwatch.fleet.unusable import HEARD_MS
from fanwatch.forecast import BIN_MS, ForecastModel
from fanwatch.forecast_service import alarm_content, clock_ahead, group_bins, plan
from fanwatch.forecast_service.advance import Advanced, advanced
from fanwatch.forecast_service.clock import Clock
from fanwatch.forecast_service.group_bins import Goal
from fanwatch.forecast_service.publisher import Announcer
from fanwatch.forecast_service.unusable_fans import Hearing
from fanwatch.logs import Log
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.reading import AHEAD_MS
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import ForecastSettings
from fanwatch.store import checkpoints, episodes, fan_bins
from fanwatch.store.checkpoints import Row
from fanwatch.store.fan_bins import Span
from fanwatch.store.influx import Store

LATEST_MS = 9_000_000_000_000
"""A time that InfluxDB takes, and that is later than any: 2255."""
_FIRST_OF_BUDGET = 1.5
"""Of the budget, what may pass until it is known which fans there are and from where each is to be worked up."""
GRACE_MS = 30_000
"""A bin is complete once so much later readings were scored."""


class Summary(msgspec.Struct):
    """What a run answers."""

    clock: str = ""
    """Up to when readings were scored."""
    fans: int = 0
    episodes: int = 0
    """Fans that need somebody."""
    published: int = 0
    """Alarms."""
    rebuilt: int = 0
    """Fans that were built anew, for readings of theirs came late or their state could not be read."""
    behind: int = 0
    """Fans that the next run goes on with."""
    failed: dict[str, str] = {}
    """Why not, by fan, where something went wrong with that one."""
    stale: str | None = None
    """Why nothing newer is known."""
    skipped: str | None = None
    """Why this run did nothing."""
    seconds: float = 0.0


class Run:
    """Use once, while the lease is held: `keep` renews it, `require` raises where it has run out."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        model: ForecastModel,
        settings: ForecastSettings,
        kept_ms: int,
        timezone: ZoneInfo,
        log: Log,
    ) -> None:
        self._announcer, self._model, self._log = announcer, model, log
        self._timezone = timezone
        self._settings = settings
        self._now_ms = time.time_ns() // 1_000_000
        self._since_ms = self._now_ms - kept_ms
        # As far ahead as score-fan takes readings; what lies beyond comes of a clock that was wrong.
        self._until_ms = self._now_ms + AHEAD_MS
        began = time.monotonic()
        self._deadline = began + settings.forecast_budget
        self._store = store
        # One that is too slow for what comes first is not waited for; what follows is done whole.
        self._hurried = store.until(began + _FIRST_OF_BUDGET * settings.forecast_budget)
        self.summary = Summary()
        self.fleet: dict[str, Row] = {}
        """What is known of each fan afterwards."""
        self.scored: dict[str, int] = {}
        """By fan, up to when its readings were scored, in ms."""

    def work(self, keep: Callable[[], None], require: Callable[[], None]) -> None:
        """Unavailable where the store or the broker is away; what was saved until then stays right."""
        summary, store = self.summary, self._hurried
        scored = self.scored = fan_bins.newest(store, self._since_ms, self._until_ms)
        clock_ms = max(scored.values(), default=None)
        if clock_ms is None:
            raise self._nothing()
        summary.clock = format_ms(clock_ms)
        clock = Clock(store, clock_ms, self._now_ms)
        hearing = Hearing(store, self._now_ms, self._timezone)
        blind = None
        if clock.stands(self._settings.stale_ms):
            blind = alarm_content.blind_since(
                clock_ms, arriving=self._arrive(clock_ms), refused=hearing.anything
            )
            summary.stale = text.why(blind)
        goal = Goal((clock_ms - GRACE_MS) // BIN_MS * BIN_MS, scored, blind, self._now_ms, hearing)
        members = self._members(goal)
        self._announcer.expect(self.fleet)
        for place, group in enumerate(plan.groups(members, goal.head_ms)):
            # The first is begun in any case: a store that is always slow would never be caught up with.
            if place and not self._in_time():
                summary.behind += len(group)
                continue
            keep()
            span = group_bins.gathered(self._store, group, goal, lambda: self._goes_on(keep))
            summary.behind += len(group) if span.end_ms < goal.head_ms else 0
            found = self._isolated(group, span, goal)
            require()
            self._publish(found)
        summary.fans = len(self.fleet)
        summary.episodes = sum(
            row.alarm is not None and row.alarm.state in EPISODES for row in self.fleet.values()
        )
        summary.seconds = round(self._settings.forecast_budget - (self._deadline - time.monotonic()), 3)
        clock.record(self._store, msgspec.structs.asdict(summary) | {"failed": len(summary.failed)})

    def _arrive(self, clock_ms: int) -> bool:
        """Whether readings are stored, and not scored."""
        after_ms = max(clock_ms, self._now_ms - HEARD_MS) + AHEAD_MS
        return bool(fan_bins.newest_read(self._hurried, after_ms, self._until_ms))

    def _nothing(self) -> Unavailable:
        if fan_bins.newest(self._hurried, self._until_ms, LATEST_MS):
            now = format_ms(self._now_ms)
            return Unavailable(
                f"All results in InfluxDB are of times to come: here it is {now}. Set this machine's clock right."
            )
        return Unavailable(
            "InfluxDB holds no result: does score-fan get readings, and does Telegraf store what comes of them? "
            "`fanwatch status` shows it."
        )

    def _goes_on(self, keep: Callable[[], None]) -> bool:
        # A group that reports often, or whose past is long, may take longer to read than the lease lasts.
        keep()
        return self._in_time()

    def _in_time(self) -> bool:
        return time.monotonic() < self._deadline

    def _known(self) -> dict[str, Row]:
        # A day longer: the point of a checkpoint stands at the beginning of its day.
        return checkpoints.latest(self._hurried, self._since_ms - checkpoints.DAY_MS)

    def _members(self, goal: Goal) -> list[Row]:
        """All fans, each from where it is to be worked up."""
        known = self._known()
        while hasty := clock_ahead.forget(self._hurried, known, self._until_ms, self._since_ms):
            self._log.warning("states of times to come are forgotten: the clock was ahead", fans=len(hasty))
            self._announcer.repeat(hasty)
            known = self._known()
        late = plan.void_late(self._hurried, known, self._since_ms)
        unread = [row for row in known.values() if not row.void and not plan.readable(row)]
        plan.take_back(self._hurried, {row.fan: (row, 0) for row in unread}, self._since_ms)
        if late or unread:
            known = self._known()
        self.summary.rebuilt = len(late) + len(unread)
        away = {fan for fan, row in known.items() if 0 < goal.scored.get(fan, 0) <= row.note.retired_ms}
        known = self._without_gone(known, goal.scored)
        lost = [row for row in known.values() if row.void]
        known |= plan.restored(self._hurried, lost, self._since_ms)
        missing: dict[str, Row | None] = {
            fan: known.get(fan) for fan in goal.scored.keys() - away if fan not in known or known[fan].void
        }
        start_ms = max(self._since_ms, goal.head_ms - self._settings.warmup_ms)
        known |= {row.fan: row for row in plan.cold(self._hurried, missing, start_ms)}
        self.fleet = known
        return list(known.values())

    def _without_gone(self, known: Mapping[str, Row], scored: Mapping[str, int]) -> dict[str, Row]:
        """Without fans that were retired, or have not been heard of for as long as anything is kept."""
        gone = [row for fan, row in known.items() if fan not in scored and not row.note.retired_ms]
        if gone:
            failed = self._announcer.clear([row.fan for row in gone])
            note = checkpoints.Note(retired_ms=self._now_ms)
            checkpoints.save(
                self._hurried,
                (msgspec.structs.replace(row, note=note) for row in gone if row.fan not in failed),
            )
        return {
            fan: Row(fan=fan, told_ms=row.told_ms) if row.note.retired_ms else row
            for fan, row in known.items()
            if scored.get(fan, 0) > row.note.retired_ms
        }

    def _isolated(self, group: Sequence[Row], span: Span, goal: Goal) -> list[Advanced]:
        """The whole group; where that fails, by halves, until it is known with which fan."""
        try:
            return advanced(self._model, group, span, goal)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one fan, the others are worked up
            if len(group) == 1:
                return [self._failed(group[0], error, goal)]
        half = len(group) // 2
        parts = slice(0, half), slice(half, None)
        return [each for part in parts for each in self._isolated(group[part], span.part(part), goal)]

    def _failed(self, row: Row, error: Exception, goal: Goal) -> Advanced:
        said = f"{type(error).__name__}: {error}"
        self._log.error("fan failed", error, deviceID=row.fan)
        self.summary.failed[row.fan] = said
        alarm = alarm_content.unreadable(row.fan, goal.head_ms, row.alarm, said)
        news = [alarm] if alarm_content.is_news(alarm, row.alarm, 0) else []
        return Advanced(msgspec.structs.replace(row, alarm=alarm), news, [])

    def _publish(self, found: Sequence[Advanced]) -> None:
        """Alarms first; then, of the fans whose alarms the broker has, what is to be remembered."""
        alarms: list[Alarm] = []
        for each in found:
            again = each.row.alarm if self._announcer.wants(each.row.fan) else None
            alarms += each.alarms or ([again] if again is not None else [])
        failed = self._announcer.say(alarms) if alarms else {}
        kept = [each for each in found if each.row.fan not in failed]
        episodes.record(self._store, (turn for each in kept for turn in each.turns))
        checkpoints.save(self._store, (each.row for each in kept))
        self.fleet |= {each.row.fan: each.row for each in kept}
        self.summary.published += sum(alarm.deviceID not in failed for alarm in alarms)
        if failed:
            fan, why = next(iter(failed.items()))
            raise Unavailable(
                f"The broker did not take the alarms of {len(failed)} fans ({fan}: {why}); the next run says them."
            )
