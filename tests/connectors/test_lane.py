"""What a lane does with messages that were taken before their function changed."""

from collections.abc import Sequence

from connectors.mqtt.calls import Answer, Calls, Verdict
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.lane import Function, Lane
from fanwatch.broker import Message
from fanwatch.broker.subscriber import Connection
from fanwatch.gateway_client import Gateway
from fanwatch.logs import Log
from fanwatch.settings import GatewaySettings, load
from tests.support.wait import until


class Counted(Calls):
    """Scores everything, and notes how many messages came in each call."""

    def __init__(self, size: int, sizes: list[int]) -> None:
        super().__init__(Gateway(load(GatewaySettings), 1.0), "counted", size)
        self._sizes = sizes

    def invoke(self, deliveries: Sequence[Delivery]) -> Answer:
        self._sizes.append(len(deliveries))
        return [Verdict(200) for _ in deliveries]


def test_a_function_that_takes_fewer_at_once_from_now_on_gets_no_more() -> None:
    sizes: list[int] = []
    settled: list[Delivery] = []
    function = Function(Counted(256, sizes), lambda *_: None, Log("test"))
    lane = Lane(function, 0)
    until(lambda: len(function.waiting._changed._waiters) > 0, 10, "it waits")  # type: ignore[attr-defined]
    function.calls = Counted(0, sizes)
    with function.waiting._changed:
        for number in range(5):
            message = Message("fan/messages", b"%d" % number, Connection(lambda: None), 0)
            delivery = Delivery(message, 1, settled.append)
            delivery.expect(1)
            function.waiting.put(delivery)
    function.waiting.end()
    assert lane.join(10)
    assert [delivery.payload for delivery in settled] == [b"0", b"1", b"2", b"3", b"4"]
    assert sizes == [1] * 5
