"""The command line as a whole: what is listed, how settings are found, how errors leave."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from scorekit import cli, config, errors
from scorekit.cli import load_command, run
from scorekit.command_table import COMMANDS, GROUPS, Entry
from scorekit.known_options import OPTIONS
from tests.conftest import Bank

ENTRIES = [(name, entry) for name, entry in COMMANDS.items()] + [
    (f"{group} {name}", entry) for group, (_, _, entries) in GROUPS.items() for name, entry in entries.items()
]


def all_errors(base: type[errors.ScorekitError] = errors.ScorekitError) -> list[type[errors.ScorekitError]]:
    """What commands raise; the service has a kind of its own besides, once it is imported."""
    below = [child for child in base.__subclasses__() if child.__module__ == errors.__name__]
    return [base, *(found for child in below for found in all_errors(child))]


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_what_the_list_says_of_a_command_is_what_the_command_says(name: str, entry: Entry) -> None:
    module, function = entry.place.split(":")
    found = getattr(import_module(f"scorekit.commands.{module}"), function)
    assert inspect.getdoc(found).splitlines()[0] == entry.help


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_every_option_says_what_it_does(name: str, entry: Entry) -> None:
    for parameter in load_command(name, entry).params:
        if parameter.opts[0].startswith("-"):
            assert parameter.help, f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_no_help_loses_words_in_brackets(name: str, entry: Entry) -> None:
    from rich.text import Text

    for parameter in load_command(name, entry).params:
        said = parameter.help or ""
        assert Text.from_markup(said).plain == said.replace("\\[", "["), f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_a_paragraph_of_help_is_wrapped_by_the_terminal_alone(name: str, entry: Entry) -> None:
    paragraphs = (load_command(name, entry).help or "").split("\n\n")
    assert paragraphs[0]
    assert not any("\n" in paragraph for paragraph in paragraphs)


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_every_option_has_a_variable_of_its_name(name: str, entry: Entry) -> None:
    for parameter in load_command(name, entry).params:
        option = max(parameter.opts, key=len)
        if option.startswith("--"):
            assert parameter.envvar == "SCOREKIT_" + option[2:].upper().replace("-", "_")


def test_an_option_of_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCOREKIT_JSON", "true")
    monkeypatch.setenv("SCOREKIT_STORE", str(tmp_path))
    assert run(["doctor"]) == 0
    assert store_of(capsys) == f"{tmp_path} (environment)"


def test_each_exit_code_has_one_meaning() -> None:
    meanings: dict[int, str] = {}
    for error in all_errors():
        assert meanings.setdefault(error.exit_code, error.meaning) == error.meaning
    assert sorted(meanings) == [1, 2, 3, 4, 5, 6, 7, 99]


@pytest.mark.parametrize("error", all_errors())
def test_an_error_leaves_by_its_exit_code_with_its_message_and_hint(
    error: type[errors.ScorekitError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error("it did not work", hint="try again")

    monkeypatch.setattr(cli, "load_command", fail)
    assert run(["doctor"]) == error.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: it did not work\nhint: try again\n"


def test_a_bug_leaves_by_1_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret value 4711")

    monkeypatch.setattr(cli, "load_command", fail)
    assert run(["doctor"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "4711" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "args", [["nope"], ["doctor", "--nope"], ["models"], ["score"], ["score", "x", "--threads", "many"]]
)
def test_wrong_usage_leaves_by_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) in (2, 0 if args == ["models"] else 2)
    if args != ["models"]:
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("args", [["doctor"], ["doctor", "--json"], ["models", "list", "--json"], ["--help"]])
def test_a_reader_who_went_away_is_no_bug(args: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scorekit", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_version_and_module() -> None:
    shown = subprocess.run([sys.executable, "-m", "scorekit", "--version"], capture_output=True, text=True)
    assert shown.stdout == "scorekit 0.1.0\n"


def store_of(capsys: pytest.CaptureFixture[str]) -> str:
    import json

    findings = json.loads(capsys.readouterr().out)["findings"]
    return next(finding["value"] for finding in findings if finding["name"] == "store")


def test_settings_come_from_option_environment_file_default_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c", "models"):
        (tmp_path / name).mkdir()
    args = ["doctor", "--json"]
    run(args)
    assert store_of(capsys) == "models (default)"
    (tmp_path / "scorekit.toml").write_text('store = "a"\n')
    run(args)
    assert store_of(capsys) == "a (scorekit.toml:1)"
    monkeypatch.setenv("SCOREKIT_STORE", "b")
    run(args)
    assert store_of(capsys) == "b (environment)"
    run([*args, "--store", "c"])
    assert store_of(capsys) == "c (option)"


MISTAKES = [
    ('\nstoer = "x"\n', "scorekit.toml:2: no such setting: stoer\nhint: did you mean store?"),
    ("trusted-keys = ['x']\n", "scorekit.toml:1: no such setting: trusted-keys"),
    ("[score-batch]\nthreads = 1\nchunk_row = 5\n", "scorekit.toml:3: no such setting: chunk_row"),
    ('[train]\nm = "bank"\n', "scorekit.toml:2: no such setting: m\n"),
    ('[train]\ndata = ["x"]\n', "scorekit.toml:2: no such setting: data\n"),
    ("[scorebatch]\n", "scorekit.toml:1: no such setting: scorebatch"),
    ("[score]\nthreads = 1\n", "scorekit.toml:1: no such setting: score\nhint: did you mean score-batch?"),
    ("store = \n", "scorekit.toml is not valid TOML: Invalid value (at line 1"),
    (
        "store = 5\n",
        'scorekit.toml:1: store takes a text, not the number 5\nhint: write store = "5"',
    ),
    (
        "threads = 2\n[score-batch]\nthreads = '4'\n",
        'scorekit.toml:3: threads takes a whole number, not the text "4"\nhint: write it without quotes',
    ),
    (
        "[score-batch]\nforce = true\n[train]\ncv = true\n",
        "scorekit.toml:4: cv takes a whole number, not true\n",
    ),
    (
        'passthrough = "job"\n',
        (
            'scorekit.toml:1: passthrough takes a list of texts, not the text "job"\n'
            'hint: write passthrough = ["job"]'
        ),
    ),
    ("na-values = ['', -1]\n", "na-values takes a list of texts, not a list with the number -1\n"),
    ('score-batch.force = "yes"\n', "scorekit.toml:1: force takes true or false, not the text"),
    ("[train.param]\nmax_iter = 5\n", "scorekit.toml:1: param takes a list of texts, not a table\n"),
    ("\nmodels = 3\n", "scorekit.toml:2: models is a table of settings, not a value"),
    ("quality = 3\n", "scorekit.toml:1: quality is a table of settings, not a value"),
]


@pytest.mark.parametrize("command", ["doctor", "score rows.csv", "models list"])
@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_every_command_names_a_mistake_in_the_settings_with_its_line(
    text: str,
    message: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scorekit.toml").write_text(text)
    assert run(command.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line"),
    [("threads = 0\n", 1), ("threads = 2\n[train]\ncv = 3\n[score-batch]\n'threads'=0", 5)],
)
def test_a_value_out_of_range_is_named_with_its_line(
    text: str,
    line: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scorekit.toml").write_text(text)
    assert run(["score", "rows.csv"]) == 2
    assert f"hint: it stands in scorekit.toml:{line}\n" in capsys.readouterr().err


def test_policies_are_left_to_those_who_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tables = "".join(f"[{name}]\nanything = 1\nstore = 5\n" for name in sorted(config.RESERVED_TABLES))
    (tmp_path / "scorekit.toml").write_text(tables)
    (tmp_path / "models").mkdir()
    assert run(["models", "list", "--json"]) == 0
    # who reads a policy refuses what is none, with its line
    capsys.readouterr()
    assert run(["doctor", "--json"]) == 7
    assert "no such setting: " in capsys.readouterr().out


def test_the_table_of_options_is_that_of_the_commands() -> None:
    assert cli.options_by_table() == OPTIONS, "cog -r -I docs scorekit/known_options.py"


@pytest.mark.parametrize("group", GROUPS)
def test_an_option_is_of_one_kind_in_all_commands_of_a_group(group: str) -> None:
    kinds = [cli.kinds(load_command(name, entry)) for name, entry in GROUPS[group][2].items()]
    for options in kinds:
        assert options.items() <= OPTIONS[group].items()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("score x --threads many", "--threads: takes a whole number, not 'many'"),
        ("score x --threads 0", "--threads: has to be at least 1, not '0'"),
        ("score x --chunk-rows 9999999", "--chunk-rows: has to be at most 1048576, not '9999999'"),
        ("train x --holdout half", "--holdout: takes a number, not 'half'"),
        ("train x --task guess", "--task: 'guess' is not one of 'auto', 'classification', 'regression'."),
    ],
)
def test_a_wrong_value_is_said_in_words_of_ours(
    args: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args.split()) == 2
    assert capsys.readouterr().err == f"error: {message}\nhint: scorekit {args.split()[0]} --help\n"


def test_a_wrong_value_of_the_environment_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCOREKIT_THREADS", "many")
    assert run(["score", "x"]) == 2
    assert capsys.readouterr().err.endswith("\nhint: it comes from SCOREKIT_THREADS\n")


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_an_option_that_may_be_repeated_says_so(name: str, entry: Entry) -> None:
    kinds = cli.kinds(load_command(name, entry))
    for parameter in load_command(name, entry).params:
        option = max(parameter.opts, key=len).removeprefix("--")
        if option in kinds:
            repeated = parameter.help.count("May be repeated.")
            assert repeated == (kinds[option] == "a list of texts"), f"{name} --{option}"


def columns_without_scores(
    value: str, bank: Bank, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Exit code, head and errors of scores that carry the columns a variable names."""
    monkeypatch.setenv("SCOREKIT_PASSTHROUGH", value)
    rows = "last contact," + ",".join(bank.new.column_names) + "\n1,"
    Path("rows.csv").write_text(
        rows + ",".join(str(value) for value in bank.new.to_pylist()[0].values()) + "\n"
    )
    code = run(["score", "rows.csv", "-o", "-", "--store", str(bank.store)])
    out, err = capsys.readouterr()
    return code, out.partition(',"score')[0], err


def test_a_list_in_the_environment_is_words_or_json(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fixtures = (bank, monkeypatch, capsys)
    assert columns_without_scores("age job", *fixtures)[:2] == (0, '"age","job"')
    assert columns_without_scores('["last contact", "age"]', *fixtures)[:2] == (0, '"last contact","age"')
    for wrong in ('["last contact"', "[1]"):
        code, _, err = columns_without_scores(wrong, *fixtures)
        assert code == 2
        assert "error: SCOREKIT_PASSTHROUGH begins with a bracket and is no JSON list of texts" in err


def test_what_the_package_offers_can_be_listed() -> None:
    program = "import sys, scorekit; print(*dir(scorekit)); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, modules = (line.split() for line in done.stdout.splitlines())
    assert {"load", "Model", "__version__"} <= set(names)
    assert "numpy" not in modules, "nothing is imported for it"
