"""From a verdict to the alarm that is published, and whether anybody would read it as something new.

An episode keeps the name under which it was published first, even where late readings show that it began a little
earlier, so that an acknowledgement holds and nobody is told twice.
"""

import msgspec

from fanwatch import text
from fanwatch.fleet.unusable import resumed
from fanwatch.forecast import Verdict
from fanwatch.messages.alarm import (
    EPISODES,
    FAN_EPISODES,
    OUT_OF_SERVICE,
    Alarm,
    Expected,
    State,
    episode_name,
    with_lapsed,
)
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.messages.timestamps import format_ms, parse_ms, zone

_UTC = zone("UTC")
_HOUR_MS = 3_600_000
_STEPS = ((24 * _HOUR_MS, _HOUR_MS), (96 * _HOUR_MS, 3 * _HOUR_MS))
"""Ends of an interval within so long are told to so many ms."""
_COARSE_MS = 12 * _HOUR_MS
_RISK = 0.1
"""A risk that has changed by less is no news."""
_REFRESH_MS = {"warning": _HOUR_MS, "alarm": _HOUR_MS, "unknown": _HOUR_MS}
_SELDOM_MS = 6 * _HOUR_MS
"""What is said of a fan is said anew after so long where only its numbers have changed."""


def alarm_of(
    verdict: Verdict,
    before: Alarm | None,
    seen_ms: int,
    now_ms: int,
    blind: Reasons | None = None,
    lapsed: str = "",
    *,
    stop_known: bool = False,
    done: tuple[str, ...] = (),
) -> Alarm:
    """The alarm that the verdict makes of what was published `before`, of which bins up to `seen_ms` were known.

    `blind` says why nothing newer is known of any fan: then a fan without an episode is unknown. A snooze that is over
    at `now_ms` is said no longer, which is how all who listen learn that it is. An acknowledgement was of a fan that
    ran: with its stop it has lapsed, for all who listen likewise, and `lapsed` is whose it was, once it has; unless the
    stop was seen by people first, and what they acknowledged (`stop_known`). The name of an episode of which people
    have said what it was (`done`) is not given again: what begins then has one of its own.
    """
    state: State = verdict.state
    reasons, risk, since_ms = verdict.reasons, verdict.risk, verdict.since_ms
    if blind is not None and state not in EPISODES:
        state, reasons, risk, since_ms = "unknown", blind, None, verdict.at_ms
    goes_on = before is not None and _goes_on(before, state, since_ms, seen_ms)
    if before is not None and goes_on:
        since_ms = before.since_ms
        if verdict.cause == "resumed":
            # What an episode was remains to be read once it is over.
            reasons = before.told if before.cause == "resumed" else resumed(before)
    elif state in EPISODES and episode_name(verdict.device, since_ms) in done:
        since_ms = verdict.at_ms
    alarm = Alarm(
        deviceID=verdict.device,
        episode=episode_name(verdict.device, since_ms),
        state=state,
        since=format_ms(since_ms),
        risk=risk,
        cause=verdict.cause if state in EPISODES else None,
        sensor=verdict.sensor if state == "instrument" and verdict.sensor else msgspec.UNSET,
        failureExpected=_expected(verdict, before if goes_on else None),
        why=text.why(reasons),
        reasons=reasons,
    )
    if before is not None and goes_on and state in EPISODES:
        snoozed = before.snoozedUntil if before.snoozed(now_ms) else msgspec.UNSET
        by = lapsing(alarm, before, stop_known=stop_known)
        kept = {
            "acknowledgedBy": msgspec.UNSET if by else before.acknowledgedBy,
            "snoozedUntil": snoozed,
        }
        alarm = text.saying(alarm, with_lapsed(reasons, by or lapsed), **kept)
    return alarm


def lapsing(alarm: Alarm, before: Alarm | None, *, stop_known: bool) -> str:
    """Who had acknowledged the episode of `before` whose fan has now stopped; empty where that is not so."""
    if (
        stop_known
        or before is None
        or before.episode != alarm.episode
        or not isinstance(before.acknowledgedBy, str)
    ):
        return ""
    return before.acknowledgedBy if alarm.state == "stopped" != before.state else ""


def is_news(alarm: Alarm, before: Alarm | None, quiet_ms: int) -> bool:
    """Whether it says anything that a person would read differently, `quiet_ms` after something was said last."""
    if before is None:
        return True
    shared = {"risk": None, "why": "", "reasons": msgspec.UNSET}
    if msgspec.structs.replace(alarm, **shared) != msgspec.structs.replace(before, **shared):
        return True
    if alarm.risk is None or before.risk is None:
        moved = alarm.risk is not before.risk
    else:
        moved = abs(alarm.risk - before.risk) >= _RISK
    return moved or (alarm.why != before.why and quiet_ms >= _REFRESH_MS.get(alarm.state, _SELDOM_MS))


def closed_by(before: Alarm, by: str, found: str, mode: str | None = None) -> Reasons:
    """Who has closed an episode, and as what."""
    return (reason("closed", by=by, began=before.since_ms, found=found, mode=mode),)


def out_of_service(device: str, since_ms: int, told: Reasons) -> Alarm:
    """What is said of a fan that stands, or sends nothing, since its episode was closed; `told` as `closed_by`."""
    said = (*told, reason("ended")) if told else ()
    return _quiet(device, OUT_OF_SERVICE, since_ms, (*said, reason("out-of-service")))


def closed(before: Alarm, at_ms: int, told: Reasons) -> Alarm:
    """What is left of an episode that a person has closed, of a fan that turns; `told` as `closed_by`."""
    return _quiet(before.deviceID, "ok", at_ms, told, before.risk)


def retired(fan: str, at_ms: int, by: str) -> Alarm:
    """The last that is said of a fan."""
    return _quiet(fan, "ok", at_ms, (reason("retired", by=by),))


def unreadable(fan: str, at_ms: int, before: Alarm | None, error: str) -> Alarm:
    """What is said of a fan whose readings could not be worked up."""
    error = "".join(character if character.isprintable() else " " for character in error[:200])
    goes_on = before is not None and before.state == "unknown"
    since_ms = before.since_ms if before is not None and goes_on else at_ms
    return _quiet(fan, "unknown", since_ms, (reason("unreadable", error=error),))


def _quiet(device: str, state: State, since_ms: int, reasons: Reasons, risk: float | None = None) -> Alarm:
    """An alarm that nobody need do anything about."""
    return Alarm(
        deviceID=device,
        episode=episode_name(device, since_ms),
        state=state,
        since=format_ms(since_ms),
        risk=risk,
        cause=None,
        failureExpected=None,
        why=text.why(reasons),
        reasons=reasons,
    )


def blind_since(clock_ms: int, *, arriving: bool = False, refused: bool = False) -> Reasons:
    """Why nothing is known of a fan now; the same each time.

    `arriving` says that readings are stored and not scored, `refused` that those of other fans come and cannot be used.
    """
    if arriving:
        return (reason("unscored-arriving", since=clock_ms),)
    return (reason("unscored", since=clock_ms), reason("others" if refused else "nobody"))


def _goes_on(before: Alarm, state: State, since_ms: int, seen_ms: int) -> bool:
    if state not in EPISODES:
        return before.state == state
    if before.state not in EPISODES or (before.state in FAN_EPISODES) != (state in FAN_EPISODES):
        return False
    # What began after all that was known when the other was published is another one.
    return since_ms < seen_ms


def _expected(verdict: Verdict, before: Alarm | None) -> Expected | None:
    """Rounded outwards; as before where it has not moved by more than that."""
    if verdict.expected_ms is None or verdict.state not in ("warning", "alarm"):
        return None
    earliest, latest = verdict.expected_ms
    step = next((step for within, step in _STEPS if latest - verdict.at_ms <= within), _COARSE_MS)
    if before is not None and before.failureExpected is not None:
        told = before.failureExpected
        sooner, later = earliest - _ms(told.earliest), _ms(told.latest) - latest
        # What was told is up to a step wider than it was.
        if -step <= sooner < 2 * step and -step <= later < 2 * step:
            return told
    return Expected(format_ms(earliest // step * step), format_ms(-(-latest // step) * step))


def _ms(text: str) -> int:
    return parse_ms(text, _UTC)
