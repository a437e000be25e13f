"""The page that a report is: one file, no script, nothing from the network; for screens, phones and paper."""

from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from fanwatch.files import replaced


class Section(NamedTuple):
    """One numbered part of a report."""

    anchor: str
    title: str
    body: str


def page(title: str, eyebrow: str, lead: str, sections: Sequence[Section], foot: str) -> str:
    """The whole document. `lead`, the sections' bodies and `foot` are HTML, the rest text."""
    style = resources.files("training.report").joinpath("style.css").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.title)}</a></li>' for part in sections)
    body = "".join(
        f'<section id="{part.anchor}"><h2>{escape(part.title)}</h2>{part.body}</section>' for part in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>{lead}'
        f"<nav><ol>{links}</ol></nav></header><main>{body}</main><footer>{foot}</footer></body></html>\n"
    )


def keep(text: str, path: Path) -> None:
    """Write a page; under its name it is whole. FanwatchError where it cannot be written."""
    with replaced(path) as part:
        part.write_text(text, encoding="utf-8")


def verdict(sentence: str, tone: str) -> str:
    """The one sentence that matters; `tone` is good, careful or bad."""
    names = {"good": "Verdict", "careful": "Verdict, with care", "bad": "Verdict: do not use it yet"}
    return f'<div class="verdict {tone}"><p class="tone">{names[tone]}</p><p>{escape(sentence)}</p></div>'


def tiles(figures: Sequence[tuple[str, str, str]]) -> str:
    """Figures at a glance: value, what it is, how sure it is."""
    cells = "".join(
        f"<li><b>{escape(value)}</b>{escape(what)}<small>{escape(sure)}</small></li>"
        for value, what, sure in figures
    )
    return f'<ul class="tiles">{cells}</ul>'


def figure(picture: str, caption: str, legend: Sequence[tuple[str, str]] = ()) -> str:
    """A picture, how to read it, and its legend of CSS classes and words."""
    keys = "".join(f'<span class="key {look}">{escape(words)}</span>' for look, words in legend)
    shown = f'<p class="legend">{keys}</p>' if keys else ""
    return f"<figure>{shown}{picture}<figcaption>{caption}</figcaption></figure>"


def beside(figures: Sequence[str]) -> str:
    """Figures in columns where there is room."""
    return f'<div class="beside">{"".join(figures)}</div>'


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1, marked: int | None = None
) -> str:
    """A table of HTML cells; the first `text_columns` are words, the others numbers."""
    said = "".join(f"<th{'' if i < text_columns else ' class=n'}>{cell}</th>" for i, cell in enumerate(head))
    body = "".join(
        f"<tr{' class=marked' if number == marked else ''}>"
        + "".join(f"<td{'' if i < text_columns else ' class=n'}>{cell}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{said}</tr></thead><tbody>{body}</tbody></table></div>'


def paragraph(text: str) -> str:
    """Plain words."""
    return f"<p>{escape(text)}</p>"


def bullets(items: Sequence[str]) -> str:
    """A list of sentences, as text."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def command(text: str) -> str:
    """Something to paste into a shell."""
    return f"<pre><code>{escape(text)}</code></pre>"


def words(terms: Sequence[tuple[str, str]]) -> str:
    """A small dictionary."""
    return (
        "<dl class=words>" + "".join(f"<dt>{escape(t)}</dt><dd>{escape(d)}</dd>" for t, d in terms) + "</dl>"
    )
