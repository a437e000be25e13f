"""Where bundles lie here, and which version comes next."""

import os
from pathlib import Path


def stack_file() -> Path:
    """The stack.yml in use: FANWATCH_STACK, or the checkout's."""
    from fanwatch.settings import LocalSettings, load
    from local.layout import of

    return of(load(LocalSettings, os.environ)).stack


def number_for(out: Path, name: str = "fan-anomaly") -> int:
    """The version for a bundle in `out`: the directory's name, if a number, or one more than the newest here."""
    from training.install import newest

    if out.name.isdecimal() and int(out.name):
        return int(out.name)
    return newest(stack_file(), name) + 1
