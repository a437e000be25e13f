"""What the page says of what is open, and of a decision that got no answer."""

import re

import pytest

from console.checklists import looks
from console.commands import send
from console.live.states import now
from console.pages.alarms import headline
from fanwatch.errors import Unavailable
from fanwatch.gateway.client import Gateway
from fanwatch.messages.timestamps import format_ms
from fanwatch.sensors import FEATURES
from fanwatch.settings import GatewaySettings
from tests.support.console import HOUR_MS, alarm, now_ms
from tests.support.live import NOW, fleet_of
from tests.support.ports import free_port


def test_open_episodes_wait_for_somebody_where_the_fleet_counts_them_too() -> None:
    at_ms = now_ms()
    waits = alarm("a", "alarm", "soon", cause="sound")
    mine = alarm("b", "alarm", "soon", cause="sound", acknowledgedBy="Anna")
    quiet = alarm("c", "alarm", "soon", cause="sound", snoozedUntil=format_ms(at_ms + HOUR_MS))
    assert headline([waits, mine, quiet], at_ms) == "3 open, 1 not acknowledged yet"
    assert headline([waits, mine, quiet], at_ms + 2 * HOUR_MS) == "3 open, 2 not acknowledged yet"
    assert headline([mine, quiet], at_ms) == "2 open, all acknowledged or snoozed"
    assert headline([mine], at_ms) == "1 open, all acknowledged"
    assert headline([], at_ms) == "No open episodes"


def test_who_gets_no_answer_is_told_what_to_do() -> None:
    gateway = Gateway(GatewaySettings(gateway_url=f"http://127.0.0.1:{free_port()}"), timeout_s=5)
    command = {"episode": alarm("a", "alarm", "soon").episode, "action": "acknowledge", "by": "Anna"}
    with pytest.raises(Unavailable, match=r"gave no answer.*Try again in a moment"):
        send(gateway, command)


@pytest.mark.parametrize("cause", [*FEATURES, None])
def test_nobody_is_told_to_listen_to_a_fan_that_has_stopped(cause: str | None) -> None:
    fleet = fleet_of("fan-1")
    fleet.alarm(alarm("fan-1", "alarm", "soon", cause=cause))
    running = now(fleet, "fan-1", NOW)
    fleet.alarm(alarm("fan-1", "stopped", "it stands", cause=cause))
    stopped = now(fleet, "fan-1", NOW)
    assert running is not None
    assert stopped is not None
    both = set(looks(running)) & set(looks(stopped))
    assert both < set(looks(running))
    assert both < set(looks(stopped))
    assert not any(re.search("running|listen|under load", each, re.IGNORECASE) for each in looks(stopped))
