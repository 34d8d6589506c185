"""``scorekit models``: what people read is what the store holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scorekit.model import load
from scorekit.store.versions import Store
from tests.commands.stores import Models, change, flip, many
from tests.conftest import scorekit
from tests.store import example
from tests.test_loaded_modules import BANNED, loaded

FUTURE = 99


# What there is -----------------------------------------------------------------------


@pytest.mark.usefixtures("store")
def test_the_list_has_every_version_newest_first(models: Models) -> None:
    said = models("list")
    title, head, second, first = said.out.splitlines()
    assert title == "bank"
    assert head.split() == ["version", "created", "estimator", "ROC", "AUC", "on", "engine", "aliases"]
    assert second.split()[0] == "2"
    assert "KNeighborsClassifier" in second
    assert "reference" in second
    assert "holdout" in second
    assert first.split()[0] == "1"
    assert "2 folds" in first
    assert first.split()[-2:] == ["compiled", "champion"]
    assert said.err == ""
    assert models("list", "bank").out == said.out


def test_the_list_as_json(store: Path, models: Models) -> None:
    listed = models("list", "--json").json
    manifest = json.loads((store / "bank/2/manifest.json").read_text())
    (model,) = listed["models"]
    assert listed["store"] == str(store)
    assert (model["name"], model["aliases"], model["problems"]) == ("bank", {"champion": 1}, [])
    newest, first = model["versions"]
    assert newest == {
        "model": "bank:2",
        "name": "bank",
        "version": 2,
        "aliases": [],
        "created": manifest["created"],
        "task": "binary",
        "estimator": "sklearn.neighbors.KNeighborsClassifier",
        "metric": {
            "name": "roc_auc",
            "value": manifest["metrics"]["holdout"]["roc_auc"],
            "measured_on": "holdout",
        },
        "engine": "reference",
        "digest": manifest["digest"],
        "signing": {"standing": "unsigned", "keys": []},
        "problem": None,
    }
    assert (first["aliases"], first["metric"]["measured_on"]) == (["champion"], "cross_validated")


@pytest.mark.parametrize("harm", ["flipped", "no JSON", "empty", "future", "of another version"])
def test_a_broken_version_hides_no_other(store: Path, models: Models, harm: str) -> None:
    file = store / "bank/2/manifest.json"
    if harm == "flipped":
        change(file, target="z")
    elif harm == "future":
        change(file, format_version=FUTURE)
    elif harm == "of another version":
        shutil.copy(store / "bank/1/manifest.json", file)
    else:
        file.write_text("" if harm == "empty" else "{")
    said = models("list")
    assert said.code == 0
    assert "logistic" in said.out
    assert f"broken: {file} " in said.out
    broken, whole = models("list", "--json").json["models"][0]["versions"]
    assert str(file) in broken["problem"]
    assert (broken["created"], broken["metric"]) == (None, None)
    assert whole["problem"] is None


def test_a_broken_alias_is_told_and_hides_nothing(store: Path, models: Models) -> None:
    assert models("promote", "bank:2", "--alias", "gone").code == 0
    (store / "bank/aliases/champion.json").write_text("{")
    shutil.rmtree(store / "bank/2")
    said = models("list")
    assert said.code == 0
    assert "logistic" in said.out
    assert f"broken: {store}/bank/aliases/champion.json is not an alias" in said.out
    assert "broken: bank@gone points at version 2, which is not there" in said.out
    verified = models("verify")
    assert verified.code == 4
    assert [line.split()[0] for line in verified.out.splitlines()] == ["holds", "broken", "broken"]


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_screen(
    tmp_path: Path, models: Models, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the names, and with every column there is."""
    long = "a-model-" + "x" * 100
    estimator = "sklearn.ensemble.HistGradientBoostingClassifier"
    store = many(tmp_path / "models", 3, long, recipe={"target": "y", "estimator": estimator})
    store.publish(example.manifest(long, target="a " + "longer " * 20 + "name"), {}, by="tests")
    store.promote(store.resolve(f"{long}:2"), "the-one-for-the-other-country", by="ann", why="word " * 40)
    monkeypatch.setenv("COLUMNS", str(columns))
    where = ("--store", tmp_path / "models")
    models("keygen", tmp_path / "key.pem")
    models("sign", f"{long}:1", "--key", tmp_path / "key.pem", *where)
    title, *table = models("list", *where).out.splitlines()
    assert title == long
    assert max(map(len, table)) <= columns
    assert "signed" in table[0]
    for whole in ("2026-02-03", "compiled", "holdout"):
        assert sum(whole in line for line in table) == 4, "a short word is never broken for a long one"
    said = models("history", long, "--alias", "the-one-for-the-other-country", *where)
    assert max(map(len, said.out.splitlines()[1:])) <= columns
    for verb in (["show", f"{long}:1"], ["diff", f"{long}:1", f"{long}:4"]):
        assert max(map(len, models(*verb, *where).out.splitlines()[1:])) <= columns, verb


def test_of_many_versions_the_newest_and_those_with_an_alias_are_listed(
    tmp_path: Path, models: Models
) -> None:
    store = many(tmp_path, 30)
    store.promote(store.resolve("bank:7"), "stable", by="ann")
    said = models("list", "--store", tmp_path)
    numbers = [int(line.split()[0]) for line in said.out.splitlines() if line.strip()[0].isdigit()]
    assert numbers == [*range(30, 20, -1), 7, 1]
    assert f"and 18 older: scorekit models list bank --store {tmp_path}\n" in said.out
    assert len(models("list", "bank", "--store", tmp_path).out.splitlines()) == 32
    assert len(models("list", "--json", "--store", tmp_path).json["models"][0]["versions"]) == 30


def test_an_empty_store_says_what_to_do_next(tmp_path: Path, models: Models) -> None:
    said = models("list", "--store", tmp_path / "nowhere")
    assert (said.code, said.out) == (0, "")
    assert f"no models in {tmp_path}/nowhere" in said.err
    assert said.err.endswith(f"next: scorekit train DATA --target COLUMN --store {tmp_path / 'nowhere'}\n")
    assert models("list", "--json", "--store", tmp_path).json == {"store": str(tmp_path), "models": []}
    assert not (tmp_path / "nowhere").exists()
    verified = models("verify", "--store", tmp_path)
    assert verified.code == 4, "a check that checked nothing did not succeed"
    assert "holds no model" in verified.err


@pytest.mark.parametrize(
    "command",
    [
        ["list", "bnak"],
        ["show", "bnak"],
        ["verify", "bnak"],
        ["promote", "bnak:1"],
        ["rollback", "bnak"],
        ["history", "bnak"],
        ["diff", "bank", "bnak"],
        ["sign", "bnak", "--key", "none.pem"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.usefixtures("store")
def test_an_unknown_model_gets_a_hint(models: Models, command: list[str]) -> None:
    said = models(*command)
    assert (said.code, said.out) == (4, "")
    assert "error: no model bnak in " in said.err
    assert "hint: did you mean bank?" in said.err


@pytest.mark.parametrize(
    ("command", "code", "error", "hint"),
    [
        (["show", "bank:7"], 4, "bank has no version 7, only 1, 2", "models list"),
        (["promote", "bank:7"], 4, "bank has no version 7, only 1, 2", "models list"),
        (["verify", "bank:7"], 4, "bank has no version 7, only 1, 2", "models list"),
        (["show", "bank@stable"], 4, "bank has no alias stable, only champion", "models list"),
        (["history", "bank", "--alias", "stable"], 4, "bank has no alias stable, only champion", "list"),
        (["show", "bank:x"], 2, "not a version: bank:x", "name:7"),
        (["list", "bank:2"], 2, "not a model name: 'bank:2'", "the name alone is bank"),
        (["rollback", "bank@stable"], 2, "not a model name: 'bank@stable'", "the name alone is bank"),
        (["promote", "bank:2", "--alias", "2"], 2, "not an alias: '2'", "use letters"),
        (["show", "../bank"], 2, "not a model name: '../bank'", "use letters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("store")
def test_what_is_not_there(models: Models, command: list[str], code: int, error: str, hint: str) -> None:
    said = models(*command)
    assert (said.code, said.out) == (code, "")
    assert f"error: {error}\n" in said.err
    assert hint in said.err.partition("hint: ")[2]


# One version -------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
def test_show_tells_what_matters(models: Models) -> None:
    said = models("show", "bank")
    assert said.out.startswith("bank:1  (champion)\n")
    words = " ".join(said.out.split())
    for part in (
        "target y: two classes; the score speaks for yes",
        "estimator logistic",
        "2,713 to learn from, 15 features",
        "scored by the compiled model, proved on",
        "signature not signed",
        "ROC AUC",
        "poutcome category failure, other, success, unknown no",
    ):
        assert part in words
    other = " ".join(models("show", "bank:2").out.split())
    assert "KNeighborsClassifier with n_neighbors=9" in other
    assert "scored by scikit-learn: " in other
    assert "100 kept back" in other


def test_show_as_json_is_the_manifest(store: Path, models: Models) -> None:
    shown = models("show", "bank:2", "--json").json
    assert shown["manifest"] == json.loads((store / "bank/2/manifest.json").read_text())
    assert {name: shown[name] for name in ("model", "name", "version", "aliases", "signing")} == {
        "model": "bank:2",
        "name": "bank",
        "version": 2,
        "aliases": [],
        "signing": {"standing": "unsigned", "keys": []},
    }


def test_the_card_leaves_as_it_is(store: Path, models: Models) -> None:
    card = (store / "bank/1/card.md").read_text()
    assert models("show", "bank", "--card").out == card
    assert models("show", "bank", "--card", "--json").json["card"] == card
    flip(store / "bank/1/card.md")
    said = models("show", "bank", "--card")
    assert (said.code, said.out) == (4, "")
    assert "bank/1/card.md was changed" in said.err


def test_a_manifest_from_the_future(store: Path) -> None:
    change(store / "bank/2/manifest.json", format_version=FUTURE)
    said = scorekit("models", "show", "bank:2", store=store)
    assert (said.returncode, said.stdout) == (4, "")
    assert said.stderr == (
        f"error: {store}/bank/2/manifest.json has format 99, this scorekit reads up to 1\n"
        "hint: install a newer scorekit\n"
    )
    verified = scorekit("models", "verify", store=store)
    assert verified.returncode == 4
    assert "holds   bank:1" in verified.stdout
    assert "broken  bank:2" in verified.stdout


# Aliases -----------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
def test_promote_and_rollback_move_what_is_scored_with_and_are_remembered(models: Models) -> None:
    said = models("promote", "bank:2", "--by", "ada", "--why", "more [rows]")
    assert (said.code, said.out) == (0, "")
    assert said.err == "bank@champion points at version 2 (pointed at version 1)\n"
    assert load("bank").manifest.version == 2
    assert models("list", "--json").json["models"][0]["aliases"] == {"champion": 2}
    back = models("rollback", "bank", "--by", "bob", "--json").json
    assert (back["name"], back["alias"], back["version"]) == ("bank", "champion", 1)
    assert (back["move"]["from"], back["move"]["to"], back["move"]["by"]) == (2, 1, "bob")
    assert load("bank").manifest.version == 1
    history = models("history", "bank", "--json").json
    assert [(move["from"], move["to"], move["why"]) for move in history["history"]] == [
        (None, 1, "first version"),
        (1, 2, "more [rows]"),
        (2, 1, ""),
    ]
    title, _, *moves = models("history", "bank").out.splitlines()
    assert title == "bank@champion"
    assert [line.split(maxsplit=2)[2].split() for line in moves][1:] == [
        ["1", "→", "2", "ada", "more", "[rows]"],
        ["2", "→", "1", "bob"],
    ]


@pytest.mark.usefixtures("store")
def test_another_alias_is_new_and_has_a_history_of_its_own(models: Models) -> None:
    assert "(is new)" in models("promote", "bank:2", "--alias", "stable").err
    assert "(did so already)" in models("promote", "bank:2", "--alias", "stable").err
    assert load("bank@stable").manifest.version == 2
    assert load("bank").manifest.version == 1
    said = models("rollback", "bank", "--alias", "stable")
    assert said.code == 4
    assert "bank@stable has pointed at version 2 only" in said.err


def test_a_first_champion_that_nobody_wrote_down(store: Path, models: Models) -> None:
    (store / "bank/aliases/champion.json").unlink()
    assert models("history", "bank").out == "bank@champion points at version 1, the first; nobody moved it\n"
    assert models("history", "bank", "--json").json["history"] == []


def test_a_version_that_does_not_hold_is_not_promoted(store: Path, models: Models) -> None:
    change(store / "bank/2/manifest.json", target="z")
    said = models("promote", "bank:2")
    assert said.code == 4
    assert "bank/2/manifest.json was changed" in said.err
    assert load("bank").manifest.version == 1


@pytest.mark.usefixtures("store")
def test_what_others_wrote_steers_no_terminal(models: Models) -> None:
    models("promote", "bank:2", "--by", "eve\x1b[2J", "--why", "one\ntwo\rthree\x07 [bold]four[/]")
    said = models("history", "bank")
    assert not {char for char in said.out if not char.isprintable()} - {"\n"}
    assert "one two three  [bold]four[/]" in said.out


# As processes ------------------------------------------------------------------------


def test_looking_at_versions_loads_no_scikit_learn(store: Path) -> None:
    for command in (["list"], ["show", "bank:2"], ["verify"], ["diff", "bank:1", "bank:2"]):
        assert not loaded("models", *command, SCOREKIT_STORE=str(store)) & BANNED, command


def test_models_on_s3(bucket: str, models: Models) -> None:
    uri = f"s3://{bucket}/models"
    store = Store.open(uri)
    for number in range(3):
        store.publish(example.manifest(), example.files(str(number)), by="tests")
    where = ("--store", uri)
    assert models("promote", "bank:3", *where).code == 0
    listed = models("list", "--json", *where).json
    assert listed["store"] == uri
    assert [(row["version"], row["aliases"]) for row in listed["models"][0]["versions"]] == [
        (3, ["champion"]),
        (2, []),
        (1, []),
    ]
    assert models("verify", *where).code == 0
    assert models("rollback", "bank", "--json", *where).json["version"] == 1


def test_a_store_that_cannot_be_reached(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = models("list", "--store", "s3://nobody/models")
    assert (said.code, said.out) == (7, "")
    assert "s3://nobody/models" in said.err


def test_settings_of_the_group_are_for_each_of_its_commands(
    store: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scorekit.toml").write_text('[models]\nby = "night shift"\nalias = "stable"\n')
    models("promote", "bank:2")
    (move,) = models("history", "bank", "--json").json["history"]
    assert move["by"] == "night shift"
    assert models("list").code == 0, "a setting of another command of the group is no mistake"
    (tmp_path / "scorekit.toml").write_text("[models]\nalais = 'stable'\n")
    said = models("list")
    assert said.code == 2
    assert said.err == "error: scorekit.toml:2: no such setting: alais\nhint: did you mean alias?\n"
