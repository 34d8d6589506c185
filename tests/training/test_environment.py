"""How many threads a fit takes: the same for the same data, and no more than it gains from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from scorekit.training.environment import fitting_threads, thread_counts
from tests.training.samples import made, recipe, trained

BLAS = ("BLIS", "MKL", "OMP", "OPENBLAS", "VECLIB")


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BLAS:
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads for BLAS, however many cores there are."""
    thread_counts()  # loads the libraries
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_a_small_fit_by_vector_products_takes_one_thread_of_blas() -> None:
    assert fitting_threads("LogisticRegression", 2_000_000)["blas"] == 1
    assert fitting_threads("LogisticRegression", 2_000_001)["blas"] == 2
    for other in ("RandomForestClassifier", "Ridge", "GaussianProcessClassifier"):
        assert fitting_threads(other, 1) == thread_counts()


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["OPENBLAS", "OMP"])
def test_who_sets_the_threads_has_the_last_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name}_NUM_THREADS", "2")
    assert fitting_threads("LogisticRegression", 1)["blas"] == 2


@pytest.mark.usefixtures("two_threads")
def test_a_version_records_the_threads_it_was_fitted_with(tmp_path: Path) -> None:
    small = trained(made({}), tmp_path, recipe())
    assert small.manifest.environment.threads["blas"] == 1
    other = trained(made({}), tmp_path, recipe(estimator="tree"))
    assert other.manifest.environment.threads["blas"] == 2
