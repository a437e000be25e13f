"""Calls past the gateway: only what the very replica answers counts, and whatever fails goes by the gateway."""

import time
from collections.abc import Iterator

import pytest

from fanwatch.errors import Unavailable
from fanwatch.gateway.client import Gateway
from fanwatch.gateway.direct import REPLICA_HEADER, Shortcut
from fanwatch.settings import GatewaySettings
from tests.support.http_stub import HttpStub, Reply, Request

SOON_S = 0.5


class World:
    """A gateway before one function, which both say which replica answered."""

    def __init__(self) -> None:
        self.instance = "first"
        self.function = HttpStub(self._function)
        self.gateway = HttpStub(lambda request: self._function(request))
        self.client = Gateway(GatewaySettings(gateway_url=self.gateway.url), 5.0)
        self.shortcut = Shortcut(self.client, "infer-fan", SOON_S)

    def _function(self, request: Request) -> Reply:
        told = f"127.0.0.1:{self.function.port} {self.instance}"
        return Reply(200, b"<" + request.body + b">", {REPLICA_HEADER: told})

    def call(self, body: bytes = b"x") -> bytes:
        return self.shortcut.call(body, {"Content-Type": "text/plain"}).body

    def taken(self) -> tuple[int, int]:
        """Requests by the gateway, and past it."""
        return len(self.gateway.requests), len(self.function.requests)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.client.close()
    made.gateway.close()
    made.function.close()


def test_after_a_first_call_by_the_gateway_one_connection_leads_to_the_function(world: World) -> None:
    assert [world.call(b"%d" % number) for number in range(4)] == [b"<0>", b"<1>", b"<2>", b"<3>"]
    assert world.taken() == (1, 3)
    assert world.function.connections == 1
    [first, *_] = world.function.requests
    assert (first.method, first.path, first.headers["Content-Type"]) == ("POST", "/", "text/plain")


def test_a_function_that_does_not_tell_is_called_by_the_gateway(world: World) -> None:
    world.gateway.answer = lambda _request: Reply(200, b"by the gateway")
    assert [world.call() for _ in range(3)] == [b"by the gateway"] * 3
    assert world.taken() == (3, 0)


@pytest.mark.parametrize(
    "told", ["nonsense", ":1 a", "127.0.0.1:port a", "127.0.0.1:1 a", "no.such.host.:80 a"]
)
def test_an_address_that_leads_nowhere_costs_nothing_but_time(world: World, told: str) -> None:
    world.gateway.answer = lambda _request: Reply(200, b"by the gateway", {REPLICA_HEADER: told})
    assert [world.call() for _ in range(2)] == [b"by the gateway"] * 2


BAD = {
    "fails": Reply(500, b"crashed"),
    "is busy": Reply(429, b""),
    "hangs up": Reply(hang_up=True),
    "is cut": Reply(200, b"x" * 99, cut_to=9),
    "does not tell": Reply(200, b"somebody else"),
    "is another": Reply(200, b"somebody else", {REPLICA_HEADER: "127.0.0.1:1 other"}),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_a_replica_that(world: World, reply: Reply) -> None:
    world.call()
    world.call()
    world.function.answer = lambda _request: reply
    assert world.call(b"again") == b"<again>", "the gateway knows"
    assert world.taken()[0] == 2


def test_a_replica_that_hangs_is_left_in_time_and_its_late_answer_is_no_other_calls(world: World) -> None:
    world.call()
    healthy = world.function.answer
    world.function.answer = lambda _request: Reply(after_s=30)
    began = time.monotonic()
    assert world.call(b"now") == b"<now>"
    assert SOON_S <= time.monotonic() - began < 20
    world.function.answer = healthy
    assert world.call(b"later") == b"<later>"


def test_after_an_update_the_new_replica_is_found(world: World) -> None:
    world.call()
    world.call()
    world.instance = "second"
    assert [world.call(b"%d" % number) for number in range(3)] == [b"<0>", b"<1>", b"<2>"]
    assert world.taken()[0] == 2, "once by the gateway, which told of the second one"


def test_where_the_gateway_fails_too_the_call_fails(world: World) -> None:
    world.call()
    world.function.answer = world.gateway.answer = lambda _request: Reply(hang_up=True)
    with pytest.raises(Unavailable):
        world.call()
    world.gateway.answer = lambda _request: Reply(503, b"away", {REPLICA_HEADER: "127.0.0.1:1 a"})
    assert world.shortcut.call(b"", {}).status == 503, "as the gateway says it"
