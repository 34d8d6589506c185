"""The loop: take what is there, score it as one batch, send the answers.

Nothing is queued. What is read is answered before more is read, so memory is bounded by
what one read brings, and a reader downstream that is slow slows the reading.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from scorekit.errors import QualityError, RowsRejected, ScorekitError, SwitchOpen, Unreachable
from scorekit.feeds import DeadLetters, Message, Sink, Source
from scorekit.gate import Decision
from scorekit.recording import Ending
from scorekit.scoring import SOURCES, ScoredBatch
from scorekit.stream.answers import Failure, empty_answer, failures_of
from scorekit.stream.journal import Journal
from scorekit.stream.lines import Lines
from scorekit.stream.options import StreamOptions, Tally
from scorekit.stream.pace import Pace
from scorekit.stream.road import Road
from scorekit.stream.stopping import Stopping
from scorekit.stream.windows import Place, Windows

if TYPE_CHECKING:
    from scorekit.stream.following import Following
    from scorekit.stream.metrics import Metrics
    from scorekit.stream.telling import Telling

_LINES = "a line should be one JSON object; a file of CSV or Parquet is for `scorekit score`"
_OBJECTS = "a line should be one JSON object in UTF-8"
_COLUMNS = "--log-file names each column, and `scorekit models show` what the model takes"
_HINTS = {"invalid_json": _LINES, "not_an_object": _OBJECTS, "not_utf8": _OBJECTS, "too_long": _OBJECTS}
"""Where no line has a score, by what most of them have instead."""
_MORE = "mend the lines, which --log-file names, or raise --max-errors"
TICK = 1.0
"""Seconds after which the switch, the alias and the clock are looked at, though nothing comes."""


class Stream:
    """A stream under way.

    Parameters
    ----------
    road : Road
    source : Source
    sink : Sink
    options : StreamOptions
        With a run id.
    journal : Journal
    stopping : Stopping
    telling : Telling
        What sends alerts, and writes down how runs ended.
    grave : DeadLetters, optional
        Where messages go that have no score.
    following : Following, optional
        What brings the next version.
    metrics : Metrics, optional

    Attributes
    ----------
    tally : Tally
    began : float or None
        When the first line came, by the monotonic clock.
    """

    def __init__(
        self,
        road: Road,
        source: Source,
        sink: Sink,
        options: StreamOptions,
        journal: Journal,
        stopping: Stopping,
        telling: Telling,
        *,
        grave: DeadLetters | None = None,
        following: Following[Road] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._options = options
        self._journal = journal
        self._stopping = stopping
        self._grave = grave
        self._following = following
        self._metrics = metrics
        self._telling = telling
        self._place = Place()
        self._pace = Pace(options.batch_size, options.max_latency)
        self.tally = Tally()
        self.began: float | None = None
        self._take(road)

    def _take(self, road: Road) -> None:
        self.road = road
        self._windows = Windows(road.gate, self._options.extent, self._place)
        self._rows_before = self.tally.rows
        self.tally.versions.append(road.version)

    def run(self) -> None:
        """Answer messages until there are no more, or something says to stop.

        Raises
        ------
        RowsRejected
            If more lines have no score than allowed, or all of them.
        QualityError, SwitchOpen, Unreachable
            If nothing more may be sent.
        BrokenPipeError
            If nobody takes the answers any more.
        """
        ending: Ending = "failed"
        failure: ScorekitError | None = None
        try:
            self._begin()
            try:
                while self._turn():
                    pass
            except QualityError:
                # of a window that is closed
                raise
            except (ScorekitError, BrokenPipeError):
                # what was sent is judged and counted, whatever ended the stream
                with suppress(ScorekitError):
                    self._close_window()
                raise
            self._end()
            ending = "degraded" if self.tally.sources["fallback"] else "published"
        except BrokenPipeError:
            ending = "published"
            raise
        except ScorekitError as error:
            failure = error
            raise
        finally:
            self._finish(ending, failure)

    def _begin(self) -> None:
        gate = self.road.gate
        gate.begin(self._options.run_id)
        self._journal.event("started", model=self.road.version, run_id=self._options.run_id)
        gate.check_switch(now=True)
        self._tell_metrics(now=True)

    def _turn(self) -> bool:
        """One batch, or a look at the clock; False at the end."""
        self.road.gate.check_switch()
        self._swap()
        if self._windows.finished:
            self._go_on_after(self._close_window())
        self._tell_metrics()
        if self._stopping.asked is not None:
            self._source.stop()
        most = min(self._pace.most, self._windows.room)
        wait = max(0.0, min(TICK, self._windows.remaining))
        messages = self._source.receive(most, wait, self._pace.gather)
        if messages:
            self._answer(messages)
        return messages is not None

    # a batch

    def _answer(self, messages: Sequence[Message]) -> None:
        started = time.perf_counter()
        if self.began is None:
            self.began = time.monotonic()
        lines = self.road.read(messages)
        if not len(lines):
            self._send_empty(messages)
            return
        found, answered = self._windows.score(lines)
        failures = list(failures_of(lines, answered)) if len(answered.rejected) else []
        most = self._options.most_errors
        if most is not None and self.tally.failures + len(failures) > most:
            self._stop_at(messages, failures[most - self.tally.failures])
        answers = self.road.writer.write(lines, answered, failures)
        self._pace.saw(len(messages), time.perf_counter() - started)
        self.road.gate.check_switch()
        self._send(lines, answers, failures)
        self._windows.add(found, answered)
        self._count(lines, answered, failures)
        self._source.acknowledge(messages)

    def _stop_at(self, messages: Sequence[Message], failure: Failure) -> None:
        """End with the line that is one too many; those before it are answered.

        Raises
        ------
        RowsRejected
        """
        before = [message for message in messages if message.line < failure.message.line]
        if before:
            self._answer(before)
        column = f", column {failure.column!r}" if failure.column else ""
        place = f"{self._source.name}:{failure.message.line}{column}: {failure.said}"
        self._journal.failures([failure])
        if self._options.on_error == "fail":
            raise RowsRejected(place, hint="answer such lines by what is wrong with --on-error emit")
        most = self._options.max_errors
        lines = "line has" if most == 1 else "lines have"
        raise RowsRejected(f"more than {most:,} {lines} no score; the last: {place}", hint=_MORE)

    def _send(self, lines: Lines, answers: list[bytes], failures: Sequence[Failure]) -> None:
        kept, answered = answers, lines.messages
        if self._grave is not None and failures:
            for failure in failures:
                self._grave.bury(failure.message, failure.code, failure.said)
            dead = {failure.row for failure in failures}
            kept = [answer for row, answer in enumerate(answers) if row not in dead]
            answered = [message for row, message in enumerate(lines.messages) if row not in dead]
        if lines.empty:
            kept, answered = _with_empty(kept, answered, lines.empty)
        self._sink.send(kept, answered)

    def _send_empty(self, messages: Sequence[Message]) -> None:
        self.road.gate.check_switch()
        self._sink.send([empty_answer(message) for message in messages], messages)
        self.tally.empty += len(messages)
        self._source.acknowledge(messages)

    def _count(self, lines: Lines, answered: ScoredBatch, failures: Sequence[Failure]) -> None:
        tally = self.tally
        tally.rows += len(lines)
        tally.empty += len(lines.empty)
        tally.batches += 1
        tally.last = time.time()
        by_source = (len(lines) - len(answered.poor), answered.fallback, len(answered.rejected))
        tally.sources.update(dict(zip(SOURCES, by_source, strict=True)))
        tally.errors.update(failure.code for failure in failures)
        self._journal.failures(failures)

    # windows and versions

    def _close_window(self) -> Decision | None:
        number = self._place.number
        decision = self._windows.close()
        if decision is None:
            return None
        tally, verdict = self.tally, decision.verdict
        tally.windows[verdict.state] += 1
        tally.failed_windows += verdict.failed
        tally.verdict, tally.switch = verdict, decision.switch or tally.switch
        self._journal.window(number, decision, replaced=self._windows.replaced)
        self._telling.after(self.road.gate)
        return decision

    def _go_on_after(self, decision: Decision | None) -> None:
        if decision is not None and decision.refusal is not None:
            raise decision.refusal

    def _swap(self) -> None:
        """Take the version that the alias points at now, between two batches."""
        road = self._following.taken(self._hear) if self._following is not None else None
        if road is None:
            return
        self._go_on_after(self._close_window())
        before, rows = self.road, self.tally.rows - self._rows_before
        road.gate.begin(self._options.run_id)
        self._take(road)
        self._telling.made_way(before.gate, rows)
        self._journal.note("version", f"{before.version} made way for {road.version}", model=road.version)

    def _hear(self, trouble: str) -> None:
        """Say what keeps the alias from being followed."""
        self._journal.note("follow", trouble)

    # the end

    def _end(self) -> None:
        decision = self._close_window()
        if self._stopping.asked is None:
            self._go_on_after(decision)
            self._refuse_nothing_but_errors()

    def _refuse_nothing_but_errors(self) -> None:
        tally = self.tally
        if tally.rows and tally.failures == tally.rows:
            code, count = tally.errors.most_common(1)[0]
            said = f"the only line has no score: {code}"
            if tally.rows > 1:
                said = f"all {tally.rows:,} lines have no score; {count:,} of them: {code}"
            raise RowsRejected(said, hint=_HINTS.get(code, _COLUMNS), code="all_rejected")

    def _finish(self, ending: Ending, failure: ScorekitError | None) -> None:
        if isinstance(failure, SwitchOpen):
            with suppress(ScorekitError):
                self.tally.switch = self.road.gate.read_switch()
        self._finish_run(ending, self.tally.rows - self._rows_before)
        why = {"code": failure.code, "message": failure.message} if failure is not None else {}
        self._journal.event("ended", rows=self.tally.rows, errors=self.tally.failures, ending=ending, **why)
        self._tell_metrics(now=True)

    def _finish_run(self, ending: Ending, rows: int) -> None:
        try:
            for failure in self.road.gate.finish(ending, rows):
                self._journal.note("alert", failure)
        except Unreachable as error:
            self._journal.note("record", f"the end of the run could not be written down: {error.message}")

    def _tell_metrics(self, *, now: bool = False) -> None:
        if self._metrics is not None:
            for failure in self._metrics.tell(self.tally, self.road.version, now=now):
                self._journal.note("metrics", failure)


def _with_empty(
    answers: Sequence[bytes], messages: Sequence[Message], empty: Sequence[Message]
) -> tuple[list[bytes], list[Message]]:
    """Answers with those to empty lines in their places."""
    pairs = [*zip(messages, answers, strict=True), *((message, empty_answer(message)) for message in empty)]
    pairs.sort(key=lambda pair: pair[0].line)
    return [answer for _, answer in pairs], [message for message, _ in pairs]
