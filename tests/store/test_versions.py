"""A store keeps versions, on disk and on S3 alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from scorekit.errors import ModelError, ModelNotFound, TamperedError, UsageError
from scorekit.store.versions import Ref, Store
from tests.store import example


def publish(store: Store, name: str = "bank", mark: str = "", alias: str | None = None) -> Ref:
    made = store.publish(example.manifest(name), example.files(mark), by="tester", alias=alias)
    return Ref(made.name, made.version)


def test_what_was_published_is_read_back(store: Store) -> None:
    made = store.publish(example.manifest(), example.files("x"), by="tester")
    ref = store.resolve("bank")
    assert store.manifest(ref) == made
    assert {path: store.read(ref, made, path) for path in made.files} == example.files("x")
    assert store.verify(ref).ok


def test_versions_count_from_one(store: Store) -> None:
    assert [publish(store).version for _ in range(3)] == [1, 2, 3]
    assert store.versions("bank") == [1, 2, 3]
    assert publish(store, "bank.v2").version == 1
    assert store.names() == ["bank", "bank.v2"]


def test_versions_are_ordered_as_numbers(store: Store) -> None:
    for _ in range(11):
        publish(store)
    assert store.versions("bank") == list(range(1, 12))


def test_files_on_disk_are_published_like_bytes(store: Store, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 30_000)
    made = store.publish(example.manifest(), {"estimator.joblib": big, "card.md": b""}, by="tester")
    assert store.read(Ref("bank", 1), made, "estimator.joblib") == big.read_bytes()
    assert store.read(Ref("bank", 1), made, "card.md") == b""


def test_the_first_version_becomes_champion_and_later_ones_when_asked(store: Store) -> None:
    publish(store)
    publish(store)
    assert store.resolve("bank") == Ref("bank", 1)
    publish(store, alias="champion")
    assert store.resolve("bank") == Ref("bank", 3)
    publish(store, alias="challenger")
    assert store.resolve("bank") == Ref("bank", 3)
    assert store.resolve("bank@challenger") == Ref("bank", 4)


def test_a_first_version_published_as_something_else_is_champion_too(store: Store) -> None:
    publish(store, alias="challenger")
    assert store.resolve("bank@challenger") == store.resolve("bank") == Ref("bank", 1)


def test_references(store: Store) -> None:
    publish(store)
    publish(store)
    assert store.resolve("bank:2") == Ref("bank", 2)
    assert str(store.resolve("bank@champion")) == "bank:1"
    assert store.resolve(None) == Ref("bank", 1)
    publish(store, "adult")
    with pytest.raises(UsageError, match="2 models: adult, bank"):
        store.resolve(None)


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("bnak", "no model bnak in", "did you mean bank"),
        ("bnak:1", "no model bnak in", "did you mean bank"),
        ("zzz@champion", "no model zzz in", "models list"),
        ("bank:9", "bank has no version 9, only 1", "models list"),
        ("bank@prod", "bank has no alias prod, only champion", "models list"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    store: Store, reference: str, message: str, hint: str
) -> None:
    publish(store)
    with pytest.raises(ModelNotFound) as caught:
        store.resolve(reference)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_an_empty_store(store: Store) -> None:
    assert store.names() == []
    assert store.versions("bank") == []
    with pytest.raises(ModelNotFound, match="holds no model"):
        store.resolve(None)
    with pytest.raises(ModelNotFound, match="no model bank"):
        store.resolve("bank")
    with pytest.raises(ModelNotFound, match="no model bank"):
        store.manifest(Ref("bank", 1))
    with pytest.raises(ModelNotFound, match="no model bank"):
        store.aliases("bank")
    with pytest.raises(ModelNotFound, match="no model bank"):
        store.promote(Ref("bank", 1), by="tester")


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", ".hidden", "a b", "ä", "-x", "a" * 200])
def test_a_name_is_never_a_path(store: Store, name: str) -> None:
    for attempt in (lambda: publish(store, name), lambda: store.versions(name), lambda: store.history(name)):
        with pytest.raises(UsageError, match="not a model name"):
            attempt()
    with pytest.raises(UsageError):
        store.resolve(name)


@pytest.mark.parametrize(
    "reference", ["bank:", "bank:0", "bank:-1", "bank:01", "bank:x", "bank@", "bank@a/b", "bank@7"]
)
def test_what_is_no_reference(store: Store, reference: str) -> None:
    with pytest.raises(UsageError):
        store.resolve(reference)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", "a//b", ".x", "manifest.json", "manifest.sig", ""])
def test_a_version_holds_no_file_outside_itself(store: Store, path: str) -> None:
    with pytest.raises(ModelError, match="cannot hold a file"):
        store.publish(example.manifest(), {path: b""}, by="tester")
    assert store.names() == []


def test_only_what_the_manifest_lists_is_read(store: Store) -> None:
    ref = publish(store)
    manifest = store.manifest(ref)
    with pytest.raises(TamperedError, match="bank/1/other"):
        store.read(ref, manifest, "other")
    lying = replace(manifest, files={"../2/card.md": manifest.files["card.md"]})
    publish(store)
    with pytest.raises(TamperedError, match="does not list it"):
        store.read(ref, lying, "../2/card.md")


def test_the_environment_names_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store.open().uri == "models"
    monkeypatch.setenv("SCOREKIT_STORE", "elsewhere")
    assert Store.open().uri == "elsewhere"
    assert Store.open("here").uri == "here"
    assert Store.open(f"file://{tmp_path}/there").uri == f"{tmp_path}/there"
    assert publish(Store.open()) == Ref("bank", 1)
    assert (tmp_path / "elsewhere" / "bank" / "1" / "manifest.json").is_file()


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3://", "http://host/x"])
def test_what_is_no_store(uri: str) -> None:
    with pytest.raises(UsageError, match="not a store"):
        Store.open(uri)
