"""Calls of functions through any OpenFaaS gateway, over one kept-alive connection a thread."""

import base64
import http.client
import socket
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec

from fanwatch.errors import FanwatchError, SettingsError, Unavailable
from fanwatch.settings import GatewaySettings, secret

_MAX_ANSWER_BYTES = 16_000_000


class Response(msgspec.Struct, frozen=True):
    """An answer of the gateway: `headers` are looked up without regard to case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def text(self) -> str:
        """The start of the body as a person reads it in an error."""
        return self.body[:300].decode(errors="replace").strip()


class FunctionInfo(msgspec.Struct, frozen=True):
    """One function as `GET /system/functions` describes it."""

    name: str
    namespace: str = ""
    annotations: dict[str, str] | None = None
    replicas: float = 0
    availableReplicas: float = 0  # noqa: N815 - the gateway's name


class _Connection(http.client.HTTPConnection):
    """Without Nagle's algorithm: head and body go out at once."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Gateway:
    """One gateway; safe to share between threads."""

    def __init__(self, settings: GatewaySettings, timeout_s: float) -> None:
        """`timeout_s` bounds the connect and each read of a call. SettingsError for a URL that is none."""
        self._secure, self._host, self._port, self._path = _address(settings.gateway_url)
        self._timeout_s = timeout_s
        user = secret(settings.gateway_user_file, "FANWATCH_GATEWAY_USER_FILE")
        password = secret(settings.gateway_password_file, "FANWATCH_GATEWAY_PASSWORD_FILE")
        self._auth: dict[str, str] = {}
        if user is not None and password is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._auth = {"Authorization": f"Basic {token}"}
        self._local = threading.local()

    def call(self, function: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Invokes `function` (NAME or NAME.namespace). Unavailable where no answer came, whatever was sent.

        Header values go out as UTF-8. FanwatchError for one with a line break, which HTTP cannot carry.
        """
        return self._request("POST", f"/function/{quote(function)}", body, headers)

    def functions(self) -> list[FunctionInfo]:
        """All functions of the gateway. Unavailable where it does not answer with a list of them."""
        response = self._request("GET", "/system/functions", None, self._auth)
        if response.status == 401:
            raise SettingsError(
                "The gateway refused the credentials: check FANWATCH_GATEWAY_USER_FILE and _PASSWORD_FILE."
            )
        if response.status != 200:
            raise Unavailable(
                f"The gateway answered {response.status} to /system/functions: {response.text()}"
            )
        try:
            return msgspec.json.decode(response.body, type=list[FunctionInfo])
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"The gateway's list of functions cannot be read: {error}") from error

    def close(self) -> None:
        """Closes the calling thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        for name, text in headers.items():
            if "\n" in text or "\r" in text or "\0" in text:
                raise FanwatchError(
                    f"The header {name} cannot carry {text[:80]!r}: it has a line break or NUL."
                )
        connection, fresh = self._connection()
        try:
            return self._exchange(connection, method, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            connection.close()
            if fresh:
                raise self._away(error) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._away(error) from error
        # A kept-alive connection that the other side had closed meanwhile says nothing about its health.
        connection, _ = self._connection()
        try:
            return self._exchange(connection, method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._away(error) from error

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Response:
        # http.client would refuse what Latin-1 lacks.
        connection.request(method, self._path + path, body, {k: v.encode() for k, v in headers.items()})
        answer = connection.getresponse()
        content = answer.read(_MAX_ANSWER_BYTES)
        if not answer.isclosed():
            connection.close()
            raise http.client.HTTPException(f"an answer of more than {_MAX_ANSWER_BYTES} bytes")
        return Response(answer.status, answer.headers, content)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._secure:
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s)
            else:
                connection = _Connection(self._host, self._port, timeout=self._timeout_s)
            self._local.connection = connection
        return connection, connection.sock is None

    def _away(self, error: Exception) -> Unavailable:
        what = "did not answer in time" if isinstance(error, TimeoutError) else f"gave no answer ({error})"
        return Unavailable(f"The gateway at {self._host}:{self._port or ''} {what}.")


def _address(url: str) -> tuple[bool, str, int | None, str]:
    """Whether TLS is used, host, port and path before the gateway's own."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/")
        problem = ""
    except ValueError as error:
        problem = f" ({error})"
    raise SettingsError(f"FANWATCH_GATEWAY_URL={url!r} is no URL such as http://127.0.0.1:8080{problem}.")
