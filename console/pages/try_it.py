"""Try it."""

from nicegui import ui

from console import shell
from console.context import Console


def register(console: Console) -> None:
    """Adds the page."""

    @ui.page("/try")
    def page() -> None:
        with shell.frame(console, "Try it", at="try"):
            ui.label("x")
