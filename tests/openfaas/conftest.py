"""Each test runs on the local gateway, and with `make test-openfaas` on the one that OPENFAAS_URL names."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openfaas.given import Given
from tests.openfaas.here import Here
from tests.openfaas.place import Place

_GIVEN = pytest.param(Given, id="given", marks=[pytest.mark.openfaas, pytest.mark.timeout(600)])


@pytest.fixture(scope="session", params=[pytest.param(Here, id="here"), _GIVEN])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A gateway with everything around it; one for all tests, for a deployment takes its time."""
    if request.param is Given and not os.environ.get("OPENFAAS_URL"):
        pytest.fail(
            "Set OPENFAAS_URL and OPENFAAS_PASSWORD: tests/openfaas/given.py says what else there is."
        )
    with tempfile.TemporaryDirectory(prefix="fanwatch-openfaas-") as name:
        made: Place = request.param(Path(name))
        yield made
        made.close()


@pytest.fixture
def given(place: Place) -> Given:
    """For what the local gateway does not do."""
    if not isinstance(place, Given):
        pytest.skip("The local gateway deploys what stack.yml says; it takes no deployments through REST.")
    return place
