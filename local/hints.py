"""What a newcomer can try while the pipeline runs."""

import shutil
import sys
from pathlib import Path

from fanwatch import proxies
from fanwatch.messages import topics
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.sensors import EXAMPLE
from local.runtime import Runtime


def command() -> str:
    """How to call `fanwatch` here: by its name where the shell finds it, otherwise by where it is installed."""
    installed = Path(sys.executable).with_name("fanwatch")
    if shutil.which("fanwatch") or not installed.exists():
        return "fanwatch"
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)


def hints(machine: Runtime) -> str:
    """Commands that work when pasted, in rich's markup."""
    curl = "curl --noproxy localhost" if proxies.in_the_way() else "curl"
    gateway, broker = machine.local.gateway_port, machine.broker.broker_port
    shown = [f"[bold]Dashboards:[/bold]         {machine.grafana.said}"] if machine.grafana else []
    page = (
        []
        if machine.local.no_console
        else [f"[bold]Page:[/bold]               http://localhost:{machine.console.console_port}"]
    )
    return "\n".join(
        [
            *page,
            "[bold]Score a reading:[/bold]    "
            f'{curl} -s localhost:{gateway}/function/score-fan -d \'{{"{DEVICE}":"mine",{EXAMPLE}}}\'',
            "[bold]Publish a reading:[/bold]  "
            f'mosquitto_pub -p {broker} -q 1 -t {topics.READINGS} -m \'{{"{DEVICE}":"mine",'
            f'"{TIME}":"\'$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\'",{EXAMPLE}}}\'',
            f"[bold]Follow the results:[/bold] mosquitto_sub -p {broker} -t {topics.RESULTS}",
            *shown,
            f"[bold]Logs:[/bold]               {machine.layout.logs}   [bold]Health:[/bold] {command()} status   "
            "[bold]Stop:[/bold] Ctrl-C",
        ]
    )
