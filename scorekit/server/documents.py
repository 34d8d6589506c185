"""What the OpenAPI document says of bodies that are read by hand."""

from __future__ import annotations

from typing import Any

from scorekit.server.payloads import PARTS

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

_RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["score_source"],
    "properties": {
        "score": {"type": ["number", "null"]},
        "score_source": {"enum": ["model", "fallback", "rejected"]},
        "quality_flags": {"type": "string"},
        "model_version": {"type": "integer"},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "column": {"type": "string"},
                "message": {"type": "string"},
            },
        },
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


def body_of(*kinds: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body that has to be there: JSON of a schema, or a file of one of the other types."""
    file = {"schema": {"type": "string", "format": "binary"}}
    content = {kind: {"schema": schema} if kind == "application/json" else file for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}
