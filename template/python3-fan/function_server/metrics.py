"""Metrics of the server, under the names that of-watchdog gives them, so that OpenFaaS dashboards show them."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMetrics(Collector):
    """Plain numbers written by the event loop's thread alone, turned into metrics when they are asked for.

    A request costs one dict update and one bisection; a prometheus_client histogram takes locks for each.
    """

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self._in_flight = in_flight
        self._count: dict[tuple[str, int], int] = {}
        self._buckets = [0] * (len(_BOUNDS_S) + 1)
        self._sum_s = 0.0
        self._began_s = time.time()
        REGISTRY.register(self)

    def observe(self, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, status)
        self._count[key] = self._count.get(key, 0) + 1
        self._buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for at each scrape."""
        requests = CounterMetricFamily("http_requests", "Requests answered.", labels=("code", "method"))
        for (method, status), count in list(self._count.items()):
            requests.add_metric((str(status), method.lower()), count)
        yield requests
        cumulative, buckets = 0, []
        for bound, count in zip((*_BOUNDS_S, "+Inf"), self._buckets, strict=True):
            cumulative += count
            buckets.append((str(bound), float(cumulative)))
        duration = HistogramMetricFamily("http_request_duration_seconds", "Time from request to answer.")
        duration.add_metric((), buckets, self._sum_s)
        yield duration
        yield GaugeMetricFamily(
            "http_requests_in_flight", "Requests being worked on.", value=self._in_flight()
        )
        # The process's own start time counts hundredths of a second: replicas that are started together share it.
        yield GaugeMetricFamily(
            "http_server_start_time_seconds",
            "When this replica began, to the microsecond: tells it from the others.",
            value=self._began_s,
        )


def page() -> bytes:
    """Everything in the default registry, the handler's own metrics included, in Prometheus's text format."""
    return generate_latest(REGISTRY)
