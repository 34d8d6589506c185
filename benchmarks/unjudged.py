"""``scorekit`` without counting, judging and recording, to be held against itself."""

from __future__ import annotations

import sys

from scorekit import cli, gate

judged = gate.Gate.__init__


def unjudged(self: gate.Gate, *args: object, **options: object) -> None:
    """A gate that counts nothing and records nothing."""
    judged(self, *args, **{**options, "ledger": None})  # type: ignore[arg-type]
    self.scorer = self.model.scorer


if __name__ == "__main__":
    gate.Gate.__init__ = unjudged  # type: ignore[method-assign]
    cli.main(sys.argv[1:])
