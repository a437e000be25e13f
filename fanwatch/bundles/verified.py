"""What bundles of every kind have in common: a description, and files that are what it says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fanwatch.errors import BundleError


class Named(Protocol):
    """What every kind of `model.json` says."""

    @property
    def name(self) -> str:
        """The model's name, such as fan-anomaly."""

    @property
    def version(self) -> int:
        """Its version, from 1 on."""


M = TypeVar("M", bound=Named)


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
