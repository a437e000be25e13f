"""What the page calls things: states with their signs, causes, and what is said of a fan.

A time in a sentence is a mark, of which the browser makes a time in the viewer's zone (`local` in shell.js).
"""

from typing import Any, Final
from zoneinfo import ZoneInfo

from fanwatch import sensors
from fanwatch.fleet.faulty import why_not
from fanwatch.fleet.unusable import Heard
from fanwatch.messages.alarm import HEARD_CAUSES, Alarm
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.messages.timestamps import parse_ms
from fanwatch.text import language
from fanwatch.text.language import Rendered, capital

_UTC = ZoneInfo("UTC")
MARK: Final = "\ue000"
"""Before and behind a time in ms. It is for private use, so no text of others has it: none of it would be printable."""
# In the order in which states need a person (console/live/states.py). Shapes differ, so that states can be told apart
# without their colours. In the text's colour, 20 by 20.
SIGNS: Final = {
    "stopped": '<rect x="3" y="3" width="14" height="14" rx="2.5" fill="currentColor"/>',
    "alarm": '<path d="M10 1.8 19 17.500H1z" fill="currentColor" stroke="currentColor" stroke-width="1.5" '
    'stroke-linejoin="round"/><path d="M10 7v5" stroke="var(--surface)" stroke-width="2" stroke-linecap="round"/>'
    '<circle cx="10" cy="14.8" r="1.2" fill="var(--surface)"/>',
    "suspect": '<path d="M10 1.5 18.5 10 10 18.5 1.5 10z" fill="currentColor"/>'
    '<path d="M10 6v4.5" stroke="var(--surface)" stroke-width="2" stroke-linecap="round"/>'
    '<circle cx="10" cy="13.5" r="1.2" fill="var(--surface)"/>',
    "warning": '<path d="M10 2.5 18.3 17H1.700z" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linejoin="round"/><path d="M10 8v4" stroke="currentColor" stroke-width="2" stroke-linecap="round"/>'
    '<circle cx="10" cy="14.4" r="1.1" fill="currentColor"/>',
    "instrument": '<path d="M3 15a8 8 0 1 1 14 0" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round"/><path d="M6 15 14.5 6" stroke="currentColor" stroke-width="2" stroke-linecap="round"/>',
    "silent": '<circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-dasharray="3 2.9"/>',
    "unknown": '<circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2"/>'
    '<path d="M7.5 8a2.5 2.5 0 1 1 3.6 2.200c-.8.4-1.1.9-1.1 1.6" fill="none" stroke="currentColor" '
    'stroke-width="1.8" stroke-linecap="round"/><circle cx="10" cy="14.5" r="1.1" fill="currentColor"/>',
    "out-of-service": '<circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2"/>'
    '<path d="M6 10h8" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/>',
    "ok": '<circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2"/>'
    '<path d="m6.4 10.3 2.5 2.5 4.8-5.3" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"/>',
}
SENSORS: Final = {sensor.name: sensor.label for sensor in sensors.SENSORS}
RAISED: Final = 0.2
"""Risk from which a fan is not simply healthy, though the forecast gives no warning yet."""
_SEEN: Final = ("stuck", "zero", "drift", "spikes")
"""What may be wrong with a sensor."""
_page: Final = language(moment=lambda ms: f"{MARK}{ms}{MARK}")


def read(reasons: Reasons) -> str:
    """The sentence of some reasons, with marks for times; empty where there are none."""
    return _rendered(reasons).text


def why(alarm: Alarm) -> str:
    """Why it is so; as it was published where this version knows none of its reasons."""
    return read(alarm.told) or alarm.why


def said(code: str, **params: Any) -> str:
    """The sentence of one code."""
    return read((reason(code, **params),))


def phrase(code: str, **params: Any) -> str:
    """The text of one code, which is no sentence."""
    return _page.filled(_page.texts[code], params)


def word(state: str) -> str:
    """What a state is called."""
    return phrase(f"state-{state}")


def _rendered(reasons: Reasons) -> Rendered:
    found = _page.render(reasons)
    # The name of a function keeps its small letter.
    return found if found.text.startswith("forecast-fan") else found._replace(text=capital(found.text))


def cause_of(state: str, cause: str | None, sensor: str | None) -> str:
    """What is wrong, in a few words; empty where nothing is, or nobody knows."""
    if cause is None or state in ("ok", "unknown", "out-of-service"):
        return ""
    if state != "instrument":
        return SENSORS.get(cause, "")
    if cause == "refused" and sensor:
        return phrase("cause-not-sent", sensor=sensor)
    known = cause in (*_SEEN, "silent", *HEARD_CAUSES)
    return phrase(f"cause-{cause if known else 'other'}", sensor=sensor or "")


def cause(alarm: Alarm | None) -> str:
    """The same of an alarm."""
    if alarm is None:
        return ""
    return cause_of(alarm.state, alarm.cause, alarm.sensor if alarm.sensor else None)


def told(
    state: str,
    sensor: str | None,
    alarm: Alarm | None,
    standing: bool = False,
    unjudged: Reasons = (),
    heard: Heard | None = None,
) -> tuple[str, str, str, int]:
    """What is wrong in a few words, why in a sentence, who has acknowledged it, and how the first two belong together.

    That is 0 where the few words come first, else the sentence says it itself: with so many of its first characters,
    or somewhere (-1).

    `sensor` is that of the scores; `standing` says that the fan does not turn just now; `unjudged` why its
    verdict, or any fan's, does not count, empty where forecast-fan goes on judging it; `heard` why it cannot be used
    though it is heard.
    """
    by = str(alarm.acknowledgedBy) if alarm is not None and alarm.acknowledged else ""
    if state == "suspect" and standing:
        return "", said("stands-unsaid"), by, 0
    if state == "suspect":
        return SENSORS.get(sensor or "", ""), said("scored-faulty"), by, 0
    if state == "silent":
        return "", _silent(alarm), by, 0
    if state == "ok":
        return "", said("raised") if alarm is not None and (alarm.risk or 0) >= RAISED else "", by, 0
    if heard is not None and state == "instrument" != (alarm and alarm.state):
        return cause_of(state, heard.cause, heard.sensor), read(heard.reasons), by, 0
    if state == "unknown" and standing and not unjudged and alarm is not None and alarm.state == "ok":
        return "", said("stands-well"), by, 0
    if state == "unknown":
        unknown = read(why_not(alarm, unjudged))
        return "", f"{unknown} {said('stands-now')}" if standing else unknown, by, 0
    if alarm is None:
        return "", "", "", 0
    found = _rendered(alarm.told)
    return cause(alarm), found.text or alarm.why, by, found.lead or -found.named


def _silent(alarm: Alarm | None) -> str:
    if alarm is None:
        return said("silent-unjudged")
    if alarm.state != "ok":
        return why(alarm)
    return said("silent-no-risk" if alarm.risk is None else "silent-well")


def leading(state: str, about: str, *, expected: bool, standing: bool) -> str:
    """What the fan does that needs somebody first, behind its name; `expected`: it is known when it fails."""
    code = {
        "stopped": "stopped-announced" if about else "stopped",
        "alarm": "fails" if expected else "alarm",
        "warning": "may-fail" if expected else "warning",
        "suspect": "stands" if standing else "faulty",
    }.get(state, state)
    return phrase(f"lead-{code}", about=about.lower())


def ms(time: str) -> int:
    """A time of an alarm in ms since the epoch."""
    return parse_ms(time, _UTC)


def states_prop() -> list[dict[str, str]]:
    """What a component needs to show states, in the order of their codes."""
    return [
        {"name": name, "word": word(name), "sign": sign, "meaning": said(f"means-{name}")}
        for name, sign in SIGNS.items()
    ]
