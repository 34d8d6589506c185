from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.training.factory import read_factory
from scorekit.training.publish import pickled
from scorekit.training.recipe import FactorySource

MODULE = """\
from beside import strength
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return [[2 * x] for (x,) in X]

def make():
    return make_pipeline(Doubled(), LogisticRegression(C=strength))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("strength = 0.5\n")
    yield tmp_path
    for name in ("mine", "beside", "pack", "pack.base", "pack.main", "pack.last", "shared"):
        sys.modules.pop(name, None)


def test_the_factory_is_called_and_its_text_is_kept(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    estimator, source = read_factory("mine:make")
    assert estimator[-1].C == 0.5
    assert source.text == MODULE
    assert source.sha256 == hashlib.sha256(MODULE.encode()).hexdigest()


def test_a_changed_module_is_read_anew_and_the_recorded_text_stays_what_it_was(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    _, source = read_factory("mine:make")
    (folder / "mine.py").write_text(MODULE.replace("C=strength", "C=0.125"))
    assert read_factory("mine:make")[0][-1].C == 0.125
    assert read_factory("mine:make", source)[0][-1].C == 0.5


def test_a_pickle_of_a_users_class_needs_no_module(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    estimator, _ = read_factory("mine:make")
    estimator.fit([[-1.0], [0.0], [1.0], [2.0]], [0, 0, 1, 1])
    (folder / "model.joblib").write_bytes(pickled(estimator, by_value=True))
    (folder / "mine.py").unlink()
    code = "import joblib; print(repr(joblib.load('model.joblib').predict_proba([[0.75]])[0, 1]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.strip() == repr(estimator.predict_proba([[0.75]])[0, 1])


def test_an_error_in_a_module_beside_is_named_there(folder: Path) -> None:
    (folder / "mine.py").write_text("import beside\ndef make():\n    return beside.half()\n")
    (folder / "beside.py").write_text("def half():\n    return 1 / 0\n")
    with pytest.raises(UsageError, match=r"mine:make: beside\.py:2: ZeroDivisionError"):
        read_factory("mine:make")
    (folder / "beside.py").write_text("def half(:\n")
    with pytest.raises(UsageError, match=r"mine:make: beside\.py:1: "):
        read_factory("mine:make")
    (folder / "beside.py").write_bytes(b"# \xff\n")
    with pytest.raises(UsageError, match=r"beside\.py is not UTF-8"):
        read_factory("mine:make")


def test_what_runs_is_what_is_recorded_of_every_module(folder: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    _, source = read_factory("mine:make")
    assert [module.module for module in source.beside] == ["beside"]
    (folder / "beside.py").write_text("strength = 0.25\n")
    assert read_factory("mine:make")[0][-1].C == 0.25
    assert read_factory("mine:make", source)[0][-1].C == 0.5
    (folder / "beside.py").unlink()
    assert read_factory("mine:make", source)[0][-1].C == 0.5


def test_modules_are_found_through_packages_and_through_each_other(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path_factory.mktemp("library")
    monkeypatch.setenv("PYTHONPATH", str(library))
    monkeypatch.syspath_prepend(str(library))
    files = {
        folder / "pack/__init__.py": "from .base import strength\n",
        folder
        / "pack/base.py": "def later():\n    import pack.last\nimport shared, math\nstrength = shared.C\n",
        folder / "pack/last.py": "import sklearn\n",
        folder / "pack/not_imported.py": "",
        folder / "pack/main.py": "from . import strength\nfrom sklearn.linear_model import Ridge\n"
        "def make():\n    return Ridge(alpha=strength)\n",
        folder / "pack/alone.py": "from sklearn.linear_model import Ridge as make\n",
        library / "shared.py": "C = 0.125\n",
    }
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    estimator, source = read_factory("pack.main:make")
    assert estimator.alpha == 0.125
    assert [module.module for module in source.beside] == ["pack", "pack.base", "pack.last", "shared"]
    assert "pack" in [module.module for module in read_factory("pack.alone:make")[1].beside]
    for path in files:
        path.unlink()
    assert read_factory("pack.main:make", source)[0].alpha == 0.125


def test_a_package_is_a_module_too(folder: Path) -> None:
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("from sklearn.linear_model import Ridge\nmake = Ridge\n")
    assert type(read_factory("pack:make")[0]).__name__ == "Ridge"


@pytest.mark.parametrize(
    ("pipeline", "text", "message", "hint"),
    [
        ("mine", MODULE, "not a factory: mine", "MODULE:FACTORY"),
        ("mime:make", MODULE, "no mime.py in the working directory", "did you mean mine"),
        ("mine:mak", MODULE, "module mine has no function mak", "mine:make"),
        ("mine:make", "x = 1\ndef make(:\n", r"mine\.py:2: invalid syntax", None),
        ("mine:make", "import nowhere_at_all\n", r"mine\.py:1: ModuleNotFoundError: No module", None),
        ("mine:make", "def make():\n    return 1 / 0\n", r"mine\.py:2: ZeroDivisionError", None),
        ("mine:make", "def make(x):\n    return x\n", "TypeError: make.. missing", None),
        ("mine:make", "def make():\n    return 3\n", "gave a int, not a scikit-learn estimator", "unfitted"),
        (
            "mine:make",
            "from sklearn.svm import SVC\ndef make():\n    return SVC\n",
            "gave the class SVC",
            "unfitted",
        ),
    ],
)
def test_errors_of_the_users_code_are_the_users_own(
    folder: Path, pipeline: str, text: str, message: str, hint: str | None
) -> None:
    (folder / "mine.py").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_factory(pipeline)
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_a_source_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "mine.py").write_bytes(b"# \xff\n")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_factory("mine:make")


def test_the_recorded_text_needs_no_file() -> None:
    text = "from sklearn.linear_model import Ridge\ndef make():\n    return Ridge(alpha=9)\n"
    source = FactorySource(module="mine", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
    assert read_factory("mine:make", source)[0].alpha == 9
