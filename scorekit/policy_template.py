"""The first policy of a model: what holds, said, and what could be asked, commented out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from scorekit.errors import ModelError, UsageError
from scorekit.model import Model
from scorekit.quality.baseline import MISSING, Baseline, Bins
from scorekit.quality.checks import CHECKS
from scorekit.quality.switch import suggested
from scorekit.tables.parts import publish_bytes

LAST = 1_000
POOR_RATE = 0.01
"""Share of poor scores while all is well, for the suggested rule of the switch."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def policy_template(model: Model) -> str:
    """A policy for a model, as the text of a settings file.

    It declares a fallback, the mean score, which needs nothing; and says of every check
    what it does.

    Raises
    ------
    ModelError
        If the version has no baseline.
    """
    baseline = model.baseline
    name = f"{model.manifest.name}:{model.manifest.version}"
    if baseline is None:
        raise ModelError(
            f"{name} has no baseline to write a policy from",
            hint=f"make one with `scorekit quality baseline {name} --data ROWS`",
        )
    parts = [_quality(name, baseline), _checks(), _columns(model, baseline), _fallback(baseline), _switch()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def write_policy(path: Path, text: str, *, force: bool = False) -> None:
    """Write a policy to a file.

    Raises
    ------
    UsageError
        If there is one already, unless it is to be replaced, or it may not be written.
    """
    if path.exists() and not force:
        raise UsageError(f"{path} exists", hint="replace it with --force, or name another with -o")
    publish_bytes(str(path), text.encode())


def _quality(name: str, baseline: Baseline) -> str:
    return f"""\
# What decides over the scores of {name}, whose baseline has {baseline.rows:,} rows.
# docs/quality.md explains every setting.

[quality]
# what becomes of a window that failed: "warn" publishes it all the same, "fallback"
# publishes the fallback's scores instead, "fail" publishes nothing
on_fail = "fallback"
# largest share of rows that are rejected, and that the fallback answers
rejected = 0.05
fallback = 0.05

[quality.thresholds]
# of the adjusted PSI, and the largest probability of as much by chance
warn = 0.10
alarm = 0.25
warn_p = 0.05
alarm_p = 0.01

# [quality.rows]
# least = {max(1, baseline.rows // 10)}
# most = {baseline.rows * 10}
"""


def _checks() -> str:
    lines = ["[quality.checks]", '# "ignore", "warn", "row", "window" (it fails) or "fail" (the run stops)']
    wide = max(len(check.id) for check in CHECKS) + 2
    lines += [f'{_quoted(check.id):<{wide}} = "{check.action}"' for check in CHECKS]
    return "\n".join(lines)


def _columns(model: Model, baseline: Baseline) -> str:
    kinds = {feature.name: feature for feature in model.manifest.inputs.features}
    lines = ["# what is asked of every row; the ranges are those of training"]
    for bins in baseline.features:
        feature = kinds[bins.name]
        lines += ["", *_column(bins, timed=feature.kind == "timestamp")]
    return "\n".join(lines)


def _column(bins: Bins, *, timed: bool) -> Iterator[str]:
    yield f"# [quality.columns.{_key(bins.name)}]"
    missing = bins.special(MISSING)
    if missing is None or not bins.counts[missing]:
        yield "# required = true"
    if bins.kind == "category":
        yield '# unseen = "row"'
    elif not timed and bins.minimum is not None and bins.maximum is not None:
        yield f"# at_least = {bins.minimum!r}"
        yield f"# at_most = {bins.maximum!r}"


def _fallback(baseline: Baseline) -> str:
    segments = [bins.name for bins in baseline.features if bins.kind == "category"][:1]
    lines = [
        "[fallback]",
        "# the first rung that can answer a row answers it; segments and expressions are learned",
        "# and held against the model at training, so train with this file to use them",
        "ladder = [",
    ]
    lines += [f"  # {{ segment = [{_quoted(name)}] }}," for name in segments]
    return "\n".join([*lines, "  { mean = true },", "]"])


def _switch() -> str:
    poor = suggested(LAST, POOR_RATE)
    return f"""\
[switch]
# opens at so many failed windows in a row
windows = 3
# or at so many poor scores among the last {LAST:,}: by chance once in ten thousand times, where
# {POOR_RATE:.0%} are poor while all is well; every row of a failed window is, so one large batch is enough
# last = {LAST}
# poor = {poor}
# half open it is closed by so many windows that are clean
half_open_windows = 3
"""


def _quoted(name: str) -> str:
    # TOML escapes one character more than JSON
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)
