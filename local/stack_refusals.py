"""What of stack.yml does not run, and why: the process that applies it notes it for whoever asks how it stands."""

import contextlib

import msgspec

from local.layout import Layout


def write(layout: Layout, reasons: list[str]) -> None:
    """Replaces what was written before; a sentence for each."""
    file = layout.refused
    fresh = file.with_suffix(".new")
    with contextlib.suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(reasons))
        fresh.replace(file)


def read(layout: Layout) -> list[str]:
    """The reasons why something of the stack.yml that lies there now does not run; none while it is being applied."""
    changed_ns = 0
    with contextlib.suppress(OSError):
        changed_ns = layout.stack.stat().st_mtime_ns
    try:
        if layout.refused.stat().st_mtime_ns < changed_ns:
            return []
        return msgspec.json.decode(layout.refused.read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError):
        return []
