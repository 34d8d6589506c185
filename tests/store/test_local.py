"""On disk a version is there whole or not at all, whatever happens to who writes it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorekit.errors import Unreachable
from scorekit.store import local
from scorekit.store.versions import Ref, Store
from tests.store.processes import ROOT, Worker
from tests.store.test_versions import publish


def assert_whole(store: Store) -> None:
    for version in store.versions("bank"):
        assert store.verify(Ref("bank", version)).ok


def staging(root: Path) -> list[Path]:
    return list(root.glob("bank/.staging-*"))


def test_killed_at_any_line_a_publisher_leaves_whole_versions_only(uri: str) -> None:
    """The publisher is killed at the first line of the store's code, the second, and so on.

    On S3, where a new process takes a while to connect, at every ninth.
    """
    step = 9 if uri.startswith("s3://") else 1
    deaths: list[int] = []
    with Worker(uri, "crash", str(step)) as publisher:
        while publisher.line() == "killed\n":
            place = f"{uri}/{len(deaths) + 1}"
            store = Store.open(place)
            deaths.append(len(store.versions("bank")))
            assert_whole(store)
            next_one = publish(store)
            assert next_one.version in (deaths[-1] + 1, deaths[-1] + 2)
            assert_whole(store)
            assert store.manifest(store.resolve("bank")).version == store.versions("bank")[0]
            assert staging(Path(place)) == []
            publisher.process.stdin.write("on\n")  # type: ignore[union-attr] # it has pipes
            publisher.process.stdin.flush()  # type: ignore[union-attr] # it has pipes
    assert deaths == sorted(deaths)
    assert deaths.count(0) > 30 / step
    assert deaths.count(1) > 30 / step


def test_killed_at_random_a_publisher_leaves_whole_versions_only(tmp_path: Path) -> None:
    """The same between two lines: in the middle of a copy or of a rename."""
    store = Store.open(str(tmp_path))
    big = tmp_path / "big"
    big.write_bytes(bytes(8_000_000))
    code = (
        "from pathlib import Path\nfrom tests.store import example\n"
        "from scorekit.store.versions import Store\n"
        f"files = {{'estimator.joblib': Path({str(big)!r})}}\n"
        "while True:\n"
        f"    Store.open({str(tmp_path)!r}).publish(example.manifest(), files, by='x')\n"
        "    print('published', flush=True)"
    )
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as publisher:
            assert publisher.stdout is not None
            publisher.stdout.readline()
            time.sleep(random.uniform(0, 0.05))
            publisher.kill()
        assert_whole(store)
    publish(store)
    assert staging(tmp_path) == []


def test_what_the_living_are_writing_is_not_swept_up(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    publish(store)
    with local._staging(tmp_path / "bank") as theirs:
        (theirs / "file").write_bytes(b"x")
        abandoned = tmp_path / "bank" / ".staging-dead"
        abandoned.mkdir()
        publish(store)
        assert (theirs / "file").is_file()
        assert not abandoned.exists()


def test_two_processes_publishing_at_once_get_different_numbers(uri: str) -> None:
    store = Store.open(uri)
    numbers = []
    with Worker(uri) as one, Worker(uri) as two:
        for mark in range(10):
            one.send("publish", mark=f"one {mark}")
            two.send("publish", mark=f"two {mark}")
            numbers += [one.receive()["ok"]["version"], two.receive()["ok"]["version"]]
    assert sorted(numbers) == list(range(1, 21))
    assert store.versions("bank") == list(range(1, 21))
    assert_whole(store)
    assert store.resolve("bank").version in (1, 2)


def test_a_number_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    (tmp_path / "bank" / "3").mkdir(parents=True)
    (tmp_path / "bank" / "5").write_text("a file")
    assert publish(store) == Ref("bank", 6)
    assert store.versions("bank") == [6]


def test_what_is_no_version_is_passed_over(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    publish(store)
    (tmp_path / "README.md").write_text("models live here")
    (tmp_path / "bank" / "notes").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / ".git").mkdir()
    assert store.names() == ["bank"]
    assert store.versions("bank") == [1]
    assert store.resolve(None) == Ref("bank", 1)


def test_others_may_read_what_was_published(tmp_path: Path) -> None:
    """No private mode is left over from a folder for temporary files."""
    mask = os.umask(0o022)
    try:
        publish(Store.open(str(tmp_path / "models")))
    finally:
        os.umask(mask)
    for path in (tmp_path / "models").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, for processes of another user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_somebody_else(code: str) -> str:
    """Run code as a user who may do nothing here, and give what it prints."""
    code = (
        "import difflib, os, obstore, scorekit.store.local\n"
        "from scorekit.errors import ScorekitError\nfrom tests.store import example\n"
        "from scorekit.store.versions import Ref, Store\n"
        "example.manifest()\n"  # imports what is imported late
        "if os.getuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"try:\n    {code}\n"
        "except ScorekitError as error:\n    print(type(error).__name__, error, error.hint)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_store_one_may_only_read(open_folder: Path) -> None:
    store = Store.open(str(open_folder))
    publish(store)
    for path in [*open_folder.rglob("*"), open_folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    opened = f"Store.open({str(open_folder)!r})"
    assert (
        as_somebody_else(f"print({opened}.verify(Ref('bank', 1)).ok, {opened}.resolve('bank'))")
        == "True bank:1\n"
    )
    for change in (
        "publish(example.manifest(), example.files(), by='x')",
        "publish(example.manifest('new'), example.files(), by='x')",
        "promote(Ref('bank', 1), by='x')",
    ):
        said = as_somebody_else(f"{opened}.{change}")
        assert said.startswith(
            f"Unreachable the store {open_folder} cannot be used: Permission denied check the"
        )
    open_folder.chmod(0o755)
    (open_folder / "bank").chmod(0o755)
    assert store.versions("bank") == [1]


def test_a_store_one_may_not_read(open_folder: Path) -> None:
    store = Store.open(str(open_folder))
    publish(store)
    (open_folder / "bank").chmod(0o700)
    opened = f"Store.open({str(open_folder)!r})"
    if os.getuid() != 0:
        (open_folder / "bank").chmod(0)
    for read in (
        "resolve('bank')",
        "versions('bank')",
        "manifest(Ref('bank', 1))",
        "verify(Ref('bank', 1))",
        "aliases('bank')",
    ):
        assert as_somebody_else(f"print({opened}.{read})").startswith("Unreachable the store"), read


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store.open(str(tmp_path / "file" / "models"))
    with pytest.raises(Unreachable, match="Not a directory"):
        publish(store)
    with pytest.raises(Unreachable, match="Not a directory"):
        store.names()


def test_a_lock_that_is_never_given_back_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(str(tmp_path))
    publish(store)
    with local._locked(tmp_path / "bank" / ".lock"), pytest.raises(Unreachable, match="locked by another"):
        local._lock(tmp_path / "bank" / ".lock", timeout=0.01)
    store.promote(Ref("bank", 1), by="x")


def test_opening_and_reading_a_version_imports_little(tmp_path: Path) -> None:
    publish(Store.open(str(tmp_path)))
    code = (
        "import sys; from scorekit.store.versions import Store\n"
        f"store = Store.open({str(tmp_path)!r}); ref = store.resolve('bank')\n"
        "manifest = store.manifest(ref)\n"
        "store.read(ref, manifest, 'card.md'); store.verify(ref)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    loaded = set(ran.stdout.split())
    assert "scorekit" in loaded
    assert not loaded & {
        "pandas",
        "sklearn",
        "scipy",
        "joblib",
        "boto3",
        "botocore",
        "cryptography",
        "rich",
        "numpy",
    }
