"""What people decide about an episode: acknowledged, to be quiet, closed; and fans that have been taken away."""

import msgspec

from fanwatch import text
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.forecast_service import alarm_content, out_of_service
from fanwatch.forecast_service.publisher import Announcer
from fanwatch.forecast_service.requests import Retirement
from fanwatch.messages.alarm import EPISODES, Alarm, InvalidAlarm
from fanwatch.messages.command import Command
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.store import checkpoints, episodes
from fanwatch.store.checkpoints import Row
from fanwatch.store.episodes import Said
from fanwatch.store.influx import Store

_UTC = zone("UTC")


class Unknown(FanwatchError):
    """A command about something that is not known."""

    status = 404


class Over(FanwatchError):
    """A command that comes too late."""

    status = 409


class Commands:
    """Follows commands. Whoever calls it holds the lease, so that no run says the opposite meanwhile."""

    def __init__(self, store: Store, announcer: Announcer) -> None:
        self._store, self._announcer = store, announcer

    def follow(self, command: Command, now_ms: int, since_ms: int) -> Alarm:
        """The fan's alarm as it is then. The same command again changes nothing more.

        Raises Unknown, Over, or Unavailable where the broker or the store is away.
        """
        row = checkpoints.of(self._store, command.device, since_ms)
        if row is None or row.alarm is None or row.note.retired_ms:
            raise Unknown(f"No fan {command.device} is watched; `fanwatch fans list` shows those that are.")
        began_ms = parse_ms(command.episode.partition("/")[2], _UTC)
        if row.alarm.episode == command.episode and row.alarm.state in EPISODES:
            self._require_time(command, row.alarm.since_ms)
            return self._open(row, row.alarm, command, now_ms)
        if row.note.closed != command.episode and not episodes.known(self._store, command.device, began_ms):
            raise Unknown(
                f"{command.device} has no episode {command.episode}; `fanwatch alarms list --all` shows those it has."
            )
        if command.action != "close":
            raise Over(f"The episode {command.episode} is over; only what was found can still be said of it.")
        self._require_time(command, began_ms)
        said = episodes.said_of(self._store, command.device, began_ms)
        if said is not None and said.by != command.by and not command.corrects:
            raise Over(
                f"{text.why((said.told,))} If that is wrong, correct it on the page Alarms, or by "
                f"`fanwatch alarms close {command.episode} --correct`. What {said.by} said is kept beside it."
            )
        self._label(command, said, began_ms, now_ms)
        if row.note.closed != command.episode:
            note = msgspec.structs.replace(row.note, labelled=command.episode)
            checkpoints.save(self._store, [msgspec.structs.replace(row, note=note)])
        return row.alarm

    def retire(self, retirement: Retirement, now_ms: int, since_ms: int) -> Alarm:
        """Takes a fan's alarm away; what Telegraf stores of it last is that it is well."""
        row = checkpoints.of(self._store, retirement.deviceID, since_ms)
        if row is None:
            raise Unknown(
                f"No fan {retirement.deviceID} is watched; `fanwatch fans list` shows those that are."
            )
        alarm = alarm_content.retired(row.fan, row.told_ms or now_ms, retirement.by)
        if row.alarm is not None and row.alarm.state in EPISODES:
            episodes.ended(self._store, row.alarm, row.told_ms)
        self._say(alarm)
        failed = self._announcer.clear([row.fan])
        if failed:
            raise Unavailable(f"The alarm was not taken away: {failed[row.fan]}")
        note = checkpoints.Note(retired_ms=now_ms)
        checkpoints.save(self._store, [msgspec.structs.replace(row, alarm=alarm, note=note)])
        return alarm

    def _require_time(self, command: Command, began_ms: int) -> None:
        untimed = command.outcome == "failed" and command.outcomeAt is None
        if untimed and episodes.stopped_ms(self._store, command.device, began_ms) is None:
            raise InvalidAlarm("When did it fail? Say outcomeAt: the forecast has not seen this fan stop.")

    def _open(self, row: Row, before: Alarm, command: Command, now_ms: int) -> Alarm:
        note = row.note
        if command.action == "acknowledge":
            alarm = msgspec.structs.replace(before, acknowledgedBy=command.by)
            unseen = command.stands and before.state != "stopped"
            note = msgspec.structs.replace(note, stands_ms=now_ms if unseen else 0)
        elif command.action == "snooze":
            alarm = msgspec.structs.replace(before, snoozedUntil=format_ms(command.until_ms or 0))
        else:
            told = alarm_content.closed_by(before, command.by, command.found or "", command.mode)
            note = self._standing(row, before, command)
            alarm = (
                alarm_content.out_of_service(row.fan, note.out_ms, told)
                if note.out_ms
                else alarm_content.closed(before, row.told_ms, told)
            )
            note = msgspec.structs.replace(
                note,
                closed=command.episode,
                closed_reasons=told,
                closed_ms=row.told_ms,
                said_ms=row.told_ms,
                opened_ms=0,
                gone_ms=0,
                lapsed="",
                stands_ms=0,
            )
        if alarm != before:
            self._say(alarm)
        if command.action == "close":
            said = episodes.said_of(self._store, command.device, before.since_ms)
            self._label(command, said, before.since_ms, now_ms)
            episodes.ended(self._store, before, row.told_ms)
        checkpoints.save(self._store, [msgspec.structs.replace(row, alarm=alarm, note=note)])
        return alarm

    def _standing(self, row: Row, before: Alarm, command: Command) -> checkpoints.Note:
        """Whether the fan is out of service, and which stop still belongs to what is closed."""
        stopped_ms = episodes.stopped_ms(self._store, row.fan, before.since_ms)
        own = out_of_service.seen(self._store, row.fan, before.since_ms - checkpoints.DAY_MS)
        return out_of_service.closing(row.note, before, command.found or "", row.told_ms, stopped_ms, own)

    def _label(self, command: Command, said: Said | None, began_ms: int, now_ms: int) -> None:
        if said is None or not said.same(command):
            episodes.write_label(self._store, command, began_ms, now_ms, said)

    def _say(self, alarm: Alarm) -> None:
        failed = self._announcer.say([alarm])
        if failed:
            raise Unavailable(f"The alarm was not published: {failed[alarm.deviceID]}")
