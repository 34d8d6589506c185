"""All that a page loads: its style, its script, and its sign."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from scorekit.quality.report_style import STYLE

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "assets"
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # another content has another name
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load.

    Attributes
    ----------
    path : str
        On this service; it holds a digest of the content.
    content : str
    media_type : str
    """

    path: str
    content: str
    media_type: str


def _asset(name: str, media_type: str, before: str = "") -> Asset:
    content = before + (_FOLDER / name).read_text(encoding="utf-8")
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    stem, _, ending = name.rpartition(".")
    return Asset(f"/assets/{stem}-{digest}.{ending}", content, media_type)


STYLE_SHEET = _asset("page.css", "text/css", before=STYLE)
"""That of the report, and what pages have besides."""
SCRIPT = _asset("page.js", "text/javascript")
SIGN = _asset("sign.svg", "image/svg+xml")


def _serve(asset: Asset) -> None:
    @router.get(asset.path)
    async def send() -> Response:
        return Response(asset.content, headers=_HEADERS, media_type=asset.media_type)


for _each in (STYLE_SHEET, SCRIPT, SIGN):
    _serve(_each)
