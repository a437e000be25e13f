"""`python -m simulator`: the live fleet. `python -m simulator history`: labelled history."""

import argparse
import os
import sys
from pathlib import Path

from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError
from simulator import history, live
from simulator.modes import MODES, parse_failing


def main(arguments: list[str]) -> int:
    """Run what the command line asks for; `live` where it names nothing. Returns the exit code."""
    if arguments[:1] == ["history"]:
        history.main(arguments[1:])
        return 0
    try:
        return live.run(options(arguments[1:] if arguments[:1] == ["live"] else arguments))
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


def options(arguments: list[str]) -> live.Options:
    """Options of the live fleet; FANS, RATE and FAILING in the environment are the defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Publish a live fleet's readings."
    )
    parser.add_argument("--fans", default=os.environ.get("FANS") or "10", help="default: FANS, or 10")
    parser.add_argument("--rate", default=os.environ.get("RATE") or "1", help="readings a second and fan")
    parser.add_argument("--failing", action="append", metavar="FAN:MODE", help=f"MODE: {', '.join(MODES)}")
    parser.add_argument("--seed", type=int, help="the same seed gives the same values")
    parser.add_argument("--outbox", type=int, default=live.Options().outbox, help="unconfirmed readings kept")
    parser.add_argument("--record", type=Path, help="file for deviceID,ms of every confirmed reading")
    given = parser.parse_args(arguments)
    fans, rate = _number("FANS", given.fans), _number("RATE", given.rate)
    if not 1 <= fans <= 100_000 or fans != int(fans):
        raise SettingsError(f"FANS={given.fans} must be a whole number from 1 to 100000.")
    if not 0.001 <= rate <= 500:
        raise SettingsError(f"RATE={given.rate} must be from 0.001 to 500 readings a second and fan.")
    if given.outbox < 1:
        raise SettingsError(f"--outbox {given.outbox} must be at least 1.")
    try:
        failing = parse_failing(given.failing or [os.environ.get("FAILING", "")], int(fans))
    except ValueError as error:
        raise SettingsError(f"FAILING: {error}.") from error
    return live.Options(int(fans), rate, failing, given.seed, given.outbox, given.record)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text} is not a number.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
