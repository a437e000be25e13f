"""Fans that are heard though nothing of them can be used: the store knows dead letters, and readings that came late.

Asked once a run, and only where a fan is silent: most runs ask nothing.
"""

import base64
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.fleet.unusable import HEARD_MS, Heard, belated, gone, instead_of_silence, movement, refused
from fanwatch.forecast import Verdict
from fanwatch.sensors import FEATURES
from fanwatch.store import readings
from fanwatch.store.influx import Store

_MS = 1_000_000
_WITHIN_MS = 86_400_000
"""What was refused before that is not asked for."""
_LARGE = 2000
"""Bytes beyond which a message is told by its error alone."""
_CLOCK = "clock"


class Hearing:
    """What the store knows of messages that came up to `now_ms`, by the clock here."""

    def __init__(self, store: Store, now_ms: int, timezone: ZoneInfo) -> None:
        self._store, self._now_ms, self._timezone = store, now_ms, timezone
        self._letters: dict[str, dict[str, Any]] | None = None
        """By fan, its last dead letter."""
        self._payloads: dict[str, bytes] = {}
        self._late: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        """By fan, the first and the last reading that came late."""

    def of(self, fan: str, good_ms: int | None) -> Heard | None:
        """Why the fan, whose last reading that can be used is of `good_ms`, is heard and not known.

        None for one of which nothing came. Unavailable where the store is away.
        """
        letters = self._asked()
        heard = self._belated(fan)
        letter = letters.get(fan)
        if letter is None or letter["time"] // _MS <= (good_ms or 0):
            return heard
        came_ms = letter["time"] // _MS
        if heard is not None and came_ms < self._late[fan][1]["time"] // _MS:
            return heard
        told = refused(
            self._payloads.get(fan, b""),
            str(letter.get("error") or letter["reason"]),
            came_ms,
            good_ms,
            self._timezone,
            clock=letter["reason"] == _CLOCK,
        )
        return told if self._now_ms - came_ms <= HEARD_MS else gone(told, came_ms)

    @property
    def anything(self) -> bool:
        """Whether any fan's messages come that cannot be used."""
        recent = self._now_ms - HEARD_MS
        return bool(self._late) or any(row["time"] // _MS >= recent for row in self._asked().values())

    def _belated(self, fan: str) -> Heard | None:
        if fan not in self._late:
            return None
        first, last = ((int(row["at_ms"]), row["time"] // _MS) for row in self._late[fan])
        return belated(movement(first, last), *last, self._late[fan][1])

    def _asked(self) -> dict[str, dict[str, Any]]:
        if self._letters is None:
            self._letters = self._by_fan('last("reason") AS "reason", "error"', "dead_letter", _WITHIN_MS)
            if self._letters:
                small = f' AND "length" <= {_LARGE}'
                rows = self._by_fan('last("payload") AS "payload"', "dead_letter", HEARD_MS, small)
                self._payloads = {
                    fan: base64.b64decode(row["payload"])
                    for fan, row in rows.items()
                    if row["time"] == self._letters[fan]["time"]
                }
            sensors = ", ".join(f'"{name}"' for name in FEATURES)
            first = self._by_fan('first("at_ms") AS "at_ms"', "arrival", HEARD_MS)
            last = self._by_fan(f'last("at_ms") AS "at_ms", {sensors}', "arrival", HEARD_MS) if first else {}
            self._late = {fan: (first[fan], row) for fan, row in last.items() if fan in first}
        return self._letters

    def _by_fan(self, what: str, measurement: str, age_ms: int, where: str = "") -> dict[str, dict[str, Any]]:
        return readings.by_fan(self._store, what, measurement, self._now_ms - age_ms, self._now_ms, where)


def named(verdict: Verdict, hearing: Hearing, good_ms: int | None) -> Verdict:
    """The verdict, that says of a fan which is heard what is wrong with it instead of that nothing comes from it.

    A silence that was over before `good_ms` stays one: what is heard now says nothing about it.
    """
    if verdict.silent_ms is None or (good_ms or 0) >= verdict.silent_ms:
        return verdict
    heard = hearing.of(verdict.device, good_ms)
    if heard is None:
        return verdict
    if verdict.state == "instrument" and verdict.cause == "silent":
        return msgspec.structs.replace(verdict, cause=heard.cause, sensor=heard.sensor, reasons=heard.reasons)
    return msgspec.structs.replace(verdict, reasons=instead_of_silence(verdict.reasons, heard))
