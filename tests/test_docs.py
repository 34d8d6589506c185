"""The documents hold: sessions print what they say, listings are read, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import pkgutil
import re
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import scorekit
from scorekit import config
from scorekit.access.settings import read_token_settings
from scorekit.command_table import COMMANDS, GROUPS
from scorekit.engine.columns import Decoder
from scorekit.errors import UsageError
from scorekit.model import load
from scorekit.policy import Policy, read_policy
from scorekit.quality.expressions import parse
from scorekit.training.factory import read_factory
from scorekit.training.recipe import make_recipe, read_search
from tests.conftest import Bank

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def sessions_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sessions", ROOT / "docs" / "sessions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["sessions"] = module
    spec.loader.exec_module(module)
    return module


sessions = sessions_module()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_sessions_print_what_the_document_says(path: Path) -> None:
    assert sessions.differences(path) == ""


def test_a_session_that_prints_something_else_would_be_seen(tmp_path: Path) -> None:
    document = tmp_path / "wrong.md"
    document.write_text("```console\n$ echo one \\\n  two\none two\n$ echo 3 rows\n4 rows\n```\n")
    assert "-4 rows" in sessions.differences(document)
    sessions.write(document)
    assert sessions.differences(document) == ""
    document.write_text("```console\n$ false\n```\n")
    with pytest.raises(SystemExit, match="exit code 1"):
        sessions.differences(document)
    document.write_text("```console\n$ false\n$ echo $?\n1\n```\n")
    assert sessions.differences(document) == ""


def test_seconds_and_digests_do_not_count() -> None:
    assert sessions.steady("in 3.1 s, 9,000 rows/s") == sessions.steady("in 14 s, 120 rows/s")
    proofs = [f"9 rows (within {number})" for number in ("1.0e-16", "0.0e+00")]
    assert sessions.steady(proofs[0]) == sessions.steady(proofs[1])
    assert sessions.steady("3 rows") != sessions.steady("4 rows")


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    names = [name for name in COMMANDS if name != "score"]
    names += [f"{group} {name}" for group, (_, _, entries) in GROUPS.items() for name in entries]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == names


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *ROOT.glob("*/README.md")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            found = path.parent / file if file else path
            assert found.exists(), target
            titles = re.findall(r"^#+ (.+)$", found.read_text() if found.is_file() else "", re.MULTILINE)
            heads = {title.lower().replace(" ", "-") for title in titles}
            assert not anchor or anchor in heads, target


def listing(document: str, name: str) -> str:
    """A listing whose first line is a comment with its file's name."""
    text = (ROOT / document).read_text()
    found = re.search(rf"^```\w+\n(# {re.escape(name)}\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_recipe_the_search_and_the_pipeline_of_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("adult.toml", "search.toml", "income.py"):
        (tmp_path / name).write_text(listing("docs/training.md", name))
    assert make_recipe(Path("adult.toml"), {}).params["max_iter"] == 200
    assert read_search(Path("search.toml")).n_iter == 20
    estimator, source = read_factory("income:make")
    assert hasattr(estimator, "fit")
    assert source.module == "income"


MODULES = [
    name for _, name, _ in pkgutil.walk_packages(scorekit.__path__, "scorekit.") if "__main__" not in name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples_in_docstrings() -> None:
    assert sum(doctest.testmod(import_module(name)).attempted for name in MODULES) > 10


def test_every_policy_of_the_document_is_one(tmp_path: Path) -> None:
    """What stands in the document is read as a policy, and all of it together is one too."""
    blocks = re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "docs/quality.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 5
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        settings = config.load(file)
        settings.check()
        assert read_policy(settings) != Policy(settings=settings)
    file.write_text("[quality]\non_fale = 1\n")
    with pytest.raises(UsageError, match=":2: no such setting"):
        read_policy(config.load(file))


def test_the_issuer_of_the_document_is_one(tmp_path: Path) -> None:
    block = re.search(
        r"^  ```toml\n(.*?)^  ```$", (ROOT / "docs/security.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert block is not None
    file = tmp_path / "scorekit.toml"
    file.write_text(textwrap.dedent(block[1]))
    settings = config.load(file)
    settings.check()
    assert read_token_settings(settings) is not None


def test_the_expressions_of_the_document_answer(bank: Bank, tmp_path: Path) -> None:
    text = (ROOT / "docs/quality.md").read_text()
    expressions = re.findall(r'expression = "([^"]+)"', text)
    assert len(expressions) == 2
    schema = load("bank", store=str(bank.store)).manifest.inputs
    decoder = Decoder(schema)
    columns = decoder.batch(bank.new.to_batches()[0])
    for expression in expressions:
        found = parse(expression, schema).evaluate(columns.numeric, columns.codes)
        assert ((found > 0) & (found < 1)).all()
