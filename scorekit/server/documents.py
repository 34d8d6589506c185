"""What the OpenAPI document says of bodies that are read by hand."""

from __future__ import annotations

from typing import Any

from scorekit.jobs import TrainRequest
from scorekit.scoring import SOURCES
from scorekit.server.payloads import PARTS
from scorekit.server.tensors import BYTES, DTYPES
from scorekit.state.jobs import STATUSES

PAYLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["features"],
    "properties": {
        "features": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "additionalProperties": True},
            "description": "Records; keys that the model does not know are ignored.",
        },
        "model": {
            "type": ["string", "null"],
            "description": "name, name:version or name@alias; may be left out while one model is served.",
        },
        "include": {"type": ["array", "null"], "items": {"type": "string", "enum": list(PARTS)}},
    },
}

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "column": {"type": "string"},
        "message": {"type": "string"},
    },
}

_SOURCE: dict[str, Any] = {"enum": list(SOURCES)}
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

_RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["score_source"],
    "properties": {
        "score": {"type": ["number", "null"]},
        "score_source": _SOURCE,
        "quality_flags": {"type": "string"},
        "model_version": {"type": "integer"},
        "error": _ERROR,
    },
    "additionalProperties": True,
}

SCORES: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["model", "version", "scores"],
                "properties": {
                    "model": {"type": "string"},
                    "version": {"type": "integer"},
                    "scores": {"type": "array", "items": _RECORD},
                    "quality": {
                        "type": ["object", "null"],
                        "properties": {
                            "state": {"type": "string"},
                            "outcome": {"type": "string"},
                            "rows": {"type": "integer"},
                        },
                    },
                },
            }
        }
    }
}

_RECORDS: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"type": ["object", "array"]}}
_COLUMNS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "array"}}

INVOCATION: dict[str, Any] = {
    "type": "object",
    "oneOf": [
        {
            "required": ["dataframe_split"],
            "properties": {
                "dataframe_split": {
                    "type": "object",
                    "required": ["columns", "data"],
                    "properties": {
                        "columns": {"type": "array", "items": {"type": "string"}},
                        "data": {"type": "array", "minItems": 1, "items": {"type": "array"}},
                    },
                }
            },
        },
        {"required": ["dataframe_records"], "properties": {"dataframe_records": _RECORDS}},
        {"required": ["instances"], "properties": {"instances": _RECORDS}},
        {"required": ["inputs"], "properties": {"inputs": {"anyOf": [_RECORDS, _COLUMNS]}}},
    ],
}

PREDICTIONS: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["predictions", "model", "version", "score_source"],
                "properties": {
                    "predictions": {"type": "array", "items": {"type": ["number", "null", "object"]}},
                    "model": {"type": "string"},
                    "version": {"type": "integer"},
                    "score_source": {"type": "array", "items": _SOURCE},
                    "errors": {"type": "array", "items": _ERROR},
                },
            }
        },
        "application/jsonlines": _FILE,
        "text/csv": _FILE,
    }
}

_TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"enum": [*DTYPES, BYTES]},
        "shape": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}

INFERENCE: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": _TENSOR,
            "description": "One for each column, of shape [n] or [n, 1].",
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
            },
        },
        "parameters": {"type": "object"},
    },
}

INFERRED: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["model_name", "model_version", "outputs"],
                "properties": {
                    "model_name": {"type": "string"},
                    "model_version": {"type": "string"},
                    "id": {"type": "string"},
                    "outputs": {"type": "array", "items": _TENSOR},
                },
            }
        },
        "application/octet-stream": _FILE,
    }
}


def body_of(*kinds: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body that has to be there: JSON of a schema, or a file of one of the other types."""
    content = {kind: {"schema": schema} if kind == "application/json" else _FILE for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}


JOB_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status", "model", "version", "attempts", "progress", "result", "error", "request"],
    "properties": {
        "id": {"type": "string"},
        "status": {"enum": list(STATUSES)},
        "model": {"type": "string"},
        "version": {"type": ["integer", "null"], "description": "That it has published, once it is done."},
        "owner": {"type": "string", "description": "Who has submitted it."},
        "attempts": {"type": "integer"},
        "progress": {
            "type": ["object", "null"],
            "properties": {
                "stage": {"type": "string"},
                "done": {"type": "integer"},
                "total": {"type": ["integer", "null"]},
                "unit": {"type": "string"},
            },
        },
        "result": {"type": ["object", "null"], "additionalProperties": True},
        "error": {
            "type": ["object", "null"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
            },
        },
        "created": {"type": "string", "format": "date-time"},
        "started": {"type": ["string", "null"], "format": "date-time"},
        "finished": {"type": ["string", "null"], "format": "date-time"},
        "request": {"type": "object", "additionalProperties": True},
    },
}
JOB: dict[str, Any] = {"content": {"application/json": {"schema": JOB_SCHEMA}}}
JOBS: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["jobs", "next"],
                "properties": {
                    "jobs": {"type": "array", "items": JOB_SCHEMA},
                    "next": {"type": ["string", "null"]},
                },
            }
        }
    }
}


def train_schema() -> dict[str, Any]:
    """Of a request to train, in one piece."""
    schema = TrainRequest.model_json_schema()
    parts = schema.pop("$defs")
    schema["properties"]["search"] = {"anyOf": [parts["SearchRequest"], {"type": "null"}]}
    return schema


def train_parameters() -> list[dict[str, Any]]:
    """The same as parameters of a query, for data that is a body."""
    fields: dict[str, Any] = train_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, **_parameter(name, schema)}
        for name, schema in fields.items()
        if name != "data"
    ]


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name in ("params", "search"):
        return {"content": {"application/json": {"schema": schema}}}
    return {"schema": schema, "description": "Where the data is the body."}
