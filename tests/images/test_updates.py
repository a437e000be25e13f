"""An update of each container while readings flow: nothing is lost, whichever way a runtime replaces it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.behind import Behind
from tests.images.building import Images
from tests.images.containers import Containers
from tests.support.ledger import Fans, Source, Witness, identity
from tests.support.wait import until

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

_RATE = 200
_MORE = 400
"""Readings scored between two updates."""


@pytest.fixture
def behind(tmp_path: Path, images: Images, containers: Containers) -> Iterator[Behind]:
    """Broker and gateway, for containers."""
    made = Behind(tmp_path, images, containers)
    yield made
    made.close()


@pytest.mark.parametrize("infer", ["infer-fan-lite", "infer-fan"])
def test_nothing_is_lost_while_containers_are_replaced(behind: Behind, infer: str) -> None:
    behind.function(infer)
    behind.function("score-fan", infer=infer)
    behind.connect()
    witness, source = Witness(behind.broker.settings), Source(behind.broker.settings)

    def go_on() -> None:
        wanted = len(witness.results) + _MORE
        until(lambda: len(witness.results) >= wanted, 60, "more results")

    try:
        with source.flowing(Fans(), _RATE):
            go_on()
            for name in (infer, "score-fan"):
                # As Kubernetes does it: the next one first.
                old = behind.parts[name]
                behind.function(name, "00000001", infer=infer)
                assert old.stop()[0] == 0
                go_on()
                # As faasd does it: away, then the next one.
                assert behind.parts[name].stop()[0] == 0
                behind.function(name, "00000002", infer=infer)
                go_on()
            # There is one connector at a time: it owns the session.
            for _ in range(2):
                assert behind.parts["connector"].stop()[0] == 0
                behind.connect()
                go_on()
        counts = identity(source, witness, timeout_s=60)
    finally:
        source.close()
        witness.close()
    print(f"{infer}: {counts}")
    assert counts.lost == 0
