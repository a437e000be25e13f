"""One fan."""

from nicegui import ui

from console import shell
from console.context import Console


def register(console: Console) -> None:
    """Adds the page."""

    @ui.page("/fan/{device}")
    def page(device: str) -> None:
        with shell.frame(console, device, at="fleet"):
            ui.label(device)
