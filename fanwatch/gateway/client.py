"""Calls of functions through any OpenFaaS gateway, over one kept-alive connection a thread."""

import base64
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec

from fanwatch.errors import SettingsError, Unavailable
from fanwatch.gateway.http import ClosedEarly, Headers, HttpConnection, HttpError, written
from fanwatch.messages.refusals import in_words
from fanwatch.settings import GatewaySettings, secret

MAX_ANSWER_BYTES = 16_000_000


class Response(msgspec.Struct, frozen=True):
    """An answer of the gateway: `headers` are looked up without regard to case."""

    status: int
    headers: Headers
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


class Gateway:
    """One gateway; safe to share between threads."""

    def __init__(self, settings: GatewaySettings, timeout_s: float) -> None:
        """`timeout_s` bounds each call as a whole. SettingsError for a URL that is none."""
        self._secure, self._host, port, self._path = _address(settings.gateway_url)
        self._port = port or (443 if self._secure else 80)
        self._timeout_s = timeout_s
        self._settings = settings
        self._auth = _credentials(settings)
        self._local = threading.local()

    def call(self, function: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Invokes `function` (NAME or NAME.namespace). Unavailable where no answer came, whatever was sent.

        Header values go out as UTF-8. FanwatchError for one with a line break, which HTTP cannot carry.
        """
        return self._request("POST", f"/function/{quote(function)}", body, headers)

    def answers(self) -> bool:
        """Whether the gateway is there."""
        try:
            return self._request("GET", "/healthz", None, {}).status == 200
        except Unavailable:
            return False

    def functions(self) -> list[FunctionInfo]:
        """All functions of the gateway. Unavailable where it does not answer with a list of them.

        SettingsError where it refuses the credentials, also after their files were read again: they may be new ones.
        """
        response = self._request("GET", "/system/functions", None, self._auth)
        if response.status == 401:
            self._auth = _credentials(self._settings)
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
            raise Unavailable(
                f"The gateway's list of functions cannot be read: {in_words(error)}."
            ) from error

    def close(self) -> None:
        """Closes the calling thread's connection."""
        self._connection().close()

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        request = written(method, self._path + path, self._host, self._port, body, headers)
        connection = self._connection()
        fresh = connection.fresh
        try:
            try:
                answer = connection.exchange(request)
            except (ClosedEarly, BrokenPipeError, ConnectionResetError):
                # A kept-alive connection that the other side had closed meanwhile says nothing about its health.
                if fresh:
                    raise
                answer = connection.exchange(request)
        except (OSError, HttpError) as error:
            raise self._away(error) from error
        return Response(answer.status, answer.headers, answer.body)

    def _connection(self) -> HttpConnection:
        connection: HttpConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = HttpConnection(
                self._host,
                self._port,
                secure=self._secure,
                timeout_s=self._timeout_s,
                most_bytes=MAX_ANSWER_BYTES,
            )
            self._local.connection = connection
        return connection

    def _away(self, error: Exception) -> Unavailable:
        what = "did not answer in time" if isinstance(error, TimeoutError) else f"gave no answer ({error})"
        return Unavailable(f"The gateway at {self._host}:{self._port} {what}.")


def _credentials(settings: GatewaySettings) -> dict[str, str]:
    """The header that says who asks; none where the settings name no files."""
    user = secret(settings.gateway_user_file, "FANWATCH_GATEWAY_USER_FILE")
    password = secret(settings.gateway_password_file, "FANWATCH_GATEWAY_PASSWORD_FILE")
    if user is None or password is None:
        return {}
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


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
