"""What the commands print on a narrow terminal, and on one that knows plain letters only."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.store.influx import point
from tests.cli.test_alarms import Rig
from tests.support import terminal
from tests.support.http_stub import HttpStub
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import patience
from tests.support.watched import Watched

ROOT = Path(__file__).resolve().parents[2]
_PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
_WHY = "its temperature rose by 14 °C – from 47.1 to 61.3 °C at the same load – and its vibration by a half with it"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    influx = Influx(tmp_path_factory.mktemp("influx"))
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    gateway = HttpStub()
    with pytest.MonkeyPatch.context() as patch:
        watched = Watched(influx, broker, patch)
        made = Rig(watched, gateway)
        fan = watched.fan("old")
        over = {"episode": f"{fan}/2026-11-01T00:00:00.000Z", "state": "alarm", "why": _WHY}
        watched.store.write([point("episode", {"deviceID": fan}, over, None)])
        yield made
        watched.close()
    gateway.close()
    broker.kill()
    influx.kill()


def shown(rig: Rig, columns: int, *arguments: str, **changes: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
    environment = kept | rig.watched.environment | {"PYTHONPATH": str(ROOT)} | changes
    argv = [sys.executable, "-m", "cli.main", *arguments]
    code, said = terminal.run(argv, environment, columns, 60 * patience())
    assert code == 0, said
    return said.decode("ascii" if changes else "utf-8")


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("changes", [{}, _PLAIN], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("arguments", [("alarms", "list", "--all"), ("fans", "list"), ("settings",)])
def test_nothing_is_cut(rig: Rig, columns: int, changes: dict[str, str], arguments: tuple[str, ...]) -> None:
    said = shown(rig, columns, *arguments, **changes)
    assert max(map(len, said.splitlines())) <= columns
    assert "..." not in said
    assert "…" not in said
    words = " ".join(said.split())
    if arguments[0] == "alarms":
        why = _WHY if not changes else _WHY.replace("–", "-").replace("°", "deg")
        assert why in words
        assert rig.open()[rig.watched.fan("bad")]["why"] in words
    if arguments[0] == "settings":
        assert "FANWATCH_CONSOLE_BEHIND_PROXY false" in words


def test_json_for_such_a_terminal_has_the_same_content(rig: Rig) -> None:
    for arguments in (("alarms", "list", "--all", "--json"), ("fans", "list", "--json")):
        plain = json.loads(shown(rig, 80, *arguments, **_PLAIN))
        assert plain == json.loads(shown(rig, 80, *arguments))
    assert _WHY in json.dumps(json.loads(shown(rig, 80, "alarms", "list", "--all", "--json", **_PLAIN)),
                              ensure_ascii=False)  # fmt: skip


def test_in_a_pipe_a_line_stays_a_line(rig: Rig) -> None:
    [over] = [line for line in rig.said("alarms", "list", "--all").splitlines() if "over, was" in line]
    assert over.endswith(_WHY)
