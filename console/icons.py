"""Icons of the navigation and of states: strokes in the text's colour, 24 by 24."""

from typing import Final

_STROKES: Final = {
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
    "back": '<path d="M14.5 5.5 8 12l6.5 6.5"/>',
}


def icon(name: str) -> str:
    """SVG of an icon; decoration only, so a word stands beside it."""
    return (
        f'<svg class="fw-icon fw-icon-{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{_STROKES[name]}</svg>'
    )
