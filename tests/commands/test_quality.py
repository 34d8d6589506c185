"""``quality check``, ``init``, ``baseline``: judged, declared, and held against later rows."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from scorekit.model import load
from tests.batch.nights import CALM, DRIFTED, Night, make_night
from tests.batch.test_batch import write
from tests.conftest import Bank


@pytest.fixture
def night(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Night:
    return make_night(bank, tmp_path, monkeypatch, capsys)


# check -------------------------------------------------------------------------------


def test_calm_rows_pass(night: Night) -> None:
    done = night.command("quality", "check", "calm.parquet", "-m", "bank")
    assert done.code == 0
    assert done.out == ""
    assert "checked 1,300 rows against bank:1" in done.err
    assert night.made() == set()


def test_rows_that_drift_end_with_5_and_nothing_is_published_or_recorded(night: Night) -> None:
    done = night.command("quality", "check", "drifted.parquet")
    assert done.code == 5
    assert "the verdict on these rows is alarm: score.psi score" in done.err
    assert night.made() == set()
    assert night.counted() == (0, 0)


@pytest.mark.parametrize("data", ["calm.parquet", "drifted.parquet"])
def test_the_json_has_the_verdict_and_a_row_for_each_feature(data: str, night: Night) -> None:
    done = night.command("quality", "check", data, "--json")
    said = done.json
    assert said["verdict"] == ("alarm" if done.code else said["verdict"])
    assert {row["name"] for row in said["features"]} == set(load("bank").manifest.inputs.names)
    keys = {"name", "state", "psi", "psi_adjusted", "bias", "n", "m", "bins", "p_warn", "p_alarm", "counts"}
    assert all(row.keys() == keys for row in (*said["features"], *said["scores"]))
    assert [row["name"] for row in said["scores"]] == ["score"]
    assert all(sum(row["counts"].values()) == row["m"] == said["rows"] for row in said["features"])
    found = {"check", "column", "state", "action", "value", "expected", "message"}
    assert all(finding.keys() == found for finding in said["findings"])
    assert said.keys() >= {"format_version", "model", "outcome", "rejected", "fallback", "seconds"}


def test_the_policy_is_that_of_the_folder_or_the_one_that_is_named(night: Night) -> None:
    night.policy(f"[quality.rows]\nleast = {CALM + 1}\n")
    done = night.command("quality", "check", "calm.parquet")
    assert done.code == 5
    assert "fewer than 1,301" in done.err
    (night.folder / "mild.toml").write_text("[quality]\non_fail = 'warn'\n")
    assert night.command("quality", "check", "calm.parquet", "--policy", "mild.toml").code == 0


def test_ids_are_looked_at_where_they_are_named(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    write(pa.concat_tables([rows, rows.slice(0, 2)]), night.folder / "twice.parquet")
    assert night.command("quality", "check", "twice.parquet").code == 0
    assert night.command("quality", "check", "twice.parquet", "--id-column", "client").code == 5


def test_rows_that_are_all_rejected_are_an_alarm(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    ages = pa.array(["x"] * CALM)
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "bad.parquet")
    done = night.command("quality", "check", "bad.parquet", "--json")
    assert (done.code, done.json["verdict"], done.json["rejected"]) == (5, "alarm", CALM)


def test_standard_input_may_be_checked(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BufferedReader(io.FileIO("drifted.parquet")))
    monkeypatch.setattr(sys, "stdin", given)
    done = night.command("quality", "check", "-", "--json")
    assert (done.code, done.json["rows"]) == (5, DRIFTED)


def test_a_version_without_a_baseline_is_unknown_and_does_not_pass(night: Night) -> None:
    without_baseline(night.store)
    done = night.command("quality", "check", "calm.parquet", "--json")
    assert (done.code, done.json["verdict"], done.json["outcome"]) == (5, "unknown", "window")
    scored = night.score("--json", data="calm.parquet")
    assert scored.code == 0
    assert scored.json["outputs"][0]["quality"]["verdict"] == "unknown"
    again = night.score("--force", data="calm.parquet")
    assert "the window failed, and was published all the same" in again.err


def without_baseline(store: Path) -> None:
    """Publish the version again, as one of a time before there were baselines."""
    from scorekit.store.manifest import BASELINE_FILE
    from scorekit.store.versions import Store

    opened = Store.open(str(store))
    ref = opened.resolve("bank")
    manifest = opened.manifest(ref)
    files = {path: opened.read(ref, manifest, path) for path in manifest.files if path != BASELINE_FILE}
    opened.publish(replace(manifest, baseline=None), files, by="tests", alias="champion")


# init --------------------------------------------------------------------------------


def test_a_first_policy_is_written_and_is_what_the_next_run_goes_by(night: Night) -> None:
    done = night.command("quality", "init", "bank")
    assert done.code == 0
    assert night.score("--json").json["outputs"][0]["fate"] == "degraded"
    assert night.score("--json", data="calm.parquet", output="calm.out.parquet").code == 0


def test_a_policy_that_exists_is_not_replaced_without_force(night: Night) -> None:
    night.policy("[quality]\non_fail = 'fail'\n")
    refused = night.command("quality", "init", "bank")
    assert refused.code == 2
    assert "scorekit.toml exists" in refused.err
    assert (night.folder / "scorekit.toml").read_text() == "[quality]\non_fail = 'fail'\n"
    assert night.command("quality", "init", "bank", "--force").code == 0
    assert 'on_fail = "fallback"' in (night.folder / "scorekit.toml").read_text()


def test_a_policy_may_go_to_standard_output_or_elsewhere(night: Night) -> None:
    shown = night.command("quality", "init", "bank", "-o", "-")
    assert shown.code == 0
    assert night.made() == set()
    assert night.command("quality", "init", "bank", "-o", "mine.toml").code == 0
    assert (night.folder / "mine.toml").read_text() == shown.out


def test_without_a_baseline_there_is_nothing_to_write_a_policy_from(night: Night) -> None:
    without_baseline(night.store)
    done = night.command("quality", "init", "bank")
    assert done.code == 4
    assert "quality baseline bank:2" in done.err


# baseline ----------------------------------------------------------------------------


def test_a_later_baseline_makes_a_version_that_scores_the_same_to_the_bit(night: Night) -> None:
    done = night.command("quality", "baseline", "bank", "--data", "drifted.parquet", "--by", "ann", "--json")
    assert done.code == 0
    assert (done.json["model"], done.json["derived_from"]) == ("bank:2", 1)
    rows = pq.read_table("drifted.parquet")
    assert load("bank:2").score(rows)["score"] == load("bank:1").score(rows)["score"]
    assert load("bank").manifest.version == 1, "it is promoted by a person"
    checked = night.command("quality", "check", "drifted.parquet", "-m", "bank:2", "--json")
    assert (checked.code, checked.json["verdict"]) == (0, "ok")
    baseline = load("bank:2").baseline
    assert baseline is not None
    assert (baseline.kind, baseline.rows) == ("data", DRIFTED)
    assert night.command("models", "verify", "bank:2").code == 0


def test_it_may_be_promoted_at_once(night: Night) -> None:
    done = night.command("quality", "baseline", "bank", "--data", "drifted.parquet", "--promote")
    assert done.code == 0
    assert load("bank").manifest.version == 2


def test_a_version_that_had_none_gets_one(night: Night) -> None:
    without_baseline(night.store)
    assert night.command("quality", "baseline", "bank", "--data", "calm.parquet", "--promote").code == 0
    assert night.command("quality", "check", "calm.parquet").code == 0


@pytest.mark.parametrize("rows", [0, 499])
def test_too_few_rows_make_no_baseline(rows: int, night: Night) -> None:
    write(pq.read_table("calm.parquet").slice(0, rows), night.folder / "few.parquet")
    done = night.command("quality", "baseline", "bank", "--data", "few.parquet")
    assert done.code == 3
    assert night.command("models", "show", "bank:2").code == 4


def test_rows_that_are_rejected_make_no_baseline(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    ages = pa.array(["x" if row % 2 else "40" for row in range(CALM)])
    changed = rows.set_column(rows.column_names.index("age"), "age", ages).slice(0, 900)
    write(changed, night.folder / "half.parquet")
    done = night.command("quality", "baseline", "bank", "--data", "half.parquet")
    assert done.code == 3
    assert "450 rows were scored: a baseline needs 500 or more" in done.err
