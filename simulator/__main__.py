"""`python -m simulator`: the live fleet. `python -m simulator history`: independent labelled readings."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError
from simulator import demo, history, live
from simulator.failure_modes import MODES, parse_failing
from simulator.physics import Physics, parse_scales, scaled


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
    """Options of the live fleet; FANS, RATE, FAILING and DEMO in the environment are the defaults."""
    given = _parser().parse_args(arguments)
    fans, rate = _number("FANS", given.fans), _number("RATE", given.rate)
    if not 1 <= fans <= 100_000 or fans != int(fans):
        raise SettingsError(f"FANS={given.fans} must be a whole number from 1 to 100000.")
    if not 0.001 <= rate <= 500:
        raise SettingsError(f"RATE={given.rate} must be from 0.001 to 500 readings a second and fan.")
    for name, value, low, high in (
        ("--outbox", given.outbox, 1, 10_000_000),
        ("--life", given.life, 1, 1e8),
        ("--history", given.history, 0, 30),
        ("--interval", given.interval, 0.1, 3600),
        ("--speed", given.speed or 1, 1, 1e6),
    ):
        if not low <= value <= high:
            raise SettingsError(f"{name} {value:g} must be from {low:g} to {high:g}.")
    wanted = live.Options(
        fans=int(fans),
        rate=rate,
        failing=_fans("FAILING", given.failing, int(fans)),
        life_s=given.life,
        seed=given.seed,
        outbox=given.outbox,
        record=given.record,
        truth=given.truth,
        fleet=given.fleet,
        history_days=given.history,
        interval_s=given.interval,
        speed=given.speed,
        when_stored=given.when_stored,
        physics=_physics(given.scale or []),
    )
    shown = _fans("DEMO", [given.demo], int(fans))
    return _demonstration(wanted, shown) if shown else wanted


def _demonstration(wanted: live.Options, shown: dict[int, str]) -> live.Options:
    if len(shown) > 1:
        raise SettingsError("DEMO names several fans: one failure is shown at a time.")
    ((fan, mode),) = shown.items()
    return msgspec.structs.replace(
        wanted,
        demo=(fan, mode),
        history_days=demo.hours(mode) / 24,
        interval_s=600.0,
        fleet=None,
        physics=demo.physics(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Publish a live fleet's readings."
    )
    standard = live.Options()
    parser.add_argument("--fans", default=os.environ.get("FANS") or "10", help="default: FANS, or 10")
    parser.add_argument("--rate", default=os.environ.get("RATE") or "1", help="readings a second and fan")
    parser.add_argument("--failing", action="append", metavar="FAN:MODE", help=f"MODE: {', '.join(MODES)}")
    parser.add_argument("--life", type=float, default=standard.life_s, help="seconds within which they fail")
    parser.add_argument("--demo", default=os.environ.get("DEMO", ""), metavar="FAN:MODE")
    parser.add_argument("--history", type=float, default=0.0, metavar="DAYS", help="days that come first")
    parser.add_argument("--interval", type=float, default=standard.interval_s, help="seconds, in these days")
    parser.add_argument("--speed", type=float, help="how many times as fast they pass")
    parser.add_argument(
        "--when-stored", action="store_true", help="play what InfluxDB has not, once it is there"
    )
    parser.add_argument("--seed", type=int, help="the same seed gives the same values")
    parser.add_argument("--fleet", type=Path, help="file that keeps seed and birth for the next start")
    parser.add_argument("--truth", type=Path, help="file for what is true: a row an event")
    parser.add_argument("--scale", action="append", metavar="NAME=FACTOR", help="see simulator/physics.py")
    parser.add_argument("--outbox", type=int, default=standard.outbox, help="unconfirmed readings kept")
    parser.add_argument("--record", type=Path, help="file for deviceID,ms of every confirmed reading")
    return parser


def _fans(name: str, given: list[str] | None, fans: int) -> dict[int, str]:
    try:
        return parse_failing(given if given is not None else [os.environ.get(name, "")], fans)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}.") from error


def _physics(scales: list[str]) -> Physics:
    try:
        return scaled(parse_scales(scales))
    except ValueError as error:
        raise SettingsError(f"--scale: {error}.") from error


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text} is not a number.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
