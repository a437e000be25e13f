"""What a newcomer can try while the pipeline runs."""

from fanwatch import topics
from local.runtime import Runtime

_READING = '"rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9'


def hints(machine: Runtime) -> str:
    """Commands that work when pasted, in rich's markup."""
    gateway, broker = machine.local.gateway_port, machine.broker.broker_port
    return "\n".join(
        [
            "[bold]Score a reading:[/bold]    "
            f'curl -s localhost:{gateway}/function/score-fan -d \'{{"deviceID":"mine",{_READING}}}\'',
            "[bold]Publish a reading:[/bold]  "
            f'mosquitto_pub -p {broker} -q 1 -t {topics.READINGS} -m \'{{"deviceID":"mine",'
            f'"timeStamp":"\'$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\'",{_READING}}}\'',
            f"[bold]Follow the results:[/bold] mosquitto_sub -p {broker} -t {topics.RESULTS}",
            f"[bold]Logs:[/bold]               {machine.layout.logs}   [bold]Health:[/bold] fanwatch status   "
            "[bold]Stop:[/bold] Ctrl-C",
        ]
    )
