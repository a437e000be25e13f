"""What every page is given: the live fleet, the store, the settings."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from console.live.fleet import Fleet
from console.live.intake import Intake
from console.push import Push
from console.ranges import Ranges
from console.store import StoreReader
from fanwatch.bundles.anomaly import Feature
from fanwatch.gateway.client import Gateway
from fanwatch.settings import AccessSettings, BrokerSettings, ConsoleSettings

_WORKERS = 4


class Console(msgspec.Struct, kw_only=True):
    """One for the process; each page's `register` gets it."""

    settings: ConsoleSettings
    fleet: Fleet
    intake: Intake
    store: StoreReader
    ranges: Ranges
    gateway: Gateway
    """Where functions are called; its calls wait, so make them with `call`."""
    access: AccessSettings
    operator: BrokerSettings | None
    """How dead letters are sent again; None where the broker asks for a user and none was given for that."""
    push: Push
    """Tells open pages what has changed."""
    workers: ThreadPoolExecutor = msgspec.field(
        default_factory=lambda: ThreadPoolExecutor(_WORKERS, thread_name_prefix="console")
    )
    """For whatever would make the event loop wait: HTTP to the gateway, files."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Units and healthy ranges of the model in use, in the order of FEATURES, or empty."""
        return self.ranges.features

    async def call(self, function: Any, *args: Any, **options: Any) -> Any:
        """Runs a function that may wait on one of a few threads; at most that many at once."""
        return await asyncio.get_running_loop().run_in_executor(
            self.workers, partial(function, *args, **options)
        )
