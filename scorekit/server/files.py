"""Files as bodies: kept on disk, scored as ``scorekit score`` scores them, and sent back piece by piece."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from scorekit.batch import BatchResult, JobOptions
from scorekit.batch.options import Fate
from scorekit.errors import Refused, ScorekitError
from scorekit.gate import Action
from scorekit.server import large
from scorekit.server.bodies import accepted, keep_body
from scorekit.server.requests import passing
from scorekit.server.scored import choose
from scorekit.server.service import Service
from scorekit.store.references import Ref
from scorekit.tables.targets import explained

MEDIA_TYPES: Mapping[str, str] = {
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.apache.arrow.stream": ".arrows",
    "application/vnd.apache.arrow.file": ".arrow",
    "text/csv": ".csv",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
}
"""Content types of files, and the endings of their names."""

_TYPE_OF = {ending: kind for kind, ending in reversed(list(MEDIA_TYPES.items()))}


async def answer_file(request: Request, service: Service, ending: str) -> Response:
    """Score the file that a body is.

    The model is named by ``?model=``; ids and columns to carry by ``?id_column=`` and
    ``?passthrough=``. The verdict over the whole of it decides whether it is answered by the
    model, by the fallback or not at all.

    Raises
    ------
    ScorekitError
    """
    query = request.query_params
    lane = (await choose(service, query.get("model"))).lane
    wanted = _wanted(request, ending)
    options = JobOptions(
        ids=tuple(query.getlist("id_column")),
        passthrough=tuple(query.getlist("passthrough")),
        run_id=passing(request).id,
    )
    async with _folder() as folder:
        given, made = folder / f"rows{ending}", folder / f"scores{wanted}"
        await _keep(request, service, given)
        terms = large.terms_of(service.settings, service.store.uri, lane)
        result = await _made(service, terms, given, made, options)
        _counted(request, service, result)
        if result.refusals:
            raise result.refusals[0]
        # a long while has passed, in which it may have made way for others
        await choose(service, query.get("model"))
        return FileAnswer(folder, made, media_type=_TYPE_OF[wanted], headers=_headers(result))


class FileAnswer(FileResponse):
    """A file that is sent; its folder is removed, whatever becomes of that.

    Parameters
    ----------
    folder, file : Path
    **given
        As ``FileResponse`` has it.
    """

    def __init__(self, folder: Path, file: Path, **given: Any) -> None:
        super().__init__(file, **given)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _remove(self._folder)


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """A folder that is removed unless an answer is sent from it."""
    with explained(tempfile.gettempdir()):
        folder = Path(tempfile.mkdtemp(prefix="scorekit-"))
    try:
        yield folder
    except BaseException:
        await _remove(folder)
        raise


async def _remove(folder: Path) -> None:
    """Remove a folder; in a thread, for large files take their time."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _keep(request: Request, service: Service, place: Path) -> None:
    limits = service.settings.limits
    with explained(str(place)), place.open("wb") as file:
        await keep_body(request, limits.upload, limits.seconds, file.write)


async def _made(
    service: Service, terms: large.Terms, given: Path, made: Path, options: JobOptions
) -> BatchResult:
    try:
        async with asyncio.timeout(service.settings.limits.seconds), service.heavy.one() as heavy:
            return await heavy.do(large.score_file, terms, str(given), str(made), options)
    except TimeoutError:
        raise Refused("the file could not be scored in time", code="timeout") from None
    except ScorekitError as error:
        error.hide(str(given.parent), "the service")
        raise


def _wanted(request: Request, ending: str) -> str:
    """The ending of what is asked for; by default the same as was sent."""
    kind = accepted(request, MEDIA_TYPES)
    return ending if kind is None else MEDIA_TYPES[kind]


def _counted(request: Request, service: Service, result: BatchResult) -> None:
    name, _, version = result.model.rpartition(":")
    meters = service.metrics.of(name, int(version))
    fallback = sum(output.summary.fallback for output in result.outputs)
    meters.counted(result.rows, fallback, result.rejected, 0.0, result.seconds)
    service.traces.scored(0.0, result.seconds, model=result.model, rows=result.rows)
    passing(request).facts.update(model=result.model, rows=result.rows, rejected=result.rejected)
    for output in result.outputs:
        if output.verdict is not None:
            service.judged(Ref(name, int(version)), output.verdict, _ACTIONS[output.fate])
    for untold in result.untold:
        service.log.event("alert", untold, level="warning", request_id=passing(request).id)


_ACTIONS: Mapping[Fate, Action] = {"published": "publish", "degraded": "replace", "quarantined": "withhold"}
"""What became of a file, as it is said of windows."""


def _headers(result: BatchResult) -> dict[str, str]:
    verdicts = [output.verdict.state for output in result.outputs if output.verdict is not None]
    return {
        "Scorekit-Model": result.model,
        "Scorekit-Run-Id": result.run_id,
        "Scorekit-Rows": str(result.rows),
        "Scorekit-Rejected": str(result.rejected),
        **({"Scorekit-Verdict": verdicts[0]} if verdicts else {}),
    }
