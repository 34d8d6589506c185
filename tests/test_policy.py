"""Every mistake of a policy names its file and line; what ``quality init`` writes has none."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit import config
from scorekit.batch import score_files
from scorekit.cli import run
from scorekit.errors import ScorekitError
from scorekit.gate import Gate
from scorekit.model import Model, load
from scorekit.policy import Policy, read_policy
from scorekit.policy_template import _key, policy_template
from scorekit.quality.checks import CHECKS
from tests.conftest import Bank, train

ODD = ["a.b", 'say "hi"', "it's", "two words", "été 🎉", "x]=[y", "tab\there", "back\\slash", "del\x7f"]


@pytest.fixture(scope="module")
def model(bank: Bank) -> Model:
    return load("bank", store=str(bank.store))


def policy(text: str, folder: Path) -> Policy:
    path = folder / "scorekit.toml"
    path.write_text(text, encoding="utf-8")
    settings = config.load(path)
    settings.check()
    return read_policy(settings)


MISTAKES = [
    ("[quality]\non_fial = 'warn'", 2, "no such setting: on_fial", "did you mean on_fail?"),
    ("[quality]\n\nrejected = 'many'", 3, "quality.rejected should be a valid number", None),
    ("[quality]\non_fail = 'explode'", 2, "should be 'warn', 'fallback' or 'fail'", None),
    ("[quality]\nrejected = 5", 1, "a share of the rows, from 0 to 1, not 5", None),
    ("[quality]\ncolumns = 5", 2, "quality.columns should be a table", None),
    ("[quality.rows]\nleast = 5\nmost = 4", 1, "no window has 5 rows or more, and 4 or fewer", None),
    ("[quality.thresholds]\nwran = 0.1", 2, "no such setting: wran", "did you mean warn?"),
    ("[quality.thresholds]\nalarm = nan", 1, "alarm is a PSI of more than 0, not nan", None),
    ("[quality.thresholds]\nwarn = -3", 1, "warn is a PSI of more than 0, not -3", None),
    ("[quality.thresholds]\nwarn = 0.5", 1, "warn at 0.5 would come after alarm at 0.25", None),
    ("[quality.thresholds]\nalarm_p = 7", 1, "alarm_p is a probability, from 0 to 1, not 7", None),
    ("[quality]\n\nrejected = true", 3, "quality.rejected should be a valid number", None),
    ("[quality]\n\nfallback = '0.5'", 3, "quality.fallback should be a valid number", None),
    ("[quality.rows]\nleast = '5'", 2, "quality.rows.least should be a valid integer", None),
    ("[quality.columns.age]\nat_least = '18'", 2, "quality.columns.age.at_least should be a", None),
    ("[fallback]\nladder = [{ mean = 'yes' }]", 2, "fallback.ladder.mean should be true or false", None),
    ("[alerts]\ncooldown = '6h'", 2, "no such setting: cooldown", "did you mean cool_down?"),
    (
        "[[alerts.channels]]\nkind = 'slack'\nsevirity = 'warning'",
        3,
        "no such setting: sevirity",
        "did you mean severity?",
    ),
    ("[quality.checks]\n'column.psi' = 'explode'", 2, "should be 'ignore', 'warn', 'row'", None),
    ("[quality.checks]\n'column.ps' = 'warn'", 2, "no check 'column.ps'", "did you mean column.psi?"),
    ("[quality.checks]\n\n'score.psi' = 'row'", 3, "its action is not row", "write ignore, warn"),
    ("[quality.columns.Age]\nrequired = true", 1, "no column 'Age'", "did you mean 'age'?"),
    ("[quality.columns.job]\nrequired = true\nat_least = 3", 3, "'job' has no range", None),
    ("[quality.columns.age]\nunseen = 'row'", 2, "'age' is numeric and has no categories", None),
    ("[quality.columns.age]\nat_least = 2024-01-01", 2, "its range is not of that kind", None),
    ("[quality.columns.age]\nat_most = 3\nat_least = 4", 3, "at least 4.0 and at most 3.0", None),
    ("[quality.columns.age.checks]\n'colum.psi' = 'warn'", 2, "no check 'colum.psi'", "column.psi"),
    ("[quality.columns.age.checks]\n'input.rows' = 'warn'", 2, "not of one column", "[quality.checks]"),
    ("[quality]\ncolumns = { age = { requird = true } }", 2, "no such setting: requird", "required"),
    ("[fallback]\nladder = 5", 2, "fallback.ladder should be a list", None),
    ("[fallback]\nladder = [\n { meen = true },\n]", 2, "no such setting: meen", "did you mean mean?"),
    ("[fallback]\nladder = [{ mean = true }, { segment = ['job'] }]", 1, "nothing below the rung mean", None),
    ("[fallback]\nladder = [{ mean = true, null = true }]", 2, "this one is mean and null", None),
    ("[fallback]\n\nladder = [{ segment = ['job'] }]", 3, "has not learned the rung segment", "train again"),
    ("[fallback]\n\nladder = [{ version = 'bank:9' }]", 3, "bank has no version 9", None),
    ("[switch]\nlast = 100", 1, "both numbers, or neither", None),
    ("[switch]\npoor = 'few'", 2, "switch.poor should be a valid integer", None),
    ("[switch]\nwindows = 0", 1, "a number of 1 or more", None),
    ("model = 'bank'\n[qualty]\non_fail = 'warn'", 2, "no such setting: qualty", "did you mean quality?"),
    ("quality = 5", 1, "quality is a table of settings", None),
]


@pytest.mark.parametrize(("text", "line", "said", "hint"), MISTAKES)
def test_a_mistake_names_file_and_line(
    text: str, line: int, said: str, hint: str | None, model: Model, tmp_path: Path
) -> None:
    with pytest.raises(ScorekitError, match=re.escape(said)) as refused:
        Gate(model, policy(text, tmp_path))
    assert refused.value.message.startswith(f"{tmp_path / 'scorekit.toml'}:{line}: ")
    assert str(refused.value) == refused.value.message
    assert (hint or "") in (refused.value.hint or "")


def test_the_command_line_says_it_before_anything_is_scored(
    bank: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(bank.new.slice(0, 10), "rows.parquet")
    (tmp_path / "mine.toml").write_text("[quality.columns.Age]\nrequired = true\n")
    assert run(["score", "rows.parquet", "--store", str(bank.store), "--policy", "mine.toml"]) == 2
    assert "error: mine.toml:1: the model has no column 'Age'" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml", "rows.parquet"]


def test_a_missing_column_ends_the_run_whatever_the_policy_says(
    bank: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(bank.new.slice(0, 10).drop_columns(["age"]), "rows.parquet")
    checks = "\n".join(f"'{check.id}' = 'ignore'" for check in CHECKS)
    (tmp_path / "mine.toml").write_text(f"[quality]\non_fail = 'warn'\n[quality.checks]\n{checks}\n")
    arguments = [
        "score",
        "rows.parquet",
        "--store",
        str(bank.store),
        "--policy",
        "mine.toml",
        "-o",
        "o.parquet",
    ]
    assert run(arguments) == 3
    assert "'age'" in capsys.readouterr().err
    assert not (tmp_path / "o.parquet").exists()
    pq.write_table(bank.new.slice(0, 10), "rows.parquet")
    assert run(arguments) == 0


def test_a_setting_is_found_by_its_line_whatever_the_column_is_called(tmp_path: Path) -> None:
    for number, name in enumerate(ODD):
        path = tmp_path / f"{number}.toml"
        key = f"'{name}'" if '"' in name else '"' + name.replace("\\", "\\\\").replace("\t", "\\t") + '"'
        key = key.replace("\x7f", "\\u007f")
        path.write_text(f"[quality]\n\n[quality.columns.{key}]\nrequired = true\n", encoding="utf-8")
        settings = config.load(path)
        assert list(settings.values["quality"]["columns"]) == [name]
        assert settings.place("quality", "columns", name, "required") == f"{path}:4"


def test_no_policy_is_what_holds_without_one(tmp_path: Path) -> None:
    assert policy("model = 'bank'\n", tmp_path) == Policy()


# the first policy of a model ---------------------------------------------------------


def uncommented(text: str) -> str:
    """A template with everything asked that it offers, but for what has to be learned first."""
    offered = r"^# (?=\[|(?:least|most|required|unseen|at_least|at_most|last|poor) = )"
    return re.sub(offered, "", text, flags=re.MULTILINE)


def test_a_first_policy_says_what_holds(model: Model, tmp_path: Path) -> None:
    read = policy(policy_template(model), tmp_path)
    assert read.quality.on_fail == "fallback"
    assert read.quality.checks == {check.id: check.action for check in CHECKS}
    assert read.quality.columns == {}
    assert (read.switch.windows, read.switch.last) == (3, None), "one window is answered by the fallback"


def test_all_that_it_offers_may_be_asked_and_no_row_of_training_is_refused(
    bank: Bank, model: Model, tmp_path: Path
) -> None:
    asked = policy(uncommented(policy_template(model)), tmp_path)
    assert set(asked.quality.columns) == set(model.manifest.inputs.names)
    assert asked.quality.columns["age"].at_least is not None
    assert asked.quality.columns["job"].unseen == "row"
    assert asked.quality.rows.least is not None
    assert (asked.switch.last, asked.switch.poor) == (1000, 25)
    data, out = bank.store.parent / "bank.parquet", tmp_path / "out.parquet"
    shutil.copytree(bank.store, tmp_path / "models", ignore=shutil.ignore_patterns(".scorekit"))
    result = score_files([str(data)], str(out), model="bank", store=str(tmp_path / "models"), policy=asked)
    assert (result.rejected, result.outputs[0].fate) == (0, "published")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of columns that nobody should call so."""
    folder = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(1)
    columns: dict[str, list[object]] = {
        name: (rng.choice(["low", "high"], 600).tolist() if number % 2 else rng.normal(size=600).tolist())
        for number, name in enumerate(ODD)
    }
    target = (np.array(columns[ODD[0]], dtype=float) > 0).astype(int).tolist()
    pq.write_table(pa.table({**columns, "y": target}), folder / "odd.parquet")
    args = ("--target", "y", "--name", "odd", "--estimator", "logistic")
    train([folder / "odd.parquet"], folder / "models", *args)
    return folder


def test_columns_of_any_name_have_their_settings(odd: Path, tmp_path: Path) -> None:
    model = load("odd", store=str(odd / "models"))
    text = policy_template(model)
    assert tomllib.loads(text)["quality"]["on_fail"] == "fallback"
    asked = policy(uncommented(text), tmp_path)
    assert set(asked.quality.columns) == set(ODD)
    data, out = odd / "odd.parquet", tmp_path / "out.parquet"
    result = score_files([str(data)], str(out), model=model, policy=asked)
    assert result.rejected == 0
    end = len(text.splitlines())
    for number, name in enumerate(ODD):
        table = f"[quality.columns.{_key(name)}]"
        wrong = policy(f"{text}\n{table}\nunseen = 'row'\nat_least = 1\n", tmp_path)
        # numbers have no categories, categories no range
        with pytest.raises(ScorekitError, match=rf"scorekit\.toml:{end + 3 + number % 2}: .*") as refused:
            Gate(model, wrong)
        assert repr(name) in refused.value.message
