"""infra/k3s/base/companion.sh beside a real broker: sessions come first, new secrets without a restart."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import sessions
from tests.support.kustomize import ROOT
from tests.support.process import Process
from tests.support.secure import Deployment
from tests.support.wait import patience, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Deployment]:
    """The deployment's broker, its secrets laid out as Kubernetes mounts them."""
    started = Deployment(tmp_path / "broker")
    yield started
    started.kill()


class Companion(Process):
    """The script with paths of the test's own; it sees no other process than the broker."""

    def __init__(self, directory: Path, broker: Deployment, **more: str) -> None:
        self.ready = directory / "ready"
        self.secrets = directory / "secrets"
        passwords, processes, programs = (directory / name for name in ("passwords", "proc", "bin"))
        for name in ("connector", "telegraf"):
            home = broker.secrets / "services" / name
            (passwords / name).mkdir(parents=True)
            (passwords / name / "password").write_bytes((home / "password").read_bytes())
        processes.mkdir()
        (processes / str(broker.process.pid)).symlink_to(f"/proc/{broker.process.pid}")
        (processes / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
        self.secrets.mkdir()
        self.turn("first")
        programs.mkdir()
        (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        (programs / "python").chmod(0o755)
        settings = broker.settings("connector")
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "COMPANION_PROC": str(processes),
            "COMPANION_SECRETS": str(self.secrets),
            "COMPANION_PASSWORDS": str(passwords),
            "COMPANION_READY": str(self.ready),
            "COMPANION_PAUSE": "0.1",
            "FANWATCH_BROKER_HOST": settings.broker_host,
            "FANWATCH_BROKER_PORT": str(settings.broker_port),
            "FANWATCH_BROKER_CA_FILE": str(settings.broker_ca_file),
            **more,
        }
        argv = ["sh", str(ROOT / "infra/k3s/base/companion.sh")]
        super().__init__(argv, directory / "companion.log", environment, ROOT)

    def turn(self, name: str) -> None:
        """Replaces the secrets as a kubelet does: by turning the link to their folder."""
        (self.secrets / name).mkdir()
        new = self.secrets / "..data_tmp"
        new.symlink_to(name)
        new.replace(self.secrets / "..data")


@pytest.fixture
def companion(tmp_path: Path, broker: Deployment) -> Iterator[Companion]:
    (tmp_path / "companion").mkdir()
    started = Companion(tmp_path / "companion", broker)
    yield started
    started.kill()


def test_it_is_ready_once_each_session_is_there_for_its_own_user(
    broker: Deployment, companion: Companion
) -> None:
    until(companion.ready.exists, 20, "the companion")
    assert companion.alive()
    for user, session in (
        ("connector", sessions.connector(sessions.ConnectorSettings(), ("fan/messages", "fan/+/messages"))),
        *(("telegraf", session) for session in sessions.TELEGRAF),
    ):
        assert sessions.create(broker.settings(user), session), f"{session.client_id} was not there"


def test_beside_the_stock_connector_ours_gets_no_session(tmp_path: Path, broker: Deployment) -> None:
    (tmp_path / "companion").mkdir()
    companion = Companion(tmp_path / "companion", broker, COMPANION_SESSIONS="telegraf")
    try:
        until(companion.ready.exists, 20, "the companion")
    finally:
        companion.kill()
    for user, session, there in (
        ("telegraf", sessions.TELEGRAF[0], True),
        ("connector", sessions.connector(sessions.ConnectorSettings(), ("fan/messages",)), False),
    ):
        assert sessions.create(broker.settings(user), session) == there, session.client_id


def test_it_waits_for_a_broker_that_is_not_there_yet(tmp_path: Path, broker: Deployment) -> None:
    broker.stop()
    (tmp_path / "companion").mkdir()
    companion = Companion(tmp_path / "companion", broker)
    try:
        until(lambda: companion.output().count("cannot be reached") > 1, 20, "two tries")
        assert not companion.ready.exists()
        broker.start()
        until(companion.ready.exists, 20, "the companion")
    finally:
        companion.kill()


def test_the_broker_reads_new_secrets_and_keeps_its_connections(
    broker: Deployment, companion: Companion
) -> None:
    until(companion.ready.exists, 20, "the companion")
    there = broker.visit("operator")
    broker.add("fan-99")
    assert broker.visit("fan-99").refused, "the broker has not read its users again"
    companion.turn("second")
    until(lambda: "SIGHUP" in companion.output(), 10, "the signal")
    until(lambda: not broker.visit("fan-99").refused, 10, "the new user")
    assert there.publish("fan/messages") == "Success"
    assert companion.output().count("SIGHUP") == 1, "only the broker, and once"


def test_it_ends_at_once(companion: Companion) -> None:
    until(companion.ready.exists, 20, "the companion")
    assert companion.stop(signal.SIGTERM) < 2 * patience()
