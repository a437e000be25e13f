"""How a forecast does on fans that differ from those it has learned from: `python -m benchmarks.robust`.

Each row is a history of its own, made with one number of `simulator/physics.py` (or a few that belong together) moved
by a fifth, with readings missing, or read at another interval; nothing is trained anew. The first table is printed as
it comes, the second at the end, also of a run that is ended by Ctrl-C. A row takes about 20 seconds of one core, the
whole a quarter of an hour.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from fanwatch.errors import FanwatchError
from fanwatch.forecast import ForecastModel, open_model
from simulator.history_files import Wanted, save
from simulator.physics import scaled
from training.forecast.evaluate import followed_by
from training.forecast.figures import Figure
from training.forecast.history import read

FACTORS: Final = {"−20 %": 0.8, "+20 %": 1.2}
MOVED: Final[dict[str, tuple[str, ...]]] = {
    "weights": ("weights",),
    "lives": ("life",),
    "spread of lives": ("spread",),
    "exponents": ("exponent",),
    "time between failures": ("healthy_h",),
    "stops": ("pauses", "pause_low_h", "pause_high_h", "down_low_h", "down_high_h"),
    "load": ("load",),
    "surroundings": ("ambient",),
    "rhythm of the day": ("load_daily", "ambient_daily"),
    "wandering": ("load_short", "load_long", "ambient_long"),
    "hours of wandering": ("load_short_h", "load_long_h", "ambient_long_h"),
    "offsets": ("offset",),
    "noise": ("noise",),
    "memory of noise": ("noise_memory_s",),
    "jitter": ("jitter",),
    "where tails begin": ("tail",),
    "lone spikes": ("spikes",),
    "faults of instruments": ("stuck", "zero", "drift", "bursts", "silent"),
    "drifts": ("drift",),
    "speed of drifts": ("drift_speed",),
    "spikes in bursts": ("burst_share",),
}
"""What is moved → its names in the simulator's physics."""
_MISSING: Final = 0.1
_MINUTE_DAYS: Final = 1 / 3
"""Share of the days in which there is a reading a minute: ten times the readings, and enough of them."""
NOTICE: Final = {
    "1 h": "recall, 1 h notice",
    "24 h": "recall, 24 h notice",
    "at most": "recall, 24 h notice, at most",
    "median lead h": "median lead h",
    "false": "false alarms a fan-month",
    "by instruments": "warnings by instruments a fan-month",
}
ALARMS: Final = {
    "alarm 24 h": "alarm, 24 h notice",
    "false alarms": "false at alarm level a fan-month",
    "alarms by instruments": "alarms by instruments a fan-month",
    "recognised": "instruments recognised",
    "false of instruments": "false instrument episodes a fan-month",
    "cause": "right cause",
    "covers": "interval covers",
}
_NONE: Final = "–"
"""Where nothing gave the figure."""
_WITH_INTERVAL: Final = (
    "24 h",
    "false",
    "by instruments",
    "alarm 24 h",
    "false alarms",
    "alarms by instruments",
)


class Row(NamedTuple):
    """A history, and what is moved in it."""

    name: str
    label: str
    wanted: Wanted

    def goes_by(self, name: str) -> bool:
        """Whether `--only` means this row: by its name, or by that of a number in the simulator's physics."""
        return name == self.name or name in MOVED.get(self.name, ())


def rows(fans: int, days: float, seed: int) -> Iterator[Row]:
    """All of the table."""
    base = Wanted(fans=fans, days=days, seed=seed)
    yield Row("nothing", "nothing", base)
    for name, fields in MOVED.items():
        for by, factor in FACTORS.items():
            physics = scaled(dict.fromkeys(fields, factor))
            yield Row(name, f"{name} {by}", base._replace(physics=physics))
    yield Row("missing", f"{_MISSING * 100:g} % of readings missing", base._replace(missing=_MISSING))
    minute = base._replace(days=days * _MINUTE_DAYS, interval_s=60.0)
    said = f"a reading a minute ({minute.days:g} days)"
    yield Row("minute", said, minute)
    for by, factor in FACTORS.items():
        # What a sensor does by itself is forgotten within ten minutes, but not within one.
        physics = scaled({"noise_memory_s": factor})
        yield Row("minute", f"{said}, memory of noise {by}", minute._replace(physics=physics))
    yield Row("hour", "a reading an hour", base._replace(interval_s=3600.0))


def measure(wanted: Wanted, model: ForecastModel) -> dict[str, Figure]:
    """Of the model on such a history: the figures of `fanwatch evaluate forecast`."""
    with tempfile.TemporaryDirectory(prefix="robust-") as directory:
        place = Path(directory)
        save(wanted, place)
        history = read(place)
        history.check_tellable(place)
    return followed_by(model, history).figures


def header(columns: dict[str, str]) -> str:
    """Of a table in Markdown."""
    return "\n".join((_line("moved", list(columns)), _line("---", ["---"] * len(columns))))


def line(label: str, found: dict[str, Figure], columns: dict[str, str]) -> str:
    """A row of a table in Markdown."""
    return _line(label, [text(column, found[name]) for column, name in columns.items()])


def text(column: str, figure: Figure) -> str:
    """As docs/prediction.md writes it: no zero before the point, the interval where the column has one."""
    value, *interval = (_number(column, part) for part in figure)
    return f"{value} ({' to '.join(interval)})" if column in _WITH_INTERVAL and value != _NONE else value


def _number(column: str, value: float) -> str:
    if value != value:
        return _NONE
    if column == "median lead h":
        return f"{value:.1f}"
    digits = f"{value:.{2 if column == 'covers' else 3}f}"
    return "1" if float(digits) == 1 else digits.removeprefix("0")


def _line(first: str, cells: list[str]) -> str:
    return f"| {' | '.join((first, *cells))} |"


def main(arguments: list[str] | None = None) -> int:
    """0, 1 where a row could not be measured, or 130 where somebody ended it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.robust",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fans", type=int, default=80)
    parser.add_argument("--days", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=9, help="of the fans, as of `fanwatch simulate history`")
    parser.add_argument("--model", type=Path, help="directory of a bundle; default: the committed one")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="such as nothing,noise,hour")
    given = parser.parse_args(arguments)
    if given.fans < 1 or given.days <= 0 or given.seed < 0:
        parser.error("--fans and --days must be positive, --seed not negative")
    every = list(rows(given.fans, given.days, given.seed))
    only = [name.strip() for name in given.only.split(",") if name.strip()]
    for name in only:
        if not any(row.goes_by(name) for row in every):
            known = dict.fromkeys(row.name for row in every)
            parser.error(f"{name} is no row; there are {', '.join(known)}")
    return run([row for row in every if not only or any(map(row.goes_by, only))], given.model)


def run(chosen: list[Row], bundle: Path | None = None) -> int:
    """Print both tables of these rows, of the bundle in this directory; returns the exit code."""
    done: dict[str, dict[str, Figure]] = {}
    code = 0
    try:
        model = open_model(bundle)
        print(header(NOTICE), flush=True)
        with Console(stderr=True).status("") as status:
            for number, row in enumerate(chosen, 1):
                status.update(f"{row.label} ({number} of {len(chosen)}) ...")
                done[row.label] = measure(row.wanted, model)
                print(line(row.label, done[row.label], NOTICE), flush=True)
    except FanwatchError as error:
        print(error, file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    if done:
        print("", header(ALARMS), *(line(label, found, ALARMS) for label, found in done.items()), sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
