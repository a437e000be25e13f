"""Every setting of every part: FANWATCH_* in the environment, read once, validated, frozen.

A field `broker_port` is set by FANWATCH_BROKER_PORT. Secrets come from files only: a setting names the file.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from fanwatch.errors import SettingsError
from fanwatch.reading import Rules
from fanwatch.timestamps import zone

PREFIX = "FANWATCH_"

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=1)]

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 30d, 12h, 90m or 45s; ValueError otherwise."""
    match = re.fullmatch(r"([1-9]\d{0,6})([smhdw])", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 30d, 12h, 90m or 45s")
    return int(match[1]) * _UNITS_MS[match[2]]


def _duration_ms(field: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{field.upper()}: {error}.") from error


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all: subclasses are known by name, so that a misspelt setting is refused and not ignored."""

    classes: ClassVar[list[type["Settings"]]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Settings.classes.append(cls)


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
    """Of times in the form YYYY-MM-DD HH:MM:SS."""
    raw_retention: str = "30d"
    """Older readings are refused on topics; InfluxDB keeps raw points as long."""

    @property
    def rules(self) -> Rules:
        """The same, as `fanwatch.reading.parse` takes them."""
        return Rules(
            timezone=zone(self.timezone), retention_ms=_duration_ms("raw_retention", self.raw_retention)
        )


class ScoreSettings(Settings, frozen=True):
    """score-fan."""

    infer_function: str = "infer-fan"
    """The function that decides: infer-fan (TensorFlow) or infer-fan-lite (LiteRT)."""
    infer_timeout: Seconds = 4.0
    """Seconds until an inference that was not answered has failed."""


class InferSettings(Settings, frozen=True):
    """infer-fan and infer-fan-lite."""

    bundle: str | None = None
    """Directory of the model bundle; by default the newest that was built into the image."""
    bundle_sha256: str | None = None
    """SHA-256 of the bundle's model.json; another one is refused."""
    engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""


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

    Few, for Mosquitto searches a client's unacknowledged messages at each acknowledgement, and lanes acknowledge out
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
    grafana_port: Port = 3000
    """Where Grafana listens, where it is installed."""
    no_grafana: bool = False
    """Start without Grafana, though it is installed."""
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
        _duration_ms("means_retention", self.means_retention)
        return _duration_ms("rollup_every", self.rollup_every) / 1000


T = TypeVar("T", bound=Settings)


def known() -> set[str]:
    """Names of all settings, as they stand in the environment."""
    return {PREFIX + field.upper() for cls in Settings.classes for field in cls.__struct_fields__}


def load(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """The settings of one part. SettingsError names what is unknown or out of range; an empty value counts as unset."""
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    names = known()
    for name in sorted(given.keys() - names):
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SettingsError(f"{name} is no setting.{hint} Known are: {', '.join(sorted(names))}.")
    fields = {}
    for field in cls.__struct_fields__:
        value = given.get(PREFIX + field.upper())
        if value:
            fields[field] = value
    try:
        return msgspec.convert(fields, cls, strict=False)
    except msgspec.ValidationError as error:
        at = re.search(r"at `\$\.(\w+)`", str(error))
        field = at[1] if at else ""
        problem = re.sub(r"Expected `(\w+)`, got `str`", _wanted, str(error).split(" - at")[0])
        raise SettingsError(f"{PREFIX}{field.upper()}={fields.get(field)!r}: {problem}.") from error


def _wanted(found: re.Match[str]) -> str:
    wanted = {"int": "a whole number", "float": "a number", "bool": "1 or 0"}
    return f"it must be {wanted.get(found[1], found[1])}"


def secret(path: str | None, setting: str) -> str | None:
    """The content of a secret's file, without the line end; None where no file is set."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} names {path}, which cannot be read: {error}.") from error
