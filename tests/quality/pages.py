"""A report taken apart: its tables, headings, attributes and pictures."""

from __future__ import annotations

import html.parser
import re
import xml.etree.ElementTree as ET


class Page(html.parser.HTMLParser):
    """A page's tables, headings and attributes."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._into: str = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append("")
        elif tag == "caption":
            self.captions.append("")
        if tag in ("th", "td", "h1", "h2", "h3", "caption", "tbody", "tfoot"):
            self._into = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "h1", "h2", "h3", "caption"):
            self._into = ""

    def handle_data(self, data: str) -> None:
        if self._into in ("th", "td"):
            self.tables[-1][-1][-1] += data
        elif self._into in ("h1", "h2", "h3"):
            self.headings[-1] += data
        elif self._into == "caption":
            self.captions[-1] += data

    def table(self, caption: str) -> list[list[str]]:
        """The table whose caption begins so."""
        (place,) = [number for number, said in enumerate(self.captions) if said.startswith(caption)]
        return self.tables[place]


class Pictures:
    """Every picture of a page, as XML."""

    def __init__(self, content: str) -> None:
        self.titles: list[str] = []
        for source in re.findall(r"<svg.*?</svg>", content, re.DOTALL):
            root = ET.fromstring(source)
            if root.get("aria-hidden") == "true":
                continue
            assert root.get("role") == "img"
            title = root.find("title")
            assert title is not None
            assert title.text
            self.titles.append(title.text)
            for path in root.iter("path"):
                assert re.fullmatch(r"[MmLlHhVvAaz0-9 .-]+", path.get("d", "")), path.get("d")
                assert not re.search("nan|inf", path.get("d", ""))
