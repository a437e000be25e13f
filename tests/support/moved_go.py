"""InfluxDB and Telegraf, built so that they see the clock that libfaketime shows: Go asks the kernel past libc.

Their own source stays as it is. Go's `time.Now` alone gets a line, by an overlay of the build: it adds the seconds of
FAKETIME, such as +18000s, which libfaketime reads, too.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local import tools

_CALL: Final = "sec, nsec, mono := runtimeNow()\n"
_MOVED: Final = """package time

import "syscall"

var movedS = readMoved()

// readMoved is the offset of FAKETIME in seconds: "+18000s" or "-3600s"; 0 for anything else.
func readMoved() int64 {
	text, _ := syscall.Getenv("FAKETIME")
	if len(text) < 3 || text[0] != '+' && text[0] != '-' || text[len(text)-1] != 's' {
		return 0
	}
	var seconds int64
	for _, digit := range []byte(text[1 : len(text)-1]) {
		if digit < '0' || digit > '9' {
			return 0
		}
		seconds = seconds*10 + int64(digit-'0')
	}
	if text[0] == '-' {
		return -seconds
	}
	return seconds
}
"""


def built(cache: Path) -> None:
    """Has them in `cache`, a directory as FANWATCH_CACHE names one. ToolMissing where one cannot be had."""
    (cache / "bin").mkdir(parents=True, exist_ok=True)
    for tool in (tools.INFLUXD, tools.TELEGRAF):
        if not (cache / "bin" / tool.key / tool.name).is_file():
            with _overlaid(cache):
                tools.get(tool, cache)


@contextmanager
def _overlaid(cache: Path) -> Iterator[None]:
    """While it lasts, `go install` of this process takes the other `time` package."""
    root = subprocess.run(
        ["go", "env", "GOROOT"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    package = Path(root) / "src/time"
    source = (package / "time.go").read_text(encoding="utf-8")
    if _CALL not in source:
        raise tools.ToolMissing("This Go asks for the time in another way than is known here.")
    replaced = {
        package / "time.go": (cache / "time.go", source.replace(_CALL, f"{_CALL}\tsec += movedS\n")),
        package / "moved.go": (cache / "moved.go", _MOVED),
    }
    for file, text in replaced.values():
        file.write_text(text, encoding="utf-8")
    overlay = cache / "overlay.json"
    overlay.write_text(
        json.dumps({"Replace": {str(place): str(file) for place, (file, _) in replaced.items()}}),
        encoding="utf-8",
    )
    before = os.environ.get("GOFLAGS")
    os.environ["GOFLAGS"] = f"-overlay={overlay}"
    try:
        yield
    finally:
        os.environ.pop("GOFLAGS")
        if before is not None:
            os.environ["GOFLAGS"] = before
