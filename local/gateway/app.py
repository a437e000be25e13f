"""The gateway's ASGI application."""

from prometheus_client import REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from local.gateway.proxy import Proxy
from local.gateway.routes import NAMESPACE, Routes
from local.gateway.system import System


class Application:
    """Hands a request to the part of the gateway that its path names."""

    def __init__(self, routes: Routes, user: str, password: str, timeout_s: float) -> None:
        self._metrics = _Metrics(routes)
        self._proxy = Proxy(routes, timeout_s, self._metrics.observe)
        self._system = System(routes, user, password)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path.startswith("/function/"):
            await self._proxy(scope, receive, send)
            return
        if path.startswith("/system/"):
            answer = self._system.answer(scope)
        elif path == "/healthz":
            answer = PlainTextResponse("OK")
        elif path == "/metrics":
            answer = Response(
                generate_latest(REGISTRY), media_type="text/plain; version=0.0.4; charset=utf-8"
            )
        else:
            answer = PlainTextResponse("404 page not found", 404)
        await answer(scope, receive, send)


class _Metrics(Collector):
    """Under the names of OpenFaaS's gateway, so that its dashboards show them."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._total = Counter("gateway_function_invocation", "Function metrics", ["function_name", "code"])
        self._seconds = Histogram("gateway_functions_seconds", "Function time taken", ["function_name"])
        REGISTRY.register(self)

    def observe(self, function: str, status: int, seconds: float) -> None:
        """Count one call."""
        name = f"{function}.{NAMESPACE}"
        self._total.labels(name, str(status)).inc()
        self._seconds.labels(name).observe(seconds)

    def collect(self) -> list[Metric]:
        """Processes that are ready, of each function."""
        count = GaugeMetricFamily(
            "gateway_service_count", "Current count of replicas.", labels=["function_name"]
        )
        for name, route in self._routes.by_name.items():
            count.add_metric((f"{name}.{NAMESPACE}",), sum(replica.ready for replica in route.ready))
        return [count]
