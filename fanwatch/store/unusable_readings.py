"""Readings of a time that could not be used: how many, why, and of which fans."""

import base64
from typing import Any, Final

import msgspec

from fanwatch import text
from fanwatch.fleet.unusable import lacks
from fanwatch.store.influx import Store

REASONS: Final = {
    "json": "no JSON",
    "field": "a field is missing or wrong",
    "deviceID": "no such device name can be",
    "topic": "wrong topic",
    "time": "no time that can be read",
    "clock": "a time that is not believed",
    "oversized": "too large",
    "unscorable": "scoring failed again and again",
    "no-function": "no function takes its topic",
}
"""What a dead letter's reason is called."""
_NEWEST: Final = 100
"""Dead letters by which it is said why and of whom; all are counted."""
_FANS: Final = 3
"""Fans that are named for each reason."""
_BOTH = "(\"reason\" = 'unscorable' OR \"reason\" = 'no-function')"
"""Of these, Telegraf stores the reading all the same."""


class Unused(msgspec.Struct, frozen=True):
    """What became dead letters."""

    count: int = 0
    stored: int = 0
    """Those of them that could be read, and are stored as readings."""
    why: dict[str, list[str]] = {}
    """By what is wrong with the newest, their fans; none where no fan is named."""

    @property
    def words(self) -> str:
        """Why, and of which fans: a part of a sentence."""
        return "; ".join(f"{why}{_named(fans)}" for why, fans in self.why.items())


def unused(store: Store, window: str) -> Unused:
    """Those of `window`, a condition on time in InfluxQL. Unavailable where the store does not answer."""

    def count(where: str = "") -> int:
        rows = store.query(f'SELECT count("id") AS n FROM "dead_letter" WHERE {window}{where}')
        return int(rows[0]["n"]) if rows else 0

    total = count()
    if not total:
        return Unused()
    rows = store.query(
        f'SELECT "reason", "payload", "deviceID" FROM "dead_letter" WHERE {window} ORDER BY time DESC LIMIT {_NEWEST}'
    )
    why: dict[str, list[str]] = {}
    for row in rows:
        fans = why.setdefault(_why(row), [])
        if row["deviceID"] and row["deviceID"] not in fans:
            fans.append(row["deviceID"])
    return Unused(total, count(f" AND {_BOTH}"), {each: sorted(fans) for each, fans in why.items()})


def _why(row: dict[str, Any]) -> str:
    if row["reason"] == "field":
        lacking = lacks(base64.b64decode(row["payload"] or ""))
        return REASONS["field"] if lacking is None else text.why((lacking,)).removesuffix(".")
    reason = str(row["reason"])
    return REASONS.get(reason, reason)


def _named(fans: list[str]) -> str:
    if not fans:
        return ""
    more = f" and {len(fans) - _FANS:,} more" if len(fans) > _FANS else ""
    return f" ({', '.join(fans[:_FANS])}{more})"
