"""What a run that was killed left behind, dealt with by the next one that writes to the same place.

It holds the lock of the place, so whoever held it before is dead.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from scorekit.errors import Unreachable

if TYPE_CHECKING:
    from scorekit.batch.partial import Partial
    from scorekit.gate import Gate


def finish_lost(partial: Partial, gate: Gate, *, published: bool) -> None:
    """Write down how a run ended that held a folder and could not say so itself.

    Parameters
    ----------
    partial : Partial
        Held by this run.
    gate : Gate
    published : bool
        Whether its output is in place.
    """
    owner = partial.owner()
    if owner is not None:
        run_id, ending = owner
        # a state that cannot be written now is met again as soon as it is needed
        with suppress(Unreachable):
            gate.finish_lost(run_id, ending if published else "failed")
