"""Every command by its name, and where it is; nothing of it is imported until it runs."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command that is imported when it runs."""

    place: str
    """``module:function`` below ``scorekit.commands``."""
    help: str
    """First line of the function's docstring; a test holds them equal."""
    panel: str = ""


_SCORE, _MODELS, _QUALITY, _SYSTEM = "Train and score", "Versions", "Quality", "System"

COMMANDS: dict[str, Entry] = {
    "train": Entry("train:train", "Train a model on DATA and publish it as a version.", _SCORE),
    "score": Entry("score_batch:score_batch", "Score every row of INPUT.", _SCORE),
    "score-batch": Entry("score_batch:score_batch", "Score every row of INPUT.", _SCORE),
    "score-stream": Entry("score_stream:score_stream", "Answer JSON lines by scores, line by line.", _SCORE),
    "serve": Entry("serve:serve", "Answer requests over HTTP.", _SCORE),
    "reproduce": Entry("reproduce:reproduce", "Train a version again and compare.", _MODELS),
    "worker": Entry("worker:worker", "Carry out jobs that were submitted to the service.", _SYSTEM),
    "check": Entry("check:check", "Say how a model does, as a monitoring plugin.", _SYSTEM),
    "doctor": Entry("doctor:doctor", "Show what is installed, active and reachable.", _SYSTEM),
}

GROUPS: dict[str, tuple[str, str, dict[str, Entry]]] = {
    "models": (
        "List, check and move versions.",
        _MODELS,
        {
            "list": Entry("models:list_models", "List models and their versions."),
            "show": Entry("models:show", "Show what a version says of itself."),
            "verify": Entry("models:verify", "Check every hash and the signature of a version."),
            "promote": Entry("models:promote", "Point an alias at a version."),
            "rollback": Entry("models:rollback", "Point an alias at what it pointed at before."),
            "history": Entry("models:history", "Show who moved an alias, when and why."),
            "diff": Entry("models:diff", "Show how two versions differ."),
            "keygen": Entry("models:keygen", "Make a pair of Ed25519 keys to sign with."),
            "sign": Entry("models:sign", "Sign a version with an Ed25519 key."),
        },
    ),
    "quality": (
        "What is judged, by what and against what.",
        _QUALITY,
        {
            "check": Entry("quality:check", "Judge DATA as one window; publish and record nothing."),
            "init": Entry("quality:init", "Write a first policy for MODEL, made from its baseline."),
            "history": Entry("quality_history:history", "Show past verdicts of a model, newest last."),
            "report": Entry(
                "quality:report", "Write a report on the last window of a model and those before."
            ),
            "baseline": Entry("quality:baseline", "Publish MODEL again with a baseline made of DATA."),
        },
    ),
    "switch": (
        "The kill switch of a model.",
        _QUALITY,
        {
            "status": Entry("switch:status", "Show how the kill switch of a model stands."),
            "trip": Entry("switch:trip", "Open the kill switch: nothing is published any more."),
            "reset": Entry("switch:reset", "Close the kill switch again."),
        },
    ),
    "keys": (
        "API keys of the service.",
        _SYSTEM,
        {
            "create": Entry("keys:create", "Make an API key of NAME, and show it this once."),
            "list": Entry("keys:list_keys", "List every API key there was, and how it stands."),
            "revoke": Entry("keys:revoke", "Revoke an API key for good."),
        },
    ),
    "db": (
        "The state database.",
        _SYSTEM,
        {
            "upgrade": Entry("db:upgrade", "Make or migrate the state database."),
            "status": Entry("db:status", "Show where the state database is, and whether it can be used."),
            "prune": Entry(
                "db:prune", "Remove old windows, runs, alerts that were sent, and jobs that are over."
            ),
        },
    ),
}
