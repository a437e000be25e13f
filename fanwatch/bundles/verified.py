"""A model bundle of any kind: a directory with the network in two forms and `model.json`, which vouches for every
file in it.

Nothing of a bundle is parsed before its checksum was compared: `model.json` against the pin, every other file
against `model.json`. A bundle that was altered, half copied or belongs to another pin is refused with one
line.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from fanwatch.errors import BundleError
from fanwatch.messages.refusals import in_words
from fanwatch.sensors import FEATURES

METADATA: Final = "model.json"
LITERT_FILE: Final = "model.tflite"
SAVED_MODEL: Final = "saved_model"

Range = tuple[float, float]


class Origin(msgspec.Struct, frozen=True):
    """What the model was made from: the data, and the recipe. What came of it is held by golden predictions."""

    data_sha256: str
    rows: dict[str, int]
    """Rows used for training, validation and test."""
    settings: dict[str, int | float]
    libraries: dict[str, str] = {}
    """Versions of the libraries that decide what a training gives, by name."""


class Listing(msgspec.Struct, frozen=True):
    """What every kind of `model.json` says: enough to check the files, and to know the kind."""

    files: dict[str, str]
    name: str = ""


class Described(Protocol):
    """What every kind of `model.json` says."""

    @property
    def name(self) -> str:
        """The model's name, such as fan-anomaly."""

    @property
    def version(self) -> int:
        """Its version, from 1 on."""

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of every other file of the bundle, by its path within it."""


T = TypeVar("T")
M = TypeVar("M", bound=Described)


class VerifiedBundle(Generic[M]):
    """A bundle of any kind whose files are what its `model.json` says. Made by that kind's `load`."""

    def __init__(self, path: Path, digest: str, metadata: M, contents: Mapping[str, bytes]) -> None:
        self.path = path
        self.digest = digest
        """SHA-256 of `model.json`: the pin."""
        self.metadata = metadata
        self._contents = contents

    @property
    def model(self) -> str:
        """Name and version as results carry them, such as fan-anomaly@1."""
        return f"{self.metadata.name}@{self.metadata.version}"

    def read(self, name: str) -> bytes:
        """The bytes of a file as they were when checked; BundleError where the bundle has no such file."""
        try:
            return self._contents[name]
        except KeyError:
            raise BundleError(
                f"{self.path} has no {name}: this engine needs it, train the model again."
            ) from None

    def names(self) -> list[str]:
        """Paths of all files but `model.json`, sorted."""
        return sorted(self._contents)


B = TypeVar("B", bound=VerifiedBundle[Any])


def load(
    kind: Callable[[Path, str, M, Mapping[str, bytes]], B], described: type[M], source: str | Path, pin: str | None,
    check: Callable[[Path, M], None],
) -> B:  # fmt: skip
    """The bundle of a kind in directory `source`, whose `model.json` says what `described` has and `check` accepts.

    Raises BundleError, naming the file, where the directory or a file is missing, altered or not vouched for.
    """
    path, raw, digest = vouched(source, pin)
    metadata = parse(path / METADATA, raw, described)
    check(path / METADATA, metadata)
    contents = {name: _checked(path, name, expected) for name, expected in metadata.files.items()}
    stray = sorted(_present(path) - contents.keys() - {METADATA})
    if stray:
        raise BundleError(
            f"{path / stray[0]} is not listed in {METADATA}: remove it, or train the bundle again."
        )
    return kind(path, digest, metadata, contents)


def vouched(source: str | Path, pin: str | None) -> tuple[Path, bytes, str]:
    """The directory, the bytes of its `model.json` and their SHA-256, which must be `pin` where one is given."""
    path = Path(source)
    raw = _read(path, METADATA)
    digest = sha256(raw)
    if pin is not None and digest != pin.strip().lower():
        raise BundleError(
            f"{path / METADATA} has SHA-256 {digest}, not the pinned {pin}: deploy the bundle"
            " that belongs to the pin, or put this one into stack.yml if it is meant."
        )
    return path, raw, digest


def parse(file: str | Path, raw: bytes, described: type[T], advice: str = " Train it again.") -> T:
    """The content of `model.json` at `file`; BundleError, with advice, where it describes no such model."""
    try:
        return msgspec.json.decode(raw, type=described)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"{file} is not the description of a model: {in_words(error, described)}.{advice}"
        ) from error


def locate(setting: str | None, name: str = "fan-anomaly") -> Path:
    """The directory that a setting names, by default the newest version of the model `name`.

    A relative path is looked for in the working directory and beside this package, which is where the
    repository and a function's image both have `models/`.
    """
    roots = (Path.cwd(), Path.cwd() / "function", Path(__file__).resolve().parents[2])
    if setting is not None:
        return next((root / setting for root in roots if (root / setting).is_dir()), Path(setting))
    for models in (root / "models" / name for root in roots):
        versions = [path for path in models.glob("*") if path.name.isdecimal()]
        if versions:
            return max(versions, key=lambda path: int(path.name))
    raise BundleError(f"There is no models/{name} here: name the directory of a model bundle.")


def sha256(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def encode(metadata: msgspec.Struct, indent: int = 2) -> bytes:
    """The bytes of `model.json`, indented; the same metadata gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(metadata), indent=indent) + b"\n"


def seal(directory: Path, metadata: msgspec.Struct, indent: int = 2) -> str:
    """Hash every file of a new bundle, write the `model.json` that vouches for them, and return its SHA-256.

    The same metadata and files give the same bytes.
    """
    files = {
        name: sha256((directory / name).read_bytes()) for name in sorted(_present(directory) - {METADATA})
    }
    described = msgspec.structs.replace(metadata, files=files)
    content = encode(described, indent)
    (directory / METADATA).write_bytes(content)
    return sha256(content)


def check_sensors(file: Path, names: Sequence[str]) -> None:
    """BundleError where a model is not for the sensors of the kind of machine, in its order."""
    if tuple(names) != FEATURES:
        raise BundleError(
            f"{file} is of a model for {', '.join(names) or 'no sensor'}, and machines/fan.toml declares"
            f" {', '.join(FEATURES)}: train a model on their history."
        )


def check_name(described: str | Path, name: str) -> None:
    """BundleError where a file that the description at `described` names would lie outside the bundle."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not parts.parts:
        raise BundleError(f"{described} names {name!r}, which lies outside the bundle.")


def _checked(path: Path, name: str, expected: str) -> bytes:
    check_name(path / METADATA, name)
    content = _read(path, name)
    if sha256(content) != expected:
        raise BundleError(
            f"{path / name} is not the file that {METADATA} vouches for: copy the bundle again."
        )
    return content


def _read(path: Path, name: str) -> bytes:
    file = path / name
    try:
        if not file.resolve(strict=True).is_relative_to(path.resolve(strict=True)):
            raise BundleError(f"{file} points outside the bundle {path}.")
        return file.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{file} cannot be read ({error.strerror}): is {path} a complete model bundle?"
        ) from error


def _present(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
