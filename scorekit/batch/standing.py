"""What stands where an output or its errors file is to go: nothing of others is replaced unasked."""

from __future__ import annotations

from scorekit.batch.marks import mark_of
from scorekit.batch.options import JobOptions
from scorekit.batch.partial import Partial
from scorekit.batch.plan import Job
from scorekit.batch.publishing import is_file
from scorekit.batch.rejects import holds_rejects
from scorekit.errors import UsageError
from scorekit.tables.parts import identity, output_metadata

KEY_NAME = "scorekit.run_key"
"""Where an output of Parquet says by which run it was made."""


def is_made(target: str, key: str, partial: Partial, *, resume: bool) -> bool:
    """Whether a run of ``key`` made an output: it says so, or what the run left when it was killed.

    Parameters
    ----------
    target : str
    key : str
    partial : Partial
        Of the output.
    resume : bool
        Whether to go by what a run left that was killed.
    """
    known = output_metadata(target).get(KEY_NAME) or mark_of(target)
    if known is not None:
        return known == key
    return resume and partial.published(identity(target), key)


def refuse_errors_file(job: Job, options: JobOptions) -> None:
    """Refuse to replace an errors file, unless it is the default one and an earlier run wrote it.

    Raises
    ------
    UsageError
    """
    errors = job.errors
    if errors is None or options.force or not is_file(errors):
        return
    if options.errors_file is not None or not holds_rejects(errors):
        raise UsageError(
            f"the errors file {errors} exists",
            hint="replace it with --force, or name another with --errors-file",
        )
