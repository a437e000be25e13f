"""Dead letters as InfluxDB keeps them, and sending them again."""

import base64
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from fanwatch.broker.tools import end_loop, identify, unreachable
from fanwatch.broker.trouble import refusal
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.messages.reading import MAX_READING_BYTES
from fanwatch.messages.refusals import in_words
from fanwatch.messages.timestamps import format_ns
from fanwatch.settings import BrokerSettings
from fanwatch.store.influx import Store, point, quoted

_T = TypeVar("_T")
_NO_SUBSCRIBER = 0x10
_RESENT = "resent"
_SHOWN_CHARACTERS = 4000


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter; `id` is the SHA-256 of topic, NUL and payload, so the same message has the same one."""

    time: int
    """First seen, ns since the epoch."""
    id: str
    reason: str
    topic: str
    payload: str
    """Base64, cut at MAX_READING_BYTES of payload."""
    length: int
    """Bytes of the whole payload."""
    sha256: str = ""
    error: str | None = None
    attempts: int = 0
    connector: str | None = None

    @property
    def original(self) -> bytes:
        """The payload as far as it was kept."""
        return base64.b64decode(self.payload)

    @property
    def whole(self) -> bool:
        """Whether nothing of it was cut."""
        return len(self.original) == self.length


class Summary(msgspec.Struct, kw_only=True):
    """One distinct message among dead letters, without its payload."""

    id: str
    reason: str
    topic: str
    length: int
    error: str | None = None
    time: int
    """First seen among those asked for, ns since the epoch."""
    count: int = 1

    @property
    def whole(self) -> bool:
        """Whether it was kept whole, and can be sent again."""
        return self.length <= MAX_READING_BYTES


def recent(store: Store, most: int) -> list[Summary]:
    """What the newest `most` dead letters are, the newest first. Unavailable where InfluxDB does not answer."""
    rows = store.query(
        f'SELECT "id", "reason", "topic", "length", "error" FROM "dead_letter" ORDER BY time DESC LIMIT {most}'
    )
    found: dict[str, Summary] = {}
    for each in _converted(rows, Summary):
        known = found.setdefault(each.id, each)
        if known is not each:
            known.count += 1
            known.time = each.time
    return list(found.values())


def stored(store: Store) -> list[Letter]:
    """All dead letters, the oldest first. Unavailable where InfluxDB does not answer."""
    return _converted(store.query('SELECT * FROM "dead_letter"'), Letter)


def with_id(store: Store, identity: str) -> Letter:
    """The first one that has this whole id. FanwatchError where there is none, Unavailable as above."""
    rows = store.query(f'SELECT * FROM "dead_letter" WHERE "id" = {quoted(identity)} LIMIT 1')
    if not rows:
        raise FanwatchError(f"There is no dead letter {identity[:12]} any more.")
    return _converted(rows, Letter)[0]


class Sent(msgspec.Struct, frozen=True):
    """That a dead letter was sent again, as measurement `resent` keeps it, for as long as dead letters themselves."""

    time: int
    """Ns since the epoch."""
    id: str
    letters: int
    """How many dead letters the message had then: with more of them, it was refused again."""


def sent_again(store: Store) -> dict[str, Sent]:
    """By id, when each was sent again last. Unavailable where InfluxDB does not answer."""
    rows = store.query(f'SELECT "id", "letters" FROM "{_RESENT}"')
    return {sent.id: sent for sent in _converted(rows, Sent)}


def _converted(rows: list[dict[str, Any]], kind: type[_T]) -> list[_T]:
    """Rows of InfluxDB as what they tell. FanwatchError where somebody else has written one."""
    try:
        return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise FanwatchError(
            f"InfluxDB holds something among the dead letters that is none: {in_words(error)}. Find it with"
            ' `SELECT * FROM "dead_letter"`, and delete it.'
        ) from error


def summaries(letters: Iterable[Letter], again: Mapping[str, Sent]) -> list[dict[str, Any]]:
    """One entry for each distinct message: id, reason, topic, count, firstSeen, resendable, sentAgain, refusedAgain.

    `again` says which were sent again; `sentAgain` is when, or None, `refusedAgain` whether it came back since.
    """
    found: dict[str, dict[str, Any]] = {}
    for letter in letters:
        entry = found.setdefault(
            letter.id,
            {
                "id": letter.id,
                "reason": letter.reason,
                "topic": letter.topic,
                "count": 0,
                "firstSeen": format_ns(letter.time),
                "resendable": letter.whole,
                "sentAgain": format_ns(again[letter.id].time) if letter.id in again else None,
                "refusedAgain": False,
            },
        )
        entry["count"] += 1
        entry["refusedAgain"] = letter.id in again and entry["count"] > again[letter.id].letters
    return list(found.values())


def waiting(summaries: Iterable[dict[str, Any]], reason: str) -> tuple[list[str], dict[str, int]]:
    """Ids of the messages with that reason that are to be sent again, and how many are not, by why in words.

    FanwatchError where none has the reason.
    """
    summaries = list(summaries)
    found = [each for each in summaries if each["reason"] == reason]
    if not found:
        known = ", ".join(sorted({each["reason"] for each in summaries})) or "none at all"
        raise FanwatchError(f"There is no dead letter with the reason {reason!r}; there are: {known}.")
    left_out = {
        "cut, so that they cannot be sent again": [each for each in found if not each["resendable"]],
        "sent again before": [each for each in found if each["resendable"] and _is_sent(each)],
    }
    chosen = [each["id"] for each in found if each["resendable"] and not _is_sent(each)]
    return chosen, {why: len(each) for why, each in left_out.items() if each}


def _is_sent(summary: dict[str, Any]) -> bool:
    return summary["sentAgain"] is not None and not summary["refusedAgain"]


def one(letters: Iterable[Letter], identity: str) -> Letter:
    """The first one whose id begins with `identity`. FanwatchError where none or several different ones do."""
    matching = {
        letter.id: letter for letter in reversed(list(letters)) if letter.id.startswith(identity.lower())
    }
    if not matching or not identity:
        raise FanwatchError(
            f"No dead letter's id begins with {identity!r}; `fanwatch dead-letters list` shows them."
        )
    if len(matching) > 1:
        raise FanwatchError(f"{len(matching)} dead letters' ids begin with {identity!r}; give more of it.")
    return next(iter(matching.values()))


def described(letter: Letter) -> dict[str, Any]:
    """Everything about one, the payload as text where it is text."""
    content = letter.original
    return {
        "id": letter.id,
        "reason": letter.reason,
        "error": letter.error,
        "topic": letter.topic,
        "attempts": letter.attempts,
        "connector": letter.connector,
        "firstSeen": format_ns(letter.time),
        "sha256": letter.sha256,
        "length": letter.length,
        "resendable": letter.whole,
        "payload": content.decode(errors="backslashreplace")[:_SHOWN_CHARACTERS],
    }


def require_whole(letters: Iterable[Letter]) -> None:
    """FanwatchError for the first whose payload was cut: what would be sent is not what was received."""
    for letter in letters:
        if not letter.whole:
            raise FanwatchError(
                f"{letter.id[:12]} had {letter.length:,} bytes, of which {len(letter.original):,} were kept; "
                "it cannot be sent again. Nothing was sent."
            )


def resend(store: Store, settings: BrokerSettings, letter: Letter) -> str | None:
    """Publishes the original bytes as `publish` does, and notes it in InfluxDB; why it could not be noted, if so."""
    counted = store.query(f'SELECT count("id") AS "n" FROM "dead_letter" WHERE "id" = {quoted(letter.id)}')
    publish(settings, letter)
    noted = {"id": letter.id, "letters": int(counted[0]["n"]) if counted else 0}
    try:
        store.write([point(_RESENT, {}, noted, time.time_ns())])
    except FanwatchError as error:
        return f"It could not be noted that {letter.id[:12]} was sent again: {error}"
    return None


def publish(settings: BrokerSettings, letter: Letter) -> None:
    """Publishes the original bytes at QoS 1. Unavailable without an answer, FanwatchError where nobody takes them."""
    answers: list[ReasonCode] = []
    refused: list[ReasonCode] = []
    client = paho.Client(
        CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
    )
    identify(client, settings)
    over = threading.Event()

    def confirmed(_client: object, _data: object, _mid: int, reason: ReasonCode, _properties: object) -> None:
        answers.append(reason)
        over.set()

    def connected(
        _client: object, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            refused.append(reason)

    client.on_publish = confirmed
    client.on_connect = connected
    client.on_disconnect = lambda *_rest: over.set()
    where = f"{settings.broker_host}:{settings.broker_port}"
    try:
        client.connect(settings.broker_host, settings.broker_port)
    except OSError as error:
        raise Unavailable(f"{unreachable(error, settings)} Nothing was sent.") from error
    client.loop_start()
    try:
        client.publish(letter.topic, letter.original, qos=1)
        over.wait(settings.broker_timeout)
        client.disconnect()
    except (ValueError, RuntimeError) as error:
        raise FanwatchError(f"{letter.id[:12]} cannot be sent: {error}.") from error
    finally:
        end_loop(client)
    if refused:
        raise FanwatchError(
            f"The broker at {where} refused the connection ({refused[0]}): {refusal(settings)}. Nothing was sent."
        )
    if not answers:
        raise Unavailable(
            f"The broker at {where} did not confirm {letter.id[:12]}; it may have been sent or not."
        )
    if answers[0].value == _NO_SUBSCRIBER:
        raise FanwatchError(
            f"Nobody listens to {letter.topic}, so {letter.id[:12]} is still a dead letter only."
        )
    if answers[0].is_failure:
        raise FanwatchError(f"The broker refused {letter.id[:12]}: {answers[0]}.")
