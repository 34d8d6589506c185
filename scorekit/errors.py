"""Every error a user can meet, as one tree.

    ScorekitError
    ├── UsageError            2   the command cannot be carried out as given
    │   ├── NotAuthenticated      who calls the service does not show who they are
    │   ├── NotAllowed            a caller may not do what they ask for
    │   ├── Refused               a request that the service does not take
    │   ├── JobNotFound           no such job
    │   ├── JobConflict           a job that contradicts another, or that is over
    │   └── JobFailed             a job went over its limits, or ended unexpectedly
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
``code`` that programs may match on: ``CODES`` has them all. The tables in the documents
are made from here.
Errors of other libraries are translated where they are met; none passes the
command line.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when a disk or a quota is full, or a file as large as it may be."""


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

    def hide(self, folder: str, instead: str = "") -> None:
        """Say no more where a folder is, for those whom that does not concern; files in it keep their names.

        Parameters
        ----------
        folder : str
            Or the URI of a store.
        instead : str
            What is said of the folder itself.

        Examples
        --------
        >>> error = DataError("/srv/in/rows.csv: no rows", hint="look into /srv/in")
        >>> error.hide("/srv/in", "the folder")
        >>> error.message, error.hint
        ('rows.csv: no rows', 'look into the folder')
        """
        if not folder.strip("/"):  # it stands in every path, and says nothing
            return
        # no part of another name: neither of /srv/in-2026 nor of s3://bucket/srv/in
        before = r"(?<![\w.-])" if folder.startswith("/") else r"(?<![\w./-])"
        place = re.compile(rf"{before}{re.escape(folder)}(?:(/)(?=[\w.~-])|/?(?![\w-]|\.\w))")

        def hidden(text: str) -> str:
            return place.sub(lambda found: "" if found[1] else instead, text)

        self.message = hidden(self.message)
        self.hint = hidden(self.hint) if self.hint else self.hint


class UsageError(ScorekitError):
    """The command cannot be carried out as given."""

    exit_code = 2
    http_status = 400
    meaning = "usage"
    code = "usage"
    setting: tuple[str, ...] = ()
    """The setting of the policy that is the matter, by its tables and its name."""


class NotAuthenticated(UsageError):
    """A caller of the service does not show who they are, or not in a way that holds."""

    http_status = 401
    code = "not_authenticated"


class NotAllowed(UsageError):
    """A caller of the service may not do what they ask for.

    Parameters
    ----------
    message : str
    scope : str, optional
        What they would need.
    """

    http_status = 403
    code = "not_allowed"

    def __init__(
        self, message: str, *, scope: str = "", hint: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.scope = scope


class Refused(UsageError):
    """A request that the service does not take.

    Parameters
    ----------
    message : str
    code : str
        A key of ``REFUSALS``, which gives its HTTP status.
    retry_after : int, optional
        Seconds after which it may be asked again.
    hint : str, optional
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str = "refused",
        retry_after: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """Of HTTP."""
        return REFUSALS[self.code]


REFUSALS: Mapping[str, int] = {
    "refused": 400,
    "bad_encoding": 400,
    "bad_inference": 400,
    "body_cut": 400,
    "bad_form": 403,
    "cross_site": 403,
    "no_such_route": 404,
    "no_such_method": 405,
    "not_acceptable": 406,
    "body_too_slow": 408,
    "too_large": 413,
    "too_many_rows": 413,
    "unknown_encoding": 415,
    "unknown_media_type": 415,
    "bad_host": 421,
    "invalid_parameter": 422,
    "one_record": 422,
    "too_many_jobs": 429,
    "too_many_requests": 429,
    "busy": 503,
    "interrupted": 503,
    "not_ready": 503,
    "timeout": 504,
}
"""HTTP status of a request that is refused, by code."""


class JobNotFound(UsageError):
    """No such job."""

    http_status = 404
    code = "job_not_found"


class JobConflict(UsageError):
    """A job that contradicts one that was asked for before."""

    http_status = 409
    code = "idempotency_conflict"


class JobFailed(UsageError):
    """A job that went over its limits, or whose process ended again and again."""

    code = "job_crashed"


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


class Code(NamedTuple):
    """What a code of an error means.

    Attributes
    ----------
    kind : type of ScorekitError
        The class that is raised with it, or one above it.
    meaning : str
    """

    kind: type[ScorekitError]
    meaning: str


CODES: Mapping[str, Code] = {
    "internal": Code(ScorekitError, "a bug in scorekit"),
    # how it was asked for
    "usage": Code(UsageError, "the command cannot be carried out as given"),
    "no_such_input": Code(UsageError, "no such file, object or folder of tables, or it cannot be opened"),
    "no_access": Code(UsageError, "an input may not be read"),
    "input_twice": Code(UsageError, "an input stands twice among the inputs"),
    "bad_uri": Code(UsageError, "an address that names no bucket"),
    "bad_output": Code(UsageError, "an output that cannot be written where or as it was asked for"),
    "no_such_format": Code(UsageError, "`--format` names no format"),
    "unknown_format": Code(UsageError, "the format cannot be told from the name"),
    "policy": Code(UsageError, "a setting of the quality policy is not as it should be"),
    "expression": Code(UsageError, "an expression of the policy cannot be read"),
    "fallback": Code(UsageError, "a rung of the fallback ladder is not as it should be"),
    "no_fallback": Code(UsageError, "a fallback of the ladder cannot answer for this model"),
    "alerts": Code(UsageError, "a setting of the alerts is not as it should be"),
    # who calls the service
    "auth": Code(UsageError, "a setting of `[auth]` is not as it should be"),
    "no_pepper": Code(UsageError, "the secret that API keys are kept with is missing or too short"),
    "no_such_key": Code(UsageError, "no API key of this id"),
    "too_many_keys": Code(UsageError, "two API keys of one name are live already"),
    "not_authenticated": Code(NotAuthenticated, "a request without an API key or a token"),
    "bad_credentials": Code(
        NotAuthenticated, "an API key or a token that is not known, not valid, expired or revoked"
    ),
    "not_allowed": Code(NotAllowed, "the caller lacks the scope for it"),
    # requests to the service
    "refused": Code(Refused, "a request that cannot be answered"),
    "bad_encoding": Code(Refused, "a body that is packed in another way than it says"),
    "bad_inference": Code(Refused, "a request of the Open Inference Protocol that is not as it should be"),
    "body_cut": Code(Refused, "a body that ended before its end"),
    "bad_host": Code(Refused, "a name that the service is not called by"),
    "bad_form": Code(Refused, "a form that was not sent from a page of its session"),
    "cross_site": Code(Refused, "a request that a page of another site has sent"),
    "no_such_route": Code(Refused, "no such route"),
    "no_such_method": Code(Refused, "a route that is not asked by this method"),
    "not_acceptable": Code(Refused, "`Accept` names no format that rows are sent in"),
    "body_too_slow": Code(Refused, "a body that did not come in time"),
    "too_large": Code(Refused, "a body of more bytes than is taken"),
    "too_many_rows": Code(Refused, "more records than are taken"),
    "unknown_encoding": Code(Refused, "a body that is packed by something else than gzip"),
    "unknown_media_type": Code(Refused, "a body of a content type that is not taken"),
    "invalid_parameter": Code(Refused, "a parameter that is not as it should be"),
    "one_record": Code(Refused, "another number of records than one, where one is scored"),
    "too_many_jobs": Code(Refused, "as many jobs wait as may"),
    "too_many_requests": Code(Refused, "more requests than the caller may send in this time"),
    "busy": Code(Refused, "more requests at a time than are taken"),
    "interrupted": Code(Refused, "what answered the request was stopped; it may be sent again"),
    "not_ready": Code(Refused, "the models are not loaded yet"),
    "timeout": Code(Refused, "a request that could not be answered in time"),
    "which_model": Code(UsageError, "no model is named, and several are served"),
    "bad_payload": Code(DataError, "a body that is JSON, and not what is asked for"),
    "invalid_json": Code(DataError, "a body that is not JSON"),
    "not_served": Code(ModelError, "a model or version that this service does not serve"),
    # jobs
    "job_not_found": Code(JobNotFound, "no such job"),
    "idempotency_conflict": Code(JobConflict, "another request was made under the same idempotency key"),
    "data_not_allowed": Code(NotAllowed, "a place that clients may not name to train from"),
    "bad_request": Code(UsageError, "a request to train that asks for what a client may not"),
    "upload_gone": Code(UsageError, "the uploaded data of a job is not where the worker looks for it"),
    "job_timeout": Code(JobFailed, "a job took longer than it may"),
    "job_memory": Code(JobFailed, "a job took more memory than it may"),
    "job_crashed": Code(JobFailed, "the process of a job ended unexpectedly, each time it was tried"),
    # data
    "data": Code(DataError, "bad data"),
    "format": Code(DataError, "a file that cannot be read as what it says it is"),
    "schema": Code(DataError, "data that can be read, but lacks the columns or the types of the model"),
    "missing_column": Code(DataError, "the data lacks columns"),
    "duplicate_column": Code(DataError, "two columns of one name"),
    "wrong_type": Code(DataError, "a column of a type that cannot be used for what it is needed for"),
    "replaced": Code(DataError, "an object was replaced while it was read"),
    "answer_too_large": Code(DataError, "an answer is larger than the broker takes"),
    "rows_rejected": Code(DataError, "more rows were rejected than the run allows"),
    "all_rejected": Code(DataError, "every row was rejected"),
    # data to train on
    "no_rows": Code(DataError, "no rows to learn from"),
    "missing_target": Code(DataError, "rows without a target"),
    "infinite_target": Code(DataError, "a target that is infinite"),
    "constant_target": Code(DataError, "a target with the same value in every row"),
    "too_many_classes": Code(DataError, "a target with more classes than can be told apart"),
    "rare_class": Code(DataError, "a class with too few rows to be split"),
    "bad_weight": Code(DataError, "weights that are missing, negative, infinite or all zero"),
    "bad_time": Code(DataError, "times that are missing or cannot be put in order"),
    "not_a_timestamp": Code(DataError, "a time column that is none"),
    "infinite": Code(DataError, "infinite values, which the estimator does not take"),
    "huge": Code(DataError, "values too large for the estimator"),
    "fit_failed": Code(DataError, "the estimator could not be fitted"),
    # models
    "model": Code(ModelError, "the model is missing, not verified, or of another version"),
    "model_not_found": Code(ModelError, "no such model, version or alias"),
    "tampered": Code(ModelError, "a file's hash or a version's signature does not hold"),
    "unsigned": Code(ModelError, "a version that is not signed, where only signed ones are trusted"),
    "untrusted_key": Code(ModelError, "a version that no trusted key has signed"),
    "version_mismatch": Code(ModelError, "made by what this installation cannot load"),
    "kernel_missing": Code(ModelError, "a model of trees, where scorekit was built without a compiler"),
    "not_reproduced": Code(ModelError, "training again from the manifest gave another model"),
    "no_previous_version": Code(ModelError, "an alias that never pointed at another version"),
    # what is withheld, and what does not answer
    "quality": Code(QualityError, "the quality gate failed and the policy is `fail`"),
    "switch_open": Code(SwitchOpen, "the kill switch is open or half open: nothing is published"),
    "unreachable": Code(Unreachable, "a store, database or broker cannot be reached"),
    "no_space": Code(Unreachable, "the disk is full, or a quota is used up"),
    "state_unreachable": Code(Unreachable, "the state database does not answer, or cannot be opened"),
    "state_missing": Code(Unreachable, "the state database holds no tables yet"),
    "state_older": Code(Unreachable, "the state database has to be upgraded"),
    "state_newer": Code(Unreachable, "the state database is of a newer scorekit"),
    "state_half_migrated": Code(Unreachable, "the state database has a part of its tables only"),
    "state_denied": Code(Unreachable, "the state database does not allow it"),
    "state_read_only": Code(Unreachable, "the state database cannot be written"),
    "state_full": Code(Unreachable, "the state database cannot grow: its disk is full"),
    "state_locked": Code(Unreachable, "another process holds the state database for too long"),
    "state_corrupt": Code(Unreachable, "the state database is damaged, or is none"),
    "state_replaced": Code(Unreachable, "the state database was removed or replaced while it was in use"),
    "token_keys": Code(Unreachable, "the keys that tokens are signed with cannot be had"),
    "delivery_failed": Code(Unreachable, "an alert was not taken; it stays in the outbox and is sent again"),
    "nothing_to_do": Code(NothingToDo, "another run holds the lock, or the output is complete already"),
    "locked": Code(NothingToDo, "another run is writing this output"),
    "complete": Code(NothingToDo, "the output is complete already"),
}
"""Every code there is; a test looks for others in the source."""
