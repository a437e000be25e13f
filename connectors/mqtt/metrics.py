"""The connector's ledger as Prometheus metrics."""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily


class Tally:
    """A counter for the way of every message: `value += 1`, by one thread at a time, costs no lock of its own."""

    def __init__(self, name: str, documentation: str) -> None:
        self.value = 0
        self._name = name
        self._documentation = documentation
        REGISTRY.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What a scrape sees."""
        yield CounterMetricFamily(self._name, self._documentation, value=self.value)


RECEIVED = Tally(
    "fanwatch_connector_received_total", "Messages received from the broker, repeated ones included"
)
EMPTY = Tally(
    "fanwatch_connector_empty_total",
    "Empty messages on topics of readings, as clear a retained message: no readings, acknowledged and ignored",
)
SCORED = Counter("fanwatch_connector_scored_total", "Messages that a function settled with 200", ["function"])
DEAD_LETTERED = Counter(
    "fanwatch_connector_dead_lettered_total", "Messages whose dead letter the broker has taken", ["reason"]
)
ACKNOWLEDGED = Tally("fanwatch_connector_acknowledged_total", "Messages acknowledged to the broker")
DUPLICATED = Tally(
    "fanwatch_connector_duplicated_total",
    "Messages settled after their connection had ended: they come again",
)
RETRIED = Counter("fanwatch_connector_retried_total", "Messages sent to a function once more", ["function"])
CALLS = Counter("fanwatch_connector_calls_total", "Calls of a function", ["function", "status"])
CALL_SECONDS = Histogram(
    "fanwatch_connector_call_seconds",
    "Duration of a call",
    ["function"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
SETTLED_SECONDS = Histogram(
    "fanwatch_connector_settled_seconds",
    "Time from a message's arrival until it was settled with 200: of each call, the one that had waited longest",
    ["function"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
IN_FLIGHT = Gauge("fanwatch_connector_in_flight", "Messages in calls under way", ["function"])
HELD = Gauge("fanwatch_connector_held", "Messages held in memory")
HELD_BYTES = Gauge("fanwatch_connector_held_bytes", "Bytes of their payloads")
WAITING = Gauge("fanwatch_connector_waiting", "Messages that wait for a function of their topic to appear")
UNDELIVERED = Gauge(
    "fanwatch_connector_dead_letters_waiting",
    "Dead letters that the broker has not taken, or nobody is subscribed to",
)
BREAKER_OPEN = Gauge(
    "fanwatch_connector_breaker_open", "1 while a function is taken to be away", ["function"]
)
CONNECTED = Gauge("fanwatch_connector_connected", "1 while the broker is reached")
LOST_SESSIONS = Counter(
    "fanwatch_connector_sessions_lost_total",
    "Reconnects at which the broker had lost the session, and what it held",
)
TAKEN_OVER = Counter(
    "fanwatch_connector_taken_over_total", "Times its session was taken over by a client with its id"
)
ID_TAKEN = Gauge("fanwatch_connector_id_taken", "1 while another client uses its id")
LEFT = Counter("fanwatch_connector_left_total", "Times it left the broker because functions took nothing")
