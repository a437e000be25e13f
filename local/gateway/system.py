"""The REST API below /system/, read-only: what runs here is what stack.yml says."""

import base64
import binascii
import hmac
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from local.gateway.routes import NAMESPACE, Route, Routes


class System:
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
