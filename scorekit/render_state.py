"""What people see of the state: switches, past verdicts, the database; and what programs do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scorekit.monitoring import Health, Measure
from scorekit.quality.switch import SwitchState
from scorekit.render_manifest import columns_table, text
from scorekit.state.past import History, PastRun, PastWindow, Pruned
from scorekit.state.revisions import HEAD
from scorekit.state.rows import Change
from scorekit.switches import SwitchStatus
from scorekit.terminal import terminal

if TYPE_CHECKING:
    from rich.table import Table

    from scorekit.state.migrate import Standing, Upgraded

_POSITIONS = {"closed": "[green]closed[/]", "half_open": "[yellow]half open[/]", "open": "[red]open[/]"}
_STATES = {
    "ok": "[green]ok[/]",
    "insufficient": "[dim]insufficient[/]",
    "warn": "[yellow]warn[/]",
    "unknown": "[yellow]unknown[/]",
    "alarm": "[red]alarm[/]",
}
_LONGEST_ID = 24
_MEANS = {
    "closed": "scores are published",
    "half_open": "scores are kept back until enough windows are clean",
    "open": "nothing is published",
}


# The switch --------------------------------------------------------------------------


def show_switch(status: SwitchStatus, *, as_json: bool) -> None:
    """Show a switch and its changes on stdout."""
    if as_json:
        terminal.answer_json(switch_json(status))
        return
    terminal.answer(_headline(status), *_counts(status.state))
    if status.changes:
        terminal.answer("", _changes_table(status.changes))


def show_moved(status: SwitchStatus, problem: str | None = None, *, as_json: bool) -> None:
    """Say how a switch stands now, and who could not be told, on stderr, or as one JSON object on stdout."""
    untold = [*status.untold, *([problem] if problem is not None else [])]
    found = {**switch_json(status), "untold": untold}
    if as_json:
        terminal.answer_json(found)
        return
    lines = [f"[yellow]warning[/] {text(said)}" for said in untold]
    terminal.report("switch_moved", found, _headline(status), *lines)


def _headline(status: SwitchStatus) -> str:
    position = status.state.position
    return f"[bold]{text(status.model)}[/]: the switch is {_POSITIONS[position]}, {_MEANS[position]}"


def _counts(state: SwitchState) -> list[str]:
    if state.updated is None:
        return ["[dim]nothing was counted yet[/]"]
    counted = [f"{state.seen:,} rows", f"{state.total_poor:,} poor", f"{state.bad_windows:,} failed in a row"]
    if state.position == "half_open":
        counted.append(f"{state.clean_windows:,} clean in a row")
    return [f"[dim]since the last reset: {', '.join(counted)}[/]"]


def _changes_table(changes: Sequence[Change]) -> Table:
    table = columns_table("when (UTC)", "change", "by", "why", "run")
    for change in changes:
        step = f"{_said(change.from_position)} → {_said(change.to_position)}"
        table.add_row(
            _minute(change.at), step, text(change.who), text(change.why), text(_short(change.run_id or ""))
        )
    return table


def _said(position: str) -> str:
    return position.replace("_", " ")


def switch_json(status: SwitchStatus) -> dict[str, Any]:
    """The switch of a model for programs."""
    return {
        "model": status.model,
        "database": status.place,
        **_state_json(status.state),
        "changes": [_change_json(change) for change in status.changes],
    }


def _state_json(state: SwitchState) -> dict[str, Any]:
    return {
        "position": state.position,
        "since": _iso(state.since),
        "updated": _iso(state.updated),
        "seen": state.seen,
        "total_poor": state.total_poor,
        "bad_windows": state.bad_windows,
        "clean_windows": state.clean_windows,
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "at": _iso(change.at),
        "who": change.who,
        "from": change.from_position,
        "to": change.to_position,
        "why": change.why,
        "run_id": change.run_id,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


# Past verdicts -----------------------------------------------------------------------


def show_history(history: History, *, as_json: bool) -> None:
    """Show past windows on stdout."""
    if as_json:
        terminal.answer_json(history_json(history))
        return
    head = f"[bold]{text(history.model)}[/]: the switch is {_POSITIONS[history.switch.position]}"
    if not history.windows:
        terminal.answer(head, "[dim]no window was judged yet[/]")
        return
    terminal.answer(head, _windows_table(history.windows))


def _windows_table(windows: Sequence[PastWindow]) -> Table:
    table = columns_table("when (UTC)", "run", "rows", "poor", "verdict", "worst PSI", "failed by")
    for column in (2, 3):
        table.columns[column].justify = "right"
    for column in range(5):
        table.columns[column].no_wrap = True
    for window in windows:
        number = f" #{window.number}" if window.number else ""
        table.add_row(
            _minute(window.recorded),
            text(_short(window.run_id) + number),
            f"{window.rows:,}",
            f"{window.poor:,}",
            _STATES.get(window.state, text(window.state)),
            _worst(window),
            text(window.reason.partition(":")[0]),
        )
    return table


def _short(run_id: str) -> str:
    """An id that was drawn at random is told from others by its first digits."""
    return run_id if len(run_id) <= _LONGEST_ID else f"{run_id[:12]}…"


def _worst(window: PastWindow) -> str:
    moved = window.psi()
    if not moved:
        return ""
    column = max(moved, key=moved.__getitem__)
    return f"{moved[column]:.3f} [dim]{text(column)}[/]"


def history_json(history: History) -> dict[str, Any]:
    """Past verdicts for programs."""
    return {
        "model": history.model,
        "database": history.place,
        "switch": _state_json(history.switch),
        "windows": [_window_json(window) for window in history.windows],
        "runs": [_run_json(run) for run in history.runs],
        "changes": [_change_json(change) for change in history.audit],
    }


def _window_json(window: PastWindow) -> dict[str, Any]:
    return {
        "version": window.version,
        "run_id": window.run_id,
        "kind": window.kind,
        "number": window.number,
        "first_row": window.first_row,
        "rows": window.rows,
        "rejected": window.rejected,
        "fallback": window.fallback,
        "verdict": window.state,
        "outcome": window.outcome,
        "reason": window.reason,
        "recorded": _iso(window.recorded),
        "checks": [
            {
                "check": said.check,
                "column": said.column,
                "state": said.state,
                "value": said.value,
                "expected": said.expected,
                "message": said.message,
            }
            for said in window.verdicts
        ],
    }


def _run_json(run: PastRun) -> dict[str, Any]:
    return {
        "version": run.version,
        "run_id": run.run_id,
        "kind": run.kind,
        "started": _iso(run.started),
        "finished": _iso(run.finished),
        "outcome": run.outcome,
        "output": run.output,
        "rows": run.rows,
    }


# The database ------------------------------------------------------------------------


def show_upgraded(upgraded: Upgraded, *, as_json: bool) -> None:
    """Say what became of a database, on stderr, or as one JSON object on stdout."""
    found = {"database": upgraded.place, "before": upgraded.before, "revision": upgraded.after}
    if as_json:
        terminal.answer_json(found)
        return
    if upgraded.before == upgraded.after:
        what = f"is up to date, at revision {upgraded.after}"
    elif upgraded.before is None:
        what = f"was made, at revision {upgraded.after}"
    else:
        what = f"was migrated from revision {upgraded.before} to {upgraded.after}"
    terminal.report("database_upgraded", found, f"the state database {text(upgraded.place)} {what}")


def show_standing(standing: Standing, *, as_json: bool) -> None:
    """Show where a database is and how it stands on stdout."""
    if as_json:
        terminal.answer_json(
            {
                "database": standing.place,
                "kind": standing.kind,
                "revision": standing.revision,
                "newest": HEAD,
                "usable": standing.problem is None,
                "code": standing.problem.code if standing.problem is not None else None,
            }
        )
        return
    terminal.answer(f"[bold]{text(standing.place)}[/]", f"  {_standing(standing)}")


def _standing(standing: Standing) -> str:
    if standing.problem is not None:
        return "[red]cannot be used[/]"
    if standing.revision is None:
        return "not there yet: it is made when it is needed"
    if standing.revision != HEAD:
        return f"at revision {standing.revision}; it is migrated to {HEAD} when it is needed"
    return f"[green]up to date[/], at revision {HEAD}"


def show_pruned(pruned: Pruned, *, as_json: bool) -> None:
    """Say what was removed, on stderr, or as one JSON object on stdout."""
    found = {
        "before": _iso(pruned.before),
        "windows": pruned.windows,
        "runs": pruned.runs,
        "alerts": pruned.alerts,
        "jobs": pruned.jobs,
    }
    if as_json:
        terminal.answer_json(found)
        return
    terminal.report(
        "database_pruned",
        found,
        f"removed {_many(pruned.windows, 'window')}, {_many(pruned.runs, 'run')}, "
        f"{_many(pruned.alerts, 'alert')} and {_many(pruned.jobs, 'job')} "
        f"from before {_minute(pruned.before)} UTC",
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


# Monitoring --------------------------------------------------------------------------


def show_health(health: Health, *, as_json: bool) -> None:
    """Say how a model does on stdout: one line, as a monitoring system reads it."""
    if as_json:
        terminal.answer_json(
            {
                "level": health.level,
                "model": health.model,
                "facts": list(health.facts),
                "measures": {measure.name: measure.value for measure in health.measures},
            }
        )
        return
    head = f"SCOREKIT {health.level} - {_line(': '.join([health.model, '; '.join(health.facts)]))}"
    numbers = " ".join(_measure(measure) for measure in health.measures)
    terminal.answer_file(f"{head} | {numbers}\n" if numbers else f"{head}\n")


def _line(said: str) -> str:
    """Text for a line whose numbers begin after a bar."""
    return "".join(char if char.isprintable() else " " for char in said).replace("|", "/").removeprefix(": ")


def _measure(measure: Measure) -> str:
    limits = [f"{limit:g}" if limit is not None else "" for limit in (measure.warn, measure.critical)]
    drawn = ";".join([f"{measure.value:.6g}{measure.unit}", *limits]).rstrip(";")
    return f"{measure.name}={drawn}"
