"""Every option by the table of ``scorekit.toml`` it may stand in, known without importing a command.

It is made from the commands: ``cog -r -I docs scorekit/known_options.py``.
"""

# ruff: noqa: ERA001 - what cog reads looks like code

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["a text", "a whole number", "a number", "true or false", "a list of texts"]

# [[[cog
# import reference
# cog.outl(reference.known_options())
# ]]]
OPTIONS: Mapping[str, Mapping[str, Kind]] = {
    "train": {
        "by": "a text",
        "cv": "a whole number",
        "drop": "a list of texts",
        "estimator": "a text",
        "format": "a text",
        "holdout": "a number",
        "id-column": "a list of texts",
        "jobs": "a whole number",
        "json": "true or false",
        "log-format": "a text",
        "na-values": "a list of texts",
        "name": "a text",
        "param": "a list of texts",
        "pipeline": "a text",
        "positive": "a text",
        "promote": "true or false",
        "quiet": "true or false",
        "recipe": "a text",
        "search": "a text",
        "seed": "a whole number",
        "store": "a text",
        "target": "a text",
        "task": "a text",
        "time-column": "a text",
        "verbose": "true or false",
        "weight-column": "a text",
    },
    "score-batch": {
        "allow-mismatch": "true or false",
        "chunk-rows": "a whole number",
        "dry-run": "true or false",
        "errors-file": "a text",
        "force": "true or false",
        "format": "a text",
        "id-column": "a list of texts",
        "input-format": "a text",
        "json": "true or false",
        "log-format": "a text",
        "max-errors": "a whole number",
        "model": "a text",
        "on-quality-fail": "a text",
        "output": "a text",
        "output-format": "a text",
        "passthrough": "a list of texts",
        "policy": "a text",
        "quiet": "true or false",
        "resume": "true or false",
        "run-id": "a text",
        "store": "a text",
        "threads": "a whole number",
        "verbose": "true or false",
    },
    "reproduce": {
        "allow-mismatch": "true or false",
        "data": "a list of texts",
        "jobs": "a whole number",
        "json": "true or false",
        "log-format": "a text",
        "quiet": "true or false",
        "store": "a text",
        "verbose": "true or false",
    },
    "check": {
        "json": "true or false",
        "log-format": "a text",
        "max-age": "a text",
        "model": "a text",
        "quiet": "true or false",
        "store": "a text",
        "verbose": "true or false",
    },
    "doctor": {
        "json": "true or false",
        "log-format": "a text",
        "quiet": "true or false",
        "store": "a text",
        "verbose": "true or false",
    },
    "models": {
        "alias": "a text",
        "by": "a text",
        "card": "true or false",
        "json": "true or false",
        "key": "a text",
        "log-format": "a text",
        "quiet": "true or false",
        "store": "a text",
        "verbose": "true or false",
        "why": "a text",
    },
    "quality": {
        "by": "a text",
        "data": "a list of texts",
        "force": "true or false",
        "format": "a text",
        "id-column": "a list of texts",
        "json": "true or false",
        "last": "a whole number",
        "log-format": "a text",
        "model": "a text",
        "output": "a text",
        "policy": "a text",
        "promote": "true or false",
        "quiet": "true or false",
        "store": "a text",
        "threads": "a whole number",
        "verbose": "true or false",
    },
    "switch": {
        "by": "a text",
        "half-open": "true or false",
        "json": "true or false",
        "log-format": "a text",
        "model": "a text",
        "quiet": "true or false",
        "reason": "a text",
        "store": "a text",
        "verbose": "true or false",
    },
    "db": {
        "json": "true or false",
        "log-format": "a text",
        "older-than": "a text",
        "quiet": "true or false",
        "store": "a text",
        "verbose": "true or false",
    },
}
# [[[end]]]
