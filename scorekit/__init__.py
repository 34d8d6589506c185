"""scorekit: train scikit-learn models into proved versions, and score with them.

>>> import scorekit
>>> model = scorekit.load("bank")                     # doctest: +SKIP
>>> model.score_row({"age": 41, "job": "services"})   # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scorekit.model import Model, load

__all__ = ["Model", "__version__", "load"]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    """Also what is not imported yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import NumPy and pyarrow only for those who score; ``scorekit --help`` needs neither."""
    if name in ("Model", "load"):
        from scorekit import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
