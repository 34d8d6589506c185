"""What other systems' clients speak to a real service: Triton's own, and bodies of MLflow and SageMaker."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.conftest import Bank, train
from tests.server.conftest import eventually, running
from tests.server.test_score import BATCH, Answer, Asked
from tests.server.test_security import state_in

ROWS = 300
INFER, INVOCATIONS = "/v2/models/bank/infer", "/invocations?model=bank"
HEADER = "Inference-Header-Content-Length"
SECRET = "secret-value"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("protocols")


@pytest.fixture(scope="module")
def store(bank: Bank, folder: Path) -> Path:
    """The bank, and a model of MLflow's columns a, b and c with three classes."""
    store = folder / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    numbers = np.random.default_rng(0).normal(3, 2, (120, 3))
    columns = dict(zip("abc", numbers.T, strict=True))
    label = [("low", "middle", "high")[int(row.argmax())] for row in numbers]
    pq.write_table(pa.table({**columns, "y": label}), folder / "abc.parquet")
    options = ("--target", "y", "--name", "abc", "--estimator", "logistic", "--cv", 2)
    train([folder / "abc.parquet"], store, *options)
    return store


@pytest.fixture(scope="module")
def asked(bank: Bank, store: Path, folder: Path) -> Iterator[Asked]:
    with running(folder, env=state_in(folder), store=store) as service:
        yield Asked(service, store, bank.new.slice(0, ROWS))


@pytest.fixture(scope="module")
def client(asked: Asked) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(asked.service.url.removeprefix("http://"))


@pytest.fixture(scope="module")
def expected(asked: Asked, folder: Path, bank: Bank) -> list[float]:
    """Scores of the rows, by ``scorekit score``."""
    pq.write_table(asked.rows, folder / "rows.parquet")
    bank.run("score", folder / "rows.parquet", "-o", folder / "scores.parquet", cwd=folder)
    found: list[float] = pq.read_table(folder / "scores.parquet").column("score").to_pylist()
    assert len(found) == ROWS
    return found


def inputs(rows: pa.Table, *, binary: bool = True) -> list[triton.InferInput]:
    """A tensor for each column, as Triton's client makes them."""
    made = []
    for name in rows.column_names:
        values = rows.column(name).to_pylist()
        if pa.types.is_string(rows.schema.field(name).type):
            array, datatype = np.array([value or "" for value in values], dtype=object), "BYTES"
        else:
            array = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
            datatype = "FP64"
        tensor = triton.InferInput(name, [len(values)], datatype)
        made.append(tensor.set_data_from_numpy(array, binary_data=binary))
    return made


def csv_of(rows: pa.Table, *, header: bool) -> bytes:
    out = io.BytesIO()
    pacsv.write_csv(rows, out, pacsv.WriteOptions(include_header=header))
    return out.getvalue()


def lines_of(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


# Open Inference Protocol -------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_gets_the_scores_of_scorekit_score_to_the_bit(
    asked: Asked, client: triton.InferenceServerClient, expected: list[float], binary: bool
) -> None:
    found = client.infer("bank", inputs(asked.rows, binary=binary), request_id="7")
    assert found.as_numpy("score").tolist() == expected
    assert set(found.as_numpy("score_source")) == {b"model"}
    assert set(found.as_numpy("model_version")) == {1}
    response = found.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("7", "bank", "1")
    outputs = ["score", "score_source", "quality_flags", "model_version"]
    assert [one["name"] for one in response["outputs"]] == outputs
    wanted = [triton.InferRequestedOutput("score", binary_data=not binary)]
    named = client.infer("bank@champion", inputs(asked.rows, binary=binary), outputs=wanted)
    assert [one["name"] for one in named.get_response()["outputs"]] == ["score"]
    assert named.as_numpy("score").tolist() == expected
    numbered = client.infer("bank", inputs(asked.rows, binary=binary), model_version="1")
    assert numbered.as_numpy("score").tolist() == expected
    packed = client.infer("bank", inputs(asked.rows, binary=binary), request_compression_algorithm="gzip")
    assert packed.as_numpy("score").tolist() == expected


def test_tritons_client_is_told_what_there_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready("bank")
    assert client.is_model_ready("bank", "1")
    assert not client.is_model_ready("bank", "9")
    assert not client.is_model_ready("nobody")
    told = client.get_model_metadata("bank", "1")
    assert (told["name"], told["versions"], told["platform"]) == ("bank", ["1"], "scorekit_compiled")
    kinds = {one["name"]: one["datatype"] for one in told["inputs"]}
    assert (kinds["age"], kinds["job"]) == ("FP64", "BYTES")
    outputs = {one["name"]: one["datatype"] for one in client.get_model_metadata("abc")["outputs"]}
    assert (outputs["score_high"], outputs["prediction"], outputs["model_version"]) == (
        "FP64",
        "BYTES",
        "INT32",
    )


def test_more_than_a_mebibyte_is_scored_aside(
    asked: Asked, client: triton.InferenceServerClient, expected: list[float]
) -> None:
    many = pa.concat_tables([asked.rows] * 40)
    assert client.infer("bank", inputs(many)).as_numpy("score").tolist() == expected * 40
    answer = asked.ask(
        INVOCATIONS, csv_of(many, header=False) * 2, Content_Type="text/csv", Accept="text/csv"
    )
    assert list(map(float, answer.body.split())) == expected * 80


def test_the_content_type_of_mlserver_and_columns_of_width_one(asked: Asked, expected: list[float]) -> None:
    payload = {
        "parameters": {"content_type": "pd"},
        "inputs": [
            {
                "name": name,
                "datatype": "BYTES" if pa.types.is_string(asked.rows.schema.field(name).type) else "FP64",
                "shape": [2, 1],
                "parameters": {"content_type": "str"},
                "data": [[value] for value in asked.rows.column(name).to_pylist()[:2]],
            }
            for name in asked.rows.column_names
        ],
    }
    answer = asked.ask(INFER, payload)
    assert answer.status == 200, answer.body
    score = answer.json["outputs"][0]
    assert (score["name"], score["shape"], score["data"]) == ("score", [2], expected[:2])


def test_missing_values_are_null_or_nan_or_empty(asked: Asked, client: triton.InferenceServerClient) -> None:
    record = asked.rows.slice(0, 1).to_pylist()[0]
    lacking = {**record, "age": None, "job": None}
    expected = asked.ask(BATCH, {"features": [lacking], "model": "bank"}).json["scores"][0]["score"]
    assert expected != asked.ask(BATCH, {"features": [record], "model": "bank"}).json["scores"][0]["score"]
    table = asked.rows.slice(0, 1)
    for name, value in (("age", None), ("job", "")):
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array([value], table.schema.field(name).type))
    for binary in (True, False):  # NaN, which the client writes into JSON as it is
        assert client.infer("bank", inputs(table, binary=binary)).as_numpy("score").tolist() == [expected]
    columns = [
        {"name": name, "datatype": "BYTES" if isinstance(record[name], str) else "FP64", "shape": [1]}
        for name in record
    ]
    nulls = {"inputs": [{**one, "data": [lacking[str(one["name"])]]} for one in columns]}
    assert asked.ask(INFER, nulls).json["outputs"][0]["data"] == [expected]
    for body, kind in (
        ({"instances": [lacking]}, "application/json"),
        (lines_of([lacking]), "application/jsonlines"),
        (csv_of(table, header=True), "text/csv"),
    ):
        assert asked.ask(INVOCATIONS, body, Content_Type=kind).json["predictions"] == [expected]


def test_a_bad_row_of_tensors_fails_alone_and_without_its_values(
    asked: Asked, client: triton.InferenceServerClient, expected: list[float]
) -> None:
    made = [one for one in inputs(asked.rows.slice(0, 4)) if one.name() not in ("age", "job")]
    age = triton.InferInput("age", [4], "BYTES")
    ages = ["41", SECRET, str(asked.rows.column("age")[2]), str(asked.rows.column("age")[3])]
    age.set_data_from_numpy(np.array(ages, dtype=object))
    job = triton.InferInput("job", [4], "BYTES")
    jobs = [str(value).encode() for value in asked.rows.column("job").to_pylist()[:4]]
    job.set_data_from_numpy(np.array([*jobs[:3], b"\xff\xfe"], dtype=object))
    found = client.infer("bank", [*made, age, job])
    scores = found.as_numpy("score")
    assert math.isnan(scores[1])
    assert math.isnan(scores[3])
    assert scores[2] == expected[2]
    assert found.as_numpy("score_source").tolist() == [b"model", b"rejected", b"model", b"rejected"]
    assert found.as_numpy("quality_flags").tolist() == [b"", b"not_a_number:age", b"", b"not_a_record"]
    assert SECRET not in json.dumps(found.get_response()) + asked.service.log.read_text()
    unknown = triton.InferInput("shoe", [4], "BYTES")
    unknown.set_data_from_numpy(np.array([b"\xff"] * 4, dtype=object))
    assert client.infer("bank", [unknown, *made, age, job]).as_numpy("score")[2] == expected[2]
    with pytest.raises(InferenceServerException, match=r"\[422\] no record has a score; 4 times: absent"):
        client.infer("bank", [unknown])
    with pytest.raises(
        InferenceServerException,
        match=r"\[422\] no record has a score; 1 time: absent; the first, column age",
    ):
        client.infer("bank", inputs(asked.rows.slice(0, 1).drop_columns(["age"])))


def column(**other: Any) -> dict[str, Any]:
    return {"name": "age", "datatype": "FP64", "shape": [1], "data": [1.0], **other}


def behind(size: Any, **other: Any) -> dict[str, Any]:
    """An input whose bytes follow the JSON."""
    made = column(parameters={"binary_data_size": size}, **other)
    del made["data"]
    return made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "inputs"),
        ([column(), column()], "a name of its own"),
        ([column(name=None)], "a name of its own"),
        ([column(shape=[1, 2], data=[1.0, 2.0])], "shape"),
        ([column(shape=[])], "shape"),
        ([column(shape=[True])], "shape"),
        ([column(shape=[-1])], "shape"),
        ([column(shape=[0], data=[])], "shape"),
        ([column(shape=[2])], "1 elements, and a shape of 2"),
        ([column(), column(name="day", shape=[2], data=[1, 2])], "2 rows, where age has 1"),
        ([column(datatype="BF16")], "datatype"),
        ([column(data=[SECRET])], "no FP64"),
        ([column(data=[True])], "no FP64"),
        ([column(data=1.0)], "a list"),
        ([column(datatype="INT8", data=[1.5])], "no INT8"),
        ([column(datatype="INT8", data=[300])], "too large for INT8"),
        ([column(datatype="UINT64", data=[-1])], "too large for UINT64"),
        ([column(datatype="FP32", data=[1e300])], "too large for FP32"),
        ([column(datatype="FP64", data=[10**400])], "too large for FP64"),
        ([column(datatype="BOOL", data=[1])], "no BOOL"),
        ([column(datatype="BYTES", data=[1])], "no BYTES"),
        ([column(parameters={"shared_memory_region": "x"})], "shared_memory_region"),
        ([column(parameters={"content_type": "base64"})], "content_type"),
        ([column(parameters=[])], "parameters"),
        ([behind(8)], "0 bytes follow the JSON"),
        ([behind(-1)], "binary_data_size"),
        ([behind("8")], "binary_data_size"),
        ([behind(10**30)], "0 bytes follow the JSON"),
        ([column(parameters={"binary_data_size": 0})], "binary_data_size"),
    ],
)
def test_inputs_that_are_none_are_told(asked: Asked, given: list[Any], said: str) -> None:
    refused_clearly(asked.ask(INFER, {"inputs": given}), said)


@pytest.mark.parametrize(
    ("body", "length", "said"),
    [
        (b"{", None, "not JSON"),
        (b"[]", None, "JSON object"),
        (b'{"inputs": 1}', None, "inputs"),
        (b'{"inputs": [], "id": 1}', None, "inputs"),
        (b"{}", "99999999999999999999999", HEADER),
        (b"{}", "3", HEADER),
        (b"{}", "-1", HEADER),
        (b"{}", "+2", HEADER),
        (b"{}", "1e1", HEADER),
        (b"{}", "", HEADER),
        (b"{}", "1", "not JSON"),
    ],
)
def test_bodies_that_are_none_are_told(asked: Asked, body: bytes, length: str | None, said: str) -> None:
    headers = {} if length is None else {"Inference_Header_Content_Length": length}
    refused_clearly(asked.ask(INFER, body, **headers), said)


@pytest.mark.parametrize(
    ("datatype", "rows", "tensor", "said"),
    [
        ("FP64", 1, 7 * b"x", "7 bytes, where 1 elements of FP64 have 8"),
        ("FP64", 2, 8 * b"x", "8 bytes, where 2 elements of FP64 have 16"),
        ("BOOL", 1, b"\x02", "neither 0 nor 1"),
        ("BYTES", 1, b"\x00\x00", "ends after the bytes"),
        ("BYTES", 1, b"\xff\xff\xff\xff" + SECRET.encode(), "ends after the bytes"),
        ("BYTES", 1, b"\x01\x00\x00\x00xx", "ends after the bytes"),
        ("BYTES", 2, b"\x01\x00\x00\x00x", "1 elements, and a shape of 2"),
        ("BYTES", 1, 2 * b"\x01\x00\x00\x00x", "more elements"),
    ],
)
def test_bytes_that_are_not_those_of_their_tensor_are_told(
    asked: Asked, datatype: str, rows: int, tensor: bytes, said: str
) -> None:
    head = json.dumps({"inputs": [behind(len(tensor), datatype=datatype, shape=[rows])]}).encode()
    refused_clearly(asked.ask(INFER, head + tensor, Inference_Header_Content_Length=str(len(head))), said)


def test_what_is_asked_of_outputs_is_known(asked: Asked) -> None:
    for given, said in (
        ([{"name": "scores"}], "no such output: scores; there are score,"),
        ([{"name": "score", "parameters": {"classification": 1}}], "classification"),
        ([{}], "a name of its own"),
        ({}, "a list"),
    ):
        refused_clearly(asked.ask(INFER, {"inputs": [column()], "outputs": given}), said)
    refused_clearly(asked.ask(INFER, {"inputs": [column()], "parameters": {"content_type": "np"}}), "pd")


def refused_clearly(answer: Answer, said: str) -> None:
    """400 as the protocol has it: what is wrong, under a request id, and no value."""
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json.keys() == {"error"}
    assert said in answer.json["error"]
    assert SECRET.encode() not in answer.body
    assert answer.headers["x-request-id"]


def test_errors_below_v2_are_of_its_form(asked: Asked) -> None:
    for path, body, kind, status in (
        ("/v2/models/nobody", None, "", 404),
        ("/v2/models/bank/versions/9", None, "", 404),
        ("/v2/models/nobody/infer", {"inputs": [column()]}, "application/json", 404),
        ("/v2/models/bank/versions/9/infer", {"inputs": [column()]}, "application/json", 404),
        ("/v2/models/bank/versions/x/infer", {"inputs": [column()]}, "application/json", 422),
        ("/v2/models/bank:1/versions/1/infer", {"inputs": [column()]}, "application/json", 400),
        ("/v2/models/bank/nothing", None, "", 404),
        ("/v2/models/bank/infer", None, "", 405),
        (INFER, b"x", "text/plain", 415),
        (INFER, {"inputs": [column(shape=[10**6], data=[0] * 10**6)]}, "application/json", 413),
    ):
        answer = asked.ask(path, body, Content_Type=kind)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json"), path
        assert list(answer.json) == ["error"]
        assert answer.headers["x-request-id"]


def test_a_body_that_unpacks_to_more_than_is_taken_is_refused(asked: Asked) -> None:
    bomb = gzip.compress(b" " * (33 << 20))
    for path in (INFER, INVOCATIONS):
        assert asked.ask(path, bomb, Content_Encoding="gzip").status == 413


# MLflow and SageMaker -----------------------------------------------------------------

SPLIT = {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6]]}
RECORDS = [{"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6}]
DOCUMENTED: list[tuple[str, Any]] = [
    ("application/json", {"dataframe_split": SPLIT}),
    ("application/json; charset=utf-8", {"dataframe_split": {**SPLIT, "index": [0, 1]}, "params": {}}),
    ("application/json", {"dataframe_records": RECORDS}),
    ("application/json", {"instances": RECORDS}),
    ("application/json", {"instances": [[1, 2, 3], [4, 5, 6]]}),
    ("application/json", {"inputs": {"a": [1, 4], "b": [2, 5], "c": [3, 6]}}),
    ("application/json", {"inputs": [[1, 2, 3], [4, 5, 6]]}),
    ("text/csv", b"a,b,c\n1,2,3\n4,5,6\n"),
    # SageMaker
    ("application/json", {"instances": [{"features": [1, 2, 3]}, {"features": [4, 5, 6]}]}),
    ("text/csv", b"1,2,3\r\n4,5,6"),
    ("text/csv; header=absent", b"1,2,3\n4,5,6\n"),
    ("text/csv; header=present", b'\xef\xbb\xbf"c","b","a",d\n3,2,1,x\n\n6,5,4,x\n'),
    ("application/jsonlines", b'{"features": [1, 2, 3]}\n{"features": [4, 5, 6]}\n'),
    ("application/x-ndjson", b'{"a": 1, "b": 2, "c": 3}\n\n{"a": 4, "b": 5, "c": 6}'),
]
"""Bodies as the documents of both write them."""


@pytest.mark.parametrize(("kind", "body"), DOCUMENTED)
def test_documented_bodies_get_the_same_predictions(asked: Asked, kind: str, body: Any) -> None:
    expected = asked.ask(BATCH, {"features": RECORDS, "model": "abc"}).json["scores"]
    names = ["score_high", "score_low", "score_middle", "prediction"]
    headers = {"Content_Type": kind, "X_Amzn_SageMaker_Custom_Attributes": "trace=1"}
    answer = asked.ask("/invocations?model=abc", body, **headers)
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "predictions": [{name: one[name] for name in names} for one in expected],
        "score_source": ["model", "model"],
        "model": "abc",
        "version": 1,
    }
    lines = asked.ask("/invocations?model=abc", body, Accept="application/jsonlines", **headers)
    assert [json.loads(line) for line in lines.body.splitlines()] == expected
    table = asked.ask("/invocations?model=abc", body, Accept="text/csv", **headers)
    assert list(csv.reader(io.StringIO(table.body.decode()))) == [
        [str(one[name]) for name in names] for one in expected
    ]


def test_invocations_get_the_scores_of_scorekit_score_to_the_bit(asked: Asked, expected: list[float]) -> None:
    records = asked.rows.to_pylist()
    assert [
        one["score"] for one in asked.ask(BATCH, {"features": records, "model": "bank"}).json["scores"]
    ] == expected
    for kind, body in (
        ("application/json", {"dataframe_records": records}),
        ("application/json", {"inputs": asked.rows.to_pydict()}),
        ("application/jsonlines", lines_of(records)),
        ("text/csv", csv_of(asked.rows, header=True)),
        ("text/csv", csv_of(asked.rows, header=False)),
    ):
        assert asked.ask(INVOCATIONS, body, Content_Type=kind).json["predictions"] == expected


def test_a_bad_record_is_null_among_the_predictions(asked: Asked, expected: list[float]) -> None:
    good = asked.rows.slice(0, 1).to_pylist()[0]
    answer = asked.ask(INVOCATIONS, {"instances": [good, {**good, "age": SECRET}, [1, 2], 7]})
    assert answer.json["predictions"] == [expected[0], None, None, None]
    assert answer.json["score_source"] == ["model", "rejected", "rejected", "rejected"]
    told = [(one["index"], one["code"], one.get("column")) for one in answer.json["errors"]]
    assert told == [(1, "not_a_number", "age"), (2, "ragged", None), (3, "not_an_object", None)]
    rows = csv_of(asked.rows.slice(0, 1), header=False)
    table = asked.ask(
        INVOCATIONS, rows + b'1,2\n"x"x,1\n\xff,2\n', Content_Type="text/csv", Accept="text/csv"
    )
    assert table.body.decode().split("\n") == [repr(expected[0]), '""', '""', '""', ""]
    lines = lines_of([good]) + b"{\n[]\n"
    errors = asked.ask(INVOCATIONS, lines, Content_Type="application/jsonlines").json["errors"]
    assert [one["code"] for one in errors] == ["invalid_json", "not_an_object"]
    assert SECRET.encode() not in answer.body
    assert asked.ask(INVOCATIONS, {"instances": [7]}).json["code"] == "all_rejected"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ({}, "application/json", 422, "bad_payload"),
        ({"instances": [], "inputs": []}, "application/json", 422, "bad_payload"),
        ({"instances": []}, "application/json", 422, "bad_payload"),
        ({"instances": {}}, "application/json", 422, "bad_payload"),
        ({"inputs": {"age": 1}}, "application/json", 422, "bad_payload"),
        ({"inputs": {"age": [1], "day": [1, 2]}}, "application/json", 422, "bad_payload"),
        ({"inputs": {}}, "application/json", 422, "bad_payload"),
        ({"inputs": {"shoe": [1]}}, "application/json", 422, "all_rejected"),
        ({"dataframe_records": {}}, "application/json", 422, "bad_payload"),
        (
            {"dataframe_split": {"columns": ["age", "age"], "data": []}},
            "application/json",
            422,
            "bad_payload",
        ),
        ({"dataframe_split": [[1]]}, "application/json", 422, "bad_payload"),
        ({"instances": [{}] * 100_001}, "application/json", 413, "too_many_rows"),
        (b"", "text/csv", 422, "bad_payload"),
        (b"age,day\n1,2\n", "text/csv", 422, "missing_column"),
        (b"age,age\n1,2\n", "text/csv; header=present", 422, "duplicate_column"),
        (b'"age\n1,2\n', "text/csv; header=present", 422, "bad_payload"),
        (b"1\n", "text/csv; header=maybe", 415, "unknown_media_type"),
        (b"x", "text/plain", 415, "unknown_media_type"),
    ],
)
def test_what_is_no_invocation_is_told(asked: Asked, body: Any, kind: str, status: int, code: str) -> None:
    answer = asked.ask(INVOCATIONS, body, Content_Type=kind)
    assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_model_that_is_not_there_or_not_named_is_told(asked: Asked) -> None:
    body = {"instances": [[1, 2, 3]]}
    assert asked.ask("/invocations?model=nobody", body).status == 404
    assert asked.ask("/invocations?model=abc:9", body).status == 404
    assert asked.ask("/invocations", body).json["code"] == "which_model"
    assert asked.ask(INVOCATIONS, body, Accept="image/png").json["code"] == "not_acceptable"


def test_a_container_answers_by_its_only_model_also_while_others_ask_for_versions(
    bank: Bank, tmp_path: Path
) -> None:
    record = bank.new.slice(0, 1).to_pylist()
    environment = {**state_in(tmp_path), "SCOREKIT_HOST": "0.0.0.0", "SCOREKIT_INSECURE": "1"}
    with running(tmp_path, env=environment, store=bank.store) as service:
        asked = Asked(service, bank.store, bank.new)
        assert asked.ask("/v2/models/bank/versions/1").status == 200
        assert asked.ask("/invocations", {"instances": record}).status == 200
        assert asked.ask("/ping").status == asked.ask("/health").status == 200


# The gate ----------------------------------------------------------------------------


def test_rows_of_every_protocol_are_counted_and_withheld_by_the_switch(asked: Asked) -> None:
    payloads: dict[str, Any] = {
        BATCH: {"features": RECORDS, "model": "abc"},
        "/v2/models/abc/infer": {
            "inputs": [{"name": n, "datatype": "INT32", "shape": [2], "data": [1, 2]} for n in "abc"]
        },
        "/invocations?model=abc": {"dataframe_split": SPLIT},
    }

    def counted() -> float:
        text = asked.ask("/metrics").body.decode()
        name = 'scorekit_rows_total{model="abc",source="model",version="1"} '
        return float(text.partition(name)[2].partition("\n")[0] or 0)

    before = counted()
    for path, body in payloads.items():
        assert asked.ask(path, body).status == 200
    assert counted() == before + 6
    logged = [event for event in asked.service.events("request") if event.get("model") == "abc:1"]
    assert {"/v2/models/{name}/infer", "/invocations", BATCH} <= {event["path"] for event in logged}
    reason = {"reason": "test", "by": "Ann"}
    assert asked.ask("/v1/switch/abc/trip", reason).status == 200
    try:
        for path, body in payloads.items():
            answer = asked.ask(path, body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert ("error" in answer.json) == path.startswith("/v2")
    finally:
        assert asked.ask("/v1/switch/abc/reset", reason).status == 200
    path, body = next(iter(payloads.items()))
    eventually(lambda: asked.ask(path, body).status == 200, lambda: "it stays closed")
