"""Settings of the MQTT connector."""

from typing import Annotated

import msgspec

from fanwatch.settings.base import Count, Port, Seconds, Settings


class ConnectorSettings(Settings, frozen=True):
    """The MQTT connector."""

    connector_id: str = "fanwatch-connector-0"
    """Client id: it owns the session in which the broker keeps unacknowledged readings, so keep it."""
    connector_host: str = "127.0.0.1"
    """Address on which the connector's metrics are served."""
    connector_port: Port = 8091
    """Port of its /metrics, /healthz, /readyz and /prune."""
    connector_share: str | None = None
    """Group of a shared subscription, where several connectors share the topics."""
    connector_batch_lanes: Count = 2
    """Calls under way at once of a function that takes batches."""
    connector_single_lanes: Count = 8
    """Calls under way at once of a function that takes one message a call."""
    connector_held: Count = 1000
    """Readings held in memory at most; further ones stay in the broker.

    Few, for Mosquitto searches a client's unacknowledged messages at each acknowledgement, and workers acknowledge out
    of order: with 10 fans, 8000 held cost it 60 µs a reading, 1000 cost it 43.
    """
    connector_held_bytes: Count = 16_000_000
    """Bytes of readings held in memory at most."""
    connector_timeout: Seconds = 20.0
    """Seconds a call of a function may take; longer than the gateway's."""
    connector_session_expiry: Annotated[int, msgspec.Meta(ge=60, le=0xFFFFFFFF)] = 7 * 86_400
    """Seconds for which the broker keeps the session while the connector is away."""
    connector_refresh: Seconds = 1.0
    """Seconds between two looks at the gateway's functions."""
    connector_patience: Annotated[float, msgspec.Meta(gt=0, le=60)] = 30.0
    """Seconds without progress, with memory full, after which it leaves the broker until functions answer again.

    Longer than a call may take, so that a slow function is not taken for an absent one; shorter than the keepalive.
    """
    connector_stop: Seconds = 5.0
    """Seconds for calls under way at the end; what is not settled by then stays in the broker."""
