"""Busy ports are named, with who has them."""

import os
import socket

import pytest

from local.ports import PortTaken, require_free
from tests.support.ports import free_port


def test_a_busy_port_names_the_setting_and_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            require_free({"FANWATCH_GATEWAY_PORT": free_port(), "FANWATCH_BROKER_PORT": port})
    text = str(refused.value)
    assert text.startswith(f"Port {port} is in use by ")
    assert f"(process {os.getpid()})" in text
    assert "FANWATCH_BROKER_PORT=" in text
    assert "\n" not in text


def test_all_busy_ports_are_named_with_free_ones_to_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"FANWATCH_A": one.getsockname()[1], "FANWATCH_B": two.getsockname()[1]}
        with pytest.raises(PortTaken) as refused:
            require_free({**ports, "FANWATCH_C": free_port()})
    text = str(refused.value)
    assert all(f"Port {port} is in use" in text for port in ports.values())
    settings = text.split(": make run ")[1].split()
    chosen = {name: int(port) for name, port in (setting.split("=") for setting in settings)}
    assert chosen.keys() == ports.keys()
    require_free(chosen)


def test_a_port_on_every_address_is_busy_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, pytest.raises(PortTaken):
        require_free({"FANWATCH_BROKER_PORT": server.getsockname()[1]})


def test_two_settings_with_one_port_are_refused() -> None:
    port = free_port()
    with pytest.raises(PortTaken, match=f"FANWATCH_A and FANWATCH_B are both {port}"):
        require_free({"FANWATCH_A": port, "FANWATCH_B": port})


def test_free_ports_are_fine() -> None:
    require_free({"FANWATCH_A": free_port(), "FANWATCH_B": free_port()})
