"""Every error a user can meet, as one tree.

    ScorekitError
    ├── UsageError            2   the command cannot be carried out as given
    ├── DataError             3   input that cannot be read or does not meet the schema
    │   ├── FormatError           unreadable: file, line, what was expected
    │   ├── SchemaError           readable, but not the columns or types of the model
    │   └── RowsRejected          more bad rows than ``--max-errors``
    ├── ModelError            4   the model is the matter
    │   ├── ModelNotFound
    │   ├── TamperedError         a hash or a signature does not hold
    │   ├── VersionMismatch       made by something this installation cannot load
    │   └── NotReproduced
    ├── QualityError          5   the quality gate failed and the policy is `fail`
    ├── SwitchOpen            6   the kill switch is open
    ├── Unreachable           7   a store, database or broker does not answer
    │   └── DeliveryFailed        an alert was not taken
    └── NothingToDo          99   another run holds the lock, or the output is complete

Each class carries its exit code and its HTTP status, and each error a stable
``code`` that programs may match on. The table in the README is made from here.
Errors of other libraries are translated where they are met; none passes the
command line.
"""

from __future__ import annotations

from typing import ClassVar


class ScorekitError(Exception):
    """What failed, on which value, and what to do next.

    Parameters
    ----------
    message : str
        One sentence that says what failed, on which value.
    hint : str, optional
        The next command or the mend, without the word "hint".
    code : str, optional
        A stable name for this error; the class gives the default.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    meaning: ClassVar[str] = "a bug in scorekit"
    code: str = "internal"
    result: object | None = None
    """What was done all the same, to be shown beside the error."""

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(ScorekitError):
    """The command cannot be carried out as given."""

    exit_code = 2
    http_status = 400
    meaning = "usage"
    code = "usage"


class DataError(ScorekitError):
    """Bad data."""

    exit_code = 3
    http_status = 422
    meaning = "bad data: unreadable, schema not met, row errors over `--max-errors`"
    code = "data"


class FormatError(DataError):
    """A file that cannot be read as what it says it is.

    The message begins with the file and, where there is one, the line:
    ``rows.csv:17: expected 15 fields, found 14``.
    """

    code = "format"


class SchemaError(DataError):
    """Data that can be read, but lacks the columns or the types of the model."""

    code = "schema"


class RowsRejected(DataError):
    """More rows were rejected than the run allows."""

    code = "rows_rejected"


class ModelError(ScorekitError):
    """The model is missing, not verified, or of another version."""

    exit_code = 4
    http_status = 409
    meaning = "model: missing, not verified, version mismatch"
    code = "model"


class ModelNotFound(ModelError):
    """No such model, version or alias."""

    http_status = 404
    code = "model_not_found"


class TamperedError(ModelError):
    """A file's hash or a version's signature does not hold."""

    code = "tampered"


class VersionMismatch(ModelError):
    """A file of a format, or a pickle of a scikit-learn, this installation does not load."""

    code = "version_mismatch"


class NotReproduced(ModelError):
    """Training again from the manifest gave another model."""

    code = "not_reproduced"


class QualityError(ScorekitError):
    """The quality gate failed and the policy is ``fail``."""

    exit_code = 5
    http_status = 422
    meaning = "quality gate failed and the policy is `fail`: nothing published"
    code = "quality"


class SwitchOpen(ScorekitError):
    """The kill switch is open: nothing is published."""

    exit_code = 6
    http_status = 503
    meaning = "kill switch open: nothing published"
    code = "switch_open"


class Unreachable(ScorekitError):
    """A store, database or broker cannot be reached."""

    exit_code = 7
    http_status = 503
    meaning = "a store, database or broker cannot be reached"
    code = "unreachable"


class DeliveryFailed(Unreachable):
    """An alert was not taken; it stays in the outbox and is sent again."""

    code = "delivery_failed"


class NothingToDo(ScorekitError):
    """Another run holds the lock, or the output is complete already."""

    exit_code = 99
    http_status = 409
    meaning = "nothing to do: another run holds the lock, or the output is complete already"
    code = "nothing_to_do"
