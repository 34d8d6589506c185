"""Modules of a user's own: neither Python's nor installed, so that they are found nowhere else.

Those that a pipeline imports are read before it is made, run from what was read, and
kept in the recipe: what is recorded is what ran, and a version can be made again, and
scored, where their files are not.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

from scorekit.errors import UsageError
from scorekit.training.recipe import ModuleText

_OURS = __name__.partition(".")[0]


def find(name: str) -> Path | None:
    """The file of a module of the user's own, in the working directory or in ``PYTHONPATH``.

    Parameters
    ----------
    name : str
        Full name, such as ``features.text``.
    """
    parts = name.split(".")
    if parts[0] == _OURS or parts[0] in sys.stdlib_module_names:
        return None
    for root in _roots():
        base = root.joinpath(*parts)
        for path in (base / "__init__.py", *(base.with_name(parts[-1] + end) for end in _ENDINGS)):
            if path.is_file():
                return path
    return None


_ENDINGS = (".py", *EXTENSION_SUFFIXES)


def _roots() -> Iterator[Path]:
    yield Path()
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        root = Path(entry)
        if entry and not any(root.glob("*.dist-info")):  # those are what pip installed there
            yield root


def read(name: str, path: Path) -> ModuleText:
    """A module's text as it is now.

    Raises
    ------
    UsageError
        If it is not UTF-8.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8") from None
    return ModuleText(
        module=name,
        sha256=hashlib.sha256(data).hexdigest(),
        text=text,
        package=path.name == "__init__.py",
    )


def read_beside(main: ModuleText) -> tuple[ModuleText, ...]:
    """What a module imports of the user's own, directly and by what it imports, by name.

    Raises
    ------
    UsageError
        If one of them is not UTF-8.
    """
    found: dict[str, ModuleText] = {main.module: main}
    left = [main]
    while left:
        for name in _with_parents(_imported(left.pop())):
            path = None if name in found else find(name)
            if path is not None and path.suffix == ".py":
                found[name] = read(name, path)
                left.append(found[name])
    return tuple(found[name] for name in sorted(found.keys() - {main.module}))


def _imported(module: ModuleText) -> Iterator[str]:
    """Full names of what a module's text imports; some are names in modules, and found nowhere."""
    within = module.module if module.package else module.module.rpartition(".")[0]
    yield within
    try:
        tree = ast.parse(module.text)
    except SyntaxError:  # running it will say so, with its line
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # beyond the outermost package, and running it will say so
                base = resolve_name("." * node.level + (node.module or ""), within)
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".") if name else []
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


class Recorded(MetaPathFinder, Loader):
    """Imports modules from their texts.

    Parameters
    ----------
    modules : sequence of ModuleText
    """

    def __init__(self, modules: Sequence[ModuleText]) -> None:
        self._modules = {module.module: module for module in modules}

    def install(self) -> None:
        """Have these modules imported from their texts from now on, and those that were imported anew."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Recorded)]
        sys.meta_path.insert(0, self)
        for name in self._modules:
            sys.modules.pop(name, None)

    def file(self, name: str) -> str:
        """Where a module's text stood, as errors name it."""
        return name.replace(".", "/") + ("/__init__.py" if self._modules[name].package else ".py")

    @property
    def files(self) -> frozenset[str]:
        """Where all of them stood."""
        return frozenset(map(self.file, self._modules))

    def find_spec(
        self,
        fullname: str,
        path: object = None,  # noqa: ARG002 - as importlib calls it
        target: object = None,  # noqa: ARG002 - a finder's signature
    ) -> ModuleSpec | None:
        """How to import a module, if its text is here."""
        if fullname not in self._modules:
            return None
        origin = self.file(fullname)
        spec = ModuleSpec(fullname, self, origin=origin, is_package=self._modules[fullname].package)
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(Path(origin).parent))
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text; and have what it defines pickled with its code, not by its name."""
        import cloudpickle

        name = module.__name__
        exec(compile(self._modules[name].text, self.file(name), "exec"), vars(module))  # noqa: S102 - the user's own code, by request
        # a pickle of the whole module would need this class to be read
        module.__spec__ = module.__loader__ = None
        cloudpickle.register_pickle_by_value(module)


class _Refusing(MetaPathFinder):
    """Finds no module of the user's own."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: object = None,  # noqa: ARG002 - as importlib calls it
        target: object = None,  # noqa: ARG002 - a finder's signature
    ) -> ModuleSpec | None:
        if find(fullname) is None:
            return None
        self.refused.append(fullname)
        raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@contextmanager
def elsewhere() -> Iterator[list[str]]:
    """Be where no module of the user's own is found; gives the names of those that were looked for."""
    refusing = _Refusing()
    hidden = {name: module for name, module in sys.modules.items() if _is_own(name)}
    for name in hidden:
        del sys.modules[name]
    sys.meta_path.insert(0, refusing)
    try:
        yield refusing.refused
    finally:
        sys.meta_path.remove(refusing)
        sys.modules.update(hidden)


def _is_own(name: str) -> bool:
    return name != "__main__" and find(name) is not None
