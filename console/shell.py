"""What all pages share: the frame with its navigation and banners, the theme, times in the viewer's zone."""

import contextlib
import functools
import hashlib
import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import Client, ui

from console.auth.access import visitor
from console.context import Console
from console.push import Make

ASSETS: Final = Path(__file__).parent / "assets"
FAVICON: Final = ASSETS / "favicon.svg"
STYLES: Final = ("console.css", "fleet.css", "fan.css", "actions.css")
PAGES: Final = (
    ("fleet", "/", "Fleet"),
    ("alarms", "/alarms", "Alarms"),
    ("pipeline", "/pipeline", "Pipeline"),
    ("try-it", "/try", "Try it"),
)
"""Icon, path and name of what the navigation leads to."""
_ICONS: Final = {
    "fan": '<g class="fw-blades"><path d="M12 12c-1-4 .4-8 3-8 2.8 0 3 4.5-3 8z"/>'
    '<path d="M12 12c4-1 8 .4 8 3 0 2.8-4.5 3-8-3z"/><path d="M12 12c1 4-.4 8-3 8-2.8 0-3-4.5 3-8z"/>'
    '<path d="M12 12c-4 1-8-.4-8-3 0-2.8 4.5-3 8 3z"/></g><circle cx="12" cy="12" r="1.3"/>',
    "fleet": '<path d="M4 6h16M4 12h16M4 18h10"/><circle cx="18.5" cy="18" r="1.8"/>',
    "alarms": '<path d="M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15z"/><path d="M10 20.500h4"/>',
    "pipeline": '<circle cx="5" cy="12" r="2"/><circle cx="12" cy="6" r="2"/><circle cx="12" cy="18" r="2"/>'
    '<circle cx="19" cy="12" r="2"/><path d="M6.6 10.6 10.4 7.300M6.6 13.400l3.8 3.300M13.6 7.300l3.8 3.3'
    'M13.6 16.700l3.8-3.3"/>',
    "try-it": '<path d="M9 4v5L4.5 17.500A2 2 0 0 0 6.3 20.500h11.400a2 2 0 0 0 1.8-3L15 9V4M8 4h8M7 15h10"/>',
    "theme": '<circle cx="12" cy="12" r="7.5"/><path d="M12 4.500a7.5 7.5 0 0 1 0 15z" fill="currentColor"/>',
    "person": '<circle cx="12" cy="8" r="3.5"/><path d="M5 20c.7-4 3.5-6 7-6s6.3 2 7 6"/>',
}
"""Strokes in the text's colour, 24 by 24."""


def assets(app: FastAPI) -> None:
    """Serves the style sheet and scripts; all of them are local."""
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")


class Component(ui.element):
    """A component of `assets` with the properties that it is given."""

    def __init__(self, **props: Any) -> None:
        super().__init__()
        self._props.update(props)

    def show(self, **props: Any) -> None:
        """Gives it these, if any of them has changed."""
        if any(self._props[name] != value for name, value in props.items()):
            self._props.update(props)
            self.update()


@contextlib.contextmanager
def frame(
    console: Console, title: str, *, at: str, make: Make | None = None, wide: bool = False
) -> Iterator[None]:
    """The frame of a page; its content is built within. Call it from an @ui.page function.

    `title` is the page's name, read first by a screen reader and shown by the browser; `at` the icon of PAGES that is
    lit; `make` makes the message that this page is told each second (console/push.py); `wide` pages use the whole
    width and do their own scrolling.
    """
    ui.page_title(f"{title} · Fanwatch")
    ui.add_head_html(
        "".join(f'<link rel="stylesheet" href="{_versioned(name)}">' for name in STYLES)
        + f'<script src="{_versioned("shell.js")}"></script>'
    )
    ui.add_body_html(_first(title, at))
    console.push.add(ui.context.client, make)
    _without_second_main(ui.context.client)
    _html("a", "fw-skip", "Skip to content", 'href="#main"')
    with ui.element("div").classes("fw-app"):
        with ui.element("nav").classes("fw-rail").props('aria-label="Pages"'):
            for classes, inner, props in _links(at):
                _html("a", classes, inner, props)
            _html(
                "button",
                "fw-link fw-theme",
                f"{_icon('theme')}<span>Theme</span>",
                'type="button" data-fw="theme" aria-label="Change between light, dark and the system\'s theme"',
            )
            _person(console)
        with ui.element("div").classes("fw-body"):
            _html("div", "fw-banners", "", 'id="fw-banners" role="status" aria-live="polite"')
            with (
                ui.element("main")
                .classes("fw-main fw-wide" if wide else "fw-main")
                .props('id="main" tabindex="-1"')
            ):
                yield


def _links(at: str) -> Iterator[tuple[str, str, str]]:
    """Classes, content and attributes of each link of the navigation."""
    brand = f"{_icon('fan')}<span>Fanwatch</span>"
    yield "fw-brand", brand, 'href="/" aria-label="Fanwatch: fleet"'
    for name, path, label in PAGES:
        here = ' aria-current="page"' if name == at else ""
        yield "fw-link", f"{_icon(name)}<span>{label}</span>", f'href="{path}"{here}'


def _first(title: str, at: str) -> str:
    """HTML of the frame as it stands until the page's scripts have drawn it: something to see at once."""
    links = "".join(f'<a class="{classes}" {props}>{inner}</a>' for classes, inner, props in _links(at))
    return (
        f'<div class="fw-app" id="fw-first" aria-hidden="true" inert><nav class="fw-rail">{links}</nav>'
        f'<div class="fw-body"><div class="fw-main"><div class="fw-h1">{html.escape(title)}</div></div></div></div>'
    )


def _person(console: Console) -> None:
    """Who is logged in, and the way out; nothing where there is no log-in."""
    if console.access.console_logins_file is None:
        return
    name = html.escape(visitor().name)
    inner = f"{_icon('person')}<span>Log out</span>"
    button = (
        f'<button class="fw-link" type="submit" title="{name}" aria-label="Log out {name}">{inner}</button>'
    )
    _html("form", "fw-out", button, 'method="post" action="/logout"')


def _without_second_main(client: Client) -> None:
    """Quasar's page is a main landmark itself, around the navigation as well: a plain element in its place."""
    around = client.content.parent_slot
    if around is not None:
        around.parent.tag = "div"


def _icon(name: str) -> str:
    """SVG of an icon; decoration only, so a word stands beside it."""
    return (
        f'<svg class="fw-icon fw-icon-{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{_ICONS[name]}</svg>'
    )


def _html(tag: str, classes: str, content: str, props: str) -> None:
    """An element whose content is this module's own HTML, and nobody's words."""
    ui.html(content, sanitize=False, tag=tag).classes(classes).props(props)


@functools.cache
def _versioned(name: str) -> str:
    digest = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:10]
    return f"/assets/{name}?v={digest}"
