"""What was changed after it was published is refused before it is parsed, and named."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import ModelError, ModelNotFound, TamperedError
from scorekit.store.manifest import Manifest
from scorekit.store.versions import Ref, Store
from tests.store import example
from tests.store.raw import Raw
from tests.store.test_versions import publish

FILES = sorted(example.files())
BANK = Ref("bank", 1)


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("change", ["flip", "cut", "grow", "remove"])
def test_a_changed_file_is_refused_and_named(store: Store, uri: str, path: str, change: str) -> None:
    publish(store)
    raw, place = Raw(uri), f"bank/1/{path}"
    data = raw.read(place)
    if change == "remove":
        raw.delete(place)
    else:
        raw.write(place, {"flip": flipped(data, 3), "cut": data[:-1], "grow": data + b"\n"}[change])
    manifest = store.manifest(BANK)
    with pytest.raises(TamperedError) as caught:
        store.read(BANK, manifest, path)
    assert f"{uri}/bank/1/{path}" in caught.value.message
    checked = store.verify(BANK)
    assert not checked.ok
    assert path in checked.problems[0]
    assert {file.path for file in checked.files if file.state != "ok"} == {path}
    assert "models verify bank:1" in str(caught.value.hint)


def test_every_byte_of_a_manifest_counts(store: Store, uri: str) -> None:
    """Also one that leaves valid JSON of the right shape: the digest covers every value."""
    publish(store)
    raw, place = Raw(uri), "bank/1/manifest.json"
    data = raw.read(place)
    content = json.loads(data)
    for key in sorted(content.keys() - {"format_version"}):
        changed = {**content, key: "bank2" if isinstance(content[key], str) else ["x"]}
        raw.write(place, json.dumps(changed).encode())
        with pytest.raises(TamperedError, match=r"bank/1/manifest\.json"):
            store.manifest(BANK)
        checked = store.verify(BANK)
        assert not checked.ok
        assert "manifest.json" in checked.problems[0]
    raw.write(place, data)
    assert store.verify(BANK).ok


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_manifest_never_gives_another_manifest(place: int, bit: int) -> None:
    sealed = example.manifest().sealed(1, {})
    data = bytearray(sealed.to_bytes())
    data[place % len(data)] ^= 1 << bit
    try:
        read = Manifest.from_bytes(bytes(data), "manifest.json")
    except ModelError:
        return
    assert read == sealed


def test_a_version_in_another_versions_place_is_refused(store: Store, uri: str) -> None:
    """An old version, whole and signed, must not pass for the new one."""
    publish(store, mark="old")
    publish(store, mark="new")
    raw = Raw(uri)
    for path, content in raw.everything().items():
        if path.startswith("bank/1/"):
            raw.write(path.replace("bank/1/", "bank/2/"), content)
    with pytest.raises(TamperedError, match="the manifest of bank:1, not of bank:2"):
        store.manifest(Ref("bank", 2))


def test_added_files_are_found(store: Store, uri: str) -> None:
    publish(store)
    raw = Raw(uri)
    raw.write("bank/1/extra.txt", b"x")
    raw.write("bank/1/compiled/extra", b"")
    checked = store.verify(BANK)
    assert [file.path for file in checked.files if file.state == "unexpected"] == [
        "compiled/extra",
        "extra.txt",
    ]
    assert not checked.ok
    assert "extra.txt is not a file of this version" in checked.problems[1]


def test_verify_sees_files_that_listings_pass_over(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    publish(store)
    version = tmp_path / "bank" / "1"
    (version / "upload#1").write_bytes(b"")
    (version / "dangling").symlink_to(tmp_path / "nowhere")
    (version / "folder").symlink_to(tmp_path)
    (version / ".hidden").write_bytes(b"")
    unexpected = {file.path for file in store.verify(BANK).files if file.state == "unexpected"}
    assert unexpected == {"upload#1", "dangling", "folder", ".hidden"}


class Bomb:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_a_planted_pickle_is_never_loaded(store: Store, uri: str, tmp_path: Path) -> None:
    publish(store)
    mark = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(mark))
    Raw(uri).write("bank/1/estimator.joblib", bomb)
    with pytest.raises(TamperedError, match=r"bank/1/estimator\.joblib"):
        store.read(BANK, store.manifest(BANK), "estimator.joblib")
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists()


def test_a_pickle_beside_the_listed_files_is_never_read(store: Store, uri: str) -> None:
    store.publish(example.manifest(), {"card.md": b"x"}, by="tester")
    Raw(uri).write("bank/1/estimator.joblib", b"bomb")
    with pytest.raises(TamperedError, match="does not list it"):
        store.read(BANK, store.manifest(BANK), "estimator.joblib")


def test_a_version_without_a_manifest_is_none(store: Store, uri: str) -> None:
    publish(store)
    publish(store)
    Raw(uri).delete("bank/2/manifest.json")
    assert store.versions("bank") == [1]
    with pytest.raises(ModelNotFound):
        store.resolve("bank:2")
    assert publish(store) == Ref("bank", 3)


@pytest.mark.parametrize("path", ["manifest.json", "card.md"])
def test_nothing_is_pointed_at_a_version_that_does_not_hold(store: Store, uri: str, path: str) -> None:
    first, second = publish(store), publish(store)
    store.promote(second, by="ada")
    raw = Raw(uri)
    raw.write(f"bank/1/{path}", raw.read(f"bank/1/{path}").replace(b"a", b"b", 1))
    for move in (lambda: store.promote(first, by="ada"), lambda: store.rollback("bank", by="ada")):
        with pytest.raises(TamperedError, match=path):
            move()
    assert store.resolve("bank") == second
