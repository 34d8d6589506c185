"""A connection to S3, as the environment has it."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest

from scorekit.errors import UsageError
from scorekit.s3 import connect


def test_the_region_is_the_environments_else_the_profiles(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "prod")
    assert connect("s3://b").config["region"] == "us-east-1"
    monkeypatch.delenv("AWS_REGION")
    assert connect("s3://b").config["region"] == "eu-west-3"


def test_the_obstore_store_of_an_uri(bucket: str) -> None:
    store = connect(f"s3://{bucket}/data/in/")
    obstore.put(store, "x.csv", b"a,b\n")
    assert [each["path"] for each in obstore.list(connect(f"s3://{bucket}")).collect()] == ["data/in/x.csv"]
    with pytest.raises(UsageError, match="not an S3 URI"):
        connect("s3:///x")
