"""What is shown to Prometheus, as it stands."""

from __future__ import annotations

from scorekit.server.metrics import Metrics
from scorekit.store.references import Ref


def info(metrics: Metrics) -> list[str]:
    lines = metrics.text()[0].decode().splitlines()
    return sorted(line.removeprefix("scorekit_") for line in lines if line.startswith("scorekit_model_info{"))


def test_a_version_that_made_way_is_not_shown_as_one_that_scores() -> None:
    metrics = Metrics()
    metrics.scoring([Ref("bank", 1), Ref("house", 1)])
    metrics.of("bank", 1)
    metrics.scoring([Ref("bank", 2), Ref("house", 1)])
    metrics.of("bank", 2)
    assert info(metrics) == [
        'model_info{model="bank",version="1"} 0.0',
        'model_info{model="bank",version="2"} 1.0',
        'model_info{model="house",version="1"} 1.0',
    ]
