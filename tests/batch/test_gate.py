"""The verdict decides what is published: the model's scores, the fallback's, or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.batch import score_files
from scorekit.errors import FormatError
from scorekit.gate import Gate
from scorekit.model import load
from scorekit.policy import Policy
from scorekit.quality.fallback import FallbackSettings, RungSettings
from scorekit.quality.verdict import Verdict
from scorekit.scoring import Scorer
from scorekit.state.ledger import Ledger
from tests.batch.nights import CALM, DRIFTED, FALLBACK, Night, sources
from tests.batch.test_batch import read, write
from tests.batch.test_remote import got, names
from tests.conftest import Bank, scorekit
from tests.quality.foreign import bring


def model_scores(night: Night, data: str = "drifted.parquet") -> list[float]:
    found: list[float] = load("bank").score(pq.read_table(night.folder / data))["score"].to_pylist()
    return found


def baseline_mean() -> float:
    baseline = load("bank").baseline
    assert baseline is not None
    assert baseline.scores[0].mean is not None
    return baseline.scores[0].mean


# without a policy --------------------------------------------------------------------


def test_calm_rows_are_published_and_pass(night: Night) -> None:
    done = night.score("--json", data="calm.parquet")
    (output,) = done.json["outputs"]
    assert done.code == 0
    assert (output["fate"], output["quality"]["outcome"]) == ("published", "pass")
    assert output["switch"] == "closed"
    assert output["quality"]["rows"] == CALM


def test_rows_that_drift_are_published_with_a_loud_warning(night: Night) -> None:
    done = night.score()
    assert done.code == 0
    assert "the window failed, and was published all the same" in done.err
    assert "alarm" in done.err
    assert [row["score"] for row in read(night.target)] == model_scores(night)
    assert night.made() == {"out.parquet"}


def test_the_output_says_what_was_judged(night: Night) -> None:
    night.score("--run-id", "night-1")
    said = pq.read_metadata(night.target).metadata
    assert said[b"scorekit.verdict"] == b"alarm"
    assert said[b"scorekit.run_id"] == b"night-1"


@pytest.mark.parametrize("rows", [8, 16, 20])
def test_the_output_says_it_however_many_parts_it_was_made_of(
    rows: int, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.batch.writing.PART_ROWS", 8)
    write(pq.read_table("calm.parquet").slice(0, rows), night.folder / "few.parquet")
    assert night.score("--chunk-rows", 4, data="few.parquet").code == 0
    assert pq.read_metadata(night.target).metadata[b"scorekit.verdict"] == b"insufficient"
    assert pq.read_metadata(night.target).num_rows == rows


def test_a_failed_window_that_is_published_is_told_even_to_the_quiet(night: Night) -> None:
    done = night.score("--quiet")
    assert (done.code, len(read(night.target))) == (0, DRIFTED)
    assert done.err.startswith("warning: out.parquet was published, but failed: score.psi score: PSI ")
    assert len(done.err.splitlines()) == 1
    assert night.score("--quiet", data="calm.parquet", output="calm.scores.parquet").err == ""


def test_a_channel_that_is_away_is_told_even_to_the_quiet(night: Night) -> None:
    night.policy(
        '[alerts]\n[[alerts.channels]]\nkind = "webhook"\nurl = "http://127.0.0.1:9/secret"\n'
        '[quality.checks]\n"score.psi" = "fail"\n'
    )
    away = "the alert channel webhook (http://127.0.0.1:9/…) refused the connection"
    done = night.score("--quiet")
    assert done.code == 5
    assert done.err.splitlines()[0] == f"warning: {away}"
    said = json.loads(night.score("--json", data="calm.parquet").out)
    assert said["untold"] == [away], "that it is good again is told, too"


# fail --------------------------------------------------------------------------------


def test_under_fail_nothing_is_published_and_the_scores_lie_beside_the_target(night: Night) -> None:
    done = night.score("--on-quality-fail", "fail", "--id-column", "client")
    assert done.code == 5
    assert "score.psi score" in done.err
    assert "nothing was published, the scores are in out.quarantine.parquet" in done.err
    assert night.made() == {"out.quarantine.parquet"}
    kept = read(night.folder / "out.quarantine.parquet")
    assert [row["score"] for row in kept] == model_scores(night)
    assert [row["client"] for row in kept] == list(range(DRIFTED))


def test_what_lay_at_the_target_and_in_quarantine_stays(night: Night) -> None:
    (night.folder / "out.csv").write_text("yesterday's")
    (night.folder / "out.quarantine.csv").write_text("the day before's")
    assert night.score("--on-quality-fail", "fail", "--force", output="out.csv").code == 5
    assert (night.folder / "out.csv").read_text() == "yesterday's"
    assert (night.folder / "out.quarantine.csv").read_text() == "the day before's"
    assert len(read(night.folder / "out.quarantine-1.csv")) == DRIFTED


def test_a_check_whose_action_is_fail_stops_the_run_whatever_else_is_said(night: Night) -> None:
    night.policy('[quality.checks]\n"column.psi" = "fail"\n')
    assert night.score("--on-quality-fail", "warn").code == 5
    night.policy(FALLBACK + '[quality.checks]\n"column.psi" = "fail"\n')
    assert night.score().code == 5
    assert not night.target.exists()


def test_an_id_that_stands_twice_fails_the_run(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    write(pa.concat_tables([rows, rows.slice(5, 1)]), night.folder / "twice.parquet")
    done = night.score("--id-column", "client", data="twice.parquet")
    assert done.code == 5
    assert "1 of 1,301 rows repeat an id" in done.err
    assert night.score(data="twice.parquet").code == 0, "nobody said that client is an id"


def test_too_few_rows_fail_the_run(night: Night) -> None:
    night.policy(f"[quality.rows]\nleast = {CALM + 1}\n")
    done = night.score(data="calm.parquet")
    assert done.code == 5
    assert "1,300 rows, fewer than 1,301" in done.err


def test_the_errors_file_of_what_is_withheld_says_why_rows_were_rejected(night: Night) -> None:
    rows = pq.read_table("drifted.parquet")
    ages = pa.array([None if row in (3, 7) else age for row, age in enumerate(rows["age"].to_pylist())])
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "holes.parquet")
    night.policy("[quality.columns.age]\nrequired = true\n")
    done = night.score("--on-quality-fail", "fail", "--id-column", "client", data="holes.parquet")
    assert done.code == 5
    said = [json.loads(line) for line in (night.folder / "out.errors.jsonl").read_text().splitlines()]
    assert [(line["row"], line["id"], line["code"]) for line in said] == [
        (4, {"client": 3}, "required"),
        (8, {"client": 7}, "required"),
    ]


# fallback ----------------------------------------------------------------------------


def test_under_fallback_every_row_of_a_failed_window_is_answered_by_it(night: Night) -> None:
    night.policy(FALLBACK)
    done = night.score("--id-column", "client", "--json")
    (output,) = done.json["outputs"]
    assert done.code == 0
    assert (output["fate"], output["fallback"], output["rejected"]) == ("degraded", DRIFTED, 0)
    scored = read(night.target)
    assert [row["client"] for row in scored] == list(range(DRIFTED))
    assert sources(night.target) == {"fallback"}
    assert [row["score"] for row in scored] == pytest.approx([baseline_mean()] * DRIFTED)
    assert pq.read_metadata(night.target).metadata[b"scorekit.verdict"] == b"alarm"
    assert night.made() == {"out.parquet"}


def test_a_window_that_passes_is_not_replaced(night: Night) -> None:
    night.policy(FALLBACK)
    assert night.score(data="calm.parquet").code == 0
    assert sources(night.target) == {"model"}


def test_a_window_is_replaced_whatever_the_parts_it_was_made_of(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.batch.writing.PART_ROWS", 500)
    night.policy(FALLBACK)
    assert night.score("--chunk-rows", 300, "--id-column", "client").code == 0
    assert [row["client"] for row in read(night.target)] == list(range(DRIFTED))
    assert sources(night.target) == {"fallback"}


def test_what_cannot_be_read_stays_rejected_and_is_explained(night: Night) -> None:
    lines = [json.dumps(row) for row in pq.read_table("drifted.parquet").to_pylist()]
    lines[4] = "{ no json"
    (night.folder / "rows.jsonl").write_text("\n".join(lines))
    night.policy(FALLBACK)
    assert night.score(data="rows.jsonl", output="out.jsonl").code == 0
    scored = read(night.folder / "out.jsonl")
    assert [row["score_source"] for row in scored[3:6]] == ["fallback", "rejected", "fallback"]
    (said,) = (night.folder / "out.errors.jsonl").read_text().splitlines()
    assert (json.loads(said)["row"], json.loads(said)["code"]) == (5, "not_a_record")


def test_a_single_row_is_answered_by_the_fallback_where_the_model_may_not(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    ages = pa.array([None if row == 3 else age for row, age in enumerate(rows["age"].to_pylist())])
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "hole.parquet")
    night.policy(FALLBACK + "[quality.columns.age]\nrequired = true\n")
    done = night.score("--json", data="hole.parquet")
    (output,) = done.json["outputs"]
    assert (done.code, output["fate"], output["fallback"]) == (0, "published", 1)
    scored = read(night.target)
    assert [row["score_source"] for row in scored[2:5]] == ["model", "fallback", "model"]
    assert scored[3]["quality_flags"] == "required:age"
    assert scored[3]["score"] == pytest.approx(baseline_mean())
    assert night.counted() == (CALM, 1)


def test_without_a_fallback_the_same_row_is_rejected(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    ages = pa.array([None if row == 3 else age for row, age in enumerate(rows["age"].to_pylist())])
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "hole.parquet")
    night.policy("[quality.columns.age]\nrequired = true\n")
    assert night.score(data="hole.parquet").code == 0
    assert [row["score_source"] for row in read(night.target)[2:5]] == ["model", "rejected", "model"]
    assert read(night.target)[3]["score"] is None
    assert night.made() == {"hole.parquet", "out.parquet", "out.errors.jsonl"}


def test_null_may_be_the_declared_answer(night: Night) -> None:
    night.policy('[quality]\non_fail = "fallback"\n[fallback]\nladder = [{ null = true }]\n')
    done = night.score("--json")
    assert (done.code, done.json["outputs"][0]["fate"]) == (0, "degraded")
    assert {(row["score"], row["score_source"]) for row in read(night.target)} == {(None, "fallback")}
    assert night.score("--force").code == 0, "and is shown to a person too"


@pytest.mark.parametrize(
    ("ladder", "said"),
    [
        ('{ segment = ["job"] }', "has not learned the rung segment"),
        ('{ version = "bank@previous" }', "there is no version of bank before bank:1"),
        ('{ version = "bank:9" }', "bank has no version 9"),
        ('{ version = "bank@champion" }', "cannot stand in for itself"),
    ],
)
def test_a_fallback_that_cannot_answer_is_refused_before_anything_is_scored(
    ladder: str, said: str, night: Night
) -> None:
    night.policy(f'[quality]\non_fail = "fallback"\n\n[fallback]\nladder = [{ladder}]\n')
    done = night.score()
    assert done.code in (2, 4)
    assert said in done.err
    assert "scorekit.toml:5" in done.err
    assert night.made() == set()


def test_a_fallback_that_nobody_declared_is_refused(night: Night) -> None:
    done = night.score("--on-quality-fail", "fallback")
    assert done.code == 2
    assert "bank:1 has none" in done.err
    assert "[fallback]" in done.err


LADDER = '[quality]\non_fail = "fallback"\n[fallback]\nladder = [{ segment = ["job"] }, { mean = true }]\n'


@pytest.fixture(scope="module")
def retrained(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second version, which learned a ladder."""
    folder = tmp_path_factory.mktemp("retrained")
    shutil.copytree(bank.store, folder / "models", ignore=shutil.ignore_patterns(".scorekit"))
    (folder / "scorekit.toml").write_text(LADDER)
    data, store = bank.store.parent / "bank.parquet", folder / "models"
    args = ("--target", "y", "--name", "bank", "--estimator", "logistic", "--cv", 2, "--promote")
    made = scorekit("train", data, "--store", store, *args, cwd=folder)
    assert made.returncode == 0, made.stderr
    return store


@pytest.fixture
def learned(night: Night, retrained: Path) -> Night:
    shutil.rmtree(night.store)
    shutil.copytree(retrained, night.store)
    night.policy(LADDER)
    return night


def with_jobs(night: Night, jobs: list[str | None]) -> str:
    rows = pq.read_table("drifted.parquet")
    changed = rows.set_column(rows.column_names.index("job"), "job", pa.array(jobs))
    write(changed, night.folder / "jobs.parquet")
    return "jobs.parquet"


def test_a_segment_answers_what_was_learned_of_it(learned: Night) -> None:
    assert learned.score("--passthrough", "job").code == 0
    rates = {(row["job"], row["score"]) for row in read(learned.target)}
    assert len(rates) == len({job for job, _ in rates}) > 3


def test_a_segment_of_a_column_whose_check_failed_leaves_the_answer_to_the_next_rung(learned: Night) -> None:
    assert learned.score(data=with_jobs(learned, ["of tomorrow"] * DRIFTED)).code == 0
    assert [row["score"] for row in read(learned.target)] == pytest.approx([baseline_mean()] * DRIFTED)


def test_where_every_rung_uses_a_column_whose_check_failed_nothing_is_published(learned: Night) -> None:
    learned.policy(LADDER.replace(", { mean = true }", ""))
    done = learned.score(data=with_jobs(learned, ["of tomorrow"] * DRIFTED))
    assert done.code == 5
    assert "every rung of the fallback uses a column whose check failed" in done.err
    kept = read(learned.folder / "out.quarantine.parquet")
    assert [row["score"] for row in kept] == model_scores(learned, "jobs.parquet")
    assert not learned.target.exists()


def test_rows_that_no_rung_answers_are_rejected_and_say_why(learned: Night) -> None:
    jobs = pq.read_table("drifted.parquet")["job"].to_pylist()
    jobs[5] = None
    learned.policy(LADDER.replace(", { mean = true }", "") + "[quality.columns.job]\nrequired = true\n")
    assert learned.score(data=with_jobs(learned, jobs)).code == 0
    found = [row["score_source"] for row in read(learned.target)]
    assert (found[5], set(found[:5] + found[6:])) == ("rejected", {"fallback"})
    (said,) = (learned.folder / "out.errors.jsonl").read_text().splitlines()
    assert (json.loads(said)["row"], json.loads(said)["code"]) == (6, "required")


def test_another_version_answers(learned: Night) -> None:
    # a column that moved would keep the version off all rows
    checks = [f"column.{check}" for check in ("psi", "range", "unseen", "constant", "missing")]
    ignored = "".join(f'"{check}" = "ignore"\n' for check in checks)
    ladder = '[fallback]\nladder = [{ version = "bank:1" }]\n'
    learned.policy(f'[quality]\non_fail = "fallback"\n[quality.checks]\n{ignored}{ladder}')
    done = learned.score()
    assert done.code == 0, done.err
    assert sources(learned.target) == {"fallback"}
    first = load("bank:1").score(pq.read_table("drifted.parquet"))["score"].to_pylist()
    assert [row["score"] for row in read(learned.target)] == first
    assert {row["model_version"] for row in read(learned.target)} == {2}


# streams -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "arrow"])
def test_standard_input_is_read_once_and_answered_by_the_fallback(ending: str, night: Night) -> None:
    data = write(pq.read_table("drifted.parquet"), night.folder / f"rows.{ending}")
    night.policy(FALLBACK)
    with data.open("rb") as file:
        done = night.process("score", "-", "-o", "out.csv", "--id-column", "client", stdin=file)
    assert done.returncode == 0, done.stderr
    scored = read(night.folder / "out.csv")
    assert [int(row["client"]) for row in scored] == list(range(DRIFTED))
    assert sources(night.folder / "out.csv") == {"fallback"}
    assert not list(night.folder.glob(".*"))


def test_from_a_pipe_to_a_pipe_by_the_fallback(night: Night) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in pq.read_table("drifted.parquet").to_pylist())
    night.policy(FALLBACK)
    done = night.process("score", "-", "--id-column", "client", input=lines.encode())
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["client"], row["score_source"]) for row in scored] == [
        (number, "fallback") for number in range(DRIFTED)
    ]
    assert night.made() == set()


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "arrow"])
def test_what_may_be_withheld_reaches_standard_output_as_a_whole(file_format: str, night: Night) -> None:
    night.policy("[switch]\nwindows = 2\n")
    done = night.process("score", "drifted.parquet", "-o", "-", "--format", file_format)
    assert done.returncode == 0, done.stderr
    if file_format == "arrow":
        assert pa.ipc.open_stream(done.stdout).read_all().num_rows == DRIFTED
    else:
        (night.folder / f"seen.{file_format}").write_bytes(done.stdout)
        assert len(read(night.folder / f"seen.{file_format}")) == DRIFTED
    assert not (night.folder / "-").exists()


def test_what_is_withheld_from_standard_output_goes_to_the_working_directory(night: Night) -> None:
    done = night.process("score", "drifted.parquet", "-o", "-", "--on-quality-fail", "fail", "--run-id", "n1")
    assert done.returncode == 5
    assert done.stdout == b""
    assert night.made() == {"scorekit-n1.quarantine.jsonl"}
    assert [row["score"] for row in read(night.folder / "scorekit-n1.quarantine.jsonl")] == model_scores(
        night
    )


def test_ids_that_may_stand_twice_keep_a_stream_back_until_all_are_seen(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    write(pa.concat_tables([rows, rows.slice(5, 1)]), night.folder / "twice.parquet")
    done = night.process("score", "twice.parquet", "-o", "-", "--id-column", "client", "--run-id", "n2")
    assert done.returncode == 5
    assert done.stdout == b""
    assert night.made() == {"twice.parquet", "scorekit-n2.quarantine.jsonl"}


def test_a_check_of_another_package_that_may_stop_the_run_keeps_a_stream_back(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring("Stops", tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{Path(__file__).parents[2]}")
    night.policy('[quality.columns.age]\nchecks = { "shop.weekend" = "warn" }\n')
    done = night.process("score", "drifted.parquet", "-o", "-", "--format", "csv")
    assert done.returncode == 5, done.stderr
    assert b"it is a weekend" in done.stderr
    assert done.stdout == b""


# folders and objects -----------------------------------------------------------------


def test_a_folder_stops_at_the_first_file_that_is_withheld(night: Night) -> None:
    for name, of in (("a", "calm"), ("b", "drifted"), ("c", "calm")):
        (night.folder / "in").mkdir(exist_ok=True)
        write(pq.read_table(f"{of}.parquet"), night.folder / "in" / f"{name}.parquet")
    done = night.score("--on-quality-fail", "fail", data="in", output="out/")
    assert done.code == 5
    assert night.made() - {f"in/{name}.parquet" for name in "abc"} == {
        "out/a.parquet",
        "out/.scorekit-done.json",
        "out.quarantine/b.parquet",
    }
    again = night.score("--on-quality-fail", "warn", "--resume", data="in", output="out/")
    assert again.code == 0, again.err
    assert {path.name for path in (night.folder / "out").iterdir()} == {
        "a.parquet",
        "b.parquet",
        "c.parquet",
        "_SUCCESS",
    }


@pytest.mark.parametrize("folder", ["./", "../tonight/"])
def test_the_quarantine_of_this_very_folder_lies_beside_it(folder: str, night: Night) -> None:
    write(pq.read_table("drifted.parquet"), night.folder.parent / "in.parquet")
    done = night.score("--on-quality-fail", "fail", data=night.folder.parent / "in.parquet", output=folder)
    assert done.code == 5
    assert (night.folder.parent / "tonight.quarantine" / "in.parquet").exists()


def test_an_object_that_is_withheld_lies_beside_its_target(night: Night, bucket: str, tmp_path: Path) -> None:
    uri = f"s3://{bucket}/scores/out.parquet"
    done = night.score("--on-quality-fail", "fail", output=uri)
    assert done.code == 5, done.err
    assert names(f"s3://{bucket}/scores") == ["out.quarantine.parquet"]
    kept = read(got(f"s3://{bucket}/scores/out.quarantine.parquet", tmp_path))
    assert [row["score"] for row in kept] == model_scores(night)
    night.policy(FALLBACK)
    assert night.score(output=uri).code == 0
    assert sources(got(uri, tmp_path)) == {"fallback"}


@pytest.mark.parametrize(("output", "kept"), [("out/", "out.quarantine/"), ("", ".quarantine/")])
def test_a_prefix_has_its_quarantine_beside_it_and_a_bucket_within(
    output: str, kept: str, night: Night, bucket: str, tmp_path: Path
) -> None:
    done = night.score("--on-quality-fail", "fail", output=f"s3://{bucket}/{output}")
    assert done.code == 5, done.err
    assert f"s3://{bucket}/{kept}drifted.parquet" in done.err
    assert len(read(got(f"s3://{bucket}/{kept}drifted.parquet", tmp_path))) == DRIFTED


def test_an_input_that_is_replaced_before_the_fallback_answers_ends_the_run(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(bank.new, tmp_path / "rows.parquet")
    answered = Gate.replacing

    def replaced(self: Gate, verdict: Verdict) -> Scorer:
        write(pa.concat_tables([bank.new.slice(1), bank.new.slice(0, 1)]), data)
        return answered(self, verdict)

    monkeypatch.setattr(Gate, "replacing", replaced)
    policy = Policy(fallback=FallbackSettings(ladder=(RungSettings(mean=True),)))
    with pytest.raises(FormatError, match="changed while it was scored"):
        score_files(
            [str(data)],
            str(tmp_path / "out.parquet"),
            store=str(bank.store),
            policy=policy,
            on_quality_fail="fallback",
        )
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("run_id", ["2026/11/24", "a b", "../../x", "ünïcode" * 20])
def test_a_run_may_be_called_anything(run_id: str, bank: Bank, tmp_path: Path) -> None:
    rows = "".join(json.dumps(row) + "\n" for row in bank.new.slice(0, 200).to_pylist())
    with Ledger.open(str(bank.store)) as ledger:
        ledger.trip("bank", "Ada", "to see")
    try:
        done = bank.run(
            "score", "-", "-o", "-", "--format", "jsonl", "--run-id", run_id, cwd=tmp_path, input=rows
        )
    finally:
        with Ledger.open(str(bank.store)) as ledger:
            ledger.reset("bank", "Ada", "seen")
    assert done.returncode == 6, done.stderr
    assert done.stdout == ""
    (kept,) = tmp_path.glob("scorekit-*.quarantine.jsonl")
    assert len(kept.read_text().splitlines()) == 200


def test_other_rows_under_the_same_run_id_are_counted_and_the_same_are_not(night: Night) -> None:
    assert night.score("--run-id", "daily", data="calm.parquet", output="a.parquet").code == 0
    assert night.counted()[0] == CALM
    assert night.score("--run-id", "daily", output="b.parquet").code == 0
    assert night.counted() == (CALM + DRIFTED, DRIFTED)
    again = night.score("--run-id", "daily", output="c.parquet")
    assert again.code == 0
    assert "counted   before" in again.err
    assert night.counted() == (CALM + DRIFTED, DRIFTED)


def test_what_the_fallback_answered_is_recorded(night: Night) -> None:
    night.policy(FALLBACK)
    done = night.score("--json")
    assert done.code == 0
    assert done.json["outputs"][0]["quality"]["fallback"] == DRIFTED
    history = night.command("quality", "history", "--json").json
    assert history["windows"][-1]["fallback"] == DRIFTED
