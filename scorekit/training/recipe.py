"""What a user can say about training, as options or as a file that says the same.

A recipe is kept in the manifest. A recipe whose ``search`` has a ``chosen`` is one
whose search is done: training by it uses what was chosen and searches no more.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.store.manifest import Label
from scorekit.wording import wrong_with

DEFAULT_ESTIMATOR = "boosting"
DEFAULT_HOLDOUT = 0.2
"""Share of the rows kept back when only a time column is given."""

TaskChoice = Literal["auto", "classification", "regression"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Candidate(_Part):
    """One set of parameters that a search tried.

    Attributes
    ----------
    params : dict
    score : float
        Mean over the folds; larger is better, as scikit-learn's scorers have it.
    spread : float
        Standard deviation over the folds.
    """

    params: dict[str, Any]
    score: float
    spread: float


class Search(_Part):
    """A search for parameters.

    Attributes
    ----------
    kind : {"grid", "random"}
    params : dict
        Parameter name to a list of values, or for a random search to a range:
        ``{low = 0.01, high = 10, log = true}``; whole numbers where both ends are.
    n_iter : int
        Candidates of a random search.
    scoring : str or None
        Name of a scikit-learn scorer; None means ROC AUC, log loss or R².
    cv : int
        Folds for each candidate.
    chosen : dict or None
        The best parameters, once the search is done.
    candidates : tuple of Candidate
        What was tried, best first.
    """

    kind: Literal["grid", "random"] = "grid"
    params: dict[str, Any] = Field(min_length=1)
    n_iter: int = Field(default=20, ge=1)
    scoring: str | None = None
    cv: int = Field(default=5, ge=2)
    chosen: dict[str, Any] | None = None
    candidates: tuple[Candidate, ...] = ()


class ModuleText(_Part):
    """The text of a user's module, so that the version can be made again.

    Attributes
    ----------
    module : str
        Full name.
    sha256 : str
    text : str
    package : bool
        Whether it is a package's ``__init__``.
    """

    module: str
    sha256: str
    text: str
    package: bool = False


class FactorySource(ModuleText):
    """The module of ``--pipeline``, and what it imports of the user's own."""

    beside: tuple[ModuleText, ...] = ()


class Recipe(_Part):
    """How to train, less the data files.

    Attributes
    ----------
    target : str
    name : str or None
        Name of the model; None means the data file's.
    estimator : str or None
        Short name or import path; None means boosting, unless there is a pipeline.
    pipeline : str or None
        ``MODULE:FACTORY`` of an unfitted estimator.
    params : dict
        Parameters of the final estimator; ``step__parameter`` reaches other steps.
    task : {"auto", "classification", "regression"}
    positive : label or None
    id_columns, drop : tuple of str
    weight_column, time_column : str or None
    na_values : tuple of str or None
        Strings that mean missing; None means the usual ones.
    format : str or None
        Format of the data files; None means what their endings say.
    holdout : float or None
        Share of rows kept back, between 0 and 1.
    cv : int
        Folds; 0 for none.
    seed : int
    search : Search or None
    source : FactorySource or None
        Filled in by training.
    """

    target: str
    name: str | None = None
    estimator: str | None = None
    pipeline: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    task: TaskChoice = "auto"
    positive: Label | None = None
    id_columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    weight_column: str | None = None
    time_column: str | None = None
    na_values: tuple[str, ...] | None = None
    format: str | None = None
    holdout: float | None = Field(default=None, gt=0, lt=1)
    cv: int = Field(default=5, ge=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    search: Search | None = None
    source: FactorySource | None = None

    @field_validator("cv")
    @classmethod
    def _at_least_two_folds(cls, cv: int) -> int:
        if cv == 1:
            raise ValueError("one fold leaves nothing to train on; use 0 for none, or 2 and more")
        return cv

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.estimator is not None and self.pipeline is not None:
            raise ValueError("an estimator and a pipeline are two models; give one of them")
        return self

    @property
    def holdout_share(self) -> float | None:
        """Share of rows kept back, or None."""
        if self.holdout is None and self.time_column is not None:
            return DEFAULT_HOLDOUT
        return self.holdout


def make_recipe(file: Path | None, given: Mapping[str, Any]) -> Recipe:
    """A recipe from a file and from options, which win.

    Parameters
    ----------
    file : Path or None
        TOML with the fields of ``Recipe``.
    given : mapping
        Options that were given, by field; None and empty ones were not. ``params``
        are added to those of the file.

    Raises
    ------
    UsageError
        If the file cannot be read, or a field is unknown or out of range.
    """
    content = read_toml(file, "recipe") if file is not None else {}
    options = {key: value for key, value in given.items() if value not in (None, (), {}, [])}
    if "params" in options:
        options["params"] = {**content.get("params", {}), **options["params"]}
    if "estimator" in options:
        content.pop("pipeline", None)
    if "pipeline" in options:
        content.pop("estimator", None)
    if "target" not in {**content, **options}:
        raise UsageError("no target column is given", hint="--target COLUMN, or target in the recipe")
    return validated(Recipe, {**content, **options}, f"{file}: " if file is not None else "")


def read_search(file: Path) -> Search:
    """A search from a TOML file with the fields of ``Search``.

    Raises
    ------
    UsageError
        If it cannot be read, or a field is unknown or out of range.
    """
    return validated(Search, read_toml(file, "search"), f"{file}: ")


def read_toml(file: Path, what: str) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    UsageError
        Naming the line that is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no such {what} file: {file}") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None


_Kind = TypeVar("_Kind", bound=BaseModel)


def validated(kind: type[_Kind], content: Mapping[str, Any], source: str = "") -> _Kind:
    """What a table says, as a model.

    Parameters
    ----------
    kind : type of BaseModel
    content : mapping
    source : str
        What messages begin with.

    Raises
    ------
    UsageError
        Naming the field that is unknown or out of range.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            *tables, name = map(str, first["loc"])
            known = _fields(kind, tables)
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"{source}no such setting: {'.'.join([*tables, name])}", hint=hint) from None
        place = ".".join(_written(first, content))
        said = wrong_with(first)
        raise UsageError(f"{source}{place}: {said}" if place else f"{source}{said}") from None


def _fields(kind: type[BaseModel], tables: Iterable[str]) -> list[str]:
    """Names that a table of a recipe may hold."""
    parts: dict[str, type[BaseModel]] = {"search": Search, "source": FactorySource}
    for name in tables:
        kind = parts.get(name, kind)
    return list(kind.model_fields)


def _written(error: Mapping[str, Any], content: Any) -> Iterator[str]:
    """The place of an error as far as it stands in the file; pydantic adds what it tried to read."""
    path = list(error["loc"])
    if error["type"] == "missing":
        yield from map(str, path)
        return
    for part in path:
        if not (isinstance(content, Mapping) and part in content):
            return
        content = content[part]
        yield str(part)


def model_name(source: str) -> str:
    """A model's name from a data file's: ``data/Bank train.csv.gz`` gives ``Bank-train``.

    Examples
    --------
    >>> model_name("data/Bank train.csv.gz"), model_name("s3://rows/2024/")
    ('Bank-train', '2024')
    """
    stem = PurePath(source.rstrip("/")).name.split(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")
    return name[:100] or "model"


def parse_params(given: Iterable[str]) -> dict[str, Any]:
    """Parameters from ``KEY=VALUE`` words.

    Returns
    -------
    dict
        Values read as TOML (``200``, ``false``, ``0.5``, ``[1, 2]``), else as strings.

    Raises
    ------
    UsageError
        If a word has no ``=`` or no key.

    Examples
    --------
    >>> parse_params(["max_iter=200", "early_stopping=false", "solver=saga"])
    {'max_iter': 200, 'early_stopping': False, 'solver': 'saga'}
    """
    params = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"not a parameter: {word}", hint="--param NAME=VALUE, such as max_iter=200")
        params[key.strip()] = parse_value(value.strip())
    return params


def parse_value(text: str) -> Any:
    """A value as TOML reads it, else the text itself; ``none`` is None, which TOML has not.

    Examples
    --------
    >>> parse_value("0.5"), parse_value("balanced"), parse_value("none")
    (0.5, 'balanced', None)
    """
    if text.lower() in ("none", "null"):
        return None
    try:
        return tomllib.loads(f"value = {text}\n")["value"] if "\n" not in text else text
    except tomllib.TOMLDecodeError:
        return text
