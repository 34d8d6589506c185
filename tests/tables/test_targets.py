"""Where an output comes to lie: through links, over old files, in folders that let nobody in."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.tables import Source, remote, targets
from scorekit.tables.parts import exists
from scorekit.tables.targets import open_target


def publish(target: Path | str, content: bytes = b"new") -> None:
    place = open_target(str(target))
    place.file.write(content)
    place.commit()


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "out.csv", tmp_path / "link.csv"
    real.write_bytes(b"old")
    link.symlink_to(real)
    publish(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert not real.is_symlink()
    assert list((tmp_path / "real").iterdir()) == [real]


def test_a_link_to_what_is_not_there_yet_makes_it(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("out.csv")
    publish(link)
    assert (tmp_path / "out.csv").read_bytes() == b"new"


def test_a_link_into_a_missing_folder_is_named(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("none/out.csv")
    with pytest.raises(UsageError, match="there is no folder") as caught:
        open_target(str(link))
    assert caught.value.hint == f"mkdir -p {tmp_path}/none"


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        publish(target)
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


KILLED = textwrap.dedent("""
    import os, signal, sys
    from scorekit.tables.targets import open_target

    place = open_target(sys.argv[1])
    place.file.write(b"new" * 1_000_000)
    place.file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    """)


def test_a_writer_that_is_killed_leaves_no_trace(tmp_path: Path) -> None:
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR))
    except (AttributeError, OSError):
        pytest.skip("no files without a name")
    target = tmp_path / "out.csv"
    target.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, target])
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_by_name_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = KILLED.replace("place =", "targets._nameless = lambda folder: None\nplace =", 1)
    program = named.replace("import open_target", "import open_target; from scorekit.tables import targets")
    target = tmp_path / "out.csv"
    done = subprocess.run([sys.executable, "-c", program, target])
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    monkeypatch.setattr(targets, "_nameless", lambda folder: None)
    publish(target)
    assert left.exists(), "so new that its writer might not have locked it yet"
    os.utime(left, (0, 0))
    publish(target)
    assert list(tmp_path.iterdir()) == [target]


def test_what_somebody_still_writes_stays_however_old_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "_nameless", lambda folder: None)
    place = open_target(str(tmp_path / "x.csv"))
    place.file.write(b"slow")
    place.file.flush()
    (held,) = tmp_path.iterdir()
    os.utime(held, (0, 0))
    publish(tmp_path / "x.csv", b"quick")
    place.commit()
    assert (tmp_path / "x.csv").read_bytes() == b"slow"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("nameless", [True, False])
def test_a_new_file_may_be_read_by_whom_the_umask_lets(
    nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr(targets, "_nameless", lambda folder: None)
    before = os.umask(0o027)
    try:
        publish(tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o640
    publish(tmp_path / "out.csv", b"newer")
    assert (tmp_path / "out.csv").read_bytes() == b"newer"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("nameless", [True, False])
def test_two_writers_of_one_target_do_not_meet(
    nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr(targets, "_nameless", lambda folder: None)
    one, two = open_target(str(tmp_path / "x.csv")), open_target(str(tmp_path / "x.csv"))
    one.file.write(b"one")
    two.file.write(b"two")
    one.commit()
    two.commit()
    assert (tmp_path / "x.csv").read_bytes() == b"two"
    assert len(list(tmp_path.iterdir())) == 1


def test_aborting_after_a_commit_does_nothing(tmp_path: Path) -> None:
    place = open_target(str(tmp_path / "x.csv"))
    place.file.write(b"new")
    place.commit()
    place.abort()
    assert (tmp_path / "x.csv").read_bytes() == b"new"


def test_a_device_takes_what_it_is_given() -> None:
    publish("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116  # the device itself


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_full_device_says_so() -> None:
    from scorekit.errors import Unreachable
    from scorekit.tables.parts import publish_bytes

    with pytest.raises(Unreachable, match="/dev/full: no space left"):
        publish_bytes("/dev/full", b"x" * (1 << 21))


NOBODY = textwrap.dedent("""
    import os, sys
    from scorekit.errors import UsageError
    from scorekit.tables.targets import open_target

    os.chdir(sys.argv[1])
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        place = open_target("out.csv")
        place.file.write(b"new")
        place.commit()
        print("written")
    except UsageError as error:
        print(error.message)
    """)


@pytest.mark.parametrize(
    ("mode", "said"), [(0o555, "out.csv: may not be written (Permission denied)"), (0o333, "written")]
)
def test_a_folder_has_to_be_writable_and_need_not_be_readable(mode: int, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    done = subprocess.run([sys.executable, "-c", NOBODY, folder], capture_output=True, text=True)
    folder.chmod(0o755)
    assert done.stdout.strip() == said, done.stderr
    assert [path.name for path in folder.iterdir()] == (["out.csv"] if said == "written" else [])


@pytest.mark.parametrize("size", [10, (8 << 20) + 1], ids=["small", "large"])
def test_an_object_is_in_its_place_only_when_it_is_committed(size: int, bucket: str) -> None:
    uri = f"s3://{bucket}/folder/rows.csv"
    target = open_target(uri)
    target.file.write(b"x" * size)
    target.prepare()
    assert not exists(uri)
    target.commit()
    with Source(uri, uri, "csv", "").open() as file:
        assert len(file.read()) == size
    store = remote.open_store(f"s3://{bucket}")
    assert [key for key, _ in remote.listing(f"s3://{bucket}/folder", store)] == [uri]


def test_an_object_that_is_kept_back_leaves_nothing(bucket: str) -> None:
    target = open_target(f"s3://{bucket}/folder/rows.csv")
    target.file.write(b"x" * ((8 << 20) + 1))
    target.prepare()
    target.abort()
    assert remote.listing(f"s3://{bucket}/folder", remote.open_store(f"s3://{bucket}")) == []
