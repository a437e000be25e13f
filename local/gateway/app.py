"""The gateway's ASGI application: functions' calls, metrics, and read-only the REST API below /system/."""

import base64
import binascii
import hmac
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client import REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from local.gateway.proxy import Proxy
from local.gateway.routes import NAMESPACE, Route, Routes


class Application:
    """Hands a request to the part of the gateway that its path names."""

    def __init__(self, routes: Routes, user: str, password: str, timeout_s: float) -> None:
        self._metrics = _Metrics(routes)
        self._proxy = Proxy(routes, timeout_s, self._metrics.observe)
        self._system = _System(routes, user, password)

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


class _System:
    """Answers below /system/ for who knows the user and password."""

    def __init__(self, routes: Routes, user: str, password: str) -> None:
        self._routes = routes
        self._credentials = f"{user}:{password}".encode()

    def answer(self, scope: Scope) -> Response:
        """What a request gets."""
        if not self._allowed(scope):
            realm = {"www-authenticate": 'Basic realm="Restricted"'}
            return PlainTextResponse("invalid credentials", 401, realm)
        path, method = scope["path"].rstrip("/"), scope["method"]
        if path.startswith("/system/function/") and method == "GET":
            route = self._routes.named(path.removeprefix("/system/function/"))
            return JSONResponse(describe(route)) if route else PlainTextResponse("", 404)
        if path == "/system/functions" and method == "GET":
            return JSONResponse([describe(route) for route in self._routes.by_name.values()])
        if path == "/system/info" and method == "GET":
            return JSONResponse(_info())
        if path == "/system/namespaces" and method == "GET":
            return JSONResponse([NAMESPACE])
        if path == "/system/functions" or path.startswith("/system/scale-function/"):
            return PlainTextResponse(
                "The local gateway deploys and scales what stack.yml says: change stack.yml (for the number of"
                " processes the label com.openfaas.scale.min); it is followed at once.",
                405,
            )
        return PlainTextResponse("404 page not found", 404)

    def _allowed(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:6].lower() == b"basic ":
                try:
                    given = base64.b64decode(value[6:], validate=True)
                except binascii.Error:
                    return False
                return hmac.compare_digest(given, self._credentials)
        return False


def describe(route: Route) -> dict[str, Any]:
    """A function as OpenFaaS describes it; what is empty is left out."""
    function = route.function
    optional: dict[str, Any] = {
        "envVars": function.environment,
        "secrets": list(function.secrets),
        "limits": function.limits,
        "requests": function.requests,
        "readOnlyRootFilesystem": function.readonly_root_filesystem,
        "invocationCount": route.invocations,
    }
    return {
        "name": function.name,
        "image": function.image,
        "namespace": NAMESPACE,
        "labels": function.labels,
        "annotations": function.annotations,
        "replicas": function.replicas,
        "availableReplicas": sum(replica.ready for replica in route.ready),
        "createdAt": route.created_at,
    } | {key: value for key, value in optional.items() if value}


def _info() -> dict[str, Any]:
    try:
        release = version("fanwatch")
    except PackageNotFoundError:
        release = "unknown"
    release_of = {"release": release, "sha": ""}
    provider = {"provider": "fanwatch-local", "version": release_of, "orchestration": "processes"}
    return {"provider": provider, "version": release_of, "arch": platform.machine()}


class _Metrics(Collector):
    """Under the names of OpenFaaS's gateway, so that its dashboards show them."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._total = Counter("gateway_function_invocation", "Function metrics", ["function_name", "code"])
        self._seconds = Histogram("gateway_functions_seconds", "Function time taken", ["function_name"])
        # Finding them by their labels takes longer than counting.
        self._labelled = cache(
            lambda function, status: (
                self._total.labels(f"{function}.{NAMESPACE}", str(status)),
                self._seconds.labels(f"{function}.{NAMESPACE}"),
            )
        )
        REGISTRY.register(self)

    def observe(self, function: str, status: int, seconds: float) -> None:
        """Count one call."""
        counter, histogram = self._labelled(function, status)
        counter.inc()
        histogram.observe(seconds)

    def collect(self) -> list[Metric]:
        """Processes that are ready, of each function."""
        count = GaugeMetricFamily(
            "gateway_service_count", "Current count of replicas.", labels=["function_name"]
        )
        for name, route in self._routes.by_name.items():
            count.add_metric((f"{name}.{NAMESPACE}",), sum(replica.ready for replica in route.ready))
        return [count]
