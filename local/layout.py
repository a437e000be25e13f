"""Where the local runtime keeps its files."""

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from string import Template

import msgspec

from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.files import check_directory, writing
from fanwatch.settings import LocalSettings

_ROOM_BYTES = 50_000_000
"""Free space below which nothing is started: the broker keeps readings there, and InfluxDB stores them."""
_LOOKED_AT_BYTES = 8192
CHECKOUT = Path(__file__).resolve().parents[1]


class Layout(msgspec.Struct, frozen=True):
    """All paths of one state directory."""

    state: Path
    root: Path = CHECKOUT
    stack: Path = CHECKOUT / "stack.yml"

    @property
    def short(self) -> Path:
        """For unix sockets, whose paths may have 107 bytes at most; a state directory may lie anywhere."""
        digest = hashlib.sha1(str(self.state).encode(), usedforsecurity=False).hexdigest()[:8]
        return Path(tempfile.gettempdir()) / f"fanwatch-{digest}"

    @property
    def control(self) -> Path:
        """supervisord's socket."""
        return self.short / "supervisor.sock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def programs(self) -> Path:
        """One .conf and one .json a program, for supervisord and for child.py."""
        return self.run / "programs"

    @property
    def lock(self) -> Path:
        """Locked by the `fanwatch up` that runs; holds its process id."""
        return self.run / "up.lock"

    @property
    def up_state(self) -> Path:
        """What `fanwatch up` tells `fanwatch status` and `fanwatch up --detach`."""
        return self.run / "up.json"

    @property
    def refused(self) -> Path:
        """What of stack.yml does not run; see local.deploy."""
        return self.run / "refused.json"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    def log(self, name: str) -> Path:
        """The log of one program."""
        return self.logs / f"{name}.log"

    def last_lines(self, name: str) -> list[str]:
        """The last lines of one program's log that are not empty, four at most; none where there is no log."""
        try:
            with self.log(name).open("rb") as file:
                file.seek(max(0, self.log(name).stat().st_size - _LOOKED_AT_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip()][-4:]

    def last_line(self, name: str, otherwise: str = "") -> str:
        """The last one of them."""
        return next(reversed(self.last_lines(name)), otherwise)

    def create(self) -> None:
        """Makes the directories. FanwatchError where they cannot be made, or where somebody else's lies in the way."""
        subject = f"FANWATCH_STATE_DIR={self.state}"
        check_directory(self.state, _ROOM_BYTES, subject)
        for path in (
            self.logs,
            self.programs,
            self.secrets,
            self.state / "mosquitto",
            self.state / "influxdb",
        ):
            check_directory(path, subject=f"{subject}: {path.name}")
            with writing(path):
                path.mkdir(parents=True, exist_ok=True)
        with writing(self.state, subject):
            self.secrets.chmod(0o700)
            self.programs.chmod(0o700)
        with writing(self.short, f"TMPDIR={self.short.parent}"):
            self.short.mkdir(mode=0o700, exist_ok=True)
        found = self.short.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise FanwatchError(
                f"{self.short} belongs to somebody else; set TMPDIR to a directory of your own."
            )
        self.short.chmod(0o700)

    def leave(self) -> None:
        """Removes the directory for sockets, which lies outside the state directory; for who holds the lock."""
        with contextlib.suppress(OSError):
            for left in self.short.glob("*.sock"):
                left.unlink(missing_ok=True)
            self.short.rmdir()


def command() -> str:
    """How to call `fanwatch` here: by its name where the shell finds it, otherwise by where it is installed."""
    installed = Path(sys.executable).with_name("fanwatch")
    if shutil.which("fanwatch") or not installed.exists():
        return "fanwatch"
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)


def filled(template: Path, **values: object) -> str:
    """A template of the checkout's with its $names replaced. FanwatchError where it cannot be used."""
    try:
        return Template(template.read_text(encoding="utf-8")).substitute(values)
    except (OSError, KeyError, ValueError) as error:
        raise FanwatchError(f"{template} cannot be used: {error}. Restore it from the repository.") from error


def note(file: Path, content: object) -> None:
    """Writes what others are told, in one step; where the disk is full they are told nothing new."""
    fresh = file.with_suffix(".new")
    with contextlib.suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(content))
        fresh.replace(file)


def layout(state_dir: str, stack: str = "stack.yml") -> Layout:
    """The layout of FANWATCH_STATE_DIR and FANWATCH_STACK; relative ones lie in the checkout."""
    return Layout(state=(CHECKOUT / state_dir).resolve(), stack=(CHECKOUT / stack).resolve())


def of(settings: LocalSettings) -> Layout:
    """The layout that the settings describe. SettingsError where the state directory is something else."""
    made = layout(settings.state_dir, settings.stack)
    if made.state.exists() and not made.state.is_dir():
        raise SettingsError(
            f"FANWATCH_STATE_DIR={made.state} is a file. Name a directory, or move the file away."
        )
    return made
