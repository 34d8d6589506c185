"""Giving a version another baseline: a new version of the same model, held against later rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from scorekit.batch.inputs import open_input
from scorekit.batch.run import Carried, told_of
from scorekit.engine.columns import Columns, Decoder
from scorekit.errors import DataError
from scorekit.model import open_model
from scorekit.progress import Progress, Silent
from scorekit.scoring import REJECTED, ScoredBatch
from scorekit.store.manifest import BASELINE_FILE, Manifest
from scorekit.store.versions import CHAMPION, Store
from scorekit.tables import find
from scorekit.tables.sources import refuse_twice
from scorekit.training.baseline import make_baseline

FEWEST_ROWS = 500
"""A baseline of fewer rows would make every window insufficient."""


def make_version(
    reference: str | None,
    data: Sequence[str],
    *,
    by: str,
    store: str | None = None,
    file_format: str | None = None,
    promote: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Publish a version of the same model with a baseline made of some rows.

    A version never changes, so its baseline does not either: what is made is the next
    version, whose scores are the same to the bit.

    Parameters
    ----------
    reference : str or None
        The version; None while the store holds one model.
    data : sequence of str
        Rows as they came in while all was well; the target is not needed.
    by : str
        Who does it, for the history.
    store, file_format : str, optional
    promote : bool
        Make it the champion.
    progress : Progress, optional

    Raises
    ------
    DataError
        If there are too few rows that the model scores.
    """
    listener = progress or Silent()
    opened = Store.open(store)
    ref = opened.resolve(reference)
    model = open_model(opened, ref)
    manifest = model.manifest
    sources = tuple(find(list(data), format=file_format))
    refuse_twice(sources)
    listener.stage("scoring", None, "rows")
    carried = Carried((), (), model)
    decoder = Decoder(manifest.inputs, known=model.scorer.engine.known)

    def pieces() -> Iterator[tuple[Columns, ScoredBatch]]:
        for source in sources:
            with closing(open_input(source, model, carried, 65_536)) as reader, told_of(source):
                for batch in reader.batches():
                    unreadable = [bad.row - batch.first_row for bad in batch.bad]
                    yield decoder.batch(batch.rows), model.scorer.score(batch.rows, unreadable=unreadable)
                    listener.advance(batch.rows.num_rows)

    numeric, codes, scores, rejected = _joined(pieces())
    if len(scores) - rejected < FEWEST_ROWS:
        raise DataError(
            f"{len(scores) - rejected:,} rows were scored: a baseline needs {FEWEST_ROWS:,} or more"
        )
    baseline = make_baseline(
        Columns(numeric, codes),
        manifest.inputs,
        np.arange(len(scores)),
        scores,
        manifest.scoring.columns,
        kind="data",
    )
    files = {path: opened.read(ref, manifest, path) for path in manifest.files}
    files[BASELINE_FILE] = baseline.to_bytes()
    made = replace(
        manifest,
        baseline=baseline.kind,
        derived_from=manifest.version,
        job=None,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
    listener.stage("publish")
    return opened.publish(made, files, by=by, alias=CHAMPION if promote else None)


def _joined(
    pieces: Iterator[tuple[Columns, ScoredBatch]],
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64], int]:
    """All rows as one, column by column, and how many of them have no score."""
    found = list(pieces)
    if not found:
        raise DataError("there are no rows to make a baseline of")
    numeric = np.asfortranarray(np.concatenate([columns.numeric for columns, _ in found]))
    codes = np.asfortranarray(np.concatenate([columns.codes for columns, _ in found]))
    scores = np.concatenate([scored.values for _, scored in found])
    rejected = sum(int(np.count_nonzero(scored.sources == REJECTED)) for _, scored in found)
    return numeric, codes, scores, rejected
