"""A model in Python: ``scorekit.load("bank").score_row({...})``."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.program import ARRAYS_FILE, STRUCTURE_FILE, Program
from scorekit.errors import SchemaError, UsageError, VersionMismatch
from scorekit.quality.baseline import Baseline
from scorekit.scoring import Engine, Scorer, output_columns, output_fields, output_rows
from scorekit.store.manifest import BASELINE_FILE, COMPILED_DIR, ESTIMATOR_FILE, FALLBACK_FILE, Manifest

if TYPE_CHECKING:
    from scorekit.policy import Policy
    from scorekit.quality.fallback import Fallback
    from scorekit.quality.verdict import Verdict
    from scorekit.store.versions import Ref, Store


_ARROW = (pa.Table, pa.RecordBatch)
_BATCH_ROWS = 65_536


class Model:
    """One version of a model, verified and ready to score.

    Attributes
    ----------
    manifest : Manifest
        Everything the version says of itself.
    scorer : Scorer
    store : str or None
        URI of the store it comes from; None for one that was never in a store.
    """

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        *,
        store: str | None = None,
        read_baseline: Callable[[], Baseline | None] = lambda: None,
        read_fallback: Callable[[], Fallback | None] = lambda: None,
    ) -> None:
        self.manifest = manifest
        self.scorer = Scorer(manifest, engine)
        self.store = store
        self._read_baseline = read_baseline
        self._read_fallback = read_fallback

    @cached_property
    def baseline(self) -> Baseline | None:
        """What its rows and scores are held against; read, verified, when first asked for.

        Raises
        ------
        TamperedError
            If the file's hash does not hold.
        """
        return self._read_baseline()

    @cached_property
    def fallback(self) -> Fallback | None:
        """What it learned at training of a declared fallback; read, verified, when first asked for.

        Raises
        ------
        TamperedError
            If the file's hash does not hold.
        """
        return self._read_fallback()

    def __repr__(self) -> str:
        return f"<Model {self.manifest.name}:{self.manifest.version} ({self.scorer.engine.name})>"

    def score(self, data: Any) -> Any:
        """Score a table.

        Parameters
        ----------
        data : pyarrow.Table, pyarrow.RecordBatch or pandas.DataFrame

        Returns
        -------
        pyarrow.Table or pandas.DataFrame
            As many rows as came in, in their order: ``score``, ``score_source``,
            ``quality_flags``, ``model_version``. A data frame keeps its index.

        Examples
        --------
        >>> import pyarrow as pa, scorekit
        >>> model = scorekit.load("bank")                          # doctest: +SKIP
        >>> model.score(pa.table({...})).column_names              # doctest: +SKIP
        ['score', 'score_source', 'quality_flags', 'model_version']
        """
        scored = self._table(_as_table(data))
        return scored if isinstance(data, _ARROW) else scored.to_pandas().set_index(data.index)

    def score_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Score one record.

        Parameters
        ----------
        row : mapping of column name to value
            Further keys are ignored.

        Returns
        -------
        dict
            ``score`` (None if the row was rejected), ``score_source``,
            ``quality_flags``, ``model_version``.
        """
        return next(output_rows(self.scorer.score([row]), self.manifest))

    def judge(self, data: Any, policy: Policy | None = None) -> Verdict:
        """Judge a table as one window; nothing is recorded, and nobody is told.

        Parameters
        ----------
        data : pyarrow.Table, pyarrow.RecordBatch or pandas.DataFrame
        policy : Policy, optional
            By default what holds where nothing is declared.

        Returns
        -------
        Verdict
            ``state``, ``failed``, and the findings behind them.

        Examples
        --------
        >>> import scorekit
        >>> verdict = scorekit.load("bank").judge(frame)           # doctest: +SKIP
        >>> verdict.state, [found.column for found in verdict.findings if found.state == "alarm"]
        ... # doctest: +SKIP
        ('alarm', ['month', 'contact'])
        """
        from scorekit.gate import Gate
        from scorekit.policy import Policy
        from scorekit.quality.window import Window

        gate, window = Gate(self, policy or Policy()), Window()
        for batch in _as_table(data).to_batches(max_chunksize=_BATCH_ROWS):
            window.add(gate.scorer.score(batch).window())
        return gate.judge(window)

    def _table(self, table: pa.Table) -> pa.Table:
        schema = pa.schema(output_fields(self.manifest))
        batches = [
            pa.RecordBatch.from_arrays(output_columns(self.scorer.score(batch), self.manifest), schema=schema)
            for batch in table.to_batches(max_chunksize=_BATCH_ROWS)
        ]
        return pa.Table.from_batches(batches, schema=schema)


def _as_table(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    return pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else _from_pandas(data)


def _from_pandas(frame: Any) -> pa.Table:
    """A data frame as Arrow; a column of this and that as text, so that each row is judged by itself.

    Raises
    ------
    UsageError
        If it is none.
    SchemaError
        If a name stands for two columns.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"cannot score a {type(frame).__name__}: give a table or a data frame")
    if not frame.columns.is_unique:
        raise SchemaError("the data frame has two columns of one name", code="duplicate_column")
    return pa.table({str(name): _column(frame[name]) for name in frame.columns})


def _column(series: Any) -> Any:
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowException, OverflowError):
        return pa.array(
            [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)]
        )


def load(reference: str | None = None, *, store: str | None = None, allow_mismatch: bool = False) -> Model:
    """Load a version, verified.

    Parameters
    ----------
    reference : str, optional
        ``name``, ``name:7`` or ``name@alias``; may be left out while the store holds one model.
    store : str, optional
        Folder or ``s3://`` URI; by default ``SCOREKIT_STORE``, else ``models``.
    allow_mismatch : bool
        Load a pickle made by another scikit-learn minor version.

    Returns
    -------
    Model

    Raises
    ------
    ModelNotFound
        If there is no such model, version or alias.
    TamperedError
        If a file's hash or the signature does not hold.
    VersionMismatch
        If it was made by something this installation cannot load.
    """
    from scorekit.store.versions import Store

    opened = Store.open(store)
    return open_model(opened, opened.resolve(reference), allow_mismatch=allow_mismatch)


def open_model(store: Store, ref: Ref, *, allow_mismatch: bool = False) -> Model:
    """Load a version that was already resolved; see ``load``."""
    manifest = store.manifest(ref)
    return Model(
        manifest,
        _engine(store, ref, manifest, allow_mismatch=allow_mismatch),
        store=store.uri,
        read_baseline=lambda: read_baseline(store, ref, manifest),
        read_fallback=lambda: _fallback(store, ref, manifest),
    )


def _engine(store: Store, ref: Ref, manifest: Manifest, *, allow_mismatch: bool) -> Engine:
    if manifest.scoring.engine == "compiled":
        program = _program(store, ref, manifest)
        if runnable(program):
            return CompiledEngine(program, manifest.inputs)
    return _reference(store, ref, manifest, allow_mismatch=allow_mismatch)


def read_baseline(store: Store, ref: Ref, manifest: Manifest) -> Baseline | None:
    """What a version is held against, verified, without what scores; None where it has none."""
    if BASELINE_FILE not in manifest.files:
        return None
    return Baseline.from_bytes(store.read(ref, manifest, BASELINE_FILE), f"{ref}: {BASELINE_FILE}")


def _fallback(store: Store, ref: Ref, manifest: Manifest) -> Fallback | None:
    if FALLBACK_FILE not in manifest.files:
        return None
    from scorekit.quality.fallback import Fallback

    return Fallback.from_bytes(store.read(ref, manifest, FALLBACK_FILE), f"{ref}: {FALLBACK_FILE}")


def runnable(program: Program) -> bool:
    """Whether this installation can run a program: trees need the compiled kernel."""
    from scorekit.engine.tree_ops import TREE_BINDERS, kernel_available

    return kernel_available() or not any(step.op in TREE_BINDERS for step in program.steps)


def _program(store: Store, ref: Ref, manifest: Manifest) -> Program:
    names = (STRUCTURE_FILE, ARRAYS_FILE)
    return Program.from_files({name: store.read(ref, manifest, f"{COMPILED_DIR}/{name}") for name in names})


def _reference(store: Store, ref: Ref, manifest: Manifest, *, allow_mismatch: bool) -> Engine:
    """The reference engine; its pickle is hashed and signed before a byte of it is parsed."""
    data = store.read(ref, manifest, ESTIMATOR_FILE)
    if not allow_mismatch:
        check_scikit_learn(manifest)
    from scorekit.engine.reference import ReferenceEngine

    scoring = manifest.scoring
    return ReferenceEngine(
        _unpickled(data, ref),
        manifest.inputs,
        method=scoring.method,
        outputs=list(scoring.outputs),
    )


def _unpickled(data: bytes, ref: Ref) -> Any:
    """A pickle that was checked; it may still need what is not installed, or was another thing then."""
    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except Exception as error:  # classes of another version may raise anything
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VersionMismatch(
            f"{ref}: {ESTIMATOR_FILE} cannot be loaded here: {said}",
            hint=f"install what it was made with; `scorekit models show {ref}` lists it",
        ) from error


def check_scikit_learn(manifest: Manifest) -> None:
    """Refuse a pickle of another scikit-learn minor version.

    Raises
    ------
    VersionMismatch
        If the installed scikit-learn differs in more than its patch number.
    """
    from importlib.metadata import version

    made, installed = manifest.environment.packages["scikit-learn"], version("scikit-learn")
    if made.split(".")[:2] != installed.split(".")[:2]:
        raise VersionMismatch(
            f"{manifest.name}:{manifest.version} was made with scikit-learn {made}, installed is {installed}",
            hint="install that version, train again, or allow it with --allow-mismatch",
        )
