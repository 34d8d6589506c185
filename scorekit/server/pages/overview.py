"""``/``: every model, its champion, its last verdict and its switch, and what is asked of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from scorekit import versions
from scorekit.quality.report_data import ColumnPoint
from scorekit.quality.report_svg import psi_chart
from scorekit.quality.report_text import moments, rank
from scorekit.quality.stability import State, Thresholds
from scorekit.server.pages.rendering import PageRoute, show
from scorekit.server.pages.visits import Here, Looking
from scorekit.server.service import Service
from scorekit.server.traffic import Traffic
from scorekit.state.past import History, PastWindow
from scorekit.state.rows import FEATURE, PSI
from scorekit.store.aliases import CHAMPION
from scorekit.versions import Listed, ModelVersions

router = APIRouter(route_class=PageRoute, include_in_schema=False)

WINDOWS = 30
"""Windows of a picture."""


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of a model.

    Attributes
    ----------
    model : ModelVersions
    champion : Listed or None
    served : tuple of str
        References under which this worker holds it.
    history : History
    chart : str
        HTML: PSI of the feature that moved most, window by window; empty where there is none.
    """

    model: ModelVersions
    champion: Listed | None
    served: tuple[str, ...]
    history: History
    chart: str

    @property
    def last(self) -> PastWindow | None:
        """The window that was judged last."""
        return self.history.windows[-1] if self.history.windows else None


@router.get("/")
async def overview(request: Request, service: Here, visit: Looking) -> Response:
    """Every model."""
    cards, traffic = await asyncio.to_thread(_look, service)
    return await show(request, service, visit, "overview", cards=cards, traffic=traffic)


def _look(service: Service) -> tuple[list[Card], Traffic]:
    held: dict[str, list[str]] = {}
    for served in service.fleet:
        held.setdefault(served.lane.ref.name, []).append(served.reference)
    found = versions.overview(service.store.uri)
    cards = [_card(service, model, tuple(sorted(held.get(model.name, ())))) for model in found.models]
    return cards, service.meter.traffic()


def _card(service: Service, model: ModelVersions, served: tuple[str, ...]) -> Card:
    from scorekit.state.history import read

    history = read(model.name, last=WINDOWS, store_uri=service.store.uri)
    version = model.aliases.get(CHAMPION)
    champion = next((each for each in model.versions if each.ref.version == version), None)
    chart = worst_over_time(history, service.settings.policy.quality.thresholds)
    return Card(model, champion, served, history, chart)


def worst_over_time(history: History, thresholds: Thresholds) -> str:
    """PSI of the feature that moved most in each window."""
    points = [_worst(window) for window in history.windows]
    if not any(points):
        return ""
    times = moments([window.recorded for window in history.windows])
    unknown = [None] * len(points)
    return psi_chart("the feature that moved most", points, unknown, thresholds, times)


def _worst(window: PastWindow) -> ColumnPoint | None:
    moved: Mapping[str, ColumnPoint] = {
        said.column: ColumnPoint(said.value, cast("State", said.state))
        for said in window.verdicts
        if said.check == PSI[FEATURE] and said.value is not None
    }
    return max(moved.values(), key=lambda point: (rank(point.state), point.psi or 0.0), default=None)
