"""What a person sees of a scored batch, and what a program does."""

from __future__ import annotations

from typing import Any

from scorekit.batch import BatchResult, JobResult
from scorekit.gate import said
from scorekit.quality.verdict import Verdict
from scorekit.render_quality import verdict_json, verdict_lines
from scorekit.terminal import escape, terminal

WORST = 5
"""Reasons shown; the errors file has them all."""


def show(result: BatchResult, *, as_json: bool) -> None:
    """Show a summary on stderr, or one JSON object on stdout, which has to be free for it."""
    if as_json:
        taken = any(output.target == "-" for output in result.outputs)
        terminal.answer_json(to_json(result), beside_data=taken)
        return
    for output in result.outputs:
        terminal.report("scored", _output_json(result, output), *_lines(result, output))
        failed = _failed(output)
        if terminal.quiet and failed is not None:
            terminal.warn(f"{output.target} was published, but failed: {said(failed)}")
    if len(result.outputs) > 1:
        terminal.report("scored all", {"rows": result.rows, "rejected": result.rejected}, _total(result))
    for trouble in result.untold:
        terminal.warn(trouble)


def to_json(result: BatchResult) -> dict[str, Any]:
    """The result as JSON can hold it."""
    return {
        "model": result.model,
        "engine": result.engine,
        "run_id": result.run_id,
        "dry_run": result.dry_run,
        "rows": result.rows,
        "rejected": result.rejected,
        "seconds": round(result.seconds, 3),
        "untold": list(result.untold),
        "outputs": [_output_json(result, output) for output in result.outputs],
    }


def _output_json(result: BatchResult, output: JobResult) -> dict[str, Any]:
    summary = output.summary
    return {
        "output": output.target,
        "rows": summary.rows,
        "rejected": summary.rejected,
        "flagged": summary.flagged,
        "flags": summary.flaws,
        "resumed_rows": output.resumed_rows,
        "errors_file": output.errors_file,
        "mean": dict(zip(result.score_columns, summary.means, strict=False)),
        "fallback": summary.fallback,
        "fate": output.fate,
        "repeated": output.repeated,
        "switch": output.switch.position if output.switch else None,
        "quality": verdict_json(output.verdict) if output.verdict else None,
        "minimum": summary.minimum,
        "maximum": summary.maximum,
        "quantiles": {str(share): value for share, value in summary.quantiles().items()},
    }


def _lines(result: BatchResult, output: JobResult) -> list[str]:
    summary = output.summary
    # one output takes as long as the run, its model and all
    seconds = output.seconds if len(result.outputs) > 1 and not result.dry_run else result.seconds
    speed = f"{(summary.rows - output.resumed_rows) / seconds:,.0f} rows/s" if seconds > 0 else ""
    verb = "would score" if result.dry_run else "scored"
    what = _rows(summary.rows) if not result.dry_run else f"into {escape(output.target)}"
    how = f"in {seconds:.2f} s, {speed}"
    lines = [f"[bold]{verb}[/] {what} with [bold]{result.model}[/] ({result.engine}) {how}"]
    lines += _score_lines(result, output)
    if summary.rejected:
        share = summary.rejected / summary.rows
        lines.append(f"  [red]rejected[/]  {_rows(summary.rejected)} ({share:.1%})")
    if summary.fallback:
        share = summary.fallback / summary.rows
        lines.append(f"  [yellow]fallback[/]  answered {_rows(summary.fallback)} ({share:.1%})")
    lines += _flag_lines(output)
    if output.verdict is not None:
        lines += verdict_lines(output.verdict)
    lines += _fate_lines(output)
    if not result.dry_run and output.target != "-":
        place = "withheld " if output.fate == "quarantined" else "output   "
        lines.append(f"  {place} {escape(output.target)}")
    if output.errors_file:
        lines.append(f"  errors    {escape(output.errors_file)}")
    return lines


def _total(result: BatchResult) -> str:
    """All outputs together."""
    speed = f", {_new_rows(result) / result.seconds:,.0f} rows/s" if result.seconds > 0 else ""
    rejected = f", {_rows(result.rejected)} rejected" if result.rejected else ""
    files = f"{len(result.outputs):,} outputs"
    return f"[bold]in all[/] {_rows(result.rows)} into {files} in {result.seconds:.2f} s{speed}{rejected}"


def _new_rows(result: BatchResult) -> int:
    return sum(output.summary.rows - output.resumed_rows for output in result.outputs)


def _score_lines(result: BatchResult, output: JobResult) -> list[str]:
    summary = output.summary
    if len(result.score_columns) > 1:
        means = list(zip(result.score_columns, summary.means, strict=False))
        wide = max(len(name) for name in result.score_columns)
        return [
            f"  {'' if place else 'mean':<9} {escape(f'{name:<{wide}}')} {mean:.4g}"
            for place, (name, mean) in enumerate(means)
        ]
    if not summary.means:
        return []
    quantiles = summary.quantiles()
    shown = "  ".join(f"{share:.0%} {quantiles[share]:.4g}" for share in (0.05, 0.25, 0.5, 0.75, 0.95))
    return [f"  score     mean {summary.means[0]:.4g}", f"  quantiles {shown}"]


def _fate_lines(output: JobResult) -> list[str]:
    """What became of a window that failed, and how the switch stands, where it is not closed."""
    lines = []
    if output.fate == "degraded":
        lines.append("  [bold yellow]degraded[/]  the window failed: the fallback's scores were published")
    elif _failed(output) is not None:
        lines.append("  [bold red]warning[/]   the window failed, and was published all the same")
    if output.repeated:
        lines.append("  counted   before, under the same run id: the switch was not moved")
    if output.switch is not None and output.switch.position != "closed":
        lines.append(f"  switch    [bold red]{output.switch.position.replace('_', ' ')}[/]")
    return lines


def _failed(output: JobResult) -> Verdict | None:
    """The verdict on a window that failed, where it was published as the model scored it."""
    verdict = output.verdict
    return verdict if output.fate == "published" and verdict is not None and verdict.failed else None


def _flag_lines(output: JobResult) -> list[str]:
    worst = sorted(output.summary.flaws.items(), key=lambda item: -item[1])
    lines = [f"  flagged   {_rows(count)}: {escape(name)}" for name, count in worst[:WORST]]
    if len(worst) > WORST:
        lines.append(f"            and {len(worst) - WORST} more reasons")
    return lines


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
