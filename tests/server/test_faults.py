"""What may happen to a real service under load: its database goes, a worker is killed, the disk is full."""

from __future__ import annotations

import http.client
import io
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from scorekit.server.requests import QUIET
from scorekit.state import migrate, place
from tests.conftest import EXAMPLES, Bank, train
from tests.server.conftest import Running, eventually
from tests.server.load import NO_ANSWER, Ask, asking, children, counted, under_load
from tests.state.server import OwnPostgres, own_server

ONE, BATCH = "/v1/score/stream", "/v1/score/batch"
JSON = b"\r\nContent-Type: application/json\r\n\r\n"

Serve = Callable[..., Running]


def scoring(service: Running, bank: Bank, rows: int = 1) -> Ask:
    """Has the first rows scored that the model has not seen."""
    return asking(service, BATCH, {"features": bank.new.slice(0, rows).to_pylist()})


# The database ------------------------------------------------------------------------


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_server() as owned:
        migrate.upgrade(place.find(url=url_of(owned)))
        yield owned


def url_of(owned: OwnPostgres) -> str:
    return owned.url.replace("postgresql://", "postgresql+psycopg://")


@pytest.mark.parametrize(
    ("take_away", "give_back"),
    [(OwnPostgres.stop, OwnPostgres.start), (OwnPostgres.freeze, OwnPostgres.thaw)],
    ids=["stopped and started", "frozen and thawed"],
)
def test_scores_stop_with_the_database_and_come_back_with_it(
    serve: Serve,
    bank: Bank,
    postgres: OwnPostgres,
    take_away: Callable[[OwnPostgres], None],
    give_back: Callable[[OwnPostgres], None],
) -> None:
    limit = 20
    url = url_of(postgres)
    service = serve("--window-seconds", 1, "--timeout", limit, env={"SCOREKIT_DATABASE_URL": url})
    with under_load(*[scoring(service, bank)] * 4) as sent:
        service.wait_for("window")
        take_away(postgres)
        away = time.monotonic()
        with under_load(*[asking(service, "/readyz")] * 12) as probes:
            eventually(lambda: counted(service, "scorekit_switch_open") == 1.0, lambda: "it seems closed")
            assert asking(service, "/livez")().status == 200
            # by then what was read of the switch is too old for all that follow
            eventually(lambda: any(one.began > away + 1 for one in list(sent)), lambda: "nothing is answered")
            back = time.monotonic()
            give_back(postgres)
        eventually(lambda: sent[-1].status == 200, lambda: f"it stays away: {sent[-1]}")
    assert {one.status for one in sent} == {200, 503}
    assert {one.status for one in probes} <= {200, 503}
    meanwhile = [one for one in sent if away + 1 < one.began and one.ended < back]
    assert {one.json.get("code") for one in meanwhile} == {"state_unreachable"}
    assert max(one.seconds for one in sent) < limit
    assert {event["code"] for event in service.events("failed")} == {"state_unreachable"}
    scored = counted(service, "scorekit_rows_total")
    assert scored >= sum(one.status == 200 for one in sent)
    service.stop()
    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT number, first_row, rows FROM scorekit_windows ORDER BY number")
        windows = found.fetchall()
    # none was lost, and none counted twice: each begins where the one before has ended
    assert [number for number, _, _ in windows] == list(range(len(windows)))
    assert [first for _, first, _ in windows] == [
        sum(rows for *_, rows in windows[:n]) for n in range(len(windows))
    ]
    assert sum(rows for *_, rows in windows) == scored


def test_what_waits_in_vain_for_the_database_is_refused_in_time(
    serve: Serve, bank: Bank, postgres: OwnPostgres
) -> None:
    service = serve("--timeout", 1, env={"SCOREKIT_DATABASE_URL": url_of(postgres)})
    look = asking(service, "/v1/switch/bank")
    assert look().status == 200
    postgres.freeze()
    told = look()
    postgres.thaw()
    assert (told.status, told.json["code"]) == (504, "timeout")
    eventually(lambda: look().status == 200, lambda: "it does not come back")


# Workers -----------------------------------------------------------------------------


def test_a_worker_that_is_killed_takes_no_more_with_it_than_it_was_answering(
    serve: Serve, bank: Bank
) -> None:
    service = serve("--workers", 2)
    eventually(lambda: len(service.events("ready")) == 2, lambda: "one of them does not come")
    large = asking(service, BATCH, {"features": bank.new.slice(0, 5000).to_pylist()})
    killed = workers(service)[0]
    with under_load(*[scoring(service, bank)] * 4, large) as sent:
        eventually(lambda: workers_of(killed), lambda: "it has no large request")
        its_own = workers_of(killed)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: len(service.events("ready")) == 3, lambda: "no other takes its place")
        after = len(sent)
        eventually(lambda: len(sent) > after + 50, lambda: "it does not go on")
    assert killed not in workers(service)
    assert len(workers(service)) == 2
    broken = [one for one in sent if one.status != 200]
    assert {one.status for one in broken} <= {NO_ANSWER}
    assert len(broken) <= 5  # one for each thread
    scored = counted(service, "scorekit_requests_total", route=BATCH, status="200")
    answered = len(sent) - len(broken)
    assert answered <= scored <= answered + len(broken)
    assert counted(service, "scorekit_requests_in_flight") == 1.0  # the one that asks
    eventually(lambda: not any(map(alive, its_own)), lambda: "what it has begun lives on")


def test_a_worker_that_begins_while_the_database_is_away_waits_for_it(
    serve: Serve, bank: Bank, postgres: OwnPostgres
) -> None:
    service = serve("--workers", 2, env={"SCOREKIT_DATABASE_URL": url_of(postgres)})
    eventually(lambda: len(service.events("ready")) == 2, lambda: "one of them does not come")
    postgres.stop()
    os.kill(workers(service)[0], signal.SIGKILL)
    eventually(lambda: len(service.events("started")) == 3, lambda: "no other takes its place")
    service.wait_for("failed", code="state_unreachable")
    assert service.process.poll() is None
    assert asking(service, "/livez")().status == 200
    postgres.start()
    eventually(lambda: len(service.events("ready")) == 3, lambda: "it does not find the database again")
    eventually(lambda: scoring(service, bank)().status == 200, lambda: "it does not answer")
    assert service.stop() == 143


def workers(service: Running) -> list[int]:
    return workers_of(service.process.pid)


def workers_of(pid: int) -> list[int]:
    """Processes begun to do what their parent does; not those that watch over resources."""
    return [child for child in children(pid) if b"spawn_main" in command(child)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def alive(pid: int) -> bool:
    return bool(command(pid))  # one that has ended and is not yet asked for it has none


# Versions ----------------------------------------------------------------------------


def test_versions_and_models_at_once_give_each_their_own_scores_while_an_alias_moves(
    serve: Serve, bank: Bank, tmp_path: Path
) -> None:
    store = tmp_path / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    rows = pq.read_table(EXAMPLES / "bank-train.parquet").slice(0, 1000)
    pq.write_table(rows, tmp_path / "few.parquet")
    for name in ("bank", "other"):
        train(
            [tmp_path / "few.parquet"],
            store,
            "--target",
            "y",
            "--name",
            name,
            "--estimator",
            "logistic",
            "--cv",
            2,
        )
    service = serve(store=store)
    asks = {
        (reference, count): asking(
            service,
            BATCH,
            {"features": bank.new.slice(0, count).to_pylist(), "model": reference, "include": ["version"]},
        )
        for reference in ("bank", "bank:1", "bank:2", "other")
        for count in (1, 400)  # of which the second is scored beside the others
    }
    expected = {key: ask().json for key, ask in asks.items()}
    assert len({str(answer["scores"]) for answer in expected.values()}) == 6  # bank is bank:1 for now
    with under_load(*asks.values()) as sent:
        for version in (2, 1, 2):
            moved = asking(service, "/v1/models/bank/promote", {"version": version, "why": "a test"})()
            assert moved.status == 200
            service.wait_for("version", message=f"bank:{3 - version} made way for bank:{version}")
            after = len(sent)
            eventually(lambda: len(sent) > after + 20, lambda: "it does not go on")  # noqa: B023 - asked at once
    assert {one.status for one in sent} == {200}
    right = {json.dumps(answer, sort_keys=True) for answer in expected.values()}
    assert {json.dumps(one.json, sort_keys=True) for one in sent} == right


def test_what_another_protocol_sends_is_read_by_the_columns_of_the_version_that_scores_it(
    serve: Serve, tmp_path: Path
) -> None:
    rows, store = pq.read_table(EXAMPLES / "bank-train.parquet"), tmp_path / "models"
    pq.write_table(rows.slice(0, 1000), tmp_path / "few.parquet")
    for left_out in (["--drop", "age", "--drop", "job"], []):
        kind = ("--target", "y", "--name", "wider", "--estimator", "logistic", "--cv", 2, *left_out)
        train([tmp_path / "few.parquet"], store, *kind)
    service = serve(store=store)
    sent = rows.drop_columns("y").slice(0, 3)
    split = {"columns": sent.column_names, "data": [list(row.values()) for row in sent.to_pylist()]}
    body = json.dumps({"dataframe_split": split}).encode()
    wanted = asking(service, "/invocations?model=wider:2", body)()
    slow = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    slow.putrequest("POST", "/invocations?model=wider")
    slow.putheader("Content-Type", "application/json")
    slow.putheader("Content-Length", str(len(body)))
    slow.endheaders(body[:1])
    assert asking(service, "/v1/models/wider/promote", {"version": 2, "why": "a test"})().status == 200
    service.wait_for("version")
    slow.send(body[1:])
    answer = slow.getresponse()
    assert (answer.status, answer.read()) == (200, wanted.body)
    slow.close()


# Connections -------------------------------------------------------------------------

MANY = 10_000


@pytest.fixture
def files() -> Iterator[None]:
    """As many open files as the machine lets a process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + 1000:
        missing = f"a process may have {hard:,} open files here, too few for {MANY:,} connections"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_by_the_thousand_that_say_nothing_keep_nobody_out_and_are_let_go(
    serve: Serve, bank: Bank, files: None
) -> None:
    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    service = serve(before=few_files)  # as most systems begin a process
    ask = scoring(service, bank)
    silent = []
    try:
        for number in range(MANY):
            silent.append(socket.create_connection(("127.0.0.1", service.port)))
            silent[-1].sendall(b"POST /v1/score/batch HTTP/1.1\r\nHost: x\r\n"[: number % 40])
            if number % 1000 == 999:
                assert ask().status == 200
        assert connections(service) > MANY / 2
        eventually(lambda: connections(service) < MANY / 100, lambda: "they are kept")
        assert ask().status == 200
    finally:
        for one in silent:
            one.close()


def test_bodies_that_nobody_sends_take_no_place_of_those_who_score(serve: Serve, bank: Bank) -> None:
    service = serve("--limit-concurrency", 4)
    head = b"POST /v1/switch/bank/trip HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    slow = []
    try:
        for _ in range(8):
            slow.append(socket.create_connection(("127.0.0.1", service.port)))
            slow[-1].sendall(head)
        moved = asking(service, "/v1/switch/bank")
        eventually(lambda: moved().status == 503, lambda: "their places are not bounded")
        assert moved().json["code"] == "busy"
        assert scoring(service, bank)().status == 200
        for _ in range(8):
            slow.append(socket.create_connection(("127.0.0.1", service.port)))
            slow[-1].sendall(head.replace(b"/v1/switch/bank/trip", BATCH.encode()).replace(b"\r\n\r\n", JSON))
        eventually(lambda: scoring(service, bank)().status == 503, lambda: "the others are not bounded")
        assert {asking(service, path)().status for path in QUIET} == {200}, "it is busy, and lives"
    finally:
        for one in slow:
            one.close()


def connections(service: Running) -> int:
    """Connections that a service holds."""
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


# The disk ----------------------------------------------------------------------------


@pytest.mark.parametrize("full", ["anything", "the body", "the scores"])
def test_a_disk_that_is_full_is_told_and_the_service_goes_on(
    serve: Serve, bank: Bank, tmp_path: Path, full: str
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    service = serve(env={"TMPDIR": str(temporary)})
    written = io.BytesIO()
    pacsv.write_csv(bank.new, written)
    body = written.getvalue()
    size = {"anything": 0, "the body": len(body) // 2, "the scores": len(body) + 1000}[full]
    carried = "&".join(f"passthrough={name}" for name in bank.new.column_names)
    file = asking(service, f"{BATCH}?{carried}", body, "text/csv")
    assert file().status == 200
    hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)[1]
    for child in (service.process.pid, *workers_of(service.process.pid)):
        resource.prlimit(child, resource.RLIMIT_FSIZE, (size, hard))
    refused = file()
    assert (refused.status, refused.json["code"]) == (503, "no_space")
    assert str(tmp_path).encode() not in refused.body
    eventually(lambda: not list(temporary.iterdir()), lambda: "something is left there")
    assert scoring(service, bank)().status == 200
    for child in (service.process.pid, *workers_of(service.process.pid)):
        resource.prlimit(child, resource.RLIMIT_FSIZE, (hard, hard))
    assert file().status == 200


# Large requests ----------------------------------------------------------------------


def test_a_large_request_holds_up_nobody_for_long(serve: Serve, bank: Bank) -> None:
    service = serve("--max-body", 2**28)
    many = bank.new.to_pylist() * 3
    large, one = asking(service, BATCH, {"features": many}), scoring(service, bank)
    idle = [one() for _ in range(200)]
    with under_load(one) as sent:
        slow = large()
    meanwhile = [other for other in sent if slow.began < other.ended and other.began < slow.ended]
    assert slow.status == 200
    assert {other.status for other in sent} == {200}
    assert max(other.seconds for other in meanwhile) < slow.seconds / 4
    assert statistics.median(o.seconds for o in meanwhile) < 10 * statistics.median(o.seconds for o in idle)


def test_many_short_records_hold_up_nobody_for_long(serve: Serve, bank: Bank) -> None:
    service = serve()
    large, one = asking(service, "/invocations", b"1\n" * 500_000, "text/csv"), scoring(service, bank)
    with under_load(one) as sent:
        slow = large()
    meanwhile = [other for other in sent if slow.began < other.ended and other.began < slow.ended]
    assert (slow.status, slow.json["code"]) == (413, "too_many_rows")
    assert {other.status for other in sent} == {200}
    assert max(other.seconds for other in meanwhile) < slow.seconds / 2
