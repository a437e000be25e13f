"""One call of a function for some messages, and what its answer says of each of them."""

import time
from collections.abc import Sequence

import msgspec

from connectors.mqtt import metrics
from connectors.mqtt.delivery import Delivery
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.gateway.client import Gateway, Response
from fanwatch.messages import batch
from fanwatch.messages.refusals import in_words

_REJECTED = (400, 413, 422)


class Failed(msgspec.Struct, frozen=True):
    """No verdict: nothing is known of any message of the call."""

    why: str
    too_large: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What a function said of one message: settled with 200, rejected by its own 400, 413 or 422, else try again."""

    status: int
    error: str | None = None

    @property
    def settled(self) -> bool:
        """The function is done with it."""
        return self.status == 200

    @property
    def rejected(self) -> bool:
        """The function said that no retry can help."""
        return self.status in _REJECTED


Answer = list[Verdict] | Failed


class Calls:
    """Calls one function, with batches if it is annotated so, else one message a call."""

    def __init__(self, gateway: Gateway, function: str, batch_size: int) -> None:
        """`batch_size` messages at most in a call; 0 for a function that takes raw single messages."""
        self._gateway = gateway
        self.function = function
        self.batch_size = batch_size
        self.size = max(1, batch_size)
        self._batched = batch_size > 0
        self._seconds = metrics.CALL_SECONDS.labels(function)
        self._in_flight = metrics.IN_FLIGHT.labels(function)

    def invoke(self, deliveries: Sequence[Delivery]) -> Answer:
        """The function's verdict on each delivery, or Failed."""
        return self._send([(delivery.topic, delivery.payload) for delivery in deliveries])

    def probe(self, payload: bytes) -> bool:
        """Whether the function answers at all: it is asked to score `payload` without publishing (no topic)."""
        answer = self._send([("", payload)])
        return isinstance(answer, list) and all(verdict.settled or verdict.rejected for verdict in answer)

    def _send(self, messages: list[batch.Message]) -> Answer:
        began = time.perf_counter()
        self._in_flight.inc(len(messages))
        try:
            response = self._post(messages)
        except (Unavailable, FanwatchError) as error:
            metrics.CALLS.labels(self.function, "none").inc()
            return Failed(str(error))
        finally:
            self._in_flight.dec(len(messages))
            self._seconds.observe(time.perf_counter() - began)
        metrics.CALLS.labels(self.function, str(response.status)).inc()
        return self._read(response, len(messages))

    def _post(self, messages: list[batch.Message]) -> Response:
        if self._batched:
            return self._gateway.call(
                self.function, batch.encode_messages(messages), {"Content-Type": batch.CONTENT_TYPE}
            )
        [(topic, payload)] = messages
        # As OpenFaaS's stock connector sends it.
        headers = {"Content-Type": "application/json", "X-Connector": "fanwatch"}
        if topic:
            headers["X-Topic"] = topic
        return self._gateway.call(self.function, payload, headers)

    def _read(self, response: Response, count: int) -> Answer:
        marked = response.headers.get(batch.VERDICT_HEADER) is not None
        if self._batched and response.status == 200 and marked:
            try:
                verdicts = [Verdict(status, error) for status, error in batch.decode_outcomes(response.body)]
            except msgspec.DecodeError as error:
                return Failed(f"{self.function} answered a batch with something else: {in_words(error)}")
            if len(verdicts) != count:
                return Failed(f"{self.function} answered {len(verdicts)} lines to {count} messages")
            return verdicts
        if not self._batched and 200 <= response.status < 300:
            return [Verdict(200)]
        if not self._batched and marked:
            return [Verdict(response.status, _said(response))]
        # A gateway's 404, 405, 429 or 5xx may be passing, and says nothing of the messages.
        return Failed(
            f"{self.function}: {response.status} {response.text()}", too_large=response.status == 413
        )


class _Problem(msgspec.Struct):
    error: str
    reason: str = "refused"


def _said(response: Response) -> str:
    try:
        problem = msgspec.json.decode(response.body, type=_Problem)
    except (ValueError, RecursionError):
        return response.text()
    return f"{problem.reason}: {problem.error}"
