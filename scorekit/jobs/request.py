"""What a client can ask to be trained: a recipe without anything that runs code or reaches the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scorekit.errors import UsageError
from scorekit.store.manifest import Label
from scorekit.store.references import check_name
from scorekit.tables.formats import FORMATS
from scorekit.training.estimators import ESTIMATORS
from scorekit.training.recipe import Recipe, TaskChoice, make_recipe, model_name, validated

_OF_SKLEARN = re.compile(r"sklearn(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+\.[A-Z][A-Za-z0-9]*")
"""A class in a public module of scikit-learn."""
_NOT_OF_CLIENTS = frozenset({"memory", "n_jobs", "steps", "transformers", "verbose"})
"""Parameters that name a folder to write to, take cores, or put in other parts."""
_LONGEST = 1000
"""Of what is named in a list: files, columns, texts."""


class SearchRequest(BaseModel):
    """A search for parameters, as ``training.recipe.Search`` has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["grid", "random"] = "grid"
    params: dict[str, Any] = Field(min_length=1)
    n_iter: int = Field(default=20, ge=1, le=10_000)
    scoring: str | None = None
    cv: int = Field(default=5, ge=2, le=100)


def _several(data: Any) -> Any:
    return (data,) if isinstance(data, str) else data


class TrainRequest(BaseModel):
    """What is to be trained, on what.

    Attributes
    ----------
    data : tuple of str
        Files, folders, patterns or ``s3://`` URIs that clients may name, or one of them alone;
        empty where the data is uploaded.
    promote : bool
        Make the version the champion.
    target, name, estimator, params, task, positive, id_columns, drop, weight_column, time_column
        As ``Recipe`` has them.
    na_values, format, holdout, cv, seed, search
        As ``Recipe`` has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(default=(), max_length=_LONGEST)
    promote: bool = False
    target: str
    name: str | None = None
    estimator: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    task: TaskChoice = "auto"
    positive: Label | None = None
    id_columns: tuple[str, ...] = Field(default=(), max_length=_LONGEST)
    drop: tuple[str, ...] = Field(default=(), max_length=_LONGEST)
    weight_column: str | None = None
    time_column: str | None = None
    na_values: tuple[str, ...] | None = Field(default=None, max_length=_LONGEST)
    format: str | None = None
    holdout: float | None = Field(default=None, gt=0, lt=1)
    cv: int = Field(default=5, ge=0, le=100)
    seed: int = Field(default=0, ge=0, lt=2**32)
    search: SearchRequest | None = None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> TrainRequest:
        """A request from what JSON says.

        Raises
        ------
        UsageError
            Naming the field that is unknown, out of range, or not for clients.
        """
        try:
            request = validated(cls, content)
        except UsageError as error:
            raise _refused(error.message, error.hint) from None
        request.check()
        return request

    def check(self) -> None:
        """Refuse what a client may not ask for, and what no recipe can be.

        Raises
        ------
        UsageError
        """
        check_name(self.model)
        named = self.estimator
        if named is not None and named not in ESTIMATORS and not _OF_SKLEARN.fullmatch(named):
            raise _refused(
                "estimator: clients can name those of scikit-learn only",
                f"known: {', '.join(ESTIMATORS)}, or an import path such as sklearn.svm.SVC",
            )
        if self.format is not None and self.format not in FORMATS:
            raise _refused("format: there is no such format", f"known: {', '.join(FORMATS)}")
        _check_params("params", self.params)
        _check_params("search.params", self.search.params if self.search is not None else ())
        self.recipe()

    @property
    def model(self) -> str:
        """Name of the model.

        Raises
        ------
        UsageError
            If neither it nor data is named.
        """
        if self.name is not None:
            return self.name
        if not self.data:
            raise _refused("name: what is trained on uploaded data needs a name", None)
        return model_name(self.data[0])

    def recipe(self) -> Recipe:
        """The recipe that is trained by.

        Raises
        ------
        UsageError
        """
        given = self.model_dump(exclude={"data", "promote"}, exclude_unset=True)
        return make_recipe(None, {**given, "name": self.model})


def _check_params(where: str, names: Iterable[str]) -> None:
    for name in names:
        if name.rpartition("__")[2] in _NOT_OF_CLIENTS:
            raise _refused(f"{where}: {name} is not for clients to set", None)


def _refused(message: str, hint: str | None) -> UsageError:
    # a client is told what is wrong, and no hint beside it
    return UsageError(message if hint is None else f"{message}; {hint}", code="bad_request")
