"""`python -m history`: what `fanwatch history` does, in a process that loads no more than it needs."""

import argparse
import os
import sys

from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError
from history.command import rollup, setup


def main(arguments: list[str] | None = None) -> int:
    """0 for success, 1 for what a person must act on, 2 for bad settings."""
    parser = argparse.ArgumentParser(prog="python -m history", description="History in InfluxDB.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("setup", help="make database and policies, or buckets")
    make.add_argument("--wait", metavar="10m", help="for InfluxDB to start, at most so long")
    run = commands.add_parser("rollup", help="compute ten-minute means")
    run.add_argument("--every", metavar="10m", help="go on, this often, until SIGTERM")
    run.add_argument(
        "--since", metavar="WHEN", help="compute all again from a time, or for a duration such as 7d"
    )
    run.add_argument("--full", action="store_true", help="compute all again that has raw points")
    given = parser.parse_args(arguments)
    try:
        if given.command == "setup":
            setup(os.environ, wait=given.wait)
        else:
            rollup(os.environ, every=given.every, since=given.since, full=given.full)
    except FanwatchError as error:
        print(f"history: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    # influxdb-client would load numpy where it is installed: 27 MB that nothing here needs.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    sys.exit(main())
