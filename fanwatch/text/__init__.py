"""Text of reason codes, made where people read it: one module a language, with a text for each code.

A module has LANGUAGE, a subclass of `Language` (fanwatch/text/language.py): English in fanwatch/text/en.py.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import msgspec

from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.messages.timestamps import at_minute
from fanwatch.text import en
from fanwatch.text.language import Language

_ENGLISH: Final = en.LANGUAGE()


def language(name: str = "en", moment: Callable[[int], str] = at_minute, percent: str = " %") -> Language:
    """The language of that name, for a reader: LANGUAGE of the module of that name. ImportError where there is none.

    `moment` writes a time in ms, `percent` follows a number.
    """
    made: Language = import_module(f"fanwatch.text.{name}").LANGUAGE(moment, percent)
    return made


def why(reasons: Reasons) -> str:
    """The sentence in English, as it is published."""
    return _ENGLISH.render(reasons).text


def say(code: str, **params: Any) -> str:
    """The sentence of one code, in English."""
    return why((reason(code, **params),))


def word(word: str) -> str:
    """A word of the wire, such as a state, as people read it in English."""
    return _ENGLISH.word(word, {})


def saying(alarm: Alarm, reasons: Reasons, **changed: Any) -> Alarm:
    """The same alarm for these reasons, and with what else has changed."""
    return msgspec.structs.replace(alarm, reasons=reasons, why=why(reasons), **changed)
