"""Getting tools: what is said where they cannot be got."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local import tools
from tests.support import packages

ROOT = Path(__file__).resolve().parents[2]


def bin_with(directory: Path, **programs: str) -> Path:
    """A folder for PATH that holds these shell scripts only."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, script in programs.items():
        path = directory / name.replace("_", "-")
        path.write_text("#!/bin/sh\n" + script + "\n", encoding="utf-8")
        path.chmod(0o755)
    return directory


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the test's own."""
    (tmp_path / "cache/bin").mkdir(parents=True)
    return tmp_path / "cache"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, and no Go in the usual places."""
    path = bin_with(tmp_path / "only")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(tools, "GO_PLACES", ())
    monkeypatch.setattr(tools, "SYSTEM_PLACES", "")
    return path


@pytest.mark.parametrize("tool", [tools.INFLUXD, tools.TELEGRAF], ids=lambda tool: tool.name)
def test_without_go_one_line_says_what_to_install(cache: Path, only: Path, tool: tools.GoTool) -> None:
    with pytest.raises(tools.ToolMissing) as missing:
        tools.get(tool, cache, print)
    text = str(missing.value)
    assert text.startswith(f"{tool.name} is missing and cannot be built without Go: install Go, or install ")
    assert "\n" not in text


def test_without_a_network_one_line_says_so(cache: Path, only: Path) -> None:
    bin_with(
        only, go="echo 'go: downloading x' >&2; echo 'dial tcp: lookup example: no such host' >&2; exit 1"
    )
    with pytest.raises(
        tools.ToolMissing, match=r"could not be downloaded \(no network\?\): dial tcp"
    ) as missing:
        tools.get(tools.INFLUXD, cache, print)
    assert "\n" not in str(missing.value)
    assert not list((cache / "bin").iterdir()), "nothing half-built is left"
    assert not list(cache.glob("build-*"))


def test_without_root_or_apt_mosquitto_is_asked_for(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(tools.ToolMissing, match="no apt-get") as missing:
        tools.mosquitto(print)
    assert "apt-get install mosquitto" in str(missing.value)
    bin_with(only, apt_get="exit 0")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(tools.ToolMissing, match="only root may install it"):
        tools.mosquitto(print)


def test_libfaketime_is_got_as_mosquitto_is(
    only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LIBRARIES", (str(tmp_path / "lib"),))
    monkeypatch.setattr(os, "getuid", lambda: 0)
    place = tmp_path / "lib/x86_64-linux-gnu/faketime"
    bin_with(only, apt_get=f'[ "$1" = install ] && /bin/mkdir -p {place} && : > {place}/libfaketime.so.1')
    said: list[str] = []
    assert packages.faketime(said.append) == str(place / "libfaketime.so.1")
    assert said == ["Installing libfaketime (apt-get) ..."]
    monkeypatch.setattr(packages, "LIBRARIES", ())
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(tools.ToolMissing, match=r"only root may install it.*apt-get install libfaketime"):
        packages.faketime(said.append)


def test_apt_that_fails_is_said_and_tried_with_fresh_lists(only: Path, tmp_path: Path) -> None:
    if os.getuid():
        pytest.skip("only root installs")
    bin_with(only, apt_get=f'echo "$1" >> {tmp_path}/calls; exit 100')
    with pytest.raises(tools.ToolMissing, match=r"could not install it \(no network\?\)"):
        tools.mosquitto(print)
    assert (tmp_path / "calls").read_text(encoding="utf-8").split() == ["install", "update"]


def test_a_build_is_kept_and_not_repeated(cache: Path, only: Path, tmp_path: Path) -> None:
    script = f'echo built >> {tmp_path}/builds; echo "#!/bin/sh" > "$GOBIN/influxd"; /bin/chmod +x "$GOBIN/influxd"'
    bin_with(only, go=script)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(tools.get(tools.INFLUXD, cache, lambda _: None)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [str(cache / "bin" / tools.INFLUXD.key / "influxd")] * 4
    assert (tmp_path / "builds").read_text(encoding="utf-8").split() == ["built"]


def test_stopping_ends_a_build(cache: Path, only: Path) -> None:
    bin_with(only, go="/bin/sleep 60")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(tools.Stopped):
        tools.get(tools.INFLUXD, cache, lambda _: None, stop)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("version", "usable"),
    [("InfluxDB v1.8.10 (git: x)", True), ("InfluxDB v1.6.7", False), ("InfluxDB v2.7.1", False)],
)
def test_only_a_fitting_influxd_on_path_is_used(cache: Path, only: Path, version: str, usable: bool) -> None:
    bin_with(only, influxd=f"echo '{version}'")
    assert (tools.find(tools.INFLUXD, cache) is not None) is usable


def test_a_telegraf_on_path_that_refuses_our_configuration_is_not_used(cache: Path, only: Path) -> None:
    bin_with(only, telegraf="exit 1")
    assert tools.find(tools.TELEGRAF, cache) is None


def test_the_command_goes_on_without_the_store(tmp_path: Path) -> None:
    path = bin_with(tmp_path / "bin", mosquitto="exit 0", go="echo no such host; exit 1")
    done = subprocess.run(
        [sys.executable, "-m", "local.tools"],
        env={
            "PATH": str(path),
            "FANWATCH_CACHE": str(tmp_path / "cache"),
            "PYTHONPATH": str(ROOT),
            "HOME": "/",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["influxd", "telegraf", "Without"]


def test_a_package_starts_no_broker_of_its_own(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with tools.no_services_started(policy):
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("the machine's own", encoding="utf-8")
    with tools.no_services_started(policy):
        pass
    assert policy.read_text(encoding="utf-8") == "the machine's own"
