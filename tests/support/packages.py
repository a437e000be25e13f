"""Gets what only tests need of the system's packages: Chromium, and libfaketime for `make test-hours`."""

import shutil
import sys
from pathlib import Path

from local import tools

LIBRARIES = ("/usr/lib", "/usr/local/lib")


def chromium(say: tools.Say = print) -> str:
    """The path of Chromium, got as Mosquitto is. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install chromium`, or your system's package of Chromium."
    return tools.installed("Chromium", find_chromium, ["chromium"], by_hand, say, 900)


def find_chromium() -> str | None:
    """The path of Chromium; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def faketime(say: tools.Say = print) -> str:
    """The path of libfaketime, got as Mosquitto is. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install libfaketime`, or your system's package of libfaketime."
    return tools.installed("libfaketime", find_faketime, ["libfaketime"], by_hand, say)


def find_faketime() -> str | None:
    """The path of libfaketime; None where there is none."""
    found = (path for place in LIBRARIES for path in Path(place).glob("**/faketime/libfaketime.so.1"))
    return next((str(path) for path in found), None)


def main() -> int:
    """Gets those that are named; 1 where libfaketime is missing. Without Chromium, tests of the page are skipped."""
    missing = 0
    if "chromium" in sys.argv[1:]:
        try:
            print(f"chromium: {chromium()}", flush=True)
        except tools.ToolMissing as error:
            print(f"{error} Tests of the page are skipped.", file=sys.stderr)
    if "libfaketime" in sys.argv[1:]:
        try:
            print(f"libfaketime: {faketime()}", flush=True)
        except tools.ToolMissing as error:
            print(error, file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
