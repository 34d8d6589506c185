"""From data files to decoded rows, their target and their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorekit import tables
from scorekit.engine.columns import Columns, Decoder, missing_columns
from scorekit.errors import DataError, SchemaError, UsageError
from scorekit.nearest import nearest
from scorekit.schema import Feature, Schema
from scorekit.store.manifest import CarriedColumn, DataFile
from scorekit.tables.training import read_tables
from scorekit.training.inference import infer, with_ranges
from scorekit.training.recipe import Recipe
from scorekit.training.target import Target, in_rows, read_target

_LAST_MICROSECOND = 2.0**63
"""Times from here on are beyond what 64 bits of microseconds hold."""


_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows ready to be trained on.

    Attributes
    ----------
    schema : Schema
    columns : Columns
        Every row, with the strings of coded columns.
    target : Target
    weights : ndarray of float64, shape (n_rows,), or None
    times : ndarray of float64, shape (n_rows,), or None
        The time column, in microseconds or whatever it counts in.
    period : tuple of str or None
        First and last time.
    carried : tuple of CarriedColumn
    files : tuple of DataFile
    fingerprint : str
        SHA-256 of the decoded rows, whatever the files' format.
    name : str
        What a model of this data is called unless it is given a name.
    notes : tuple of str
    """

    schema: Schema
    columns: Columns
    target: Target
    weights: NDArray[np.float64] | None
    times: NDArray[np.float64] | None
    period: tuple[str, str] | None
    carried: tuple[CarriedColumn, ...]
    files: tuple[DataFile, ...]
    fingerprint: str
    name: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.columns)


def read_dataset(inputs: Sequence[str], recipe: Recipe) -> Dataset:
    """Read files and take them apart as a recipe says.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders, patterns or addresses.
    recipe : Recipe

    Raises
    ------
    FormatError, SchemaError, DataError
        What is wrong with the files, the columns or the values.
    UsageError
        If the recipe uses a column for two things.
    """
    sources = tables.find(inputs, format=recipe.format)
    na_values = tuple(recipe.na_values if recipe.na_values is not None else tables.DEFAULT_NA_VALUES)
    files = tuple(_data_file(source) for source in sources)
    table = read_tables(sources, na_values=na_values).unify_dictionaries()
    return take_apart(table, recipe, na_values, files=files, name=sources[0].name)


def _data_file(source: tables.Source) -> DataFile:
    if source.uri == "-":
        raise UsageError(
            f"{source.name} can be read only once, and a version is made again from the files it names",
            hint="write the rows to a file first",
        )
    try:
        source.uri.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the name {source.uri!r} is not UTF-8, and cannot be kept in a version", hint="rename the file"
        ) from None
    with source.open() as stream:
        sha, size = hashlib.sha256(), 0
        while piece := stream.read(_HASHED_AT_ONCE):
            sha.update(piece)
            size += len(piece)
    return DataFile(uri=source.uri, sha256=sha.hexdigest(), size=size)


def take_apart(
    table: pa.Table,
    recipe: Recipe,
    na_values: tuple[str, ...],
    *,
    files: tuple[DataFile, ...] = (),
    name: str = "model",
) -> Dataset:
    """Features, target, weights and times of a table; see ``read_dataset``."""
    if not table.num_rows:
        raise DataError(f"{name}: no rows to learn from", code="no_rows")
    _check_columns(table, recipe)
    target = read_target(table.column(recipe.target), recipe, frozenset(na_values))
    weights = _weights(table, recipe)
    inferred = infer(table, _feature_names(table, recipe), na_values, keep_text=recipe.pipeline is not None)
    if not len(inferred.schema):
        raise DataError(
            "no column is left to learn from",
            hint="; ".join(inferred.notes[:3]) or "give columns beside the target, or drop fewer",
        )
    columns, schema = _decode(table, inferred.schema)
    times, period = _times(table, recipe, na_values)
    return Dataset(
        schema=schema,
        columns=columns,
        target=target,
        weights=weights,
        times=times,
        period=period,
        carried=_carried(table, schema),
        files=files,
        fingerprint=fingerprint(schema, columns, target, weights),
        name=name,
        notes=inferred.notes,
    )


# Which column is what ----------------------------------------------------------------


def _check_columns(table: pa.Table, recipe: Recipe) -> None:
    names = table.column_names
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaError(f"column {twice!r} stands {names.count(twice)} times in the data")
    if recipe.target not in names:
        near = nearest(recipe.target, names)
        shown = ", ".join(repr(name) for name in names[:10]) + (", …" if len(names) > 10 else "")
        raise SchemaError(
            f"the data has no column {recipe.target!r} to be the target",
            hint=f"did you mean {near!r}?" if near else f"it has {shown}",
            code="missing_column",
        )
    named = _named(recipe)
    missing = [name for name, _ in named if name not in names]
    if missing:
        raise missing_columns(missing, names)
    for name, use in named:
        if name == recipe.target:
            raise UsageError(f"column {name!r} is the target and cannot be {use} as well")


def _named(recipe: Recipe) -> list[tuple[str, str]]:
    """Columns the recipe names beside the target, and what for."""
    named = [(name, "an id") for name in recipe.id_columns] + [(name, "dropped") for name in recipe.drop]
    if recipe.weight_column is not None:
        named.append((recipe.weight_column, "the weight"))
    if recipe.time_column is not None:
        named.append((recipe.time_column, "the time"))
    return named


def _feature_names(table: pa.Table, recipe: Recipe) -> list[str]:
    taken = {recipe.target, *(name for name, _ in _named(recipe))}
    return [name for name in table.column_names if name not in taken]


def _carried(table: pa.Table, schema: Schema) -> tuple[CarriedColumn, ...]:
    features = set(schema.names)
    return tuple(
        CarriedColumn(name=field.name, arrow_type=str(field.type))
        for field in table.schema
        if field.name not in features and not pa.types.is_nested(field.type)
    )


# Values ------------------------------------------------------------------------------


def _decode(table: pa.Table, schema: Schema) -> tuple[Columns, Schema]:
    decoder = Decoder(schema, keep_texts=any(feature.kind == "text" for feature in schema.features))
    columns = _joined([decoder.batch(batch) for batch in table.combine_chunks().to_batches()])
    for feature, index in schema.each():
        if feature.kind == "timestamp":
            _refuse_beyond(feature, columns.numeric[:, index])
    return columns, with_ranges(schema, columns)


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    numeric = np.asfortranarray(np.concatenate([part.numeric for part in parts]))
    codes = np.asfortranarray(np.concatenate([part.codes for part in parts]))
    texts = {index: [text for part in parts for text in part.texts[index]] for index in parts[0].texts}
    return Columns(numeric, codes, (), texts)


def _refuse_beyond(feature: Feature, values: NDArray[np.float64]) -> None:
    beyond = np.flatnonzero(np.abs(values) >= _LAST_MICROSECOND)
    if len(beyond):
        raise DataError(
            f"column {feature.name!r} holds times beyond the year 292,277 {in_rows(len(beyond), beyond[0])}",
            hint=f"mend them, or --drop {feature.name}",
            code="not_a_timestamp",
        )


def _weights(table: pa.Table, recipe: Recipe) -> NDArray[np.float64] | None:
    name = recipe.weight_column
    if name is None:
        return None
    column = table.column(name)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise SchemaError(f"the weight column {name!r} is {kind}, not numbers", code="wrong_type")
    weights = np.array(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy())
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise DataError(
            f"the weight column {name!r} is missing, negative or infinite {in_rows(len(bad), bad[0])}",
            code="bad_weight",
        )
    if not weights.any():
        raise DataError(f"the weight column {name!r} is zero in every row", code="bad_weight")
    return weights


def _times(
    table: pa.Table, recipe: Recipe, na_values: tuple[str, ...]
) -> tuple[NDArray[np.float64] | None, tuple[str, str] | None]:
    """The time of every row, and the first and last one as text."""
    name = recipe.time_column
    if name is None:
        return None, None
    kind = table.schema.field(name).type
    counts = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    feature = Feature(
        name=name, kind="numeric" if counts else "timestamp", arrow_type=str(kind), nullable=True
    )
    decoder = Decoder(Schema(features=(feature,), na_values=na_values))
    columns = _joined([decoder.batch(batch) for batch in table.select([name]).combine_chunks().to_batches()])
    times = columns.numeric[:, 0]
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        raise DataError(
            f"the time column {name!r} is missing or no time {in_rows(len(bad), bad[0])}",
            code="bad_time",
        )
    _refuse_beyond(feature, times)
    return times, (_time_text(times.min(), counts=counts), _time_text(times.max(), counts=counts))


def _time_text(value: np.float64, *, counts: bool) -> str:
    if counts:
        return f"{value:.15g}"
    return str(np.datetime64(int(value), "us")).removesuffix(".000000").removesuffix("T00:00:00")


def fingerprint(schema: Schema, columns: Columns, target: Target, weights: NDArray[np.float64] | None) -> str:
    """SHA-256 of decoded rows: names, kinds, levels and values of every feature, target, weights.

    The same rows have the same fingerprint whatever format they were read from.

    Returns
    -------
    str
        Hexadecimal.
    """
    sha = hashlib.sha256()
    for feature, index in schema.each():
        sha.update(f"\0{feature.name}\0{feature.kind}\0".encode())
        if feature.kind == "text":
            _add_texts(sha, columns.texts[index])
        elif feature.coded:
            _add_texts(sha, feature.levels)
            sha.update(np.ascontiguousarray(columns.codes[:, index]).data)
        else:
            sha.update(_one_nan(columns.numeric[:, index]).data)
    sha.update(f"\0target {target.name}\0{target.task}\0".encode())
    _add_texts(sha, [repr(label) for label in target.classes])
    sha.update(np.ascontiguousarray(target.codes if target.classes else target.labels).data)
    if weights is not None:
        sha.update(b"\0weights\0")
        sha.update(weights.data)
    return sha.hexdigest()


def _add_texts(sha: hashlib._Hash, texts: Iterable[str | None]) -> None:
    for text in texts:
        data = b"" if text is None else text.encode("utf-8", "surrogatepass")
        sha.update(f"{-1 if text is None else len(data)}:".encode())
        sha.update(data)


def _one_nan(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with every NaN of the same bits."""
    missing = np.isnan(values)
    return np.where(missing, np.nan, values) if missing.any() else np.ascontiguousarray(values)
