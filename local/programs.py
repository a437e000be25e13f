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
