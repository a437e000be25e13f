"""What the SDK lacks: queries of Grafana's InfluxDB data source, in InfluxQL as it stands."""

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

# The one data source; infra/grafana/provisioning/datasources gives it this uid.
UID: Final = "fanwatch"
SOURCE: Final = DataSourceRef(type_val="influxdb", uid=UID)

# Grafana takes every column for a tag where none is named.
_NO_COLUMN: Final = "-"


class InfluxQuery(Dataquery):
    """A raw query as it stands in a panel's JSON."""

    def __init__(self, content: dict[str, object]) -> None:
        self._content = content

    def to_json(self) -> dict[str, object]:
        """The fields that Grafana reads."""
        return self._content


class Query(Builder[Dataquery]):
    """One target. `alias` names its series ($tag_NAME, $col, $m); `table` asks for rows instead of series."""

    def __init__(self, text: str, *, ref: str = "A", alias: str = "", table: bool = False) -> None:
        self._content: dict[str, object] = {
            "datasource": SOURCE,
            "query": text,
            "rawQuery": True,
            "refId": ref,
            "resultFormat": "table" if table else "time_series",
        }
        if alias:
            self._content["alias"] = alias

    def build(self) -> Dataquery:
        """The target."""
        return InfluxQuery(self._content)


class Events(Builder[Dataquery]):
    """The target of an annotation: columns by name. `end` is a column with a time in ms, as MEASUREMENT.COLUMN.

    Grafana drops a row that lacks a value, stumbles over tags that are no text, takes the first column that is named
    nowhere here for a title, and mixes columns up that are grouped by a tag.
    """

    def __init__(self, query: str, *, text: str, tags: str = _NO_COLUMN, end: str = "") -> None:
        self._content: dict[str, object] = {
            "datasource": SOURCE,
            "fromAnnotations": True,
            "query": query,
            "rawQuery": True,
            "refId": "Anno",
            "tagsColumn": tags,
            "textColumn": text,
            "textEditor": True,
            "timeEndColumn": end,
            "titleColumn": "",
        }

    def build(self) -> Dataquery:
        """The target."""
        return InfluxQuery(self._content)
