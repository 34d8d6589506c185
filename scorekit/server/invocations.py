"""Bodies that MLflow's scoring server and SageMaker's containers take, and what these answer.

JSON is one of ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``; CSV has a header,
as MLflow writes it, or none, as SageMaker does; a record without names has the order of the model's columns.

References
----------
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally, "Inference Server Specification";
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, TypeAlias

import msgspec

from scorekit.errors import FormatError, SchemaError
from scorekit.server.answers import record_answers
from scorekit.server.forms import Form, Piece
from scorekit.server.payloads import Payload, read_object, read_records, records_of
from scorekit.store.manifest import Manifest
from scorekit.stream.lines import Wrong
from scorekit.tables import csv_records, json_records

Names: TypeAlias = Sequence[str]
"""Of the columns of a model, in its order."""
Found: TypeAlias = Mapping[str, Any] | Wrong | Any
"""A record, what is wrong with it, or what is none."""


def invocation_form(kind: str, answer: str, model: str, manifest: Manifest, header: str | None) -> Form:
    """How bodies are read and answered.

    Parameters
    ----------
    kind, answer : str
        Content types, keys of ``READERS`` and ``WRITERS``.
    model : str
        The reference that is asked.
    manifest : Manifest
        Of what it means.
    header : {"present", "absent"} or None
        Whether CSV has one; None looks.
    """
    read = READERS[kind]
    given = {"header": header} if read is _csv_rows else {}
    names = manifest.inputs.names
    return Form(partial(_read, find=partial(read, names=names, **given), model=model), WRITERS[answer])


def _read(body: bytes, most_rows: int, *, find: Callable[[bytes], Iterable[Found]], model: str) -> Payload:
    found = list(islice(find(body), most_rows + 1))
    if not found:
        raise FormatError("the body should hold one record or more", code="bad_payload")
    rows, wrong = read_records(found, most_rows)
    return Payload(rows, wrong, model)


# JSON --------------------------------------------------------------------------------


def _json_rows(body: bytes, *, names: Names) -> Sequence[Found]:
    content = read_object(body)
    said = [key for key in _LAYOUTS if key in content]
    if len(said) != 1:
        raise FormatError(f"the body should have one of {', '.join(_LAYOUTS)}", code="bad_payload")
    return _LAYOUTS[said[0]](content[said[0]], names)


def _split(given: Any, names: Names) -> Sequence[Found]:
    columns, data = (given.get("columns"), given.get("data")) if isinstance(given, dict) else (None, None)
    if not isinstance(columns, list) or not isinstance(data, list):
        raise FormatError("dataframe_split should have columns and data", code="bad_payload")
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise FormatError("columns of dataframe_split should be texts, each once", code="bad_payload")
    record = _reader(columns, names)
    return [record(values) if isinstance(values, list) else values for values in data]


def _records(given: Any, _: Names) -> Sequence[Found]:
    if not isinstance(given, list):
        raise FormatError("dataframe_records should be a list of records", code="bad_payload")
    return given


def _instances(given: Any, names: Names) -> Sequence[Found]:
    if not isinstance(given, list):
        raise FormatError("instances should be a list of records", code="bad_payload")
    return [*map(_instances_by(names), given)]


def _inputs(given: Any, names: Names) -> Sequence[Found]:
    """Columns by name, or records."""
    if not isinstance(given, dict):
        return _instances(given, names)
    columns = list(given.values())
    if not columns or not all(isinstance(values, list) for values in columns):
        raise FormatError("inputs should be a list for each column, or a list of records", code="bad_payload")
    if len(set(map(len, columns))) > 1:
        raise FormatError("the columns of inputs differ in length", code="bad_payload")
    return records_of({name: given[name] for name in names if name in given}, len(columns[0]))


def _instances_by(names: Names) -> Callable[[Any], Found]:
    """Reads a record; one without names may stand by itself, or as what SageMaker calls its features."""
    record = _reader(names, names)

    def read(given: Any) -> Found:
        if isinstance(given, dict) and given.keys() == {"features"} and isinstance(given["features"], list):
            given = given["features"]
        return record(given) if isinstance(given, list) else given

    return read


def _reader(columns: Sequence[str], names: Names) -> Callable[[Sequence[Any]], Found]:
    """Makes a record of values that stand in columns; those that the model does not know are left out."""
    known = set(names)
    places = [(name, place) for place, name in enumerate(columns) if name in known]

    def read(values: Sequence[Any]) -> Found:
        if len(values) != len(columns):
            return Wrong("ragged", f"expected {len(columns):,} fields, found {len(values):,}")
        return {name: values[place] for name, place in places}

    return read


_LAYOUTS: Mapping[str, Callable[[Any, Names], Sequence[Found]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _line_rows(body: bytes, *, names: Names) -> Iterator[Found]:
    lines = (line.removesuffix(b"\n") for line in io.BytesIO(body) if not line.isspace())
    return map(_instances_by(names), map(_line, lines))


def _line(data: bytes) -> Found:
    try:
        return _DECODER.decode(data)
    except (ValueError, RecursionError):
        line = json_records.one_line(data, 1)
    return Wrong(line.code, line.message) if line.value is None else line.value


_DECODER = msgspec.json.Decoder(dict[str, Any])


# CSV ---------------------------------------------------------------------------------


def _csv_rows(body: bytes, *, names: Names, header: str | None) -> Iterator[Found]:
    found = _fields(body.removeprefix(b"\xef\xbb\xbf"))
    columns: Sequence[str] = names
    first = next(found, None)
    if first is not None and _has_header(first, names, header):
        columns = _columns(first)
    elif first is not None:
        found = chain([first], found)
    record = _reader(columns, names)
    return (one if isinstance(one, Wrong) else record(one) for one in found)


def _columns(first: list[str] | Wrong) -> list[str]:
    """What a header names."""
    if isinstance(first, Wrong):
        raise FormatError(f"the header cannot be read: {first.message}", code="bad_payload")
    if len(set(first)) < len(first):
        raise SchemaError("two columns of one name in the header", code="duplicate_column")
    return first


def _fields(body: bytes) -> Iterator[list[str] | Wrong]:
    """The fields of each record."""
    for record in csv_records.records(body, b",", 1):
        if record.code:
            yield Wrong(record.code, record.message)
            continue
        try:
            text = body[record.start : record.stop].decode()
            yield next(csv.reader(io.StringIO(text, newline="")))
        except UnicodeDecodeError:
            yield Wrong("not_utf8", "not UTF-8")
        except csv.Error:
            yield Wrong("format", "not a record of CSV")


def _has_header(first: list[str] | Wrong, names: Names, header: str | None) -> bool:
    """Whether the first record names columns: all of the model's, or none if it is data.

    Raises
    ------
    SchemaError
        If it could be either.
    """
    if header is not None:
        return header == "present"
    known = set(names) & set(first if isinstance(first, list) else ())
    if known and len(known) < len(names):
        raise SchemaError(
            f"the first line names {len(known):,} of the {len(names):,} columns of the model; name all of "
            "them, or none and send text/csv; header=absent",
            code="missing_column",
        )
    return bool(known)


READERS: Mapping[str, Callable[..., Iterable[Found]]] = {
    "application/json": _json_rows,
    "text/csv": _csv_rows,
    "application/jsonlines": _line_rows,
    "application/x-ndjson": _line_rows,
}
"""Content types of bodies."""


# Answers -----------------------------------------------------------------------------


def _answers(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> Iterator[dict[str, Any]]:
    for piece in pieces:
        yield from record_answers(piece.answered, manifest, piece.wrong, payload.include)


def _predicted(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of a record, and with several classes the likeliest."""
    return {name: value for name, value in answer.items() if name not in ("score_source", "error")}


def write_predictions(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> bytes:
    """What MLflow's clients read: ``predictions``, a number or an object for each record."""
    answers = list(_answers(pieces, manifest, payload))
    predicted = [_predicted(answer) for answer in answers]
    single = len(manifest.scoring.columns) == 1
    content: dict[str, Any] = {
        "predictions": [one["score"] for one in predicted] if single else predicted,
        "model": manifest.name,
        "version": manifest.version,
        "score_source": [answer["score_source"] for answer in answers],
    }
    errors = [
        {"index": index, **answer["error"]} for index, answer in enumerate(answers) if "error" in answer
    ]
    return msgspec.json.encode({**content, "errors": errors} if errors else content)


def write_lines(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> bytes:
    """A JSON object a line, as ``/v1/score/batch`` has them."""
    return b"".join(msgspec.json.encode(answer) + b"\n" for answer in _answers(pieces, manifest, payload))


def write_csv(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> bytes:
    """The scores of a record a line, without a header; empty where there is none."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        _predicted(answer).values() for answer in _answers(pieces, manifest, payload)
    )
    return out.getvalue().encode()


WRITERS: Mapping[str, Callable[[Iterable[Piece], Manifest, Payload], bytes]] = {
    "application/json": write_predictions,
    "application/jsonlines": write_lines,
    "text/csv": write_csv,
}
"""Content types of answers."""
