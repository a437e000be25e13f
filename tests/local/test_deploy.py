"""Functions of a stack.yml as processes, under a real supervisord."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import config, health, supervisor
from local.deploy import Deployer, program_name, refusals
from local.layout import Layout
from local.sockets import UnixConnection, status
from local.stack import Stack, read
from local.supervisor import Process, Supervisor, argv_of, write_config, write_spec
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
HANDLER = """
def handle(event, context):
    return {"statusCode": 200, "body": "%s"}
"""
STACK = """
version: 1.0
provider: {name: openfaas}
functions:
  echo:
    lang: python3-fan
    handler: ./echo
    image: echo
    labels: {com.openfaas.scale.min: "%s"}
    environment: {MARK: "%s"}
"""


class Place:
    """A checkout of its own with one function, and a supervisord for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.layout = Layout(state=directory / "a state", root=directory, stack=directory / "stack.yml")
        (directory / "echo").mkdir()
        self.write("one")
        self.layout.create()
        argv = write_config(self.layout, as_root=os.getuid() == 0)
        spec = self.layout.run / "supervisord.json"
        write_spec(spec, argv, os.environ, self.layout.state)
        with self.layout.log("out").open("wb") as output:
            self.process = subprocess.Popen(
                argv_of(spec), stdout=output, stderr=output, start_new_session=True
            )
        self.supervisor = Supervisor(self.layout)
        until(self.supervisor.answers, 10, "supervisord")

    def write(self, answer: str, replicas: int = 1, mark: str = "x", handler: str = HANDLER) -> Stack:
        """Writes the function, and reads the stack."""
        text = handler % answer if "%s" in handler else handler
        (self.directory / "echo/handler.py").write_text(text, encoding="utf-8")
        self.layout.stack.write_text(STACK % (replicas, mark), encoding="utf-8")
        return read(self.layout.stack, {})

    def answers(self) -> set[str]:
        """What the replicas answer that take requests."""
        found = set()
        for path in self.layout.short.glob("echo-*.sock"):
            connection = UnixConnection(path, 2)
            try:
                connection.request("POST", "/", b"")
                found.add(connection.getresponse().read().decode())
            except OSError:
                continue
            finally:
                connection.close()
        return found

    def groups(self) -> set[str]:
        """The programs that supervisord has."""
        return {process.group for process in self.supervisor.processes()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The place; everything in it is ended."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "template/python3-fan"))))
    directory = tmp_path / "100% of a checkout"
    directory.mkdir()
    made = Place(directory)
    pids = []
    try:
        yield made
        if made.process.poll() is None:
            pids = [process.pid for process in made.supervisor.processes() if process.pid]
    finally:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(20)
    made.layout.leave()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5, "no process is left")


def test_a_change_of_the_stack_swaps_the_replicas_without_a_gap(place: Place) -> None:
    deployer = Deployer(place.layout, place.supervisor)
    assert deployer.apply(place.write("one", replicas=2)) == []
    assert place.answers() == {"one"}
    assert len(place.supervisor.processes()) == 2
    seen: list[set[str]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            seen.append(place.answers())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        assert deployer.apply(place.write("second", replicas=1, mark="y")) == []
    finally:
        done.set()
        looking.join()
    assert place.answers() == {"second"}
    assert len(place.supervisor.processes()) == 1
    assert all(seen), "somebody answered at every moment"
    assert {"one", "second"} in seen, "the old one stayed until the new one answered"
    assert len(list(place.layout.short.glob("echo-*.sock"))) == 1


def test_a_generation_that_does_not_start_leaves_the_running_one(place: Place) -> None:
    deployer = Deployer(place.layout, place.supervisor)
    deployer.apply(place.write("one"))
    before = place.groups()
    broken = place.write("", mark="y", handler="raise ValueError('the bundle is broken')\n")
    problems = deployer.apply(broken)
    assert len(problems) == 1
    assert problems[0].startswith("echo: ")
    assert "the bundle is broken" in problems[0]
    assert problems[0].endswith("The running one stays.")
    assert place.groups() == before
    assert place.answers() == {"one"}
    assert deployer.apply(broken) == problems, "it is tried anew, and said again"
    assert deployer.refused == problems
    assert place.groups() == before
    assert deployer.apply(place.write("three", mark="z")) == []
    assert place.answers() == {"three"}


def test_what_was_refused_is_taken_once_it_is_repaired(place: Place) -> None:
    deployer = Deployer(place.layout, place.supervisor)
    deployer.apply(place.write("one"))
    bundle = place.directory / "bundle"
    needy = place.write("", mark="y", handler=f"open({str(bundle)!r})\n" + HANDLER % "two")
    assert len(deployer.apply(needy)) == 1
    bundle.write_text("whole", encoding="utf-8")
    assert deployer.apply(needy) == []
    assert place.answers() == {"two"}


def test_a_supervisord_that_does_not_answer_is_waited_for_and_refusals_are_kept_for_the_status(
    place: Place,
) -> None:
    os.kill(place.process.pid, signal.SIGSTOP)
    argv = [sys.executable, "-m", "local.deploy"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
    settings = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "template/python3-fan"))),
        "FANWATCH_STATE_DIR": str(place.layout.state),
        "FANWATCH_STACK": str(place.layout.stack),
    }
    log = place.directory / "watch"
    with log.open("wb") as output:
        watching = subprocess.Popen(argv, env=kept | settings, stdout=output, stderr=output)
    try:
        until(lambda: "Trying again." in log.read_text(encoding="utf-8"), 15, "a line about it")
        os.kill(place.process.pid, signal.SIGCONT)
        until(lambda: place.answers() == {"one"}, 15, "the function")
        # What is refused from now on, whoever asks for the status is told, until stack.yml says something else.
        process = Process("deploy", "deploy", "RUNNING", 1, 0, 0, "pid 1")
        until(lambda: place.layout.refused.exists(), 15, "what it has applied")
        assert health.deploy_part(process, place.layout).state == "ok"
        place.write("", mark="y", handler="raise ValueError('the bundle is broken')\n")
        until(lambda: refusals(place.layout), 30, "the refusal")
        said = health.deploy_part(process, place.layout)
        assert said.state == "refused"
        assert "the bundle is broken" in said.detail
        assert place.answers() == {"one"}
        place.layout.stack.write_text("functions: [", encoding="utf-8")
        until(lambda: "What runs stays" in " ".join(refusals(place.layout)), 15, "that it is no YAML")
        # The status then knows the functions by what runs.
        running = {process.name: process for process in place.supervisor.processes()}
        assert health.replicas(None, running) == {"echo": 1}
        place.layout.stack.unlink()
        until(lambda: "cannot be read" in " ".join(refusals(place.layout)), 15, "that it is gone")
        place.write("two", mark="z")
        until(lambda: place.answers() == {"two"}, 30, "the new one")
        until(lambda: not refusals(place.layout), 15, "no refusal any more")
    finally:
        os.kill(place.process.pid, signal.SIGCONT)
        watching.kill()
        watching.wait()


def test_a_function_that_is_taken_out_goes(place: Place) -> None:
    deployer = Deployer(place.layout, place.supervisor)
    stack = place.write("one")
    deployer.apply(stack)
    deployer.apply(Stack(directory=stack.directory, functions={}))
    assert place.groups() == set()


def test_a_replica_that_is_killed_is_replaced(place: Place) -> None:
    stack = place.write("one")
    Deployer(place.layout, place.supervisor).apply(stack)
    group = program_name(stack, "echo")
    # supervisord counts a process as started after one second.
    until(lambda: place.supervisor.processes()[0].running, 5, "running")
    first = place.supervisor.processes()[0].pid
    os.kill(first, signal.SIGKILL)
    socket = place.layout.short / f"{group.removeprefix('fn-')}-0.sock"
    until(
        lambda: (
            place.supervisor.processes()[0].pid not in (0, first) and status(socket, "/_/ready", 1) == 200
        ),
        10,
        "another one answers",
    )


def test_everything_ends_when_supervisord_is_killed(place: Place) -> None:
    Deployer(place.layout, place.supervisor).apply(place.write("one", replicas=2))
    pids = [process.pid for process in place.supervisor.processes()]
    assert len(pids) == 2
    place.process.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5, "the replicas have ended")


def test_an_environment_reaches_a_program_as_it_is(place: Place) -> None:
    odd = {"ODD": "a % b \"c\" 'd' \\ \u20ac {x}", "PATH": os.environ["PATH"]}
    out = place.directory / "out"
    code = f"import os, time; open({str(out)!r}, 'w').write(os.environ['ODD']); time.sleep(60)"
    place.supervisor.add(
        supervisor.Program(name="odd", argv=[sys.executable, "-c", code], env=odd, cwd=place.directory)
    )
    until(lambda: out.exists() and out.read_text(encoding="utf-8") == odd["ODD"], 5, "the environment")
    place.supervisor.stop("odd")
    until(lambda: place.supervisor.remove("odd"), 5, "it is forgotten")


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    layout = Layout(state=tmp_path / "state")
    layout.create()
    config.write_secrets(layout)
    password = layout.secrets / "basic-auth-password"
    first = password.read_text(encoding="ascii")
    config.write_secrets(layout)
    assert password.read_text(encoding="ascii") == first
    assert len(first) >= 32
    assert password.stat().st_mode & 0o077 == 0


def test_a_part_that_keeps_ending_is_started_again_within_seconds(place: Place, tmp_path: Path) -> None:
    """supervisord alone waits a second longer each time, and gives up in the end."""
    starts = tmp_path / "starts"
    supervised = supervisor.Program(
        name="ending",
        argv=["/bin/sh", "-c", f"echo >> {starts}"],
        env=dict(os.environ),
        cwd=tmp_path,
        priority=1,
    )
    place.supervisor.add(supervised)

    def states() -> set[str]:
        return {process.statename for process in place.supervisor.processes() if process.group == "ending"}

    until(lambda: states() == {"FATAL"}, 20, "supervisord to give up")
    before = len(starts.read_text())
    place.supervisor.revive()
    until(lambda: len(starts.read_text()) > before, 2, "another start")
