"""Which data clients may name: what was listed, and no way out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scorekit.errors import NotAllowed, UsageError
from scorekit.jobs import AllowedPlaces
from tests.training.samples import made


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder that is allowed and one beside it, with a table each."""
    allowed, other = tmp_path / "rows", tmp_path / "rows-of-others"
    for folder in (allowed, other):
        folder.mkdir()
        pq.write_table(made({}), folder / "a.parquet")
    return allowed, other


def test_nothing_is_allowed_unless_it_is_listed(folders: tuple[Path, Path]) -> None:
    with pytest.raises(NotAllowed) as refused:
        AllowedPlaces().check(str(folders[0] / "a.parquet"))
    assert (refused.value.code, refused.value.http_status) == ("data_not_allowed", 403)


def test_what_lies_below_a_place_is_allowed(folders: tuple[Path, Path]) -> None:
    allowed = AllowedPlaces((str(folders[0]),))
    file = str(folders[0] / "a.parquet")
    for named in (file, str(folders[0]), f"{folders[0]}/*.parquet", f"{folders[0]}/./a.parquet"):
        assert allowed.inputs([named]) == [os.path.realpath(file)]
    assert AllowedPlaces((file,)).inputs([file]) == [os.path.realpath(file)]


@pytest.mark.parametrize(
    "named",
    [
        "{other}/a.parquet",
        "{allowed}/../rows-of-others/a.parquet",
        "{allowed}/x/../../rows-of-others/a.parquet",
        "{allowed}/*/../../rows-of-others/*",
        "{allowed}/link.parquet",
        "{allowed}/linked/a.parquet",
        "{allowed}/nul\0",
        "/etc/passwd",
        "rows/a.parquet",
        "-",
        "",
        "file://{allowed}/a.parquet",
        "http://127.0.0.1/a.parquet",
        "s3://bucket/a.parquet",
    ],
)
def test_there_is_no_way_out(named: str, folders: tuple[Path, Path]) -> None:
    allowed, other = folders
    (allowed / "link.parquet").symlink_to(other / "a.parquet")
    (allowed / "linked").symlink_to(other)
    with pytest.raises(NotAllowed):
        AllowedPlaces((str(allowed),)).inputs([named.format(allowed=allowed, other=other)])


def test_a_link_out_of_an_allowed_folder_is_refused_with_it(folders: tuple[Path, Path]) -> None:
    allowed, other = folders
    (allowed / "b.parquet").symlink_to(other / "a.parquet")
    for named in (str(allowed), f"{allowed}/*.parquet"):
        with pytest.raises(NotAllowed):
            AllowedPlaces((str(allowed),)).inputs([named])


def test_what_is_not_there_is_not_told_from_what_is_not_allowed(folders: tuple[Path, Path]) -> None:
    allowed = AllowedPlaces((str(folders[0]),))
    said = set()
    for name in ("a.parquet", "nothing.parquet"):
        with pytest.raises(NotAllowed) as refused:
            allowed.inputs([str(folders[1] / name)])
        said.add(refused.value.message)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("s3://rows/daily", True),
        ("s3://rows/daily/", True),
        ("s3://rows/daily/a.parquet", True),
        ("s3://rows/daily/*/a.parquet", True),
        ("s3://rows/dailyx/a.parquet", False),
        ("s3://rows/daily/../b.parquet", False),
        ("s3://rows/daily/%2e%2e/b.parquet", False),
        ("s3://rows/daily//b.parquet", False),
        ("s3://rows/other.parquet", False),
        ("s3://rowsx/daily/a.parquet", False),
        ("S3://rows/daily/a.parquet", False),
    ],
)
def test_prefixes_of_a_bucket(uri: str, fits: bool) -> None:
    allowed = AllowedPlaces(("s3://rows/daily/",))
    if fits:
        allowed.check(uri)
    else:
        with pytest.raises(NotAllowed):
            allowed.check(uri)


def test_a_place_is_absolute() -> None:
    with pytest.raises(UsageError, match="not a place that can be allowed: rows"):
        AllowedPlaces(("rows",))
