"""Settings of what InfluxDB keeps, and how it is reached."""

from fanwatch.settings.base import Seconds, Settings, length_ms


class StoreSettings(Settings, frozen=True):
    """How to read what InfluxDB keeps."""

    influx_url: str = "http://127.0.0.1:8086"
    """Where InfluxDB is read."""
    influx_database: str = "fanwatch"
    """The database of measurements."""
    influx_token_file: str | None = None
    """Holds `user:password` of InfluxDB 1.x, or a token of 2.x."""
    influx_org: str | None = None
    """The organization of InfluxDB 2.x; 1.x has none."""
    influx_timeout: Seconds = 10.0
    """Seconds until a query that was not answered has failed."""


class HistorySettings(Settings, frozen=True):
    """History: how long it is kept, and the means that outlive raw points."""

    means_retention: str = "730d"
    """InfluxDB keeps 10-minute means as long."""
    policies: str = "infra/influxdb/policies.yaml"
    """What `fanwatch history setup` makes of InfluxDB; a relative path begins where Fanwatch is installed."""
    rollup_every: str = "10m"
    """How often `make run` computes means."""
    rollup_timeout: Seconds = 60.0
    """Seconds until a query of the rollup that was not answered has failed; InfluxDB itself ends queries after 60."""

    @property
    def every_s(self) -> float:
        """Seconds between two rollups. SettingsError also for a FANWATCH_MEANS_RETENTION that is no duration."""
        length_ms("means_retention", self.means_retention)
        return length_ms("rollup_every", self.rollup_every) / 1000
