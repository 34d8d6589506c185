"""A user's own pipeline: ``--pipeline MODULE:FACTORY``.

The module is taken from the working directory, and its text is kept in the recipe:
a version can be made again after the file has changed. Classes of the module are
pickled by value, so that the version can be scored where the module is not.
"""

from __future__ import annotations

import difflib
import hashlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from scorekit.errors import UsageError
from scorekit.training.recipe import FactorySource


def read_factory(pipeline: str, source: FactorySource | None = None) -> tuple[Any, FactorySource]:
    """Call a user's factory.

    Parameters
    ----------
    pipeline : str
        ``MODULE:FACTORY``.
    source : FactorySource or None
        The module's text as it was recorded; None reads it from the working directory.

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
    with _working_directory_first():
        module = _module(source, pipeline)
        factory = getattr(module, name, None)
        if not callable(factory):
            public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
            near = difflib.get_close_matches(name, public, n=1)
            raise UsageError(
                f"{pipeline}: module {module_name} has no function {name}",
                hint=f"did you mean {module_name}:{near[0]}?" if near else None,
            )
        estimator = _call(factory, pipeline)
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise UsageError(
            f"{pipeline} gave {_described(estimator)}, not a scikit-learn estimator",
            hint="the factory takes no arguments and returns an unfitted estimator or pipeline",
        )
    return estimator, source


def _described(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def _read(module_name: str, pipeline: str) -> FactorySource:
    """The module's text, from the working directory."""
    base = Path(*module_name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            data = path.read_bytes()
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                raise UsageError(f"{pipeline}: {path} is not UTF-8") from None
            return FactorySource(module=module_name, sha256=hashlib.sha256(data).hexdigest(), text=text)
    near = difflib.get_close_matches(module_name, [path.stem for path in Path().glob("*.py")], n=1)
    raise UsageError(
        f"{pipeline}: no {base}.py in the working directory",
        hint=f"did you mean {near[0]}?" if near else "run it where the module is",
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


def _module(source: FactorySource, pipeline: str) -> ModuleType:
    """Run the module's text."""
    import cloudpickle

    module = ModuleType(source.module)
    module.__file__ = f"{source.module.replace('.', '/')}.py"
    sys.modules[source.module] = module
    try:
        exec(compile(source.text, module.__file__, "exec"), vars(module))  # noqa: S102 - the user's own code, by request
    except Exception as error:  # noqa: BLE001 - any error of the user's code is the user's to see, without ours around it
        sys.modules.pop(source.module, None)
        raise UsageError(f"{pipeline}: {_where(error, module.__file__)}") from None
    cloudpickle.register_pickle_by_value(module)
    return module


def _call(factory: Any, pipeline: str) -> Any:
    try:
        return factory()
    except Exception as error:  # noqa: BLE001 - see _module
        file = getattr(sys.modules.get(factory.__module__), "__file__", "") or ""
        raise UsageError(f"{pipeline}: {_where(error, file)}") from None


def _where(error: Exception, file: str) -> str:
    """What went wrong in the user's code, with its line."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    place = f"{file}:{lines[-1]}: " if lines else ""
    return f"{place}{type(error).__name__}: {error}"
