"""What a language has: a text for each code, and how values are written in it."""

import string
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from fanwatch.messages.reasons import Reasons
from fanwatch.messages.timestamps import at_minute
from fanwatch.sensors import BY_NAME

Params = Mapping[str, Any]


class Rendered(NamedTuple):
    """A sentence, and where it says what is to blame."""

    text: str
    lead: int = 0
    """So many characters at its beginning are the sensor that is to blame."""
    named: bool = False
    """Whether that sensor is named anywhere in it as the cause."""


class Language:
    """Base of all. A text names a parameter with a form, `{since:time}`: the method that writes it.

    A form takes the value and all parameters of its reason. `{count:is|are}` is the first for 1, else the second.
    """

    texts: ClassVar[Mapping[str, str]]
    """By code; without the full stop at its end."""
    words: ClassVar[Mapping[str, str]] = {}
    """By words that travel as parameters; those that are missing stay as they are."""
    parts: ClassVar[frozenset[str]] = frozenset()
    """Codes whose text begins with a capital only where it begins a sentence."""
    optional: ClassVar[frozenset[str]] = frozenset(("brackets", "colon"))
    """Forms that write nothing where their parameter is not given; a text with another one is left out then."""
    openers: ClassVar[frozenset[str]] = frozenset()
    """Codes after which a sentence begins."""

    def __init__(self, moment: Callable[[int], str] = at_minute, percent: str = "%") -> None:
        """`moment` writes a time in ms; `percent` follows a number."""
        self._moment, self._percent = moment, percent

    def render(self, reasons: Reasons) -> Rendered:
        """The sentence of some reasons; it ends with a full stop. What only a later version knows says nothing."""
        said, lead, named, begins = "", 0, False, True
        for each in reasons:
            entry = self.texts.get(each.code)
            if entry is None:
                continue
            try:
                part = self.filled(entry, each.params)
            except (KeyError, TypeError, ValueError):
                continue
            if begins and each.code in self.parts:
                part = capital(part)
            named = named or "{sensor:lead}" in entry or "{sensor:cause}" in entry
            if not said and entry.startswith("{sensor:lead}"):
                lead = len(str(each.params.get("sensor", "")))
            said, begins = said + part, each.code in self.openers
        return Rendered(stopped(said), lead, named)

    def filled(self, text: str, params: Params) -> str:
        """A text with its parameters put in. KeyError for one that is missing."""
        return "".join(
            before + (self._written(name, form or "plain", params) if name else "")
            for before, name, form, _ in string.Formatter().parse(text)
        )

    def _written(self, name: str, form: str, params: Params) -> str:
        if form in self.optional and name not in params:
            return ""
        one, several, many = form.partition("|")
        if several:
            return one if round(params[name]) == 1 else many
        written: str = getattr(self, form)(params[name], params)
        return written

    def plain(self, value: Any, _params: Params) -> str:
        return str(value)

    lead = cause = plain

    def word(self, word: str, _params: Params) -> str:
        return self.words.get(word, word)

    def time(self, ms: int, _params: Params) -> str:
        return self._moment(ms)

    def value(self, number: float, params: Params) -> str:
        """Of the sensor that the reason names."""
        return BY_NAME[params["sensor"]].text(number)

    def label(self, sensor: str, _params: Params) -> str:
        """A sensor as people call it."""
        return BY_NAME[sensor].label if sensor in BY_NAME else sensor

    def number(self, number: float, _params: Params) -> str:
        return f"{number:,.0f}"

    def percent(self, share: float, _params: Params) -> str:
        return f"{share * 100:.0f}{self._percent}"

    def ended(self, text: str, _params: Params) -> str:
        """What others have written, without its full stop."""
        return text.strip().removesuffix(".")

    def colon(self, text: str, _params: Params) -> str:
        return f": {text.removesuffix('.')}" if text else ""

    def brackets(self, value: Any, _params: Params) -> str:
        return f" ({value})" if value else ""


def capital(text: str) -> str:
    """With a capital at its beginning."""
    return f"{text[:1].upper()}{text[1:]}"


def stopped(text: str) -> str:
    """With a full stop, where it does not end like a sentence."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
