"""From a fitted estimator to a published version: compile, prove, describe, write."""

from __future__ import annotations

import io
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Any

from scorekit.engine.compile import NotLowered, compile_estimator
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.proof import prove
from scorekit.engine.reference import ReferenceEngine, frame
from scorekit.errors import UsageError
from scorekit.model import runnable
from scorekit.progress import Progress
from scorekit.store.manifest import COMPILED_DIR, ProofRecord, Scoring
from scorekit.training import own_modules
from scorekit.training.dataset import Dataset

_LIGHTLY = 1
_FEW = 5
"""Rows that show whether a pickle can score."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What is asked of the estimator, and what its answer means.

    Attributes
    ----------
    method : {"predict_proba", "decision_function", "predict"}
    outputs : list of int
    meaning : {"probability", "decision", "value"}
    columns : tuple of str
        Names of the scores.
    """

    method: Any
    outputs: list[int]
    meaning: Any
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Proved:
    """How a model will be scored.

    Attributes
    ----------
    scoring : Scoring
    files : dict of str to bytes
        The compiled model, if there is one.
    note : str or None
        Why there is none.
    """

    scoring: Scoring
    files: dict[str, bytes] = field(default_factory=dict)
    note: str | None = None


def compile_and_prove(estimator: Any, dataset: Dataset, response: Response, progress: Progress) -> Proved:
    """Lower a fitted estimator and hold it against scikit-learn on every row of the data."""
    progress.stage("compile")
    try:
        program = compile_estimator(
            estimator, dataset.schema, method=response.method, outputs=response.outputs
        )
    except NotLowered as reason:
        return _reference(response, str(reason))
    if not runnable(program):
        return _reference(response, "tree kernel not built")
    compiled = CompiledEngine(program, dataset.schema)
    reference = ReferenceEngine(estimator, dataset.schema, method=response.method, outputs=response.outputs)
    progress.stage("proof", len(dataset), "rows")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows that are made to be awkward
        proof = prove(
            compiled,
            reference,
            dataset.columns,
            dataset.schema,
            probability=response.meaning == "probability",
            advance=progress.advance,
        )
    if not proof.holds:
        return _reference(response, f"the proof failed: {proof.failure}")
    record = ProofRecord(
        rows=proof.rows, rejected=proof.rejected, largest_difference=proof.largest_difference
    )
    scoring = _scoring(response, "compiled", digest=program.digest(), proof=record)
    return Proved(scoring, {f"{COMPILED_DIR}/{name}": data for name, data in program.to_files().items()})


def _reference(response: Response, reason: str) -> Proved:
    note = f"scikit-learn itself will score it: {reason}"
    return Proved(_scoring(response, "reference", not_lowered=reason), note=note)


def _scoring(response: Response, engine: Any, **more: Any) -> Scoring:
    return Scoring(
        engine=engine,
        method=response.method,
        outputs=tuple(response.outputs),
        meaning=response.meaning,
        columns=response.columns,
        **more,
    )


def pickled(estimator: Any, *, by_value: bool) -> bytes:
    """The estimator as ``joblib.load`` reads it.

    Parameters
    ----------
    estimator : estimator
    by_value : bool
        Whether classes of a user's own modules go into the file.

    Raises
    ------
    UsageError
        If it holds what no file can.
    """
    try:
        return _pickled(estimator, by_value=by_value)
    except Exception as error:  # what a user's own class raises when it is pickled may be anything
        raise UsageError(
            f"{type(estimator).__name__} cannot be kept in a file: {type(error).__name__}: {error}",
            hint="a version holds the estimator as a pickle: no open files, locks or connections",
        ) from error


def _pickled(estimator: Any, *, by_value: bool) -> bytes:
    if by_value:
        import cloudpickle

        return zlib.compress(cloudpickle.dumps(estimator), _LIGHTLY)
    import joblib

    packed = io.BytesIO()
    joblib.dump(estimator, packed, compress=("zlib", _LIGHTLY))
    return packed.getvalue()


def estimator_file(
    estimator: Any, dataset: Dataset, response: Response, *, own: bool
) -> tuple[bytes, str | None]:
    """The fitted estimator's pickle, and what is worth knowing of it.

    Parameters
    ----------
    estimator : fitted estimator
    dataset : Dataset
    response : Response
    own : bool
        Whether it is a user's own pipeline: whose pickle is tried where the user's modules are not.
    """
    data = pickled(estimator, by_value=own)
    few = frame(dataset.columns.slice(0, _FEW), dataset.schema)
    missing = _missing_elsewhere(data, response.method, few) if own else ()
    if not missing:
        return data, None
    names = " and ".join(missing)
    return data, (
        f"it can be scored only where {names} can be imported, for it is imported while scoring; "
        "import it at the top of its module"
    )


def _missing_elsewhere(data: bytes, method: str, rows: Any) -> tuple[str, ...]:
    """Modules of the user's own that a pickled estimator cannot score without."""
    import joblib

    with own_modules.elsewhere() as looked_for, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(joblib.load(io.BytesIO(data)), method)(rows)
        except ImportError:
            return tuple(dict.fromkeys(looked_for))
        except Exception:  # noqa: BLE001 - that it fails on these rows is said where rows are scored
            return ()
    return ()
