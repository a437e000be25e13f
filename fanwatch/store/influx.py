"""InfluxDB over HTTP: reads in InfluxQL, which 1.x, 2.x and 3 understand, and writes by its own client library.

A write is synchronous: it has stored all points, or says what it has not.
"""

import copy
import time
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import requests

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.http_session import direct, no_answer
from fanwatch.messages.refusals import in_words
from fanwatch.settings import StoreSettings, secret

if TYPE_CHECKING:
    # It takes a tenth of a second to import, which what only reads need not wait for.
    from influxdb_client.client.write.point import Point
    from influxdb_client.client.write_api import WriteApi

RAW = "raw"
"""The policy of points as they come."""
MEANS = "means"
"""The policy of what is computed from them, kept for longer."""
_AT_ONCE = 5000
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
        self._token = secret(settings.influx_token_file, "FANWATCH_INFLUX_TOKEN_FILE")
        # 1.x has no organizations.
        self._org = settings.influx_org or "-"
        self._session = direct()
        if self._token:
            self._session.headers["Authorization"] = f"Token {self._token}"
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
        try:
            answer = self._session.get(f"{self.url}/ping", timeout=self._timeout_s)
        except requests.RequestException:
            return None
        return answer.headers.get("X-Influxdb-Version", "") if answer.ok else None

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

    def write(self, points: "Iterable[Point]", policy: str = RAW, timeout_s: float | None = None) -> None:
        """Stores points; one without a time gets the store's. Refused where it says no.

        `timeout_s` for each exchange, where it shall not be that of the settings.
        """
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        pending = iter(points)
        while batch := list(islice(pending, _AT_ONCE)):
            within_ms = self._left_s(timeout_s or self._timeout_s) * 1000
            try:
                self._writer.write(f"{self.database}/{policy}", self._org, batch, _request_timeout=within_ms)
            except ApiException as error:
                raise self._refusal(error.status or 0, str(error.body or "")) from error
            except (OSError, HTTPError) as error:
                raise self._silence(no_answer(error)) from error

    def call(self, method: str, path: str, content: object = None) -> Any:
        """One request to the API of 2.x, JSON both ways; None for an answer without content."""
        body = None if content is None else msgspec.json.encode(content)
        return self._exchange(method, path, body, "application/json")

    def _rows(self, text: str, form: dict[str, str]) -> list[dict[str, Any]]:
        return [
            series.tags | dict(zip(series.columns, values, strict=True))
            for series in self._answered(text, form)
            for values in series.values
        ]

    def _answered(self, text: str, form: dict[str, str]) -> list[Series]:
        answer = self._exchange("POST", "/query", form)
        result = (answer.get("results") or [{}])[0]
        if "error" in result:
            self._set_up(result["error"])
            raise Refused(f"InfluxDB refused {text[:300]!r}: {result['error']}.")
        return [
            Series(found.get("tags", {}), found["columns"], found.get("values", []))
            for found in result.get("series", [])
        ]

    @cached_property
    def _writer(self) -> "WriteApi":
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        client = InfluxDBClient(self.url, self._token or "", org=self._org, retries=False)
        return client.write_api(write_options=SYNCHRONOUS)

    def _exchange(
        self, method: str, path: str, body: bytes | dict[str, str] | None, kind: str | None = None
    ) -> Any:
        headers = {"Content-Type": kind} if kind else {}
        timeout_s = self._left_s(self._timeout_s)
        try:
            answer = self._session.request(
                method, self.url + path, data=body, headers=headers, timeout=timeout_s
            )
            content = answer.content
            if answer.ok:
                return msgspec.json.decode(content) if content else None
        except requests.RequestException as error:
            raise self._silence(no_answer(error)) from error
        except msgspec.DecodeError as error:
            raise self._silence(in_words(error)) from error
        raise self._refusal(answer.status_code, content[:500].decode(errors="replace"))

    def _silence(self, why: str) -> Unavailable:
        self._left_s(0.0)
        return Unavailable(
            f"InfluxDB at {self.url} does not answer ({why}). Is it running? `fanwatch status` shows it."
        )

    def _refusal(self, code: int, body: str) -> FanwatchError:
        detail = " ".join(body[:500].split())
        message = f"InfluxDB at {self.url} answered {code}: {detail}."
        if code in _AWAY:
            return Unavailable(message)
        self._set_up(detail)
        return Refused(message, code)

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


def point(measurement: str, tags: dict[str, str], fields: dict[str, object], time_ns: int | None) -> "Point":
    """A point to write: ints, floats and strings among `fields` keep their type, None is left out."""
    from influxdb_client.client.write.point import Point

    content = {"measurement": measurement, "tags": tags, "fields": fields, "time": time_ns}
    made: Point = Point.from_dict(content)
    return made
