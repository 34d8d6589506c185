"""The ledger: what scoring writes down, and the kill switch it asks. See ``scorekit.state``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from scorekit.errors import ScorekitError
from scorekit.quality.switch import Position, SwitchRules, SwitchState, WindowOutcome, advance
from scorekit.quality.verdict import Finding, Verdict
from scorekit.state import place, statements
from scorekit.state.coverage import Span, take
from scorekit.state.database import Cursor
from scorekit.state.moments import now
from scorekit.state.rows import (
    Change,
    count_rows,
    psi_rows,
    read_change,
    read_switch,
    switch_row,
    verdict_rows,
    window_row,
)
from scorekit.state.session import Session

Kind = Literal["batch", "stream", "serve"]
RunOutcome = Literal["running", "published", "degraded", "quarantined", "failed"]

ITSELF = "scorekit"
"""Who trips a switch by a rule."""

Tell = Callable[[Cursor, "Recorded"], object]
"""Writes alerts of what became of a window, by the cursor of its transaction."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is written down.

    Attributes
    ----------
    key : int
        In the database.
    model, run_id : str
    version : int
    kind : {"batch", "stream", "serve"}
    output : str
        Where scores go; empty where nobody said.
    """

    key: int
    model: str
    version: int
    run_id: str
    kind: Kind
    output: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a window that was written down.

    Attributes
    ----------
    state : SwitchState
        Of the switch, after it. Whatever else is said here, this one decides.
    tripped : bool
        Whether this window opened it.
    reason : str or None
        The rule that moved it, in words.
    repeated : bool
        Whether its rows were all counted before, so that none was again.
    untold : str or None
        Why its alerts were not written down.
    """

    state: SwitchState
    tripped: bool = False
    reason: str | None = None
    repeated: bool = False
    untold: str | None = None


class Ledger(Session):
    """The state of a store's models, for one process; its threads may share it.

    Parameters
    ----------
    database : Database
    """

    @classmethod
    def open(cls, store_uri: str | None = None, url: str | None = None) -> Ledger:
        """Open the state of a store's models.

        Parameters
        ----------
        store_uri : str, optional
            A folder or ``s3://bucket/prefix``; by default ``SCOREKIT_STORE``, else ``models``.
        url : str, optional
            Of the database; by default ``SCOREKIT_DATABASE_URL``, else a file beside the store.

        Raises
        ------
        Unreachable
            If it cannot be used: its ``code`` says whether it is locked, damaged, read-only, of a
            newer scorekit, migrated by half, or does not answer.
        UsageError
            If the URL is of no database that scorekit knows.
        """
        return cls(place.find(store_uri, url))

    def hold(self, cursor: Cursor, model: str) -> None:
        """Let nobody else write of a model until the end of the transaction."""
        self._hold_switch(cursor, model)

    # ---- the switch

    def switch(self, model: str) -> SwitchState:
        """How the switch of a model stands; one that nobody touched is closed."""
        return self.read(lambda cursor: self._find_switch(cursor, model) or SwitchState())

    def trip(self, model: str, who: str, reason: str, *, tell: Tell | None = None) -> SwitchState:
        """Open the switch.

        Parameters
        ----------
        model, who, reason : str
        tell : callable, optional
            As ``record`` has it.
        """
        return self._move(model, who, reason, "open", tell)

    def reset(
        self, model: str, who: str, reason: str, *, half_open: bool = False, tell: Tell | None = None
    ) -> SwitchState:
        """Close the switch, or open it by half, and count from nothing.

        Parameters
        ----------
        model, who, reason : str
        half_open : bool
        tell : callable, optional
            As ``record`` has it.
        """
        return self._move(model, who, reason, "half_open" if half_open else "closed", tell)

    def audit(self, model: str) -> tuple[Change, ...]:
        """Every change of the switch, oldest first."""

        def read(cursor: Cursor) -> tuple[Change, ...]:
            self._database.execute(cursor, statements.READ_CHANGES, {"model": model})
            return tuple(read_change(row) for row in cursor.fetchall())

        return self.read(read)

    def _move(self, model: str, who: str, reason: str, position: Position, tell: Tell | None) -> SwitchState:
        def move(cursor: Cursor) -> SwitchState:
            before = self._hold_switch(cursor, model)
            after = replace(before, position="open") if position == "open" else SwitchState(position)
            state = self._write_switch(cursor, model, before, after, (who, reason, None))
            self._told(cursor, Recorded(state, reason=reason), tell)
            return state

        moved = self.write(move)
        self.settle()
        return moved

    # ---- runs

    def begin(self, model: str, version: int, run_id: str, kind: Kind, output: str | None = None) -> Run:
        """Write down that a run begins, or begins again.

        Processes that score at the same time need runs of their own: of two windows with the
        same number in the same run, one counts.
        """
        named = {"model": model, "version": version, "run_id": run_id}

        def begin(cursor: Cursor) -> int:
            values = {**named, "kind": kind, "output": output, "now": now()}
            self._database.execute(cursor, statements.BEGIN_RUN, values)
            self._database.execute(cursor, statements.FIND_RUN, named)
            return int(cursor.fetchone()[0])

        return Run(self.write(begin), model, version, run_id, kind, output or "")

    def finish(self, run: Run, outcome: RunOutcome, rows: int) -> None:
        """Write down how a run ended."""
        values = {"run_key": run.key, "outcome": outcome, "rows": rows, "now": now()}
        self.write(lambda cursor: self._database.execute(cursor, statements.FINISH_RUN, values))

    def finish_lost(self, model: str, run_id: str, outcome: RunOutcome) -> None:
        """Write down how a run ended that was killed before it could say so.

        One that did say how it ended keeps that.
        """
        values = {"model": model, "run_id": run_id, "outcome": outcome}
        self.write(lambda cursor: self._database.execute(cursor, statements.FINISH_LOST, values))

    def record(
        self,
        run: Run,
        number: int,
        first_row: int,
        verdict: Verdict,
        outcome: WindowOutcome,
        rules: SwitchRules,
        *,
        fallback: int | None = None,
        digest: str = "",
        tell: Tell | None = None,
    ) -> Recorded:
        """Write down a window and count it for the switch, in one transaction.

        Rows count once, whichever version scores them and however they are cut into windows.
        A window that is recorded again takes the place of what was written; of one that
        overlaps others, only the rows that they do not hold are counted.

        Parameters
        ----------
        run : Run
        number : int
            Of the window in its run.
        first_row : int
            Of the window in its run, from 0.
        verdict : Verdict
            With the bin counts of its columns.
        outcome : WindowOutcome
        rules : SwitchRules
        fallback : int, optional
            Rows that the fallback answered; by default as many as the window says.
        digest : str, optional
            Of the input that the rows are of: rows of another input are other rows, whatever the
            run is called. Where it is not known, rows that go to another output are.
        tell : callable, optional
            Writes alerts in the same transaction, by a cursor and what became of the window. What
            it raises takes back what it wrote and is said in ``untold``; the window is counted.
        """
        source = digest or run.output
        answered = verdict.window.fallback if fallback is None else fallback
        made: list[Recorded] = []

        def record(cursor: Cursor) -> Recorded:
            before = self._hold_switch(cursor, run.model)
            fresh = self._fresh_rows(cursor, run, number, source, first_row, outcome.rows)
            self._write_window(cursor, run, number, source, first_row, verdict, answered)
            if fresh is None:
                recorded = Recorded(before, repeated=True)
            else:
                recorded = self._advance(cursor, run, before, outcome.part(fresh, rules), rules)
            made.append(self._told(cursor, recorded, tell))
            return made[-1]

        self.write(record)
        # done again after a cut while the first one was committed: it is the first that counted
        recorded = made[0] if made[-1].repeated else made[-1]
        if recorded.reason is not None:
            self.settle()
        return recorded

    def _advance(
        self, cursor: Cursor, run: Run, before: SwitchState, outcome: WindowOutcome, rules: SwitchRules
    ) -> Recorded:
        after, reason = advance(before, outcome, rules)
        if after == before and reason is None:
            return Recorded(before)
        change = (ITSELF, reason, run.run_id) if reason is not None else None
        state = self._write_switch(cursor, run.model, before, after, change)
        return Recorded(state, tripped=reason is not None and state.position == "open", reason=reason)

    def _fresh_rows(
        self, cursor: Cursor, run: Run, number: int, source: str, first_row: int, rows: int
    ) -> tuple[Span, ...] | None:
        """Rows of a window that were not counted yet; None where all were."""
        which = {"model": run.model, "run_id": run.run_id, "source": source}
        if rows:
            return take(self._database, cursor, {**which, "now": now()}, first_row, rows) or None
        self._database.execute(cursor, statements.FIND_SAME, {**which, "number": number})
        return () if cursor.fetchone() is None else None

    def _write_window(
        self,
        cursor: Cursor,
        run: Run,
        number: int,
        source: str,
        first_row: int,
        verdict: Verdict,
        fallback: int,
    ) -> None:
        say = self._database.execute
        values = {
            **window_row(verdict, fallback),
            "run_key": run.key,
            "model": run.model,
            "number": number,
            "source": source,
            "first_row": first_row,
            "now": now(),
        }
        say(cursor, statements.CLEAR_WINDOW, values)
        say(cursor, statements.MAKE_WINDOW, values)
        say(cursor, statements.FIND_WINDOW, values)
        key = {"window_key": cursor.fetchone()[0]}
        each = self._database.execute_each
        each(cursor, statements.WRITE_VERDICT, [{**key, **row} for row in verdict_rows(verdict.findings)])
        each(cursor, statements.WRITE_VERDICT, [{**key, **row} for row in psi_rows(verdict)])
        each(cursor, statements.WRITE_COUNTS, [{**key, **row} for row in count_rows(verdict)])

    def amend(
        self,
        run: Run,
        number: int,
        fallback: int,
        findings: Sequence[Finding],
        *,
        tell: Tell | None = None,
    ) -> None:
        """Add to a window what became of it after it was recorded: the fallback answered.

        It may be said again. Nothing is counted for the switch.

        Parameters
        ----------
        run : Run
        number : int
            Of the window in its run; the one that was recorded last.
        fallback : int
            Rows that the fallback answered.
        findings : sequence of Finding
            In its answers; each takes the place of what the same check said of the same column.
        tell : callable, optional
            As ``record`` has it.
        """
        say, each = self._database.execute, self._database.execute_each

        def amend(cursor: Cursor) -> None:
            state = self._hold_switch(cursor, run.model)
            say(cursor, statements.FIND_WINDOW, {"run_key": run.key, "number": number})
            key = {"window_key": cursor.fetchone()[0]}
            if key["window_key"] is not None:
                rows = [{**key, **row} for row in verdict_rows(findings)]
                say(cursor, statements.AMEND_WINDOW, {**key, "fallback": fallback})
                each(cursor, statements.CLEAR_VERDICT, [_of_check(row) for row in rows])
                each(cursor, statements.WRITE_VERDICT, rows)
            self._told(cursor, Recorded(state), tell)

        self.write(amend)

    def _told(self, cursor: Cursor, recorded: Recorded, tell: Tell | None) -> Recorded:
        """Have alerts written; what goes wrong with them is no reason not to count a window."""
        if tell is None:
            return recorded
        cursor.execute("SAVEPOINT alerts")
        try:
            tell(cursor, recorded)
        except Exception as error:
            if isinstance(error, self._database.errors) and self._database.passes(error):
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT alerts")
            return replace(recorded, untold=self._why(error))
        cursor.execute("RELEASE SAVEPOINT alerts")
        return recorded

    def _why(self, error: Exception) -> str:
        if isinstance(error, self._database.errors):
            error = self._database.translate(error)
        said = error.message if isinstance(error, ScorekitError) else f"{type(error).__name__} was raised"
        return f"alerts were not written down: {said}"

    # ---- the row of the switch

    def _find_switch(self, cursor: Cursor, model: str, suffix: str = "") -> SwitchState | None:
        self._database.execute(cursor, statements.READ_SWITCH + suffix, {"model": model})
        row = cursor.fetchone()
        return read_switch(row) if row is not None else None

    def _hold_switch(self, cursor: Cursor, model: str) -> SwitchState:
        """The switch, which nobody else moves until the end of the transaction."""
        held = self._find_switch(cursor, model, self._database.for_update)
        if held is not None:
            return held
        self._database.execute(cursor, statements.MAKE_SWITCH, {"model": model, "now": now()})
        return self._find_switch(cursor, model, self._database.for_update) or SwitchState()

    def _write_switch(
        self,
        cursor: Cursor,
        model: str,
        before: SwitchState,
        after: SwitchState,
        change: tuple[str, str, str | None] | None,
    ) -> SwitchState:
        """Write a switch, and who changed it, why and in which run."""
        at = now()
        since = at if change is not None or before.since is None else before.since
        row = {**switch_row(after), "model": model, "since": since, "now": at}
        self._database.execute(cursor, statements.WRITE_SWITCH, row)
        if change is not None:
            moved = {"from_position": before.position, "to_position": after.position}
            named = dict(zip(("who", "why", "run_id"), change, strict=True))
            self._database.execute(
                cursor, statements.WRITE_CHANGE, {"model": model, "now": at, **moved, **named}
            )
        return replace(after, since=since, updated=at)


def _of_check(row: dict[str, Any]) -> dict[str, Any]:
    """What ``CLEAR_VERDICT`` asks of a row."""
    return {name: row[name] for name in ("window_key", "check_name", "column_name")}
