"""``/models/NAME``: its versions and aliases, its quality over time, and its switch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from scorekit import reporting, versions
from scorekit.errors import ModelError, Refused
from scorekit.policy import Policy
from scorekit.quality.report import headline
from scorekit.quality.report_columns import psi_picture
from scorekit.quality.report_data import ReportData
from scorekit.quality.report_text import rank
from scorekit.quality.report_timeline import points_of, switch_table, window_pictures, windows_table
from scorekit.quality.stability import ColumnStability
from scorekit.quality.verdict import Verdict
from scorekit.server import moves
from scorekit.server.pages.rendering import HEADERS, PageRoute, go, show
from scorekit.server.pages.visits import Form, Here, Looking, Moving
from scorekit.server.routes.quality import REPORT_POLICY
from scorekit.server.routes.switch import Reset
from scorekit.server.service import Service
from scorekit.state.past import History
from scorekit.store.aliases import AliasEntry
from scorekit.store.references import check_name
from scorekit.switches import SwitchStatus
from scorekit.versions import AliasHistory, ModelVersions

router = APIRouter(prefix="/models/{name}", route_class=PageRoute, include_in_schema=False)

WINDOWS = 60
"""Of the history, in pictures."""
LINES = 12
"""Windows in the table."""
WORST = 5
"""Features whose pictures are shown; the report has all."""

SAID = {
    "trip": "The switch is open: nothing that this model scores is answered.",
    "reset": "The switch is closed: scores are answered again.",
    "half-open": "The switch is half open: nothing is answered until enough batches were clean.",
}
"""What is said after a switch was moved."""
UNTOLD = "Somebody who should be told could not be: the alert is sent again."


@dataclass(frozen=True, slots=True)
class Picture:
    """A column over time.

    Attributes
    ----------
    name : str
    column : ColumnStability
        As it stood in the last window.
    over_time : str
        Empty where there was one window.
    """

    name: str
    column: ColumnStability
    over_time: str

    @property
    def psi(self) -> float | None:
        """Adjusted, in the last window."""
        return self.column.index.psi_adjusted if self.column.index else None


@dataclass(frozen=True, slots=True)
class Quality:
    """What was judged.

    Attributes
    ----------
    said : str
        The last verdict, in a sentence.
    verdict : Verdict
    scores, features : tuple of Picture
        Of features those that moved most.
    overview, windows : str
        Rows over time and the switch; the newest windows.
    """

    said: str
    verdict: Verdict
    scores: tuple[Picture, ...]
    features: tuple[Picture, ...]
    overview: str
    windows: str


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is shown of a model.

    Attributes
    ----------
    model : ModelVersions
    aliases : tuple of AliasHistory
    history : History
    quality : Quality or None
        None where no window was judged, or the version that scored is gone.
    changes : str
        Every change of the switch.
    served : tuple of str
    """

    model: ModelVersions
    aliases: tuple[AliasHistory, ...]
    history: History
    quality: Quality | None
    changes: str
    served: tuple[str, ...]

    @property
    def moves(self) -> list[tuple[str, AliasEntry]]:
        """Moves of all aliases, newest first."""
        moves = [(each.alias, entry) for each in self.aliases for entry in each.moves]
        return sorted(moves, key=lambda move: move[1].at, reverse=True)


@router.get("")
async def look(request: Request, name: str, service: Here, visit: Looking, said: str = "") -> Response:
    """A model."""
    found = await asyncio.to_thread(_look, service, check_name(name))
    moved, _, untold = said.partition("+")
    told = [SAID[moved]] if moved in SAID else []
    told += [UNTOLD] if told and untold else []
    return await show(request, service, visit, "model", shown=found, told=told)


@router.get("/report")
async def report(name: str, service: Here, visit: Looking) -> Response:  # noqa: ARG001 - who looks is asked
    """The report on the last window and those before, as one page."""
    _, page = await asyncio.to_thread(
        reporting.make_report, check_name(name), store=service.store.uri, policy=service.settings.policy
    )
    policy = f"{REPORT_POLICY}; form-action 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={**HEADERS, "Content-Security-Policy": policy})


@router.post("/trip")
async def trip(name: str, service: Here, form: Form, visit: Moving) -> Response:
    """Open its switch."""
    asked = _asked(form)
    moved = await moves.trip(service, visit.caller, name, asked.reason, asked.by)
    return _back(moved, "trip")


@router.post("/reset")
async def reset(name: str, service: Here, form: Form, visit: Moving) -> Response:
    """Close its switch, or half-way."""
    asked = _asked(form)
    moved = await moves.reset(service, visit.caller, name, asked.reason, asked.by, half_open=asked.half_open)
    return _back(moved, "half-open" if asked.half_open else "reset")


def _asked(form: Mapping[str, str]) -> Reset:
    """What a form asks for, within the bounds of the other routes."""
    given = {"reason": form.get("reason", "").strip(), "by": form.get("by", "")}
    try:
        return Reset(**given, half_open="half_open" in form)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"{first['loc'][0]}: {first['msg']}", code="invalid_parameter") from None


def _back(moved: SwitchStatus, said: str) -> Response:
    return go(f"/models/{moved.model}?said={said}{'%2Buntold' if moved.untold else ''}#switch")


def _look(service: Service, name: str) -> Shown:
    from scorekit.state.history import read

    store = service.store.uri
    (model,) = versions.overview(store, name).models
    aliases = tuple(versions.history(name, alias, store=store) for alias in sorted(model.aliases))
    history = read(name, last=WINDOWS, store_uri=store)
    served = tuple(sorted(each.reference for each in service.fleet if each.lane.ref.name == name))
    quality = _quality(history, store, service.settings.policy)
    changes = switch_table(reporting.switch_events(history))
    return Shown(model, aliases, history, quality, changes, served)


def _quality(history: History, store: str, policy: Policy) -> Quality | None:
    if not history.windows:
        return None
    try:
        data = reporting.report_data(history, store=store, policy=policy)
    except ModelError:
        return None
    return Quality(
        said=headline(data.verdict),
        verdict=data.verdict,
        scores=_pictures(data, data.verdict.scores, scores=True),
        features=_pictures(data, _moved_most(data)),
        overview=window_pictures(data),
        windows=windows_table(data, LINES),
    )


def _moved_most(data: ReportData) -> list[ColumnStability]:
    """Features that are worst now, and of those that stand alike the ones that moved farthest of late."""

    def badness(column: ColumnStability) -> tuple[int, float]:
        known = [point.psi for point in points_of(data, column.name) if point and point.psi is not None]
        return -rank(column.state), -max(known, default=-1.0)

    return sorted(data.verdict.features, key=badness)[:WORST]


def _pictures(
    data: ReportData, columns: Sequence[ColumnStability], *, scores: bool = False
) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            column.name,
            column,
            psi_picture(column, points_of(data, column.name, scores=scores), data),
        )
        for column in columns
    )
