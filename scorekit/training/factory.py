"""A user's own pipeline: ``--pipeline MODULE:FACTORY``.

The module is taken from the working directory, and its text is kept in the recipe with
the texts of what it imports of the user's own: a version can be made again after the
files have changed. Classes of these modules are pickled by value, so that the version
can be scored where the modules are not.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.training import own_modules
from scorekit.training.own_modules import Recorded
from scorekit.training.recipe import FactorySource


def read_factory(pipeline: str, source: FactorySource | None = None) -> tuple[Any, FactorySource]:
    """Call a user's factory.

    Parameters
    ----------
    pipeline : str
        ``MODULE:FACTORY``.
    source : FactorySource or None
        Texts as they were recorded; None reads them from the working directory.

    Returns
    -------
    estimator : unfitted scikit-learn estimator
    source : FactorySource

    Raises
    ------
    UsageError
        If the module or the factory is missing, fails, or gives something else.
    """
    module_name, colon, name = pipeline.partition(":")
    if not colon or not module_name or not name:
        raise UsageError(
            f"not a factory: {pipeline}", hint="--pipeline MODULE:FACTORY, such as my_model:make"
        )
    if source is None:
        source = _read(module_name, pipeline)
    recorded = Recorded((source, *source.beside))
    with _working_directory_first():
        module = _module(source, recorded, pipeline)
        factory = getattr(module, name, None)
        if not callable(factory):
            public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
            near = nearest(name, public)
            raise UsageError(
                f"{pipeline}: module {module_name} has no function {name}",
                hint=f"did you mean {module_name}:{near}?" if near else None,
            )
        estimator = _call(factory, recorded, pipeline)
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise UsageError(
            f"{pipeline} gave {_described(estimator)}, not a scikit-learn estimator",
            hint="the factory takes no arguments and returns an unfitted estimator or pipeline",
        )
    return estimator, source


def _described(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def _read(module_name: str, pipeline: str) -> FactorySource:
    """The module's text, from the working directory, and of what it imports of the user's own."""
    base = Path(*module_name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            main = own_modules.read(module_name, path)
            beside = own_modules.read_beside(main)
            return FactorySource(**main.model_dump(), beside=beside)
    near = nearest(module_name, [path.stem for path in Path().glob("*.py")])
    raise UsageError(
        f"{pipeline}: no {base}.py in the working directory",
        hint=f"did you mean {near}?" if near else "run it where the module is",
    )


@contextmanager
def _working_directory_first() -> Iterator[None]:
    """What the module imports may stand beside it."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        # workers get this path too, so it stays, but behind everything installed
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)


def _module(source: FactorySource, recorded: Recorded, pipeline: str) -> ModuleType:
    """Run the module's text."""
    recorded.install()
    try:
        return import_module(source.module)
    except Exception as error:  # noqa: BLE001 - any error of the user's code is the user's to see, without ours around it
        raise UsageError(f"{pipeline}: {_where(error, recorded)}") from None


def _call(factory: Any, recorded: Recorded, pipeline: str) -> Any:
    try:
        return factory()
    except Exception as error:  # noqa: BLE001 - see _module
        raise UsageError(f"{pipeline}: {_where(error, recorded)}") from None


def _where(error: Exception, recorded: Recorded) -> str:
    """What went wrong in the user's code, with its line."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in recorded.files
    ]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {error}"
