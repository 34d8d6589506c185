"""One output: scored into parts, judged as a whole, and the moment it becomes public."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from scorekit.batch.aftermath import finish_lost
from scorekit.batch.keys import Keys
from scorekit.batch.marks import mark
from scorekit.batch.options import Fate, JobOptions, JobResult
from scorekit.batch.partial import ERRORS_FILE, Partial, State, folder_for, scratch
from scorekit.batch.passing import Pass
from scorekit.batch.plan import Job, check_places
from scorekit.batch.publishing import Publication, Withheld, remove_file
from scorekit.batch.standing import KEY_NAME, is_made, refuse_errors_file
from scorekit.batch.writing import Parts
from scorekit.errors import (
    FormatError,
    NothingToDo,
    RowsRejected,
    ScorekitError,
    SwitchOpen,
    Unreachable,
    UsageError,
)
from scorekit.gate import Decision, Gate
from scorekit.progress import Progress
from scorekit.quality.duplicates import SeenIds
from scorekit.quality.verdict import Finding
from scorekit.scoring import Scorer
from scorekit.tables import TableWriter, open_output
from scorekit.tables.parts import exists, identity
from scorekit.tables.sources import STDIN
from scorekit.tables.spool import kept
from scorekit.tables.targets import explained, open_target


def run_job(
    job: Job,
    gate: Gate,
    options: JobOptions,
    progress: Progress,
    *,
    number: int = 0,
    made: Callable[[str], None] = lambda _: None,
) -> JobResult:
    """Score the inputs of a job into its output.

    Parameters
    ----------
    job : Job
    gate : Gate
    options : JobOptions
    progress : Progress
    number : int
        Of the job within its run.
    made : callable
        Hears the key of an output that was published before the traces of the run go.

    Returns
    -------
    JobResult
        Its ``refusal`` says why the output was withheld, if it was.

    Raises
    ------
    NothingToDo
        If the output is complete already, or another run is writing it.
    RowsRejected
        If more rows were rejected than allowed, or all of them; the errors file is
        published, the output is not.
    """
    started = time.perf_counter()
    check_places(job)
    run = _Run(job, gate, options, progress, number, made)
    result = _to_stream(run) if job.stream else _to_file(run, job)
    return replace(result, seconds=time.perf_counter() - started)


def _to_stream(run: _Run) -> JobResult:
    """Straight into a stream, or, where it may have to be kept back, by way of a file."""
    if not run.may_withhold and run.switch_is_closed():
        return run.to_stream()
    with scratch() as partial:
        return run.to_file(partial)


def _to_file(run: _Run, job: Job) -> JobResult:
    partial = Partial(folder_for(job.target))
    with _told_of(job, partial), explained(job.target), partial.held():
        return run.to_file(partial)


@contextmanager
def _told_of(job: Job, partial: Partial) -> Iterator[None]:
    """Say of a full disk which output it was full for, not which part, and what to do."""
    try:
        yield
    except Unreachable as error:
        if error.code != "no_space":
            raise
        said = error.message
        if str(partial.folder) in said:
            said = f"{job.target}: no space left while writing; nothing was published"
        go_on = "free some space, and go on with --resume" if partial.begun else error.hint
        raise Unreachable(said, hint=go_on, code=error.code) from error


class _Run:
    """A job under way."""

    def __init__(
        self,
        job: Job,
        gate: Gate,
        options: JobOptions,
        progress: Progress,
        number: int,
        made: Callable[[str], None],
    ) -> None:
        self._job = job
        self._gate = gate
        self._options = options
        self._progress = progress
        self._number = number
        self._made = made
        self._rereadable = job.rereadable
        self._rows = self._pass(gate.scorer)
        self._run_id = options.run_id
        self._decision: Decision | None = None
        self._told: tuple[Finding, ...] = ()
        self._hashed: Keys | None = None

    def _pass(self, scorer: Scorer) -> Pass:
        gate = self._gate
        return Pass(self._job, gate.model, scorer, self._options, self._progress, gate.poor_rows())

    @property
    def may_withhold(self) -> bool:
        """Whether the output may have to be kept back."""
        known = self._gate.model.manifest.recipe.get("id_columns")
        return self._gate.may_withhold(with_ids=bool(known or self._options.ids))

    def switch_is_closed(self) -> bool:
        """Whether what is scored may be written at once, as things stand."""
        try:
            self._gate.check_switch(now=True)
        except SwitchOpen:
            return False
        return True

    # a stream ------------------------------------------------------------------------

    def to_stream(self) -> JobResult:
        """Score straight into stdout, a pipe or a device, which cannot be taken back."""
        refuse_errors_file(self._job, self._options)
        self._gate.begin(self._run_id)
        self._gate.check_switch(now=True)
        with ExitStack() as stack:
            errors = stack.enter_context(self._errors_beside_stream())
            stack.enter_context(self._counted())
            writer: TableWriter | None = None
            for chunk in self._rows.chunks(State(""), errors):
                self._gate.check_switch()
                writer = writer or stack.enter_context(self._stream(chunk.output.schema))
                writer.write(chunk.output)
            writer = writer or stack.enter_context(self._stream(self._rows.empty_schema()))
            self._decision = self._decide()
            if self._decision.refusal is not None:
                raise self._decision.refusal
            writer.commit()
            self._rows.check_rejects(at_end=True)
        return self._result("published", self._job.target)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """A run that ends for its rejected rows counts them first."""
        try:
            yield
        except RowsRejected:
            self._decision = self._decision or self._decide()
            raise

    def _stream(self, schema: object) -> TableWriter:
        return open_output(
            self._job.target, format=self._job.format, schema=schema, metadata=self._metadata, header=True
        )

    @contextmanager
    def _errors_beside_stream(self) -> Iterator[IO[bytes] | None]:
        """The errors file of a stream: published when rows were rejected, whatever becomes of the run."""
        if self._job.errors is None:
            yield None
            return
        place = open_target(self._job.errors)
        try:
            with explained(self._job.errors):
                yield place.file
                if self._rows.summary.rejected:
                    place.commit()
                else:
                    remove_file(self._job.errors)
        except ScorekitError:
            # rows are out already: what was wrong with others has to be, too
            if self._rows.summary.rejected:
                place.commit()
            raise
        finally:
            place.abort()

    # a file --------------------------------------------------------------------------

    def to_file(self, partial: Partial) -> JobResult:
        """Score into parts, judge, then publish: the errors first, so that an output is never unexplained."""
        self._hashed = Keys(self._job, self._gate, self._options)
        finish_lost(partial, self._gate, published=partial.published(identity(self._job.target)))
        state = self._begin(partial)
        resumed = self._rows.summary.rows
        partial.own(self._run_id)
        self._gate.begin(self._run_id)
        if not self._rereadable and self._gate.on_fail == "fallback":
            self._keep_input(partial)
        try:
            with self._counted():
                self._score(partial, state)
            if self._decided.action == "replace":
                state = self._replace(partial)
        except RowsRejected:
            self._publish_errors(partial)
            partial.clear()
            raise
        return replace(self._finish(partial, state), resumed_rows=resumed)

    def _keep_input(self, partial: Partial) -> None:
        """Keep what can be read only once: the fallback may have to answer all of it."""
        sources = (
            source if source.uri != STDIN else kept(source, partial.input(number))
            for number, source in enumerate(self._job.sources)
        )
        self._job = replace(self._job, sources=tuple(sources))
        self._rows = self._pass(self._gate.scorer)

    def _score(self, partial: Partial, state: State) -> None:
        """Score all rows into parts; what is decided of them is said by the last one."""
        resumable = self._keys.run if self._rereadable and self._decision is None else None
        with (
            (partial.folder / ERRORS_FILE).open("r+b" if state.parts else "w+b") as errors,
            Parts(self._job, partial, state, self._metadata, resumable) as parts,
        ):
            errors.truncate(state.error_bytes)
            self._rows.first_error = errors.readline().decode() or None
            errors.seek(0, os.SEEK_END)
            parts.write(self._rows, errors)
            self._rows.check_rejects(at_end=True)
            if self._decision is None:
                self._remember_run(partial)
                self._decision = self._decide()
            parts.finish(self._rows.schema or self._rows.empty_schema())

    def _replace(self, partial: Partial) -> State:
        """Score all rows once more, by the fallback."""
        scored = self._rows.summary.rows
        self._progress.note("the window failed: the fallback answers in place of the model")
        partial.clear_scores()
        state = State("")
        self._rows = self._pass(self._gate.replacing(self._decided.verdict))
        self._score(partial, state)
        # what was kept of a pipe is ours, and nobody else writes to it
        same = not self._rereadable or self._keys.unchanged()
        if self._rows.summary.rows != scored or not same:
            raise FormatError(
                f"{self._job.sources[0].name}: the input changed while it was scored",
                hint="score a file that nobody writes to",
            )
        self._told = self._gate.judge_answers(self._rows.window)
        self._gate.amend(self._number, self._rows.window, self._told)
        return state

    def _finish(self, partial: Partial, state: State) -> JobResult:
        self._publish_errors(partial)
        parts = [partial.folder / part for part in state.parts]
        try:
            self._publish(partial, parts)
        except Withheld as withheld:
            return self._withhold(partial, parts, withheld.refusal)
        if not self._job.stream:
            mark(self._job.target, self._keys.run())
        self._made(self._keys.run())
        partial.remove()
        return self._result(self._fate, self._job.target)

    def _begin(self, partial: Partial) -> State:
        """Take up an earlier run, or begin anew."""
        if not self._job.stream:
            self._refuse_complete(partial)
        if self._options.force or not self._options.resume or partial.read(self._keys.run()) is None:
            refuse_errors_file(self._job, self._options)
        if self._options.resume:
            state = partial.read(self._keys.run())
            if state is not None:
                return self._take_up(partial, state)
            self._progress.note(
                "no earlier run of the same input, model and options: starting at the first row"
            )
        counted = partial.run_of(self._keys.counting()) if partial.counted else None
        if counted is not None:
            # it ended after its rows were counted: they are the same rows
            self._run_id = counted
            partial.clear_scores()
        else:
            partial.clear()
        return State("", run_id=self._run_id)

    def _remember_run(self, partial: Partial) -> None:
        """Keep the run's id before its rows are counted, so that they count once, whatever happens."""
        if self._rereadable and not self._job.stream:
            partial.keep_run(self._keys.counting(), self._run_id)

    def _take_up(self, partial: Partial, state: State) -> State:
        self._rows.take_up(state, SeenIds(partial.ids(state.ids)) if state.ids else None)
        self._run_id = state.run_id or self._run_id
        self._progress.note(f"taking up an earlier run after {self._rows.summary.rows:,} rows")
        return state

    def _refuse_complete(self, partial: Partial) -> None:
        if self._options.force or not exists(self._job.target):
            return
        key = self._keys.run()
        if is_made(self._job.target, key, partial, resume=self._options.resume):
            self._made(key)
            partial.clear()
            raise NothingToDo(
                f"{self._job.target} is complete already", hint="score it again with --force", code="complete"
            )
        if not (self._options.resume and partial.read(key)):
            raise UsageError(f"the output {self._job.target} exists", hint="replace it with --force")

    @property
    def _keys(self) -> Keys:
        assert self._hashed is not None  # noqa: S101 - set before anything can ask
        return self._hashed

    # what is decided and published ---------------------------------------------------

    def _decide(self) -> Decision:
        rows, gate = self._rows, self._gate
        if self._hashed is None:
            return gate.decide(self._number, rows.window, rows.poor)
        # rows are known by the content they come from: others under the same run id are others
        return gate.decide(self._number, rows.window, rows.poor, first_row=0, digest=self._keys.counting())

    @property
    def _decided(self) -> Decision:
        assert self._decision is not None  # noqa: S101 - once the rows are scored
        return self._decision

    @property
    def _fate(self) -> Fate:
        """Of an output that is published."""
        return "degraded" if self._decided.action == "replace" else "published"

    def _metadata(self) -> Mapping[str, str]:
        """What a reader of the output may want to know of the run."""
        manifest = self._gate.model.manifest
        said = {
            "scorekit.model": f"{manifest.name}:{manifest.version}",
            "scorekit.model_digest": manifest.digest,
            "scorekit.engine": self._gate.scorer.engine.name,
            "scorekit.run_id": self._run_id,
        }
        if self._decision is not None:
            said["scorekit.verdict"] = self._decision.verdict.state
        return said if self._hashed is None else {**said, KEY_NAME: self._keys.run()}

    @property
    def _publication(self) -> Publication:
        return Publication(self._job, self._gate, self._metadata)

    def _publish(self, partial: Partial, parts: Sequence[Path]) -> None:
        if self._decided.refusal is not None:
            raise Withheld(self._decided.refusal)
        self._publication.publish(parts, lambda: self._announce(partial))

    def _announce(self, partial: Partial) -> None:
        """Leave word of what is about to take the place of the output."""
        partial.own(self._run_id, self._fate)
        partial.publishing(self._keys.run(), identity(self._job.target))

    def _withhold(self, partial: Partial, parts: Sequence[Path], refusal: ScorekitError) -> JobResult:
        place = self._publication.withhold(parts, self._run_id)
        if isinstance(refusal, Unreachable):
            # nobody knows whether the rows were counted: a run that repeats this one has its id
            partial.clear_scores()
        else:
            partial.remove()
        return self._result("quarantined", place, refusal)

    def _publish_errors(self, partial: Partial) -> None:
        self._publication.publish_errors(partial, rejected=self._rows.summary.rejected > 0)

    def _result(self, fate: Fate, place: str, refusal: ScorekitError | None = None) -> JobResult:
        summary, verdict = self._rows.summary, self._decided.verdict
        # the ids are judged, and eight bytes a row of every output of a folder would be much
        answered = replace(verdict.window, rejected=summary.rejected, fallback=summary.fallback, ids=None)
        return JobResult(
            target=place,
            summary=summary,
            errors_file=self._job.errors if summary.rejected else None,
            key="" if self._hashed is None else self._keys.run(),
            fate=fate,
            run_id=self._run_id,
            verdict=replace(verdict, findings=(*verdict.findings, *self._told), window=answered),
            repeated=self._decided.repeated,
            switch=self._decided.switch,
            refusal=refusal,
        )
