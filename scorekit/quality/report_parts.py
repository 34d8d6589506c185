"""What the pages of the report are built of: headings, cards, tables, keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scorekit.quality.report_text import text


def section(heading: str, content: str, *, card: bool = True) -> str:
    """A heading and what stands below it."""
    return f"<h2>{text(heading)}</h2>" + (f'<div class="card">{content}</div>' if card else content)


def figure_of(caption: str, picture: str) -> str:
    """A picture with its caption; both are HTML."""
    return f"<figure><figcaption>{caption}</figcaption>{picture}</figure>"


def table(label: str, caption: str, head: Sequence[str], lines: Iterable[str], foot: str = "") -> str:
    """A table that scrolls by itself where it is wider than a phone, also by the keyboard.

    Parameters
    ----------
    label : str
        What it is called by whoever cannot see it.
    caption : str
    head : sequence of str
        Names of the columns; those of texts begin with ``<``, others are numbers.
    lines, foot : str
        HTML of its rows.
    """
    columns = "".join(
        f"<th scope=col{' class=t' if name.startswith('<') else ''}>{text(name.removeprefix('<'))}"
        for name in head
    )
    return (
        f"{scrolling(label)}<table><caption>{text(caption)}</caption><thead><tr>{columns}"
        f"<tbody>{''.join(lines)}{f'<tfoot>{foot}' if foot else ''}</table></div>"
    )


def scrolling(label: str) -> str:
    """The beginning of what may be wider than a phone."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{text(label)}">'


def row(name: str, *cells: str) -> str:
    """A row that begins with what it is about; all of it is HTML, and a text begins with ``<``."""
    return f"<tr><th scope=row>{name}{''.join(map(cell, cells))}"


def cell(content: str) -> str:
    """A cell: of text where it begins with ``<``, else of a number."""
    return f"<td class=t>{content[1:]}" if content.startswith("<") else f"<td>{content}"


def line_key(kind: str, name: str) -> str:
    """What a line of a picture is."""
    sample = f'<path class="{kind}" d="M2 4h22"/>'
    return f'<span class="lk"><svg viewBox="0 0 26 8" aria-hidden="true">{sample}</svg>{text(name)}</span>'
