"""Runs every benchmark and writes the tables into this folder's README.

python -m benchmarks            # all; more than an hour on two cores
python -m benchmarks --quick    # once over, into the terminal only
"""

from __future__ import annotations

import contextlib
import io
import re
import sys

from benchmarks import (
    alarms,
    batch,
    brokers,
    delivery,
    limit,
    mutated,
    quality,
    row,
    serve,
    start,
    stream,
    switch,
    training,
)
from benchmarks.measure import HERE, machine

TABLES = {
    "batch": batch.main,
    "row": row.main,
    "start": start.main,
    "training": training.main,
    "limit": limit.main,
    "quality": quality.main,
    "switch": switch.main,
    "stream": stream.main,
    "mutated": mutated.main,
    "brokers": brokers.main,
    "delivery": delivery.main,
    "alarms": alarms.main,
    "serve": serve.main,
}
"""Part of the README to what prints it."""


def main(*, quick: bool) -> None:
    """Run all, and put each table where the README has a place for it."""
    path = HERE / "README.md"
    text = path.read_text()
    for name, run in TABLES.items():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            run(quick=quick)
        print(f"## {name}\n\n{printed.getvalue()}", flush=True)
        text = placed(text, name, printed.getvalue())
        if not quick:
            path.write_text(placed(text, "machine", machine()))


def placed(text: str, name: str, content: str) -> str:
    """The README with other content between the two marks of a part."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    part = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not part.search(text):
        raise SystemExit(f"README.md has no place for {name}")
    return part.sub(lambda _: f"{begin}\n{content.strip()}\n{end}", text)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
