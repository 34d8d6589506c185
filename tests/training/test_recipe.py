from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import UsageError
from scorekit.training.recipe import Recipe, make_recipe, parse_params, parse_value, read_search


def test_values_are_read_as_toml_else_as_text() -> None:
    params = parse_params(
        [
            "max_iter=200",
            "early_stopping=false",
            "alpha=0.5",
            "solver=saga",
            "a=[1, 2]",
            "depth=none",
            "x=a=b",
        ]
    )
    assert params == {
        "max_iter": 200,
        "early_stopping": False,
        "alpha": 0.5,
        "solver": "saga",
        "a": [1, 2],
        "depth": None,
        "x": "a=b",
    }


@given(st.text())
def test_every_text_is_some_value(text: str) -> None:
    parse_value(text)


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False))
def test_numbers_keep_their_value(number: float) -> None:
    assert parse_value(repr(number)) == number


@pytest.mark.parametrize("word", ["max_iter", "=3", " =3"])
def test_a_parameter_needs_a_name_and_a_value(word: str) -> None:
    with pytest.raises(UsageError, match="not a parameter"):
        parse_params([word])


def test_options_win_over_the_file_and_params_add_up(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('target = "y"\nestimator = "forest"\ncv = 3\n[params]\nn_estimators = 7\nmax_depth = 2\n')
    made = make_recipe(file, {"estimator": "logistic", "params": {"max_depth": 5}, "cv": None, "drop": ()})
    assert made == Recipe(target="y", estimator="logistic", cv=3, params={"n_estimators": 7, "max_depth": 5})


def test_cv_of_nothing_is_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('target = "y"\ncv = 3\n')
    assert make_recipe(file, {"cv": 0}).cv == 0


def test_a_pipeline_takes_the_place_of_the_files_estimator(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('target = "y"\nestimator = "forest"\n')
    assert make_recipe(file, {"pipeline": "mine:make"}).estimator is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('target = "y"\nestimater = "tree"\n', "no such setting: estimater", "did you mean estimator"),
        ('target = "y"\nESTIMATOR = "tree"\n', "no such setting: ESTIMATOR", "did you mean estimator"),
        ('target = "y"\nholdout = 1.5\n', r"holdout: has to be less than 1\.0, not 1\.5$", None),
        ('target = "y"\ncv = "many"\n', "cv: takes a whole number, not 'many'$", None),
        ('target = "y"\npositive = [1]\n', "positive: takes a text$", None),
        ('target = "y"\ndrop = "x"\n', "drop: takes a list, not 'x'$", None),
        ('target = "y"\nparams = 3\n', "params: takes a table, not 3$", None),
        ('target = "y"\nsearch = {params = {}}\n', r"search\.params: has to hold something$", None),
        (
            'target = "y"\nsearch = {params = {C = [1]}, n_iterr = 3}\n',
            r"no such setting: search\.n_iterr",
            "did you mean n_iter?",
        ),
        ('target = "y"\ncv = 1\n', "cv: one fold leaves nothing", None),
        ('target = "y"\nestimator = "tree"\npipeline = "a:b"\n', "two models", None),
        ('estimator = "tree"\n', "no target column", "--target"),
        ("target = y\n", "not valid TOML", None),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        make_recipe(file, {})
    assert hint is None or hint in str(caught.value.hint)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such search file: .*nowhere\.toml"):
        read_search(tmp_path / "nowhere.toml")


def test_a_recipe_survives_the_manifest() -> None:
    made = make_recipe(
        None,
        {
            "target": "y",
            "positive": True,
            "params": {"a": None, "b": [1, 2.5, "x"]},
            "drop": ("one", "two"),
            "search": {"kind": "random", "params": {"C": {"low": 0.1, "high": 1, "log": True}}},
        },
    )
    assert Recipe.model_validate(made.model_dump(mode="json")) == made
