"""A gateway's surroundings, empty, for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.gateways import World


@pytest.fixture
def gateway_settings() -> dict[str, str]:
    """What the gateway is set to besides; a module of tests may say otherwise."""
    return {}


@pytest.fixture
def world(tmp_path: Path, gateway_settings: dict[str, str]) -> Iterator[World]:
    """An empty one."""
    made = World(tmp_path, **gateway_settings)
    yield made
    made.close()
