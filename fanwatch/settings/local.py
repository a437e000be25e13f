"""Settings of the laptop runtime, and of whom Grafana tells."""

from typing import Annotated

import msgspec

from fanwatch.settings.base import Port, Seconds, Settings


class LocalSettings(Settings, frozen=True):
    """The laptop runtime."""

    gateway_port: Port = 8080
    """Where the local gateway listens."""
    gateway_timeout: Seconds = 15.0
    """Seconds a function may take to answer; longer than each exec_timeout in stack.yml."""
    stack: str = "stack.yml"
    """The functions that run here."""
    influx_port: Port = 8086
    """Where the local InfluxDB listens."""
    telegraf_port: Port = 8092
    """Where Telegraf says whether it stores."""
    state_dir: str = ".fanwatch"
    """Where the local runtime keeps its data, logs and secrets."""
    broker_durable: bool = False
    """Mosquitto saves its store after every change: a crash loses almost nothing, at about 250 readings a second."""
    broker_queued_bytes: Annotated[int, msgspec.Meta(ge=1_000_000)] = 512 * 1024 * 1024
    """What Mosquitto queues at most for each client that is away; what is beyond it is lost."""
    cache: str = "~/.cache/fanwatch"
    """Where InfluxDB and Telegraf are kept once they were built."""
    no_fleet: bool = False
    """Start without the simulated fans."""
    history_days: Annotated[float, msgspec.Meta(ge=0, le=28)] = 7.0
    """Days that the simulated fans have behind them: what InfluxDB lacks of them is published once it is ready."""
    grafana_port: Port = 3000
    """Where Grafana listens, where it is installed."""
    no_grafana: bool = False
    """Start without Grafana, though it is installed."""
    no_console: bool = False
    """Start without the technician's page."""
    no_store: bool = False
    """Start without InfluxDB and Telegraf: nothing is stored. What they miss after a run with them still queues."""
    start_timeout: Seconds = 90.0
    """Seconds within which the pipeline must be up."""


class AlertSettings(Settings, frozen=True):
    """Whom Grafana tells; it reads these itself. How it sends mail: GF_SMTP_ENABLED, GF_SMTP_HOST and so on."""

    alert_email: str | None = None
    """E-mail addresses, separated by commas."""
    alert_webhook: str | None = None
    """Address that gets each notification as JSON, by POST."""
