"""Text of reason codes, made at the reader. One module a language; each has TEXTS, and how values are written.

A text may name a parameter with a form: `{since:time}`, `{low:value}` (of the sensor that the reason names),
`{length:length}`, `{share:percent}`, `{way:word}`; `{sensor:lead}` is a sensor that its sentence begins with.
"""

from typing import Any, Final, NamedTuple

import msgspec

from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reason, Reasons
from fanwatch.text import en

_ENGLISH: Final = en.LANGUAGE


class Rendered(NamedTuple):
    """A sentence, and where it says what is to blame."""

    text: str
    lead: int = 0
    """So many characters at its beginning are the sensor that is to blame."""
    named: bool = False
    """Whether that sensor is named anywhere in it as the cause."""


def why(reasons: Reasons) -> str:
    """The sentence in English, as it is published."""
    return render(reasons).text


def say(code: str, **params: Any) -> str:
    """The sentence of one code."""
    return why((Reason(code, params),))


def saying(alarm: Alarm, reasons: Reasons, **changed: Any) -> Alarm:
    """The same alarm for these reasons, and with what else has changed."""
    return msgspec.structs.replace(alarm, reasons=reasons, why=why(reasons), **changed)


def render(reasons: Reasons) -> Rendered:
    """The sentence of some reasons; it ends with a full stop. A code that this version does not know says nothing."""
    said, lead, named, begins = "", 0, False, True
    for each in reasons:
        entry = _ENGLISH.texts.get(each.code)
        if entry is None:
            continue
        part = entry(each.params) if callable(entry) else _ENGLISH.filled(entry, each.params)
        named = named or (isinstance(entry, str) and ("{sensor:lead}" in entry or "{sensor:cause}" in entry))
        if begins and each.code in _ENGLISH.sentences:
            part = f"{part[:1].upper()}{part[1:]}"
        if not said and isinstance(entry, str) and entry.startswith("{sensor:lead}"):
            lead = len(str(each.params.get("sensor", "")))
        said, begins = said + part, each.code in _ENGLISH.openers
    said = said.strip()
    return Rendered(said if not said or said.endswith((".", "!", "?")) else f"{said}.", lead, named)
