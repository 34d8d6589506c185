"""``scorekit``, and ``python -m scorekit``.

Scoring a small file is starting and ending, and half of that is saved here. What is
imported stays, so collecting garbage finds none, neither meanwhile nor at the end.
pydantic looks through every installed package for plugins, of which scorekit uses none.
And NumPy's library for matrices begins by a thread for each core, while a score is made
by threads of ours.
"""

import gc
import os
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
_SCORING = frozenset({"score", "score-batch", "score-stream"})


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    if not _SCORING.isdisjoint(sys.argv[1:2]):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from scorekit.cli import main as run

    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
