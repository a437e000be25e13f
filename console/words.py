"""What the page calls things: states with their signs, causes, what somebody can look at first."""

from typing import Final
from zoneinfo import ZoneInfo

from fanwatch import sensors
from fanwatch.fleet.faulty import why_not
from fanwatch.fleet.unusable import Heard
from fanwatch.messages.alarm import HEARD_CAUSES, Alarm
from fanwatch.messages.timestamps import parse_ms
from fanwatch.text import render

_UTC = ZoneInfo("UTC")
WORDS: Final = {  # in the order in which states need a person: console/live/states.py
    "stopped": "Stopped",
    "alarm": "Alarm",
    "suspect": "Suspect",
    "warning": "Warning",
    "instrument": "Sensor fault",
    "silent": "Silent",
    "unknown": "Not judged",
    "out-of-service": "Out of service",
    "ok": "Healthy",
}
MEANINGS: Final = {
    "stopped": "The fan has failed and does not turn.",
    "alarm": "Failure is close, or the risk of it is high.",
    "suspect": "Most of the last readings were scored as faulty, or it does not turn, and no alarm says why.",
    "warning": "Something has begun to change; there is time to look.",
    "instrument": "A sensor cannot be believed. It says nothing about the fan itself.",
    "silent": "No readings come from this fan.",
    "unknown": "Nobody knows whether it is well: forecast-fan could not judge it.",
    "out-of-service": "Its episode was closed and it has not turned since. It needs nobody until it does.",
    "ok": "forecast-fan has judged it, and found nothing unusual.",
}
# Shapes differ, so that states can be told apart without their colours. In the text's colour, 20 by 20.
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
_INSTRUMENT: Final = {
    "stuck": "sensor is stuck",
    "zero": "sensor reads zero",
    "drift": "sensor does not fit the others",
    "spikes": "sensor throws spikes",
    "silent": "sends nothing",
    "refused": "sends what cannot be used",
    "clock": "has a wrong clock",
    "resumed": "sends again",
}


def cause_of(state: str, cause: str | None, sensor: str | None) -> str:
    """What is wrong, in a few words; empty where nothing is, or nobody knows."""
    if cause is None or state in ("ok", "unknown", "out-of-service"):
        return ""
    if state != "instrument":
        return SENSORS.get(cause, "")
    words = _INSTRUMENT.get(cause, "sensor cannot be believed")
    if cause == "refused" and sensor:
        return f"{SENSORS.get(sensor, 'A sensor')} is not sent"
    if cause == "silent" or cause in HEARD_CAUSES:
        return f"The fan {words}"
    return f"{SENSORS.get(sensor or '', 'A')} {words}"


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
    unjudged: str = "",
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
        return "", "It does not turn; the forecast has not said yet what that means.", by, 0
    if state == "suspect":
        return SENSORS.get(sensor or "", ""), "Most of the last readings were scored as faulty.", by, 0
    if state == "silent":
        return "", _silent(alarm), by, 0
    if state == "ok":
        return "", _well(alarm), by, 0
    if heard is not None and state == "instrument" != (alarm and alarm.state):
        return cause_of(state, heard.cause, heard.sensor), heard.sentence, by, 0
    if state == "unknown" and standing and not unjudged and alarm is not None and alarm.state == "ok":
        return "", "It does not turn just now, and was well while it turned.", by, 0
    if state == "unknown":
        why = why_not(alarm, unjudged)
        said = sentence(why) if alarm is not None and why == alarm.why else why
        return "", f"{said} It does not turn just now." if standing else said, by, 0
    if alarm is None:
        return "", "", "", 0
    told = render(alarm.told)
    return cause(alarm), sentence(alarm.why), by, told.lead or -told.named


def _silent(alarm: Alarm | None) -> str:
    if alarm is None:
        return "It was not judged before."
    if alarm.state != "ok":
        return alarm.why
    if alarm.risk is None:
        return "It was not judged when it was last heard of."
    return "It was well when it was last heard of."


def _well(alarm: Alarm | None) -> str:
    if alarm is not None and (alarm.risk or 0) >= RAISED:
        return "Its risk is raised, though not enough for a warning."
    return ""


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def ms(time: str) -> int:
    """A time of an alarm in ms since the epoch."""
    return parse_ms(time, _UTC)


def states_prop() -> list[dict[str, str]]:
    """What a component needs to show states, in the order of their codes."""
    return [
        {"name": name, "word": WORDS[name], "sign": SIGNS[name], "meaning": MEANINGS[name]} for name in WORDS
    ]
