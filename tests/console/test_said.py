"""What the page says of what is open, and of a decision that got no answer."""

import pytest

from console.commands import send
from console.pages.alarms import _head
from fanwatch.errors import Unavailable
from fanwatch.gateway_client import Gateway
from fanwatch.settings import GatewaySettings
from fanwatch.timestamps import format_ms
from tests.support.console import HOUR_MS, alarm, now_ms
from tests.support.ports import free_port


def test_open_episodes_wait_for_somebody_where_the_fleet_counts_them_too() -> None:
    now = now_ms()
    waits = alarm("a", "alarm", "soon", cause="sound")
    mine = alarm("b", "alarm", "soon", cause="sound", acknowledgedBy="Anna")
    quiet = alarm("c", "alarm", "soon", cause="sound", snoozedUntil=format_ms(now + HOUR_MS))
    assert _head([waits, mine, quiet], now) == "3 open, 1 not acknowledged yet"
    assert _head([waits, mine, quiet], now + 2 * HOUR_MS) == "3 open, 2 not acknowledged yet"
    assert _head([mine, quiet], now) == "2 open, all acknowledged or snoozed"
    assert _head([mine], now) == "1 open, all acknowledged"
    assert _head([], now) == "No open episodes"


def test_who_gets_no_answer_is_told_what_to_do() -> None:
    gateway = Gateway(GatewaySettings(gateway_url=f"http://127.0.0.1:{free_port()}"), timeout_s=5)
    command = {"episode": alarm("a", "alarm", "soon").episode, "action": "acknowledge", "by": "Anna"}
    with pytest.raises(Unavailable, match=r"gave no answer.*Try again in a moment"):
        send(gateway, command)
