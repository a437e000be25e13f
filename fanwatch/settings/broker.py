"""Settings of what every part shares: broker, gateway, and how readings are read."""

from fanwatch.messages.reading import Rules
from fanwatch.messages.timestamps import zone
from fanwatch.settings.base import Port, Seconds, Settings, length_ms


class BrokerSettings(Settings, frozen=True):
    """How to reach the MQTT broker."""

    broker_host: str = "127.0.0.1"
    """Host name or address of the MQTT broker."""
    broker_port: Port = 1883
    """Its port; where the local broker listens."""
    broker_user: str | None = None
    """User name, where the broker asks for one."""
    broker_password_file: str | None = None
    """File that holds the password."""
    broker_ca_file: str | None = None
    """CA certificate of the broker; TLS is used where it is set."""
    broker_timeout: Seconds = 5.0
    """Seconds until a connect, publish or subscribe that was not answered has failed."""


class GatewaySettings(Settings, frozen=True):
    """How to reach the OpenFaaS gateway."""

    gateway_url: str = "http://127.0.0.1:8080"
    """Where functions are called."""
    gateway_user_file: str | None = None
    """File that holds the user of /system/*."""
    gateway_password_file: str | None = None
    """File that holds its password."""


class ReadingSettings(Settings, frozen=True):
    """How times are read and which are believed."""

    timezone: str = "UTC"
    """Of times without a zone. An hour that comes twice as clocks go back is its first: where that
    matters, have devices send UTC or an offset."""
    raw_retention: str = "30d"
    """Older readings are refused on topics; InfluxDB keeps raw points as long."""

    @property
    def rules(self) -> Rules:
        """The same, as `fanwatch.messages.reading.parse` takes them."""
        return Rules(
            timezone=zone(self.timezone), retention_ms=length_ms("raw_retention", self.raw_retention)
        )
