"""When the readings of a fan count as faulty, and until when a verdict counts.

Said here once for the page, the command, the dashboards and the alert rules, so that all of them say the same.
"""

from collections.abc import Mapping
from typing import Any, Final

from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reasons, reason

FAULTY_S: Final = 120
"""The results of so many seconds say whether a fan's readings are faulty ..."""
FAULTS: Final = 3
"""... where so many of them are faults at least, however slow a sensor is: a net that is wrong once in a thousand is
alone with it ..."""
FAULTY_SHARE: Final = 0.5
"""... and more than this share of them."""
VERDICT_S: Final = 1200
"""forecast-fan judges every ten minutes. Where two of its runs are missing, what it said is old: nobody is judged."""


def faulty(faults: Any, results: Any) -> Any:
    """Whether so many faults among so many results of FAULTY_S are too many; numbers, or arrays of them by fan."""
    return (faults >= FAULTS) & (faults > FAULTY_SHARE * results)


RAN: Final = "forecast_ran"
"""A field among the results (measurement `anomaly`) of which one point a run says that forecast-fan goes on judging."""


def behind(told: Mapping[str, int]) -> dict[str, int]:
    """Of times by fan up to which readings were judged, in ms: those of fans that are far behind the others, as while
    they are built anew. What was said of them is old, though forecast-fan goes on."""
    newest_ms = max(told.values(), default=0)
    return {fan: ms for fan, ms in told.items() if 0 < ms < newest_ms - VERDICT_S * 1000}


def current(last_ms: int, now_ms: int) -> bool:
    """Whether verdicts count at `now_ms`, where the last run was at `last_ms`."""
    return now_ms - last_ms <= VERDICT_S * 1000


def not_since(last_ms: int, *, no_store: bool = False) -> Reasons:
    """Why they do not; `no_store`: there is none by choice, so nobody is ever judged."""
    if no_store:
        return (reason("no-store"),)
    return (reason("not-judged-since", since=last_ms) if last_ms else reason("never-judged"),)


def state_of(state: str | None, risk: object, *, counts: bool) -> str:
    """An alarm's state as people are told it: nobody is `ok` without a risk, nor by a verdict that no longer `counts`.

    `state` is None for a fan of which nothing was said.
    """
    if state is None or (state == "ok" and (risk is None or not counts)):
        return "unknown"
    return state


def left_behind(told_ms: int) -> Reasons:
    """Why a fan that is `behind` is not judged."""
    return (reason("left-behind", since=told_ms),)


def why_not(said: Alarm | None, stopped: Reasons) -> Reasons:
    """Why a fan that `state_of` calls `unknown` has no verdict; `stopped` is why nobody has one, or empty."""
    if said is not None and said.state == "unknown":
        return said.told
    if stopped:
        return stopped
    return (reason("not-judged-yet") if said is None else reason("was-not-judged", since=said.since_ms),)
