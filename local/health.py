"""Whether each part works, and the ledger of what went through."""

import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec
import requests
from prometheus_client.parser import text_string_to_metric_families

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.http_session import direct
from fanwatch.settings import (
    BrokerSettings,
    ConnectorSettings,
    ConsoleSettings,
    LocalSettings,
    StoreSettings,
    load,
)
from fanwatch.store import readings, takeovers
from fanwatch.store.influx import Store
from fanwatch.store.unusable_readings import Unused, unused
from local.deploy import function_of, refusals
from local.layout import Layout
from local.ports import LOOPBACK
from local.sockets import parse_socket_name, status
from local.stack import Stack
from local.supervisor import Process, Supervisor

_TIMEOUT_S = 2.0
_ROOM_BYTES = 10_000_000
"""Free space below which the disk is as good as full."""
_HEALTH = {"gateway": "/healthz", "telegraf": "/", "grafana": "/api/health"}
_SILENT = "does not answer"


class Part(msgspec.Struct, frozen=True):
    """One part: state is ok, starting, down, off (not started, or missing on this machine) or refused.

    The last is for what does not run as stack.yml says, while what ran before goes on.
    """

    name: str
    state: str
    detail: str = ""


class Ledger(msgspec.Struct, frozen=True):
    """Counts since the connector started, and what InfluxDB holds; None where that part does not answer."""

    connector: dict[str, float] | None
    stored: dict[str, int] | None
    off: bool = False
    """Nothing is stored, as FANWATCH_NO_STORE says: not even asked."""
    unused: Unused | None = None
    """Readings of the last 15 minutes that could not be used."""


def http_status(url: str, timeout_s: float = _TIMEOUT_S) -> int | None:
    """The status of a GET; None where nothing answers."""
    try:
        return direct().get(url, timeout=timeout_s).status_code
    except requests.RequestException:
        return None


def healthy(part: str, port: int) -> bool:
    """Whether gateway, Telegraf (that it stores what it gets, as of its last look) or Grafana says that it works."""
    return http_status(f"http://{LOOPBACK}:{port}{_HEALTH[part]}") == 200


def connector_ready(settings: ConnectorSettings) -> bool:
    """Whether the connector is subscribed and takes readings."""
    return http_status(f"http://{settings.connector_host}:{settings.connector_port}/readyz") == 200


def connector_trouble(settings: ConnectorSettings) -> str | None:
    """Why the connector is not ready, as it says itself; None where it says nothing."""
    url = f"http://{settings.connector_host}:{settings.connector_port}/readyz"
    try:
        answer = direct().get(url, timeout=_TIMEOUT_S)
    except requests.RequestException:
        return None
    return None if answer.ok else answer.text[:1000].strip() or None


def replicas_ready(layout: Layout, name: str) -> int:
    """Replicas of a function, of any generation, that take requests."""
    found = ((parse_socket_name(path.name), path) for path in layout.short.glob("*.sock"))
    return sum(
        socket is not None and socket.function == name and status(path, "/_/ready", _TIMEOUT_S) == 200
        for socket, path in found
    )


def functions_ready(layout: Layout, stack: Stack, name: str) -> bool:
    """Whether a function has as many replicas as stack.yml wants."""
    return replicas_ready(layout, name) >= stack.functions[name].replicas


def parts(
    environment: Mapping[str, str], layout: Layout, stack: Stack | None, store: Part | None
) -> list[Part]:
    """Every part's health. `store` is what `fanwatch up` says of InfluxDB and Telegraf while they are not there.

    Without a `stack`, which cannot be read, the functions are those that run.
    """
    try:
        processes = {process.name: process for process in Supervisor(layout).processes()}
    except Unavailable:
        return [Part("runtime", "down", "Start it with `make run` or `fanwatch up`.")]
    local, connector = load(LocalSettings, environment), load(ConnectorSettings, environment)
    answers = {
        "mosquitto": lambda: listens(load(BrokerSettings, environment).broker_port),
        "gateway": lambda: healthy("gateway", local.gateway_port),
        "connector": lambda: connector_ready(connector),
        # A person waits for this; queries may take longer.
        "influxd": lambda: _quick(load(StoreSettings, environment)).ready(),
        "telegraf": lambda: healthy("telegraf", local.telegraf_port),
        "console": lambda: listens(load(ConsoleSettings, environment).console_port),
        "grafana": lambda: healthy("grafana", local.grafana_port),
    }

    def part(name: str, trouble: str = _SILENT, start_s: float = 5) -> Part:
        return _program(processes.get(name), name, answers.get(name), trouble, start_s)

    found = [part("mosquitto"), part("gateway")]
    for name, wanted in sorted(replicas(stack, processes).items()):
        ready = replicas_ready(layout, name)
        state = "ok" if ready >= wanted else "starting" if ready else "down"
        found.append(Part(name, state, f"{ready} of {wanted} replicas ready"))
    found.append(part("connector"))
    if found[-1].state == "down" and (why := connector_trouble(connector)):
        found[-1] = Part("connector", "down", why)
    found += [deploy_part(processes.get("deploy"), layout), part("cron")]
    if "simulator" in processes:
        found.append(part("simulator"))
    for name in ("influxd", "telegraf", "rollup"):
        if name in processes:
            found.append(part(name, "stores nothing" if name == "telegraf" else _SILENT))
            if found[-1].state != "ok" and store and store.state == "down":
                # `fanwatch up` knows why, which the process itself does not.
                found[-1] = Part(name, "down", store.detail)
            if name == "telegraf" and found[-1].state == "ok":
                found[-1] = with_id_conflict(found[-1], environment)
        elif name != "influxd" and store and store.state == "down":
            found.append(Part(name, "off", "It waits for InfluxDB."))
        else:
            found.append(Part(name, store.state if store else "off", store.detail if store else ""))
    if (full := disk(layout)) is not None:
        found.append(full)
    # Grafana's first start makes a database.
    late = {"console": 15.0, "grafana": 60.0}
    return found + [part(name, start_s=late[name]) for name in late if name in processes]


def with_id_conflict(part: Part, environment: Mapping[str, str]) -> Part:
    """Telegraf, or that another one uses its ids."""
    with contextlib.suppress(FanwatchError):
        taken = takeovers.taken(_quick(load(StoreSettings, environment)))
        for client in taken:
            if client.startswith(takeovers.TELEGRAF):
                return Part(part.name, "down", takeovers.said(client))
    return part


def disk(layout: Layout) -> Part | None:
    """What is wrong with the disk of the state directory; None where there is room."""
    found = os.statvfs(layout.state)
    free = found.f_bavail * found.f_frsize
    if free >= _ROOM_BYTES:
        return None
    return Part(
        "disk",
        "down",
        f"{layout.state} has {free / 1e6:.1f} MB free: nothing more can be stored there, and what the broker keeps is "
        "lost where it ends. Make room.",
    )


def replicas(stack: Stack | None, processes: Mapping[str, Process]) -> dict[str, int]:
    """By function, how many there shall be."""
    if stack is not None:
        return {name: function.replicas for name, function in stack.local.items()}
    return Counter(function_of(each.group) for each in processes.values() if each.group.startswith("fn-"))


def deploy_part(process: Process | None, layout: Layout) -> Part:
    """What applies stack.yml, and what of that it rejects."""
    part = _program(process, "deploy")
    reasons = refusals(layout)
    return Part("deploy", "refused", " ".join(reasons)) if part.state == "ok" and reasons else part


def _program(
    process: Process | None,
    name: str,
    answers: Callable[[], bool] | None = None,
    trouble: str = _SILENT,
    start_s: float = 5,
) -> Part:
    if process is None:
        return Part(name, "down", "not started")
    detail = process.description
    # supervisord calls a process STARTING for its first second, even if it answers already.
    starting = process.statename == "STARTING"
    if not process.running and not starting:
        return Part(name, "down", detail)
    if answers is not None:
        if answers():
            return Part(name, "ok", detail)
        starting = starting or process.now - process.start < start_s
        return Part(name, "starting" if starting else "down", f"{trouble}; {detail}")
    return Part(name, "starting" if starting else "ok", detail)


def _quick(settings: StoreSettings) -> Store:
    return Store(msgspec.structs.replace(settings, influx_timeout=_TIMEOUT_S))


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_TIMEOUT_S):
            return True
    except OSError:
        return False


def connector_counts(settings: ConnectorSettings) -> dict[str, float] | None:
    """The connector's own counters, without their common prefix and suffix; None where it does not answer."""
    url = f"http://{settings.connector_host}:{settings.connector_port}/metrics"
    try:
        families = list(text_string_to_metric_families(direct().get(url, timeout=_TIMEOUT_S).text))
    except (requests.RequestException, ValueError):
        return None
    found = {}
    for sample in (sample for family in families for sample in family.samples):
        name = sample.name.removeprefix("fanwatch_connector_")
        if name != sample.name and not name.endswith(("_created", "_bucket")):
            labels = ",".join(f'{label}="{value}"' for label, value in sample.labels.items())
            found[name.replace("_total", "") + (f"{{{labels}}}" if labels else "")] = sample.value
    return dict(sorted(found.items()))


def stored_counts(
    settings: StoreSettings, since_ns: int | None = None, before_ns: int | None = None
) -> dict[str, int] | None:
    """Points in InfluxDB, all or those of a time, from `since_ns` on; None where it does not answer."""
    try:
        return readings.points(Store(settings), since_ns, before_ns)
    except FanwatchError:
        return None


STORE_OFF = Part("store", "off", "off, as FANWATCH_NO_STORE says: nothing is stored")
"""What a run says that is to store nothing."""


def ledger(environment: Mapping[str, str], *, store_answers: bool, off: bool = False) -> Ledger:
    """What went through, from the connector's counters and from InfluxDB, which is not asked where it is known away."""
    return Ledger(
        connector=connector_counts(load(ConnectorSettings, environment)),
        stored=stored_counts(load(StoreSettings, environment)) if store_answers else None,
        unused=_unused(load(StoreSettings, environment)) if store_answers else None,
        off=off,
    )


def _unused(settings: StoreSettings) -> Unused | None:
    try:
        return unused(Store(settings), "time > now() - 15m")
    except FanwatchError:
        return None
