"""The fleet: one line a fan, sorted by what needs a person first."""

from nicegui import ui

from console import shell
from console.context import Console


def register(console: Console) -> None:
    """Adds the page."""

    @ui.page("/", title="Fleet")
    def page() -> None:
        with shell.frame(console, "Fleet", at="fleet", wide=True):
            ui.label(f"{len(console.fleet)} fans")
