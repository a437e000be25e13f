"""What axe-core finds wrong with a page."""

from pathlib import Path

import axe_core_python
from playwright.sync_api import Page

_SCRIPT = Path(axe_core_python.__file__).parent / "axe.min.js"


def violations(page: Page) -> list[str]:
    """One line a rule that is broken; empty for a page that everybody can use."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(_SCRIPT.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def violations_either_way(page: Page) -> list[str]:
    """Wide and light, then narrow and dark."""
    found = []
    for scheme, width, height in (("light", 1280, 860), ("dark", 390, 844)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{scheme}: {each}" for each in violations(page)]
    return found
