"""The programs of the runtime, and the order in which they are stopped."""

import sys
from collections.abc import Mapping
from pathlib import Path

from fanwatch.settings import HistorySettings, LocalSettings, load
from local.config import influx_environment, telegraf_configs, telegraf_environment
from local.layout import CHECKOUT, Layout
from local.supervisor import Program

# Stopped in this order, each wave at once, so that nothing sends to what is gone already.
STOP_WAVES = (
    ("simulator", "cron", "deploy", "rollup", "grafana", "console"),
    ("connector",),
    ("gateway", "fn-", "telegraf"),
    ("influxd", "mosquitto"),
)

# Telegraf takes 82 µs a stored reading (both its messages) this way and 104 as it comes; its heap is small.
_GO = {"GOGC": "400", "GOMAXPROCS": "1"}


def mosquitto(layout: Layout, environment: Mapping[str, str], tool: str, config: Path) -> Program:
    """The broker."""
    return Program(
        name="mosquitto", argv=[tool, "-c", str(config)], env=dict(environment), cwd=layout.state, priority=10
    )


def influxd(layout: Layout, environment: Mapping[str, str], tool: str, port: int) -> Program:
    """The store."""
    config = CHECKOUT / "infra/influxdb/influxdb.conf"
    env = {**environment, **influx_environment(layout, port)}
    return Program(
        name="influxd", argv=[tool, "-config", str(config)], env=env, cwd=layout.state, priority=20
    )


def telegraf(layout: Layout, environment: Mapping[str, str], tool: str) -> Program:
    """From the broker to the store."""
    env = {**_GO, **environment, **telegraf_environment(environment, layout)}
    argv = [tool, "--strict-env-handling", *telegraf_configs()]
    return Program(name="telegraf", argv=argv, env=env, cwd=layout.state, priority=30)


def gateway(layout: Layout, environment: Mapping[str, str]) -> Program:
    """The OpenFaaS REST API in front of the functions."""
    return _module("gateway", "local.gateway", layout, environment, priority=50)


def deploy(layout: Layout, environment: Mapping[str, str]) -> Program:
    """Follows stack.yml."""
    return _module("deploy", "local.deploy", layout, environment, "--watch", priority=70)


def connector(layout: Layout, environment: Mapping[str, str]) -> Program:
    """From the broker to the functions."""
    return _module("connector", "connectors.mqtt", layout, environment, priority=60)


def cron(layout: Layout, environment: Mapping[str, str]) -> Program:
    """Calls the functions that have a schedule."""
    return _module("cron", "local.cron", layout, environment, priority=70)


def simulator(layout: Layout, environment: Mapping[str, str]) -> Program:
    """The simulated fleet; FANS, RATE, FAILING and DEMO are in its environment."""
    arguments = ["live", "--truth", str(layout.state / "fleet-events.csv")]
    local = load(LocalSettings, environment)
    if local.history_days and not local.no_store:
        days = f"{local.history_days:g}"
        arguments += ["--history", days, "--when-stored", "--fleet", str(layout.state / "fleet.json")]
    return _module("simulator", "simulator", layout, environment, *arguments, priority=80)


def rollup(layout: Layout, environment: Mapping[str, str]) -> Program:
    """Ten-minute means, from the store into the store."""
    every = load(HistorySettings, environment).rollup_every
    return _module("rollup", "history", layout, environment, "rollup", "--every", every, priority=40)


def console(layout: Layout, environment: Mapping[str, str]) -> Program:
    """The technician's page."""
    return _module("console", "console", layout, environment, priority=90)


def _module(
    name: str, module: str, layout: Layout, environment: Mapping[str, str], *arguments: str, priority: int
) -> Program:
    argv = [sys.executable, "-m", module, *arguments]
    return Program(name=name, argv=argv, env=dict(environment), cwd=layout.root, priority=priority)
