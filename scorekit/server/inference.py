"""Requests and answers of the Open Inference Protocol (V2): an input and an output for each column.

::

    {"inputs": [{"name": "age", "datatype": "FP64", "shape": [2], "data": [41, null]}, …]}

References
----------
https://github.com/kserve/open-inference-protocol, ``specification/protocol/inference_rest.md``;
https://github.com/triton-inference-server/server, ``docs/protocol/extension_binary_data.md``
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from scorekit.errors import FormatError, Refused
from scorekit.scoring import output_columns, output_fields
from scorekit.server.forms import Form, Piece
from scorekit.server.payloads import Payload, read_object, records_of
from scorekit.server.tensors import BOOL, BYTES, DTYPES, Tensor, from_bytes, from_json, to_bytes, to_json
from scorekit.store.manifest import Manifest
from scorekit.stream.lines import Wrong, plain_value

HEADER = "Inference-Header-Content-Length"
"""Says how many bytes of a body are JSON, where others follow."""

_CONTENT_TYPES = {"pd", "np", "str", "datetime"}
"""What MLServer calls what is read here by datatype: a request is ``pd``, a column one of the others."""
_UNKNOWN = ("classification", "shared_memory_region")
"""Parameters of Triton's extensions that change what is meant, and are not known here."""


class Wanted(NamedTuple):
    """An output that is asked for."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True, eq=False)
class InferPayload(Payload):
    """Records to be scored, and how they are to be answered.

    Attributes
    ----------
    id : str or None
        What the request is called by who sends it.
    wanted : tuple of Wanted
    """

    id: str | None = None
    wanted: tuple[Wanted, ...] = ()


class InferAnswer(NamedTuple):
    """An answer: JSON, and the bytes of its tensors where they are asked for."""

    head: bytes
    tensors: bytes | None


def inference_form(model: str, manifest: Manifest, length: str | None) -> Form:
    """How requests are read and answered.

    Parameters
    ----------
    model : str
        The reference that the route names.
    manifest : Manifest
        Of what it means.
    length : str or None
        What ``HEADER`` says.
    """
    outputs = tuple(one["name"] for one in output_tensors(manifest))
    inputs = frozenset(manifest.inputs.names)
    read = partial(read_inference, model=model, length=length, inputs=inputs, outputs=outputs)
    return Form(read, write_inference)


# Requests ----------------------------------------------------------------------------


def read_inference(
    body: bytes,
    most_rows: int,
    *,
    model: str,
    length: str | None,
    inputs: Collection[str],
    outputs: Sequence[str],
) -> InferPayload:
    """A request, if a body is one.

    Parameters
    ----------
    body : bytes
    most_rows : int
    model : str
        The reference that is asked.
    length : str or None
        What ``HEADER`` says.
    inputs : collection of str
        Names of those that the model knows; others are not looked into.
    outputs : sequence of str
        Names of those there are.

    Raises
    ------
    Refused
        Also if it holds more rows than it may.
    """
    head = len(body) if length is None else _head(length, len(body))
    try:
        content = read_object(body[:head])
    except FormatError as error:
        raise _bad(error.message) from None
    asked = _parameters(content, "the request")
    if asked.get("content_type") not in (None, "pd"):
        raise _bad("content_type of a request knows pd, one input for each column")
    tensors = _tensors(content.get("inputs"), most_rows)
    columns, wrong = _columns(tensors, memoryview(body)[head:], inputs)
    rows = records_of(columns, tensors[0].rows)
    wanted = _wanted(content.get("outputs"), outputs, binary=asked.get("binary_data_output") is True)
    return InferPayload(rows, wrong, model, id=_id(content.get("id")), wanted=wanted)


def _bad(what: str) -> Refused:
    return Refused(what, code="bad_inference")


def _head(length: str, size: int) -> int:
    if not (length.isascii() and length.isdecimal() and len(length) < 20 and int(length) <= size):
        raise _bad(f"{HEADER} should be a number of bytes, at most as many as the body has")
    return int(length)


def _parameters(of: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    found = of.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _bad(f"parameters of {what} should be an object")
    for name in _UNKNOWN:
        if name in found:
            raise _bad(f"{name} is not known here")
    return found


def _id(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _bad("id should be a text")


def _listed(value: Any, what: str) -> list[dict[str, Any]]:
    """Objects of a list, each of a name of its own."""
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise _bad(f"{what} should be a list of objects, one or more")
    names = [one.get("name") for one in value]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise _bad(f"each of the {what} should have a name of its own")
    return value


def _tensors(inputs: Any, most_rows: int) -> list[Tensor]:
    tensors = [_tensor(one) for one in _listed(inputs, "inputs")]
    first = tensors[0]
    for tensor in tensors:
        if tensor.rows != first.rows:
            raise tensor.refused(f"{tensor.rows:,} rows, where {first.name} has {first.rows:,}")
    if first.rows > most_rows:
        raise Refused(f"{first.rows:,} rows, and at most {most_rows:,} are taken", code="too_many_rows")
    return tensors


def _tensor(given: dict[str, Any]) -> Tensor:
    name, datatype = given["name"], given.get("datatype")
    asked = _parameters(given, f"input {name}")
    tensor = Tensor(
        name, str(datatype), _rows(given.get("shape")), plain_value(asked.get("binary_data_size"))
    )
    if tensor.datatype != BYTES and tensor.datatype not in DTYPES:
        raise tensor.refused(f"datatype should be one of {', '.join((*DTYPES, BYTES))}")
    if tensor.rows < 1:
        raise tensor.refused("shape should be [n] or [n, 1]: an input is a column of one row or more")
    if asked.get("content_type") not in (None, *_CONTENT_TYPES):
        raise tensor.refused(f"content_type knows {', '.join(sorted(_CONTENT_TYPES))}")
    if tensor.size is None:
        return Tensor(name, tensor.datatype, tensor.rows, None, given.get("data"))
    if type(tensor.size) is not int or tensor.size < 0 or "data" in given:
        raise tensor.refused("binary_data_size should be a number of bytes, and take the place of data")
    return tensor


def _rows(shape: Any) -> int:
    """Rows of a column of this shape; 0 if it is none."""
    sizes = [plain_value(size) for size in shape] if isinstance(shape, list) else []
    if not all(type(size) is int for size in sizes):
        return 0
    return sizes[0] if len(sizes) == 1 or (len(sizes) == 2 and sizes[1] == 1) else 0


def _columns(
    tensors: list[Tensor], data: memoryview, known: Collection[str]
) -> tuple[dict[str, list[Any]], dict[int, Wrong]]:
    """Values of known names, and what is wrong with rows that cannot be read."""
    if sum(tensor.size or 0 for tensor in tensors) != len(data):
        raise _bad(
            f"{len(data):,} bytes follow the JSON, and binary_data_size of the inputs say "
            f"{sum(tensor.size or 0 for tensor in tensors):,}"
        )
    columns: dict[str, list[Any]] = {}
    wrong: dict[int, Wrong] = {}
    for tensor in tensors:
        own, data = data[: tensor.size or 0], data[tensor.size or 0 :]
        if tensor.name not in known:
            continue
        if tensor.size is None:
            columns[tensor.name] = from_json(tensor)
        else:
            columns[tensor.name], unread = from_bytes(tensor, own)
            wrong |= unread
    return columns, wrong


def _wanted(asked: Any, outputs: Sequence[str], *, binary: bool) -> tuple[Wanted, ...]:
    """Outputs that are asked for; all of them if none is."""
    if asked is None or asked == []:
        return tuple(Wanted(name, binary) for name in outputs)
    wanted = []
    for one in _listed(asked, "outputs"):
        name = one["name"]
        if name not in outputs:
            raise _bad(f"no such output: {name}; there are {', '.join(outputs)}")
        wanted.append(Wanted(name, _parameters(one, f"output {name}").get("binary_data", binary) is True))
    return tuple(wanted)


# Answers -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Output:
    """A column of answers, as it grows."""

    datatype: str
    parts: list[Any] = field(default_factory=list)

    def values(self) -> NDArray[Any] | list[str | None]:
        if self.datatype == BYTES:
            return [text for part in self.parts for text in part]
        whole: NDArray[Any] = np.concatenate(self.parts)
        return whole


def write_inference(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> InferAnswer:
    """The answer to a request."""
    assert isinstance(payload, InferPayload)  # noqa: S101 - what ``read_inference`` gave
    outputs = {one["name"]: _Output(one["datatype"]) for one in output_tensors(manifest)}
    for piece in pieces:
        columns = output_columns(piece.answered, manifest)
        for output, column in zip(outputs.values(), columns, strict=True):
            output.parts.append(_elements(column, output.datatype))
    tensors: list[bytes] = []
    shown = [_shown(one, outputs[one.name], tensors) for one in payload.wanted]
    content: dict[str, Any] = {
        "model_name": manifest.name,
        "model_version": str(manifest.version),
        "outputs": shown,
    }
    if payload.id is not None:
        content["id"] = payload.id
    binary = any(one.binary for one in payload.wanted)
    return InferAnswer(msgspec.json.encode(content), b"".join(tensors) if binary else None)


def _elements(column: Any, datatype: str) -> Any:
    """Elements of an Arrow column: texts, or an array in which NaN stands for null."""
    found = column.to_pylist()
    if datatype == BYTES:
        return found
    return np.array([math.nan if value is None else value for value in found], dtype=DTYPES[datatype])


def _shown(wanted: Wanted, output: _Output, tensors: list[bytes]) -> dict[str, Any]:
    """What the JSON says of an output; its bytes are added to the others."""
    values = output.values()
    shown: dict[str, Any] = {"name": wanted.name, "datatype": output.datatype, "shape": [len(values)]}
    if not wanted.binary:
        return {**shown, "data": to_json(values)}
    tensors.append(to_bytes(values))
    return {**shown, "parameters": {"binary_data_size": len(tensors[-1])}}


# What a model takes and gives ---------------------------------------------------------


def input_tensors(manifest: Manifest) -> list[dict[str, Any]]:
    """What the protocol says of the columns that a model takes."""
    kinds = {"numeric": "FP64", "boolean": BOOL}
    return list(_described((one.name, kinds.get(one.kind, BYTES)) for one in manifest.inputs.features))


def output_tensors(manifest: Manifest) -> list[dict[str, Any]]:
    """What the protocol says of the columns that a model answers."""
    kinds = {"double": "FP64", "int32": "INT32"}
    return list(_described((one.name, kinds.get(str(one.type), BYTES)) for one in output_fields(manifest)))


def _described(tensors: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for name, datatype in tensors:
        yield {"name": name, "datatype": datatype, "shape": [-1]}
