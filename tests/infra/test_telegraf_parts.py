"""What every part says of itself arrives in the store, in a bounded number of series."""

import fnmatch
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import health
from tests.support.ledger import Fans, identity
from tests.support.runtime import Pipeline
from tests.support.wait import until

FIELDS = {
    "broker": {
        "clients_connected", "clients_disconnected", "messages_received", "messages_sent", "bytes_received",
        "bytes_sent", "publish_dropped", "publish_received", "publish_sent", "stored_messages", "stored_bytes",
        "queue_limit_bytes",
        "subscriptions", "retained_messages", "heap_bytes", "uptime_s",
    },
    "store": {
        "points_written", "write_errors", "writes", "write_ns", "queries", "query_ns", "server_errors", "series",
        "memory_bytes", "shards", "disk_bytes", "disk_limit_bytes", "process_cpu_seconds_total",
    },
    "telegraf": {
        "gathered", "errors", "written", "dropped", "rejected", "buffer_size", "memory_bytes", "storing",
    },
    "machine": {
        "cpu_percent", "memory_used_percent", "memory_available_bytes", "disk_used_percent", "disk_free_bytes",
    },
    "up": {"up", "response_s"},
    "dropped": {"count"},
}  # fmt: skip
"""All fields of these."""
SCRAPED = {
    "connector": {
        "fanwatch_connector_received_total", "fanwatch_connector_scored_total", "fanwatch_connector_held",
        "fanwatch_connector_waiting", "fanwatch_connector_retried_total", "fanwatch_connector_breaker_open",
        "fanwatch_connector_calls_total", "fanwatch_connector_call_seconds_bucket",
        "fanwatch_connector_settled_seconds_bucket", "fanwatch_connector_settled_seconds_sum",
        "fanwatch_connector_dead_lettered_total", "process_cpu_seconds_total", "process_resident_memory_bytes",
    },
    "gateway": {
        "gateway_function_invocation_total", "gateway_functions_seconds_bucket", "gateway_functions_seconds_sum",
        "gateway_functions_seconds_count", "gateway_service_count", "process_resident_memory_bytes",
    },
    "function": {
        "http_requests_total", "http_request_duration_seconds_bucket", "http_requests_in_flight",
        "fanwatch_scored_total", "process_cpu_seconds_total", "process_resident_memory_bytes",
        "fanwatch_forecast_runs_total", "fanwatch_forecast_seconds", "fanwatch_forecast_failed_fans",
    },
}  # fmt: skip
"""What of these must be there; there is more."""
_LIMITS = {"FANWATCH_BROKER_QUEUED_BYTES": "70000000", "TELEGRAF_STORE_BYTES": "8000000000"}
_ENVIRONMENT = {"TELEGRAF_INTERVAL": "1s", **_LIMITS}
TAGS = {
    "broker": set[str](), "store": set[str](), "machine": set[str](), "telegraf": {"input"}, "up": {"part"},
    "dropped": {"kind", "reason"}, "connector": {"function", "status", "reason", "le"},
    "gateway": {"function_name", "code", "le"},
    "function": {"function", "replica", "code", "method", "quality", "fault", "reason", "outcome", "le"},
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """All of it, with two replicas of score-fan; Telegraf looks at it each second."""

    def two(text: str) -> str:
        return text.replace('com.openfaas.scale.min: "1"', 'com.openfaas.scale.min: "2"', 1)

    made = Pipeline(tmp_path_factory.mktemp("parts"), store=True, stack=two, environment=_ENVIRONMENT)
    try:
        yield made.start()
    finally:
        made.close()


def store_of(pipeline: Pipeline) -> Store:
    return Store(StoreSettings(influx_url=f"http://127.0.0.1:{pipeline.influx_port}"))


def fields_of(store: Store, measurement: str) -> set[str]:
    return {row["fieldKey"] for row in store.query(f'SHOW FIELD KEYS FROM "{measurement}"')}


def storing(pipeline: Pipeline) -> int:
    """What the health endpoint answers; 0 for nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{pipeline.telegraf_port}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


def telegraf_part(pipeline: Pipeline) -> health.Part:
    """What `fanwatch status` says of Telegraf."""
    found = health.parts(pipeline.runtime.environment, pipeline.layout, pipeline.runtime.stack, None)
    return next(part for part in found if part.name == "telegraf")


def test_every_part_is_there_with_its_fields(pipeline: Pipeline) -> None:
    fans = Fans(devices=10)
    pipeline.source.flow(fans, rate=200, count=400)
    identity(pipeline.source, pipeline.witness, stored=pipeline.stored)
    store = store_of(pipeline)
    # Answers other than 200 have series of their own, which dead letters and outages bring about.
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(
            urllib.request.Request(
                f"http://127.0.0.1:{pipeline.gateway_port}/function/score-fan", b"nonsense"
            ),
            timeout=5,
        )
    for measurement, wanted in FIELDS.items():
        until(lambda m=measurement, w=wanted: fields_of(store, m) == w, 30, f"{measurement}: {wanted}")
    for measurement, wanted in SCRAPED.items():
        if measurement == "connector":
            wanted = wanted - {"fanwatch_connector_dead_lettered_total"}
        until(lambda m=measurement, w=wanted: w <= fields_of(store, m), 20, f"{measurement}: {wanted}")
    for measurement, tags in TAGS.items():
        found = {row["tagKey"] for row in store.query(f'SHOW TAG KEYS FROM "{measurement}"')}
        assert found <= tags, measurement
    everything = {row["name"] for row in store.query("SHOW MEASUREMENTS")}
    assert not [
        name for name in everything if name.startswith(("internal", "influxdb", "http", "prometheus"))
    ]
    assert not [f for m in SCRAPED for f in fields_of(store, m) if fnmatch.fnmatch(f, "*_created")]


def test_counts_are_right(pipeline: Pipeline) -> None:
    store = store_of(pipeline)
    scored = pipeline.metric("fanwatch_connector_scored_total")
    assert scored > 0

    def last(field: str, measurement: str, where: str = "") -> list[float]:
        text = f'SELECT last("{field}") AS "value" FROM "{measurement}" {where} GROUP BY *'
        return [row["value"] for row in store.query(text)]

    name = "fanwatch_connector_scored_total"
    until(lambda: sum(last(name, "connector")) == scored, 15, "the connector's count")
    # Each replica's own counter: together they are all readings.
    scoring = """WHERE "function" = 'score-fan'"""

    def both() -> bool:
        # Replicas answer in turn: a call more now and then, so that scrapes do not always meet the same one.
        health.http_status(f"http://127.0.0.1:{pipeline.gateway_port}/function/score-fan/_/ready")
        return sum(last("fanwatch_scored_total", "function", scoring)) == scored

    until(both, 20, "both replicas' counts")
    replicas = {
        row["value"]
        for row in store.query('SHOW TAG VALUES FROM "function" WITH KEY = "replica"' + f" {scoring}")
    }
    assert len(replicas) == 2
    starts = last("http_server_start_time_seconds", "function", scoring)
    assert {str(int(start * 1_000_000)) for start in starts} == replicas
    assert [row["value"] for row in store.query('SHOW TAG VALUES FROM "telegraf" WITH KEY = "input"')] == [
        "alarm", "anomaly", "broker", "connector", "dead_letter", "function", "gateway", "machine", "store",
        "store_process", "telegraf", "telemetry", "up",
    ]  # fmt: skip
    # Mosquitto says so every ten seconds: connector, score-fan, five of Telegraf, the two of this test.
    until(lambda: last("clients_connected", "broker")[0] >= 9, 20, "the broker's clients")
    # It says so once a second, and a run of the forecast may bring some about.
    until(lambda: last("series", "store")[0] == len(store.query("SHOW SERIES")), 15, "the store's series")
    # What alerts measure by is what this runtime was told.
    limits = [last("queue_limit_bytes", "broker"), last("disk_limit_bytes", "store")]
    assert limits == [[int(bytes_)] for bytes_ in _LIMITS.values()]
    [disk] = last("disk_used_percent", "machine")
    assert 0 < disk < 100


def test_samples_of_one_scrape_are_one_point_in_time(pipeline: Pipeline) -> None:
    store = store_of(pipeline)
    rows = store.query('SELECT * FROM "connector" WHERE "function" = \'\' AND "reason" = \'\' LIMIT 3')
    for row in rows:
        assert row["fanwatch_connector_received_total"] is not None
        assert row["process_cpu_seconds_total"] is not None


def test_series_are_few(pipeline: Pipeline) -> None:
    """Of the parts, whatever the number of fans; each more replica has those of its function again."""
    store = store_of(pipeline)
    counts = {m: len(store.query(f'SHOW SERIES FROM "{m}"')) for m in (*FIELDS, *SCRAPED)}
    assert sum(counts.values()) <= 220, counts


def test_a_part_that_does_not_answer_is_not_up(pipeline: Pipeline) -> None:
    store = store_of(pipeline)

    def state() -> dict[str, int]:
        rows = store.query('SELECT last("up") AS "up" FROM "up" GROUP BY "part"')
        return {row["part"]: row["up"] for row in rows}

    well = dict.fromkeys(("connector", "gateway", "scoring", "store"), 1)
    until(lambda: state() == well, 15, "all up")
    pipeline.down("connector")
    until(lambda: state() == well | {"connector": 0}, 15, "the connector away")
    pipeline.up("connector")
    until(lambda: state() == well, 15, "the connector back")
    pipeline.down("gateway")
    until(lambda: state() == well | {"gateway": 0, "scoring": 0}, 15, "the gateway away")
    pipeline.up("gateway")
    until(lambda: state() == well, 15, "all up again")


def test_it_says_whether_it_stores(pipeline: Pipeline) -> None:
    until(lambda: storing(pipeline) == 200, 15, "storing")
    until(lambda: telegraf_part(pipeline).state == "ok", 15, "ok")
    pipeline.down("influxd")
    until(lambda: storing(pipeline) == 503, 15, "InfluxDB is missed")
    until(lambda: telegraf_part(pipeline).state == "down", 15, "down")
    assert telegraf_part(pipeline).detail.startswith("stores nothing; ")
    pipeline.up("influxd")
    until(lambda: storing(pipeline) == 200, 30, "storing again")
    until(lambda: telegraf_part(pipeline).state == "ok", 15, "ok again")
