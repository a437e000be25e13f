"""What the parts are told, and how they are started and in which order stopped.

Some configuration files cannot read the environment: they are written here. The rest is told by its environment.
"""

import getpass
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from fanwatch import private, proxies
from fanwatch.sensors import FEATURES
from fanwatch.settings import (
    BrokerSettings,
    ConnectorSettings,
    HistorySettings,
    LocalSettings,
    ReadingSettings,
    Settings,
    load,
)
from local.layout import CHECKOUT, Layout, filled
from local.ports import LOOPBACK
from local.stack import local_environment as substitutes
from local.supervisor import Program

GATEWAY_USER = "admin"
_TELEGRAF = ("telegraf.conf", "metrics.conf", "influxdb.conf")
# Stopped in this order, each wave at once, so that nothing sends to what is gone already.
STOP_WAVES = (
    ("simulator", "cron", "deploy", "rollup", "grafana", "console"),
    ("connector",),
    ("gateway", "fn-", "telegraf"),
    ("influxd", "mosquitto"),
)

# Module with its arguments, and priority.
_OURS = {
    "rollup": (["history", "rollup"], 40),  # ten-minute means, from the store into the store
    "gateway": (["local.gateway"], 50),
    "connector": (["connectors.mqtt"], 60),
    "deploy": (["local.deploy"], 70),
    "cron": (["local.cron"], 70),
    "simulator": (["simulator", "live"], 80),
    "console": (["console"], 90),
}

# Telegraf takes 82 µs a stored reading (both its messages) this way and 104 as it comes; its heap is small.
_GO = {"GOGC": "400", "GOMAXPROCS": "1"}


def check(environment: Mapping[str, str]) -> None:
    """SettingsError for any setting that any part would refuse: better here, in one line, than in the part's log."""
    for cls in Settings.classes:
        load(cls, environment)
    _ = load(ReadingSettings, environment).rules
    _ = load(HistorySettings, environment).every_s


def local_environment(environment: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """The environment of every part on this machine: where the others are, and the gateway's credentials.

    No proxy is in it: `proxies.outward` is added for those that also reach out of the site.
    """
    local = load(LocalSettings, environment)
    broker = load(BrokerSettings, environment)
    return {
        # Everything shall be stopped within 10 s; what it has not settled by then stays in the broker.
        "FANWATCH_CONNECTOR_STOP": "2",
        **proxies.without(environment),
        "PYTHONUNBUFFERED": "1",
        # Logs are read as UTF-8, whatever the terminal of `fanwatch up` takes.
        "PYTHONIOENCODING": "utf-8",
        "FANWATCH_STATE_DIR": str(layout.state),
        "FANWATCH_STACK": str(layout.stack),
        "FANWATCH_BROKER_HOST": LOOPBACK,
        "FANWATCH_BROKER_PORT": str(broker.broker_port),
        "FANWATCH_GATEWAY_URL": f"http://{LOOPBACK}:{local.gateway_port}",
        "FANWATCH_GATEWAY_USER_FILE": str(layout.secrets / "basic-auth-user"),
        "FANWATCH_GATEWAY_PASSWORD_FILE": str(layout.secrets / "basic-auth-password"),
        "FANWATCH_INFLUX_URL": f"http://{LOOPBACK}:{local.influx_port}",
    }


def write_secrets(layout: Layout) -> None:
    """The gateway's user and password; made once, so that a second start accepts the same."""
    for name, value in (
        ("basic-auth-user", GATEWAY_USER),
        ("basic-auth-password", secrets.token_urlsafe(24)),
    ):
        path = layout.secrets / name
        # One that a full disk has left empty is no password.
        if not path.exists() or not path.stat().st_size:
            private.write({path: value.encode()})


def write_mosquitto(layout: Layout, port: int, *, durable: bool, queued_bytes: int) -> Path:
    """Fills in infra/mosquitto's template; the path of what Mosquitto reads."""
    text = filled(
        CHECKOUT / "infra/mosquitto/mosquitto.conf.template",
        port=port,
        bind_address=LOOPBACK,
        allow_anonymous="true",
        user=getpass.getuser() if os.getuid() else "root",
        max_queued_bytes=queued_bytes,
        persistence_directory=layout.state / "mosquitto",
        autosave_on_changes=str(durable).lower(),
        common_directory=CHECKOUT / "infra/mosquitto/conf.d",
    )
    path = layout.run / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    return path


def influxd_argv(tool: str) -> list[str]:
    """The command that starts InfluxDB."""
    return [tool, "-config", str(CHECKOUT / "infra/influxdb/influxdb.conf")]


def influx_environment(layout: Layout, port: int) -> dict[str, str]:
    """What infra/influxdb/influxdb.conf leaves to the environment. Port 0 of its backup listener: any that is free."""
    data = layout.state / "influxdb"
    return {
        "INFLUXDB_META_DIR": str(data / "meta"),
        "INFLUXDB_DATA_DIR": str(data / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(data / "wal"),
        "INFLUXDB_HTTP_BIND_ADDRESS": f"{LOOPBACK}:{port}",
        "INFLUXDB_BIND_ADDRESS": f"{LOOPBACK}:0",
        "GOMAXPROCS": "2",
    }


def telegraf_configs() -> list[str]:
    """Arguments that name the configuration files of infra/telegraf that this runtime needs."""
    return [
        argument for name in _TELEGRAF for argument in ("--config", str(CHECKOUT / "infra/telegraf" / name))
    ]


def telegraf_environment(environment: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """What infra/telegraf leaves to the environment, beside the time zone and the retention."""
    local = load(LocalSettings, environment)
    connector = load(ConnectorSettings, environment)
    gateway = f"http://{LOOPBACK}:{local.gateway_port}"
    return {
        "FANWATCH_BROKER_URL": f"tcp://{LOOPBACK}:{load(BrokerSettings, environment).broker_port}",
        "FANWATCH_INFLUX_URL": f"http://{LOOPBACK}:{local.influx_port}",
        "FANWATCH_BROKER_QUEUED_BYTES": str(local.broker_queued_bytes),
        "FANWATCH_CONNECTOR_URL": f"http://{connector.connector_host}:{connector.connector_port}",
        "FANWATCH_GATEWAY_URL": gateway,
        "FANWATCH_GATEWAY_METRICS_URL": f"{gateway}/metrics",
        "FANWATCH_INFER_FUNCTION": substitutes(environment)["FANWATCH_INFER_FUNCTION"],
        "FANWATCH_SENSORS": ",".join(FEATURES),
        "FANWATCH_TELEGRAF_PORT": str(local.telegraf_port),
        "FANWATCH_TELEGRAF_DIR": str(CHECKOUT / "infra/telegraf"),
        "TELEGRAF_STORE_MOUNT": str(_mount_of(layout.state)),
    }


def mosquitto(layout: Layout, environment: Mapping[str, str], tool: str, settings: Path) -> Program:
    """The broker."""
    return Program(
        name="mosquitto",
        argv=[tool, "-c", str(settings)],
        env=dict(environment),
        cwd=layout.state,
        priority=10,
    )


def influxd(layout: Layout, environment: Mapping[str, str], tool: str, port: int) -> Program:
    """The store."""
    env = {**environment, **influx_environment(layout, port)}
    return Program(name="influxd", argv=influxd_argv(tool), env=env, cwd=layout.state, priority=20)


def telegraf(layout: Layout, environment: Mapping[str, str], tool: str) -> Program:
    """From the broker to the store."""
    env = {**_GO, **environment, **telegraf_environment(environment, layout)}
    argv = [tool, "--strict-env-handling", *telegraf_configs()]
    return Program(name="telegraf", argv=argv, env=env, cwd=layout.state, priority=30)


def ours(name: str, layout: Layout, environment: Mapping[str, str]) -> Program:
    """One of our own modules, by its name in _OURS."""
    module, priority = _OURS[name]
    argv = [sys.executable, "-m", *module]
    if name == "rollup":
        argv += ["--every", load(HistorySettings, environment).rollup_every]
    if name == "simulator":
        # FANS, RATE, FAILING and DEMO are in its environment.
        argv += ["--truth", str(layout.state / "fleet-events.csv")]
        local = load(LocalSettings, environment)
        if local.history_days and not local.no_store:
            days = f"{local.history_days:g}"
            argv += ["--history", days, "--when-stored", "--fleet", str(layout.state / "fleet.json")]
    return Program(name=name, argv=argv, env=dict(environment), cwd=layout.root, priority=priority)


def _mount_of(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.is_mount())
