"""Where a model is made: versions, git, threads."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from scorekit.store.manifest import Environment

PACKAGES = (
    "scorekit", "scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "joblib", "threadpoolctl",
)  # fmt: skip
"""Packages whose version may change a model."""

_GIT_SECONDS = 5


def environment(threads: Mapping[str, int]) -> Environment:
    """Describe this installation."""
    commit, dirty = _git()
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        packages=installed_packages(),
        threads=dict(threads),
        git_commit=commit,
        git_dirty=dirty,
    )


def installed_packages() -> dict[str, str]:
    """Versions of ``PACKAGES``, as far as they are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git() -> tuple[str | None, bool | None]:
    """Commit of the working directory's repository, and whether files differ from it."""
    commit = _ask_git("rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _ask_git("status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _ask_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


# Threads -----------------------------------------------------------------------------


def thread_counts() -> dict[str, int]:
    """Threads that OpenMP and BLAS use in this process, by ``openmp`` and ``blas``.

    Sums over threads are rounded by how many there are, so a model is the same again
    only with the same numbers.
    """
    import sklearn.utils.parallel  # noqa: F401 - loads the libraries that are asked below
    from joblib import cpu_count
    from threadpoolctl import threadpool_info

    counts = {"openmp": 1, "blas": 1}
    for library in threadpool_info():
        counts[library["user_api"]] = max(counts.get(library["user_api"], 1), library["num_threads"])
    if "OMP_NUM_THREADS" not in os.environ:
        # scikit-learn never takes more than there are cores, unless it is told to
        counts["openmp"] = min(counts["openmp"], cpu_count(only_physical_cores=True))
    return counts


_VECTOR_PRODUCTS = frozenset(
    {
        "GammaRegressor",
        "HuberRegressor",
        "LogisticRegression",
        "LogisticRegressionCV",
        "PoissonRegressor",
        "TweedieRegressor",
    }
)
"""Estimators that multiply a matrix by a vector hundreds of times: L-BFGS."""
_SMALL = 2_000_000
"""Cells of data up to which BLAS takes longer to wake a second thread for such a product than to do it:
three to six times the time of one thread on two cores, and no gain up to ten times as many cells."""
_BLAS_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def fitting_threads(estimator: str, cells: int) -> dict[str, int]:
    """Threads to fit an estimator with, by ``openmp`` and ``blas``: what is there, unless it would harm.

    Parameters
    ----------
    estimator : str
        Name of the final estimator's class.
    cells : int
        Rows times columns of the data. The same data is always fitted with as many threads.
    """
    counts = thread_counts()
    told = any(name in os.environ for name in _BLAS_VARIABLES)
    if estimator in _VECTOR_PRODUCTS and cells <= _SMALL and not told:
        counts["blas"] = 1
    return counts


@contextmanager
def limited_threads(counts: Mapping[str, int]) -> Iterator[None]:
    """Compute with so many threads, even where there are fewer cores."""
    from threadpoolctl import threadpool_limits

    before = os.environ.get("OMP_NUM_THREADS")
    # scikit-learn looks at it on every call, and only then goes beyond the cores
    os.environ["OMP_NUM_THREADS"] = str(counts.get("openmp", 1))
    try:
        with threadpool_limits(limits=dict(counts)):
            yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def shared(counts: Mapping[str, int], jobs: int) -> dict[str, int]:
    """Threads for each of ``jobs`` workers, so that together they are no more."""
    return {library: max(1, count // jobs) for library, count in counts.items()}
