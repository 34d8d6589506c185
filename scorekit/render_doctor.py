"""The doctor's report, for people and for programs."""

from __future__ import annotations

import dataclasses

from scorekit.doctor import Report
from scorekit.terminal import terminal

_SIGNS = {"ok": "[green]ok[/]", "off": "[yellow]off[/]", "bad": "[red]bad[/]"}


def show(report: Report, *, as_json: bool) -> None:
    """Show the report on stdout."""
    if as_json:
        findings = [dataclasses.asdict(finding) for finding in report.findings]
        terminal.answer_json({"healthy": report.healthy, "findings": findings})
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    topic = ""
    for finding in report.findings:
        advice = f"  [dim]{escape(finding.advice)}[/]" if finding.advice else ""
        shown = finding.topic if finding.topic != topic else ""
        topic = finding.topic
        value = escape(finding.value) + advice
        table.add_row(f"[bold]{shown}[/]", escape(finding.name), _SIGNS[finding.health], value)
    terminal.answer(table)
