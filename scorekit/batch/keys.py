"""What tells a run from others: the content of its inputs, the model, and whatever else decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Future

from scorekit.batch.inputs import hash_inputs, in_background, run_key
from scorekit.batch.options import JobOptions
from scorekit.batch.plan import Job
from scorekit.gate import Gate


class Keys:
    """The keys of a job; its inputs are hashed beside everything else.

    Parameters
    ----------
    job : Job
    gate : Gate
    options : JobOptions
    """

    def __init__(self, job: Job, gate: Gate, options: JobOptions) -> None:
        self._job = job
        self._gate = gate
        self._options = options
        self._hashes: Future[tuple[str, ...]] = in_background(lambda: hash_inputs(job))

    def inputs(self) -> tuple[str, ...]:
        """Content hash of each input."""
        return self._hashes.result()

    def unchanged(self) -> bool:
        """Whether the inputs are still those that were hashed."""
        return hash_inputs(self._job) == self.inputs()

    def run(self) -> str:
        """Digest of everything that decides what is written."""
        return self._key({**self._options.decisive(), **self._gate.decisive()})

    def counting(self) -> str:
        """Digest of which rows are counted, whoever scores them, and whatever is written of them.

        Two files of the same content are two files.
        """
        rows = [
            [source.name, content] for source, content in zip(self._job.sources, self.inputs(), strict=True)
        ]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def _key(self, decisive: Mapping[str, object]) -> str:
        return run_key(self._job, self._gate.model, decisive, self.inputs())
