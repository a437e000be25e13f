"""Settings of the technician's page."""

from typing import Annotated

import msgspec

from fanwatch.settings.base import Port, Seconds, Settings


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
