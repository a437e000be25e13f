"""What a language has."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Params = Mapping[str, Any]
Form = Callable[[Any, Params], str]
"""A value as it is written, given all parameters of its reason."""


class Language(NamedTuple):
    """Texts by code, and how values are written in them."""

    texts: Mapping[str, str | Callable[[Params], str]]
    forms: Mapping[str, Form]
    sentences: frozenset[str]
    """Codes whose text begins with a capital where it begins a sentence."""
    openers: frozenset[str]
    """Codes after which a sentence begins."""

    def filled(self, text: str, params: Params) -> str:
        """A text with its parameters put in."""
        return _Filling(self.forms, params).vformat(text, (), params)


class _Filling(string.Formatter):
    def __init__(self, forms: Mapping[str, Form], params: Params) -> None:
        self._forms, self._params = forms, params

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "")

    def format_field(self, value: Any, format_spec: str) -> str:
        form = self._forms.get(format_spec)
        return str(value) if form is None else form(value, self._params)
