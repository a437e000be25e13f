"""Every setting of every part, a class a part: FANWATCH_* in the environment, read once, validated, frozen.

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
from fanwatch.messages.reading import Rules
from fanwatch.messages.refusals import field_of, must_be
from fanwatch.messages.timestamps import zone

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


def length_ms(field: str, text: str) -> int:
    """Milliseconds of the duration that a setting gives; SettingsError names the setting."""
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


T = TypeVar("T", bound=Settings)


def known() -> set[str]:
    """Names of all settings, as they stand in the environment."""
    return {PREFIX + field.upper() for cls in Settings.classes for field in cls.__struct_fields__}


def load(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """The settings of one part. SettingsError names what is unknown or out of range; an empty value counts as unset."""
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in sorted(given.keys() - known()):
        *others, last = (PREFIX + near for near in _nearest(name))
        raise SettingsError(
            f"{name} is no setting. Did you mean {', '.join(others)} or {last}? `fanwatch settings` lists all."
        )
    fields = {}
    for field in cls.__struct_fields__:
        value = given.get(PREFIX + field.upper())
        if value:
            fields[field] = value
    try:
        return msgspec.convert(fields, cls, strict=False)
    except msgspec.ValidationError as error:
        field, _ = field_of(error) or ("", False)
        # In the environment all is text, and what is unset stands for null.
        problem = must_be(error, cls).replace("true or false", "1 or 0").replace(" or null", "")
        raise SettingsError(f"{PREFIX}{field.upper()}={fields.get(field)!r}: {problem}.") from error


def _nearest(name: str) -> list[str]:
    """The three settings that are spelt most like it, without their prefix, the nearest first."""
    # What all names begin with says nothing about how near two of them are.
    names = sorted(known_name.removeprefix(PREFIX) for known_name in known())
    return difflib.get_close_matches(name.removeprefix(PREFIX), names, n=3, cutoff=0.0)


def secret(path: str | None, setting: str) -> str | None:
    """The content of a secret's file, without the line end; None where no file is set."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} names {path}, which cannot be read: {error}.") from error


class AccessSettings(Settings, frozen=True):
    """Who may see the console's page, and what it may do for them."""

    console_logins_file: str | None = None
    """Who may log in, as `fanwatch console users` writes it. Without one the page listens on loopback only, and
    whoever is on this machine is its technician."""
    console_cert_file: str | None = None
    """Certificate of the page, with those between it and the CA; TLS is used where it is set."""
    console_key_file: str | None = None
    """The certificate's key."""
    console_behind_proxy: bool = False
    """A proxy that speaks TLS stands before the page: plain HTTP is then allowed beyond loopback, and the proxy's
    X-Forwarded-For and X-Forwarded-Proto are believed."""
    console_session: str = "12h"
    """How long a log-in lasts."""
    operator_user: str | None = None
    """The broker's user that sends dead letters again, of role operator; where the broker asks for one."""
    operator_password_file: str | None = None
    """File that holds its password."""

    @property
    def session_s(self) -> float:
        """Seconds that a log-in lasts. SettingsError for a FANWATCH_CONSOLE_SESSION that is no duration."""
        return length_ms("console_session", self.console_session) / 1000


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


class ConsoleSettings(Settings, frozen=True):
    """The technician's page."""

    console_host: str = "127.0.0.1"
    """Address on which the page is served."""
    console_port: Port = 8093
    """Its port."""
    console_fans: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 5000
    """Fans held in memory at most. Of further ones the page says how many there are; one with an open episode takes the
    place of a healthy one. A fan takes about 2 kB."""
    console_silent: Seconds = 60.0
    """Seconds without a reading after which a fan is called silent."""
    console_bundle: str | None = None
    """Directory of the bundle whose healthy ranges are drawn; by default that of the model whose results come in."""


class ScoreSettings(Settings, frozen=True):
    """score-fan."""

    infer_function: str = "infer-fan"
    """The function that decides: infer-fan (TensorFlow) or infer-fan-lite (LiteRT)."""
    infer_timeout: Seconds = 4.0
    """Seconds until an inference that was not answered has failed."""
    infer_direct: bool = False
    """Whether that function is called at its own address once its answers tell it (`tell_address`). For faasd, where a
    function has one replica and the way through gateway and provider costs more than everything else."""


class ModelStoreSettings(Settings, frozen=True):
    """Functions that take a bundle from the model store."""

    bundle_cache: str | None = None
    """Where bundles that came from a URL are kept; by default a folder of this user's in TMPDIR."""
    bundle_timeout: Seconds = 30.0
    """Seconds within which a bundle must have come from its URL; a store that is away is asked again until then."""


class InferSettings(ModelStoreSettings, frozen=True):
    """infer-fan and infer-fan-lite."""

    bundle: str | None = None
    """Directory or http(s) URL of the model bundle; by default the newest that was built into the image."""
    bundle_sha256: str | None = None
    """SHA-256 of the bundle's model.json; another one is refused. A URL needs it."""
    engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""


class ForecastSettings(ModelStoreSettings, frozen=True):
    """forecast-fan."""

    forecast_bundle: str | None = None
    """Directory or http(s) URL of the forecast's bundle; by default the newest that was built into the image."""
    forecast_bundle_sha256: str | None = None
    """SHA-256 of that bundle's model.json; another one is refused. A URL needs it."""
    forecast_engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""
    forecast_warmup: str = "7d"
    """How much of a fan's past is read when nothing is known of it yet, or its state was lost."""
    forecast_stale: str = "30m"
    """Fans are `unknown` once nothing new was scored for so long."""
    forecast_budget: Seconds = 6.0
    """Seconds after which a run begins nothing further, and the next one goes on; see exec_timeout in stack.yml."""
    webhook_url: str | None = None
    """Address that gets each alarm episode once, as JSON, by POST."""
    webhook_url_file: str | None = None
    """File that holds that address instead, where it is a secret."""
    webhook_timeout: Seconds = 10.0
    """Seconds until a POST there that was not answered has failed."""

    @property
    def warmup_ms(self) -> int:
        """`forecast_warmup` in ms. SettingsError where it is no duration."""
        return length_ms("forecast_warmup", self.forecast_warmup)

    @property
    def stale_ms(self) -> int:
        """`forecast_stale` in ms. SettingsError where it is no duration."""
        return length_ms("forecast_stale", self.forecast_stale)


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
