"""score-fan: checks readings, has them judged by infer-fan and publishes the results. It holds no model."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import msgspec
from prometheus_client import Counter

from fanwatch.broker import NO_SUBSCRIBER, PUBLISHED, Publisher
from fanwatch.errors import FanwatchError, InvalidReading, Unavailable, UpstreamFailed
from fanwatch.gateway.client import Gateway, Response
from fanwatch.gateway.direct import Shortcut
from fanwatch.logs import Log
from fanwatch.messages import batch, misread
from fanwatch.messages.reading import Reading, parse, parse_from_topic
from fanwatch.messages.refusals import in_words
from fanwatch.messages.result import Decision, Result, decode_decisions, encode_json
from fanwatch.messages.topics import RESULTS
from fanwatch.settings import BrokerSettings, GatewaySettings, ReadingSettings, ScoreSettings, load

MAX_LINES = 10_000
"""Readings in one NDJSON request at most."""

_ROWS_A_CALL = 1024
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
# The official Python template passes bytes through under this type alone.
_BYTES = "application/octet-stream"

_SETTINGS = load(ScoreSettings)
_RULES = load(ReadingSettings).rules
_LOG = Log("score-fan")
_SCORED = Counter("fanwatch_scored_total", "Readings scored", ["quality", "fault"])
_REFUSED = Counter("fanwatch_refused_total", "Readings that cannot be read", ["reason"])
_UNHEARD = Counter("fanwatch_results_unheard_total", "Results that nobody was subscribed to")
_warn_unheard_at = 0.0

Scored = Result | FanwatchError
"""What became of one reading."""


def handle(event: Any, context: Any) -> dict[str, Any]:
    """One reading as JSON, many as NDJSON, or a connector's batch as MessagePack (fanwatch.messages.batch).

    With an X-Topic header, or a topic in the batch, results are published and acknowledged before the answer.
    """
    topic = event.headers.get("X-Topic") or ""
    kind = (event.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    try:
        if kind == batch.CONTENT_TYPE:
            scored = _score(batch.decode_messages(event.body))
            return _answer(200, batch.encode_outcomes([_outcome(line) for line in scored]), _BYTES)
        if kind in _NDJSON:
            scored = _score([(topic, line) for line in _lines(event.body)])
            _require_lines(event.body, scored)
            return _answer(200, "".join(map(_line, scored)), "application/x-ndjson")
        [only] = _score([(topic, event.body)])
        return _answer(*_single(only))
    except FanwatchError as error:
        return _answer(error.status, _json(_problem(error)))
    except msgspec.DecodeError as error:
        return _answer(400, _json({"error": f"This is no batch: {in_words(error, list[batch.Message])}."}))


def warm() -> None:
    """Connects to the broker before the first reading comes; a broker that is away is no reason not to start."""
    publisher().wait_connected(2.0)


@cache
def publisher() -> Publisher:
    """One for the process, made when it is needed first."""
    return Publisher(load(BrokerSettings), _LOG, name="score-fan")


@cache
def gateway() -> Gateway:
    """One for the process, likewise."""
    return Gateway(load(GatewaySettings), _SETTINGS.infer_timeout)


@cache
def _infer() -> Callable[[bytes, Mapping[str, str]], Response]:
    if _SETTINGS.infer_direct:
        return Shortcut(gateway(), _SETTINGS.infer_function, _SETTINGS.infer_timeout / 2).call
    return partial(gateway().call, _SETTINGS.infer_function)


def _score(messages: Sequence[batch.Message]) -> list[Scored]:
    """What became of each (topic, payload), in order; a topic of "" asks for the result only."""
    now_ms = time.time_ns() // 1_000_000
    scored: list[Scored | None] = [None] * len(messages)
    readings: list[tuple[int, Reading]] = []
    for index, (topic, payload) in enumerate(messages):
        try:
            reading = parse_from_topic(topic, payload, _RULES, now_ms) if topic else parse(payload, _RULES)
        except InvalidReading as error:
            _REFUSED.labels(error.reason).inc()
            scored[index] = error
        else:
            readings.append((index, reading))
    try:
        decisions = _judge([reading for _, reading in readings])
    except FanwatchError as error:
        return [error if line is None else line for line in scored]
    for (index, reading), decision in zip(readings, decisions, strict=True):
        scored[index] = Result.of(reading, decision)
    done = [line for line in scored if line is not None]
    _publish(done, [bool(topic) for topic, _ in messages])
    return done


def _judge(readings: Sequence[Reading]) -> list[Decision]:
    """infer-fan's decision on each reading; Unavailable or UpstreamFailed where there is none."""
    decisions: list[Decision] = []
    for start in range(0, len(readings), _ROWS_A_CALL):
        rows = [reading.features for reading in readings[start : start + _ROWS_A_CALL]]
        answer = _infer()(encode_json({"params": rows}), {"Content-Type": "application/json"})
        if answer.status != 200:
            kind = Unavailable if answer.status in (404, 429, 503) else UpstreamFailed
            raise kind(f"{_SETTINGS.infer_function} answered {answer.status}: {answer.text()}")
        try:
            some = decode_decisions(answer.body)
        except (ValueError, RecursionError) as error:
            why = in_words(error, list[Decision])
            raise UpstreamFailed(f"{_SETTINGS.infer_function} answered with no decisions: {why}") from error
        if len(some) != len(rows):
            raise UpstreamFailed(f"{_SETTINGS.infer_function} decided on {len(some)} rows of {len(rows)}")
        decisions += some
    return decisions


def _publish(scored: list[Scored], wanted: Sequence[bool]) -> None:
    """Publishes the results that are wanted and puts an error in place of each that the broker did not take."""
    results = [(i, line) for i, line in enumerate(scored) if wanted[i] and isinstance(line, Result)]
    if not results:
        return
    try:
        outcomes = publisher().publish([(RESULTS, encode_json(result)) for _, result in results])
    except Unavailable as error:
        outcomes = [str(error)] * len(results)
    failed: dict[str, Unavailable] = {}
    counts: Tally[tuple[str, int | None]] = Tally()
    for (index, result), outcome in zip(results, outcomes, strict=True):
        if outcome not in (PUBLISHED, NO_SUBSCRIBER):
            failed.setdefault(result.deviceID, Unavailable(f"The result was not published: {outcome}"))
        # A device's later readings wait for its first one that failed, so that their order holds.
        if result.deviceID in failed:
            scored[index] = failed[result.deviceID]
        else:
            counts[result.quality, result.fault] += 1
    for (quality, fault), count in counts.items():
        _SCORED.labels(quality, fault).inc(count)
    _count_unheard(outcomes.count(NO_SUBSCRIBER))


def _count_unheard(count: int) -> None:
    global _warn_unheard_at
    _UNHEARD.inc(count)
    if count and time.monotonic() >= _warn_unheard_at:
        _warn_unheard_at = time.monotonic() + 60
        _LOG.warning(f"results reach nobody: no session is subscribed to {RESULTS}", count=count)


def _lines(body: bytes) -> list[bytes]:
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        what = None if body.lstrip().startswith(b"{") else misread.sent(body, over_mqtt=False)
        many = f"at most {MAX_LINES:,} readings in one request, these are {len(lines):,}"
        raise InvalidReading(what or many, reason="oversized")
    return lines


def _require_lines(body: bytes, scored: Sequence[Scored]) -> None:
    """InvalidReading, once, for a body of several lines of which none is JSON, where one can tell what it is."""
    unreadable = all(isinstance(line, InvalidReading) and line.field is None for line in scored)
    if len(scored) > 1 and unreadable and not body.lstrip().startswith(b"{"):
        said = misread.sent(body, over_mqtt=False)
        if said:
            raise InvalidReading(said, reason="json")


def _outcome(scored: Scored) -> batch.Outcome:
    if isinstance(scored, Result):
        return 200, None
    reason = f"{scored.reason}: " if isinstance(scored, InvalidReading) else ""
    return scored.status, reason + str(scored)


def _problem(error: FanwatchError) -> dict[str, Any]:
    if isinstance(error, InvalidReading):
        return {"error": str(error), "reason": error.reason, "field": error.field, "value": error.value}
    return {"error": str(error)}


def _single(scored: Scored) -> tuple[int, str]:
    return (200, _json(scored)) if isinstance(scored, Result) else (scored.status, _json(_problem(scored)))


def _line(scored: Scored) -> str:
    content = msgspec.to_builtins(scored) if isinstance(scored, Result) else _problem(scored)
    status = 200 if isinstance(scored, Result) else scored.status
    return _json({"status": status} | content) + "\n"


def _json(content: object) -> str:
    return encode_json(content).decode()


def _answer(status: int, body: str | bytes, content_type: str = "application/json") -> dict[str, Any]:
    # The mark tells the connector that score-fan itself said so, not a gateway on the way.
    headers = {"Content-type": content_type, batch.VERDICT_HEADER: "1"}
    return {"statusCode": status, "body": body, "headers": headers}
