"""Manifests are read for ever: of this format, of older ones, and never wrongly of newer ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import TamperedError, VersionMismatch
from scorekit.store.manifest import FORMAT_VERSION, FileEntry, Manifest, Metrics
from tests.store import example

DATA = Path(__file__).with_name("data")


def test_format_1_is_read() -> None:
    """The file was written when format 1 was new; it may never be written again."""
    manifest = Manifest.from_bytes((DATA / "manifest-v1.json").read_bytes(), "manifest-v1.json")
    assert (manifest.name, manifest.version, manifest.format_version) == ("bank", 7, 1)
    assert manifest.positive == "yes"
    assert manifest.inputs.names == ("age", "job")
    assert manifest.inputs.features[1].levels == ("admin.", "retired")
    assert manifest.scoring.columns == ("score",)
    assert manifest.scoring.proof is not None
    assert manifest.scoring.proof.rows == 900
    assert manifest.metrics.holdout == {"roc_auc": 0.75, "log_loss": 0.31}
    assert manifest.recipe["params"] == {"C": 0.5}
    assert set(manifest.files) == set(example.files())


def test_every_old_format_has_a_file() -> None:
    assert {file.name for file in DATA.glob("manifest-v*.json")} >= {
        f"manifest-v{number}.json" for number in range(1, FORMAT_VERSION + 1)
    }


def test_a_manifest_from_the_future_is_refused() -> None:
    content = {**json.loads(example.manifest().sealed(1, {}).to_bytes()), "format_version": 99, "new": 1}
    with pytest.raises(
        VersionMismatch, match=rf"m\.json has format 99, this scorekit reads up to {FORMAT_VERSION}"
    ):
        Manifest.from_bytes(json.dumps(content).encode(), "m.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 200_000])
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(TamperedError, match=r"m\.json is not a manifest"):
        Manifest.from_bytes(data, "m.json")


numbers = st.floats(allow_nan=True, allow_infinity=True)
labels = st.one_of(st.text(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.dictionaries(st.text(), numbers), st.lists(labels, max_size=4), st.text(), st.integers(1, 10**8))
def test_what_is_sealed_is_read_back(
    metrics: dict[str, float], classes: list[str | bool | int | float], target: str, version: int
) -> None:
    """With NaN metrics, awkward names, and classes of every type keeping their type."""
    made = example.manifest(metrics=Metrics(holdout=metrics), classes=tuple(classes), target=target)
    sealed = made.sealed(version, {"card.md": FileEntry(sha256="ab", size=1)})
    data = sealed.to_bytes()
    json.loads(data, parse_constant=pytest.fail)
    read = Manifest.from_bytes(data, "m.json")
    assert read.to_bytes() == data
    assert read.digest == sealed.digest == read.compute_digest()
    assert [(type(label), label) for label in read.classes] == [(type(label), label) for label in classes]
    assert read.metrics.holdout is not None
    for name, value in metrics.items():
        assert read.metrics.holdout[name] == value or math.isnan(value)


def test_the_digest_is_of_everything() -> None:
    one = example.manifest().sealed(1, {})
    assert one.sealed(1, {}).digest == one.digest
    assert one.sealed(2, {}).digest != one.digest
    assert one.sealed(1, {"a": FileEntry(sha256="", size=0)}).digest != one.digest
