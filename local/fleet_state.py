"""What forecast-fan knows of the fleet, read from the store, and commands to it, sent through the gateway."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from fanwatch.errors import FanwatchError, Unavailable, UpstreamFailed
from fanwatch.forecast_service.requests import Retirement
from fanwatch.gateway.client import Gateway
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.command import Command, check_command, encode_command
from fanwatch.messages.refusals import in_words
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.settings import (
    GatewaySettings,
    LocalSettings,
    ReadingSettings,
    StoreSettings,
    duration_ms,
    load,
)
from fanwatch.store import checkpoints, episodes, latest, past_episodes
from fanwatch.store.checkpoints import Row
from fanwatch.store.influx import Store

FUNCTION = "forecast-fan"
_MARGIN_S = 5.0
_MS = 1_000_000
_UTC = zone("UTC")


class Past(msgspec.Struct, frozen=True):
    """An episode as Telegraf has stored it."""

    deviceID: str  # noqa: N815 - the tag's name
    episode: str
    state: str
    """The worst, or the last."""
    since: str
    why: str = ""


def fleet(environment: Mapping[str, str]) -> list[Row]:
    """All fans that are watched, by name. Unavailable where InfluxDB does not answer."""
    store, since_ms = _store(environment)
    found = checkpoints.latest(store, since_ms - checkpoints.DAY_MS)
    return [row for _, row in sorted(found.items()) if not row.note.retired_ms]


def judged_ms(environment: Mapping[str, str]) -> int:
    """When forecast-fan judged the fleet last, ms since the epoch; 0 if never. Unavailable as `fleet`."""
    return latest.last_run_ms(_store(environment)[0])


def alarms(fans: Iterable[Row]) -> list[Alarm]:
    """Open episodes, the worst first."""
    found = [row.alarm for row in fans if row.alarm is not None and row.alarm.state in EPISODES]
    return sorted(found, key=lambda alarm: (-EPISODES.index(alarm.state), alarm.since))


def past(environment: Mapping[str, str], open_: Iterable[Alarm]) -> list[Past]:
    """Episodes that are over, as far as raw points are kept, the newest first."""
    store, since_ms = _store(environment)
    known = {alarm.episode for alarm in open_}
    found = [
        Past(row["deviceID"], row["episode"], row["state"], format_ms(row["time"] // _MS), row["why"] or "")
        for row in past_episodes.told(store, since_ms)
    ]
    return sorted((each for each in found if each.episode not in known), key=lambda each: each.since)[::-1]


def episode_of(environment: Mapping[str, str], named: str) -> str:
    """The episode that is meant: its own name, or that of a fan which has one now."""
    if "/" in named:
        return named
    found = [alarm.episode for alarm in alarms(fleet(environment)) if alarm.deviceID == named]
    if not found:
        raise FanwatchError(
            f"{named!r} has no open episode; `fanwatch alarms list` shows those there are, "
            "`fanwatch alarms list --all` also those that are over."
        )
    return found[0]


def send(environment: Mapping[str, str], command: Command | Retirement) -> Alarm:
    """Has a command followed; the alarm as it is then. FanwatchError where it was refused, with the reason."""
    if isinstance(command, Command):
        check_command(command, time.time_ns() // _MS)
        body = encode_command(command)
    else:
        body = msgspec.json.encode(command)
    timeout_s = load(LocalSettings, environment).gateway_timeout + _MARGIN_S
    # Only /system/ asks who is there.
    gateway = GatewaySettings(gateway_url=load(GatewaySettings, environment).gateway_url)
    answer = Gateway(gateway, timeout_s).call(FUNCTION, body, {"Content-Type": "application/json"})
    if answer.status == 200:
        try:
            return msgspec.json.decode(answer.body, type=Alarm)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamFailed(f"{FUNCTION} answered with no alarm: {in_words(error, Alarm)}.") from error
    kind = Unavailable if answer.status in (502, 503, 504) else FanwatchError
    raise kind(_reason(answer.body) or f"{FUNCTION} answered {answer.status}: {answer.text()}")


def until_ms(text: str) -> int:
    """A time, or a duration from now on such as 8h."""
    now_ms = time.time_ns() // _MS
    try:
        return now_ms + duration_ms(text)
    except ValueError:
        pass
    try:
        return parse_ms(text, _UTC)
    except ValueError as error:
        raise FanwatchError(
            f"{text!r} is neither a duration such as 8h nor a time such as 2026-11-25T18:00:00Z."
        ) from error


def events(environment: Mapping[str, str]) -> tuple[list[dict[str, str]], Counter[str]]:
    """Labels as rows of an events file, and how many were left out, by why."""
    store, _ = _store(environment)
    left_out: Counter[str] = Counter()
    found = []
    for label in episodes.labels(store):
        if label.found == "false alarm":
            left_out["false alarms"] += 1
        elif label.found == "instrument" and not label.event_mode:
            left_out["sensor faults of which nobody said which"] += 1
        else:
            found.append(label)
    rows_ = [
        {
            "DeviceID": label.deviceID,
            "Start": format_ms(label.since_ms),
            "Failure": _time(label.failure_ms),
            "Repaired": _time(label.repaired_ms),
            "Kind": label.found,
            "Mode": label.event_mode or "",
        }
        for label in found
    ]
    return rows_, left_out


def _time(at_ms: int | None) -> str:
    return "" if at_ms is None else format_ms(at_ms)


def _store(environment: Mapping[str, str]) -> tuple[Store, int]:
    if load(LocalSettings, environment).no_store:
        raise Unavailable(
            "Nothing is stored here, as FANWATCH_NO_STORE says: so there are no forecasts and no alarms."
        )
    kept_ms = duration_ms(load(ReadingSettings, environment).raw_retention)
    return Store(load(StoreSettings, environment)), time.time_ns() // _MS - kept_ms


def _reason(body: bytes) -> str | None:
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return str(content["error"]) if isinstance(content, dict) and "error" in content else None
