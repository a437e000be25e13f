"""Gets what the system's packages have: Mosquitto; for tests Chromium and libfaketime."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from fanwatch.errors import FanwatchError

Say = Callable[[str], None]

_APT_TIMEOUT_S = 300
_BROWSER_TIMEOUT_S = 900
_LIBRARIES = ("/usr/lib", "/usr/local/lib")
_SYSTEM_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


class ToolMissing(FanwatchError):
    """A tool is not there and cannot be got; the text says what to install by hand."""


def mosquitto(say: Say = print) -> str:
    """The path of mosquitto, installed first where this is root on Debian or Ubuntu. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install mosquitto mosquitto-clients`, or your system's package of Mosquitto 2."
    return _installed(
        "Mosquitto", _find_mosquitto, ["mosquitto", "mosquitto-clients"], by_hand, _APT_TIMEOUT_S, say
    )


def chromium(say: Say = print) -> str:
    """The path of Chromium, which only tests of the page need; got as Mosquitto is. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install chromium`, or your system's package of Chromium."
    return _installed("Chromium", find_chromium, ["chromium"], by_hand, _BROWSER_TIMEOUT_S, say)


def find_chromium() -> str | None:
    """The path of Chromium; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def faketime(say: Say = print) -> str:
    """The path of libfaketime, which only `make test-hours` needs; got as Mosquitto is. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install libfaketime`, or your system's package of libfaketime."
    return _installed("libfaketime", find_faketime, ["libfaketime"], by_hand, _APT_TIMEOUT_S, say)


def find_faketime() -> str | None:
    """The path of libfaketime; None where there is none."""
    found = (path for place in _LIBRARIES for path in Path(place).glob("**/faketime/libfaketime.so.1"))
    return next((str(path) for path in found), None)


def _installed(
    name: str,
    find: Callable[[], str | None],
    wanted: list[str],
    by_hand: str,
    timeout_s: float,
    say: Say,
) -> str:
    found = find()
    if found:
        return found
    apt = shutil.which("apt-get")
    if apt is None:
        raise ToolMissing(f"{name} is missing, and this system has no apt-get. {by_hand}")
    if os.getuid() != 0:
        raise ToolMissing(f"{name} is missing, and only root may install it. {by_hand}")
    say(f"Installing {wanted[0]} (apt-get) ...")
    install = [apt, "install", "-y", "--no-install-recommends", *wanted]
    with no_services_started():
        done = _apt(install, timeout_s) or (_apt([apt, "update"], timeout_s) and _apt(install, timeout_s))
    if not done:
        raise ToolMissing(f"{name} is missing, and apt-get could not install it (no network?). {by_hand}")
    found = find()
    if not found:
        raise ToolMissing(f"{name} was installed, but is not on PATH. {by_hand}")
    return found


@contextlib.contextmanager
def no_services_started(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Keeps Debian's package from starting a broker of its own on the port that ours is about to take."""
    try:
        with policy.open("x", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    except OSError:  # the machine has a policy already, or takes none
        yield
        return
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _find_mosquitto() -> str | None:
    # Debian puts it where an ordinary user's PATH does not lead.
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_PLACES)


def _apt(command: list[str], timeout_s: float) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
