"""Reads of InfluxDB, in InfluxQL, which 1.x, 2.x and 3 understand; and the set-up of 1.x."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, cast

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.settings import StoreSettings, duration_ms, secret

POLICY = "raw"
# Raw points are kept a day longer than readings are accepted, so that whatever is accepted can be stored.
_MARGIN_MS = 86_400_000


class Store:
    """One InfluxDB. Every method raises Unavailable where it does not answer in time."""

    def __init__(self, settings: StoreSettings) -> None:
        self._url = settings.influx_url.rstrip("/")
        self._database = settings.influx_database
        self._timeout_s = settings.influx_timeout
        token = secret(settings.influx_token_file, "FANWATCH_INFLUX_TOKEN_FILE")
        self._headers = {"Authorization": f"Token {token}"} if token else {}

    def ready(self) -> bool:
        """Whether InfluxDB takes queries."""
        request = urllib.request.Request(f"{self._url}/ping", headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s):
                return True
        except OSError:
            return False

    def query(self, text: str) -> list[dict[str, Any]]:
        """The rows of one InfluxQL query on the database, tags among the columns; `time` in ns since the epoch."""
        answer = self._post("/query", {"db": self._database, "rp": POLICY, "epoch": "ns", "q": text})
        result = answer.get("results", [{}])[0]
        if "error" in result:
            raise FanwatchError(f"InfluxDB refused {text!r}: {result['error']}.")
        rows = []
        for series in result.get("series", []):
            tags = series.get("tags", {})
            rows += [tags | dict(zip(series["columns"], values, strict=True)) for values in series["values"]]
        return rows

    def count(self, measurement: str, field: str) -> int:
        """Points of a measurement that have `field`."""
        rows = self.query(f'SELECT count("{field}") AS n FROM "{measurement}"')
        return int(rows[0]["n"]) if rows else 0

    def create(self, retention: str) -> None:
        """On InfluxDB 1.x, makes the database and its retention policy for readings accepted for `retention` (30d)."""
        hours = -(-(duration_ms(retention) + _MARGIN_MS) // 3_600_000)
        policy = f'"{POLICY}" ON "{self._database}" DURATION {hours}h REPLICATION 1'
        self._post(
            "/query",
            {"q": f'CREATE DATABASE "{self._database}" WITH DURATION {hours}h NAME "{POLICY}"'},
            True,
        )
        # On a second start with another retention, the policy exists and has to follow.
        self._post("/query", {"q": f"ALTER RETENTION POLICY {policy} DEFAULT"})

    def _post(self, path: str, form: dict[str, str], tolerant: bool = False) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path, data=urllib.parse.urlencode(form).encode(), headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = cast(dict[str, Any], json.load(response))
        except urllib.error.HTTPError as error:
            detail = error.read(500).decode(errors="replace").strip()
            raise FanwatchError(f"InfluxDB at {self._url} answered {error.code}: {detail}.") from error
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"InfluxDB at {self._url} does not answer ({error}). Is it running? `fanwatch status` shows it."
            ) from error
        failed = [result["error"] for result in answer.get("results", []) if "error" in result]
        if failed and not tolerant and "q" in form and "db" not in form:
            raise FanwatchError(f"InfluxDB refused {form['q']!r}: {failed[0]}.")
        return answer


def quoted(text: str) -> str:
    """A string literal of InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
