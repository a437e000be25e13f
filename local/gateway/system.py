"""The REST API below /system/, read-only: what runs here is what stack.yml says."""

import base64
import binascii
import hmac
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from local.gateway import answers
from local.gateway.answers import Scope, Send
from local.gateway.proxy import NAMESPACE
from local.gateway.routes import Route, Routes


class System:
    """Answers below /system/ for who knows the user and password."""

    def __init__(self, routes: Routes, user: str, password: str) -> None:
        self._routes = routes
        self._credentials = f"{user}:{password}".encode()

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer one request."""
        if not self._allowed(scope):
            realm = [(b"www-authenticate", b'Basic realm="Restricted"')]
            await answers.text(send, 401, "invalid credentials", realm)
            return
        path, method = scope["path"].rstrip("/"), scope["method"]
        if path.startswith("/system/function/") and method == "GET":
            await self._one(send, path.removeprefix("/system/function/"))
        elif path == "/system/functions" and method == "GET":
            await answers.as_json(send, [describe(route) for route in self._routes.by_name.values()])
        elif path == "/system/info" and method == "GET":
            await answers.as_json(send, _info())
        elif path == "/system/namespaces" and method == "GET":
            await answers.as_json(send, [NAMESPACE])
        elif path == "/system/functions" or path.startswith("/system/scale-function/"):
            reason = "The local gateway deploys and scales what stack.yml says: change stack.yml (for the number of"
            reason += " processes the label com.openfaas.scale.min); it is followed at once."
            await answers.text(send, 405, reason)
        else:
            await answers.text(send, 404, "404 page not found")

    def _allowed(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:6].lower() == b"basic ":
                try:
                    given = base64.b64decode(value[6:], validate=True)
                except binascii.Error:
                    return False
                return hmac.compare_digest(given, self._credentials)
        return False

    async def _one(self, send: Send, called: str) -> None:
        name, _, namespace = called.partition(".")
        route = self._routes.by_name.get(name)
        if route is None or namespace not in ("", NAMESPACE):
            await answers.text(send, 404, "")
        else:
            await answers.as_json(send, describe(route))


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
