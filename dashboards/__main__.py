"""`python -m dashboards` writes what Grafana is provisioned with, and which sensors Telegraf stores.

`--check` says whether that is up to date.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards import alerts
from dashboards.bundle import ROOT, newest
from dashboards.fan import fan
from dashboards.fleet import fleet
from dashboards.model import model
from dashboards.page import text
from dashboards.pipeline import pipeline
from fanwatch.sensors import FEATURES

DIRECTORY = Path("infra/grafana/dashboards")
_TELEGRAF = Path("infra/telegraf/telegraf.conf")


def files() -> dict[Path, str]:
    """Every generated file: path below the checkout, content."""
    bundle = newest()
    built = [fleet(bundle), fan(bundle), pipeline(), model(bundle)]
    drawn = {DIRECTORY / f"{dashboard.uid}.json": text(dashboard) for dashboard in built}
    return drawn | alerts.files() | {_TELEGRAF: _with_sensors((ROOT / _TELEGRAF).read_text(encoding="utf-8"))}


def _with_sensors(telegraf: str) -> str:
    return re.sub(r"(?<=FANWATCH_SENSORS:-)[^}]*", ",".join(FEATURES), telegraf)


def stale(root: Path = ROOT) -> list[Path]:
    """Files below `root` that are missing, differ from what the code says, or are left over."""
    wanted = files()
    different = [
        path
        for path, content in wanted.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != content
    ]
    there = {path for place in (DIRECTORY, alerts.DIRECTORY) for path in (root / place).glob("*")}
    left = {path.relative_to(root) for path in there} - wanted.keys()
    return sorted([*different, *left])


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 where --check found something stale."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a file is out of date"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout; by default this one")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        found = stale(chosen.root)
        if found:
            names = ", ".join(str(path) for path in found)
            print(f"Out of date: {names}; write them anew with: python -m dashboards", file=sys.stderr)
        return 1 if found else 0
    for path, content in files().items():
        target = chosen.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
