"""Answers to requests for scores, and where a deployment may change them.

What an answer holds is decided by a dependency, ``shaping``, that an installed package may
replace without touching a route: by an entry point in the group ``scorekit.responses`` that
names a FastAPI dependency giving a ``Shape``::

    [project.entry-points."scorekit.responses"]
    ours = "our_package.scoring:shaping"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from scorekit.errors import UsageError
from scorekit.scoring import ScoredBatch, output_rows
from scorekit.server.problems import RecordRefused
from scorekit.store.manifest import Manifest
from scorekit.stream.answers import reasons
from scorekit.stream.lines import Wrong

Shape: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of an answer the one that is sent."""

GROUP = "scorekit.responses"


def as_it_is(answer: dict[str, Any]) -> dict[str, Any]:
    """The shape of answers that nobody changes."""
    return answer


async def shaping() -> Shape:
    """The shape of answers: as they are."""
    return as_it_is


def installed_shaping() -> Callable[..., Shape] | None:
    """What an installed package puts in the place of ``shaping``.

    Raises
    ------
    UsageError
        If several do.
    """
    found = list(entry_points(group=GROUP))
    if len(found) > 1:
        names = ", ".join(sorted(entry.name for entry in found))
        raise UsageError(f"several packages shape the answers: {names}", hint="uninstall all but one")
    return found[0].load() if found else None


def failures(scored: ScoredBatch, wrong: Mapping[int, Wrong]) -> Iterator[RecordRefused]:
    """Why records have no score, in their order."""
    for row, code, said, column in reasons(scored, wrong):
        yield RecordRefused(code, said, row, column)


def record_answers(
    scored: ScoredBatch, manifest: Manifest, wrong: Mapping[int, Wrong], include: frozenset[str]
) -> list[dict[str, Any]]:
    """An answer for each record, in their order; for one without a score, what is wrong with it."""
    answers = list(output_rows(scored, manifest))
    dropped = _DROPPED - {_PART_OF[part] for part in include if part in _PART_OF}
    for answer in answers:
        for name in dropped:
            del answer[name]
    for failure in failures(scored, wrong) if len(scored.rejected) else ():
        column = {"column": failure.column} if failure.column else {}
        error = {"code": failure.code, **column, "message": failure.message}
        answers[failure.index]["error"] = error
    return answers


_PART_OF = {"flags": "quality_flags", "version": "model_version"}
_DROPPED = frozenset(_PART_OF.values())
