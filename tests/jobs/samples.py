"""Requests to train."""

from __future__ import annotations

from typing import Any

from scorekit.jobs import TrainRequest


def request(**given: Any) -> TrainRequest:
    """A request that takes no time to carry out."""
    return TrainRequest.read(
        {"target": "target", "name": "bank", "estimator": "logistic", "cv": 0, "data": ["/rows"], **given}
    )
