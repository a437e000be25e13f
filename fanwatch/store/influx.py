"""InfluxDB over HTTP: reads in InfluxQL, which 1.x, 2.x and 3 understand, and writes in line protocol.

Writes go to /write of the 1.x API, which 2.x has too, by plain HTTP: one POST with a timeout needs no client library,
and unlike the library's batching it has either stored everything or says what it has not.
"""

import copy
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.messages.refusals import in_words
from fanwatch.proxies import open_part
from fanwatch.settings import StoreSettings, secret

RAW = "raw"
"""The policy of points as they come."""
MEANS = "means"
"""The policy of what is computed from them, kept for longer."""
_LINES = 5000
"""Points in one write."""
_AWAY = (502, 503, 504)
_NO_DATABASE = "database not found"
"""How InfluxDB's refusals begin before it was set up."""


class Refused(FanwatchError):
    """InfluxDB answers, and says no; `code` is the HTTP status of that."""

    def __init__(self, message: str, code: int = 200) -> None:
        super().__init__(message)
        self.code = code


class Series(NamedTuple):
    """Rows that have their tags in common."""

    tags: dict[str, Any]
    columns: list[str]
    values: list[list[Any]]
    """Rows, in the order of the columns."""


class Store:
    """One InfluxDB. Every method raises Unavailable where it does not answer in time, or was not set up yet."""

    def __init__(self, settings: StoreSettings) -> None:
        self.url = settings.influx_url.rstrip("/")
        self.database = settings.influx_database
        self._timeout_s = settings.influx_timeout
        token = secret(settings.influx_token_file, "FANWATCH_INFLUX_TOKEN_FILE")
        self._headers = {"Authorization": f"Token {token}"} if token else {}
        self._deadline: float | None = None

    def until(self, deadline: float) -> "Store":
        """The same, for work that has to be done by then, of time.monotonic(): Unavailable where it is not."""
        hurried = copy.copy(self)
        hurried._deadline = deadline
        return hurried

    def ready(self) -> bool:
        """Whether InfluxDB takes queries."""
        return self.version() is not None

    def version(self) -> str | None:
        """What it calls itself, such as 1.8.10; empty where it does not say, None where it does not answer."""
        request = urllib.request.Request(f"{self.url}/ping", headers=self._headers)
        try:
            with open_part(request, self._timeout_s) as response:
                return str(response.headers.get("X-Influxdb-Version") or "")
        except (OSError, http.client.HTTPException):
            return None

    def query(self, text: str, policy: str = RAW) -> list[dict[str, Any]]:
        """The rows of one InfluxQL query on the database, tags among the columns; `time` in ns since the epoch."""
        return self._rows(text, {"db": self.database, "rp": policy, "epoch": "ns", "q": text})

    def series(self, text: str, policy: str = RAW) -> list[Series]:
        """The same by series, for answers of many rows."""
        return self._answered(text, {"db": self.database, "rp": policy, "epoch": "ns", "q": text})

    def execute(self, text: str) -> list[dict[str, Any]]:
        """The rows of one InfluxQL statement that names its database itself, or none. Refused where it says no."""
        return self._rows(text, {"q": text})

    def count(self, measurement: str, field: str) -> int:
        """Points of a measurement that have `field`."""
        rows = self.query(f'SELECT count("{field}") AS n FROM "{measurement}"')
        return int(rows[0]["n"]) if rows else 0

    def write(self, lines: Iterable[str], policy: str = RAW, timeout_s: float | None = None) -> None:
        """Stores points in line protocol, times in ns; one without a time gets the store's. Refused otherwise.

        `timeout_s` for each exchange, where it shall not be that of the settings.
        """
        target = urllib.parse.urlencode({"db": self.database, "rp": policy, "precision": "ns"})
        pending = iter(lines)
        while batch := list(islice(pending, _LINES)):
            self._exchange("POST", f"/write?{target}", "\n".join(batch).encode(), timeout_s=timeout_s)

    def call(self, method: str, path: str, content: object = None) -> Any:
        """One request to the API of 2.x, JSON both ways; None for an answer without content."""
        body = None if content is None else msgspec.json.encode(content)
        return self._exchange(method, path, body, {"Content-Type": "application/json"})

    def _rows(self, text: str, form: dict[str, str]) -> list[dict[str, Any]]:
        return [
            series.tags | dict(zip(series.columns, values, strict=True))
            for series in self._answered(text, form)
            for values in series.values
        ]

    def _answered(self, text: str, form: dict[str, str]) -> list[Series]:
        answer = self._exchange("POST", "/query", urllib.parse.urlencode(form).encode())
        result = (answer.get("results") or [{}])[0]
        if "error" in result:
            self._set_up(result["error"])
            raise Refused(f"InfluxDB refused {text[:300]!r}: {result['error']}.")
        return [
            Series(found.get("tags", {}), found["columns"], found.get("values", []))
            for found in result.get("series", [])
        ]

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        timeout_s = self._left_s(timeout_s or self._timeout_s)
        request = urllib.request.Request(
            self.url + path, data=body, headers=self._headers | (headers or {}), method=method
        )
        try:
            with open_part(request, timeout_s) as response:
                content = response.read()
            return msgspec.json.decode(content) if content else None
        except urllib.error.HTTPError as error:
            detail = " ".join(error.read(500).decode(errors="replace").split())
            message = f"InfluxDB at {self.url} answered {error.code}: {detail}."
            if error.code in _AWAY:
                raise Unavailable(message) from error
            self._set_up(detail)
            raise Refused(message, error.code) from error
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            self._left_s(0.0)
            why = in_words(error) if isinstance(error, msgspec.DecodeError) else error
            raise Unavailable(
                f"InfluxDB at {self.url} does not answer ({why}). Is it running? `fanwatch status` shows it."
            ) from error

    def _set_up(self, refusal: str) -> None:
        """Unavailable where it refuses for want of its database: whoever starts it makes that before long."""
        if _NO_DATABASE in refusal and self.database in refusal:
            raise Unavailable(
                f"InfluxDB at {self.url} has no database {self.database} yet. `fanwatch history setup` makes it, and "
                "so does whatever starts InfluxDB."
            )

    def _left_s(self, timeout_s: float) -> float:
        """What of it is left until the deadline. Unavailable where nothing is."""
        if self._deadline is None:
            return timeout_s
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise Unavailable(
                f"InfluxDB at {self.url} answers too slowly: the time for this was over before all was read. "
                "Is its machine busy, or its disk slow or full?"
            )
        return min(timeout_s, left_s)


def quoted(text: str) -> str:
    """A string literal of InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def point(measurement: str, tags: dict[str, str], fields: dict[str, object], time_ns: int | None) -> str:
    """One line of line protocol: ints, floats and strings among `fields` keep their type, None is left out."""
    head = ",".join([measurement, *(f"{name}={_tag(value)}" for name, value in tags.items() if value)])
    body = ",".join(f"{name}={_field(value)}" for name, value in fields.items() if value is not None)
    return f"{head} {body}" if time_ns is None else f"{head} {body} {time_ns}"


def _tag(text: str) -> str:
    for character in ",= ":
        text = text.replace(character, "\\" + character)
    return text


def _field(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
