"""`python -m connectors.mqtt`: the connector, set by FANWATCH_*, until SIGTERM."""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """0 after SIGTERM or SIGINT; 2 with one line for a bad setting."""
    # First of all: the imports below take a while, and process 1 of a container does not even see a SIGTERM for which
    # it has no handler.
    signal.signal(signal.SIGTERM, _leave)
    from connectors.mqtt.connector import Connector
    from connectors.mqtt.status import serve
    from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError
    from fanwatch.logs import Log
    from fanwatch.settings import BrokerSettings, ConnectorSettings, GatewaySettings, load
    from fanwatch.signals import on_stop

    try:
        settings = load(ConnectorSettings)
        if settings.connector_patience <= settings.connector_timeout:
            raise SettingsError("FANWATCH_CONNECTOR_PATIENCE must be longer than FANWATCH_CONNECTOR_TIMEOUT.")
        connector = Connector(
            settings, load(BrokerSettings), load(GatewaySettings), Log(settings.connector_id)
        )
        serve(connector, settings.connector_host, settings.connector_port)
    except FanwatchError as error:
        print(f"connector: {error}", file=sys.stderr)
        return EXIT_USAGE
    on_stop((signal.SIGTERM, signal.SIGINT), connector.stop)
    connector.run()
    return 0


def _leave(signum: int, frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
