"""How the template's server starts, fails to start, and stops."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.servers import ROOT, Answer
from tests.support.wait import patience, until
from tests.template.conftest import Serve

OK = """
    def handle(event, context):
        return "ok"
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_idle(serve: Serve, number: signal.Signals) -> None:
    server = serve(OK)
    held = server.connection()
    held.connect()
    code, seconds = server.stop(number)
    assert code == 0
    assert seconds < patience()
    assert server.output() == ""


def test_it_finishes_what_is_in_flight_and_takes_nothing_new(serve: Serve, tmp_path: Path) -> None:
    gate, entered = tmp_path / "gate", tmp_path / "entered"
    server = serve(f"""
        import pathlib, time
        def handle(event, context):
            pathlib.Path({str(entered)!r}).touch()
            while not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return "done"
        def close():
            print("closed", flush=True)
    """)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(server.call("POST", "/")))
    thread.start()
    until(entered.exists, 10, "the handler at work")
    server.process.send_signal(signal.SIGTERM)

    def refuses() -> bool:
        try:
            server.call("GET", "/_/health")
        except OSError:
            return True
        return False

    until(refuses, 5, "new connections refused")
    gate.touch()
    thread.join()
    assert answers[0].body == b"done"
    assert server.process.wait(5) == 0
    assert server.output() == "closed\n"


def test_a_handler_that_hangs_holds_the_stop_up_for_exec_timeout_only(serve: Serve, tmp_path: Path) -> None:
    entered = tmp_path / "entered"
    server = serve(
        f"""
        import pathlib, time
        def handle(event, context):
            pathlib.Path({str(entered)!r}).touch()
            time.sleep(60)
        """,
        exec_timeout="500ms",
    )
    thread = threading.Thread(target=lambda: server.call("POST", "/"))
    thread.start()
    until(entered.exists, 10, "the handler at work")
    code, seconds = server.stop()
    thread.join()
    assert code == 0
    assert seconds < 3 * patience()


def test_it_stops_while_it_loads(serve: Serve) -> None:
    server = serve("import time\ntime.sleep(60)\ndef handle(event, context): ...", wait="/_/health")
    code, seconds = server.stop()
    assert code == 0
    assert seconds < patience()


def test_it_stops_before_it_has_started(serve: Serve, tmp_path: Path) -> None:
    slow, importing = tmp_path / "slow", tmp_path / "importing"
    slow.mkdir()
    source = f"import pathlib, time\npathlib.Path({str(importing)!r}).touch()\ntime.sleep(60)\n"
    (slow / "uvicorn.py").write_text(source, encoding="utf-8")
    path = os.pathsep.join((str(slow), str(ROOT / "template" / "python3-fan")))
    server = serve(OK, wait=None, PYTHONPATH=path)
    until(importing.exists, 10, "its imports begun")
    code, seconds = server.stop()
    assert code == 0
    assert seconds < patience()


def test_it_stops_as_process_1(serve: Serve, tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-rfp", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine gives no process namespace of its own")
    (tmp_path / "handler.py").write_text("def handle(event, context): ...\n", encoding="utf-8")
    script = (
        "import os, signal, threading\n"
        "os.environ['LISTEN_PORT'] = '0'\n"
        "from function_server.__main__ import main\n"
        "assert os.getpid() == 1\n"
        "threading.Timer(0.7, os.kill, (1, signal.SIGTERM)).start()\n"
        "raise SystemExit(main())\n"
    )
    ran = subprocess.run(
        [unshare, "-rfp", sys.executable, "-c", script],
        env={
            "HANDLER_DIR": str(tmp_path),
            "PYTHONPATH": str(ROOT / "template" / "python3-fan"),
            "PATH": "/usr/bin:/bin",
        },
        timeout=15,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_unix_socket_is_removed_at_the_end(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "f.sock"
    server = serve(OK, uds=path)
    assert server.call("POST", "/").body == b"ok"
    assert server.stop()[0] == 0
    assert not path.exists()


def test_a_stale_unix_socket_is_taken_over(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "f.sock"
    serve(OK, uds=path).kill()
    assert path.exists()
    assert serve(OK, uds=path).call("POST", "/").body == b"ok"


def test_an_error_meant_for_a_person_is_one_line(serve: Serve) -> None:
    server = serve(
        """
        class BundleError(Exception):
            status = 500
        raise BundleError("models/x/model.json: its SHA-256 is not the pinned one.")
        """,
        wait=None,
    )
    assert server.process.wait(10) == 1
    said = "The function cannot start: models/x/model.json: its SHA-256 is not the pinned one.\n"
    assert server.output() == said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def handle(event, context):\n    return 1 +", "SyntaxError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("handle = 3", "defines no handle(event, context)"),
        (None, "There is no handler.py in"),
    ],
)
def test_a_handler_that_cannot_be_loaded_ends_it_with_1(serve: Serve, source: str | None, said: str) -> None:
    server = serve(source, wait=None)
    assert server.process.wait(10) == 1
    assert said in server.output()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exec_timeout", "soon"),
        ("exec_timeout", "0s"),
        ("max_inflight", "0"),
        ("max_inflight", "many"),
        ("handler_threads", "-1"),
        ("max_body_bytes", "6MB"),
        ("LISTEN_PORT", "70000"),
    ],
)
def test_a_bad_setting_is_named_and_ends_it_with_2(serve: Serve, name: str, value: str) -> None:
    server = serve(OK, wait=None, **{name: value})
    assert server.process.wait(10) == 2
    lines = server.output().splitlines()
    assert len(lines) == 1
    assert f"{name}='{value}'" in lines[0]


def test_a_port_in_use_is_told(serve: Serve) -> None:
    port = serve(OK).address
    second = serve(OK, wait=None, LISTEN_PORT=str(port))
    assert second.process.wait(10) == 1
    assert str(port) in second.output()
    assert len(second.output().splitlines()) == 1


def test_handlers_may_import_their_neighbours(serve: Serve, tmp_path: Path) -> None:
    neighbours = tmp_path / "handler0"
    server = serve(
        f"""
        import pathlib
        pathlib.Path({str(neighbours)!r}, "near.py").write_text("word = 'near'")
        from . import near
        from function.near import word
        def handle(event, context):
            return near.word + word
        """
    )
    assert server.call("GET", "/").body == b"nearnear"
