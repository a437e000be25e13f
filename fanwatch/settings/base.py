"""How settings are read: FANWATCH_* in the environment, once, validated, frozen.

A field `broker_port` is set by FANWATCH_BROKER_PORT. Secrets come from files only: a setting names the file.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from fanwatch.errors import SettingsError
from fanwatch.messages.refusals import field_of, must_be

PREFIX = "FANWATCH_"

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=1)]

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 30d, 12h, 90m or 45s; ValueError otherwise."""
    match = re.fullmatch(r"([1-9]\d{0,6})([smhdw])", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 30d, 12h, 90m or 45s")
    return int(match[1]) * _UNITS_MS[match[2]]


def length_ms(field: str, text: str) -> int:
    """Milliseconds of the duration that a setting gives; SettingsError names the setting."""
    try:
        return duration_ms(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{field.upper()}: {error}.") from error


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all: subclasses are known by name, so that a misspelt setting is refused and not ignored."""

    classes: ClassVar[list[type["Settings"]]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Settings.classes.append(cls)


T = TypeVar("T", bound=Settings)


def known() -> set[str]:
    """Names of all settings, as they stand in the environment."""
    return {PREFIX + field.upper() for cls in Settings.classes for field in cls.__struct_fields__}


def load(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """The settings of one part. SettingsError names what is unknown or out of range; an empty value counts as unset."""
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in sorted(given.keys() - known()):
        *others, last = (PREFIX + near for near in _nearest(name))
        raise SettingsError(
            f"{name} is no setting. Did you mean {', '.join(others)} or {last}? `fanwatch settings` lists all."
        )
    fields = {}
    for field in cls.__struct_fields__:
        value = given.get(PREFIX + field.upper())
        if value:
            fields[field] = value
    try:
        return msgspec.convert(fields, cls, strict=False)
    except msgspec.ValidationError as error:
        field, _ = field_of(error) or ("", False)
        # In the environment all is text, and what is unset stands for null.
        problem = must_be(error, cls).replace("true or false", "1 or 0").replace(" or null", "")
        raise SettingsError(f"{PREFIX}{field.upper()}={fields.get(field)!r}: {problem}.") from error


def _nearest(name: str) -> list[str]:
    """The three settings that are spelt most like it, without their prefix, the nearest first."""
    # What all names begin with says nothing about how near two of them are.
    names = sorted(known_name.removeprefix(PREFIX) for known_name in known())
    return difflib.get_close_matches(name.removeprefix(PREFIX), names, n=3, cutoff=0.0)


def secret(path: str | None, setting: str) -> str | None:
    """The content of a secret's file, without the line end; None where no file is set."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} names {path}, which cannot be read: {error}.") from error
