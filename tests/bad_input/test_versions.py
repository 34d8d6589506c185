"""Versions that cannot be used, and those that need leave."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from msgspec.structs import replace

from scorekit.store.manifest import ESTIMATOR_FILE, Manifest
from scorekit.store.versions import Ref, Store
from tests.bad_input.shop import NEW_ROWS, SECRET, Case, Shop, as_csv, check

NEW = as_csv(NEW_ROWS)


def copied(shop: Shop) -> Store:
    """A store of the case's own, to do bad things to."""
    shutil.copytree(shop.models, shop.folder / "models")
    return Store.open("models")


def rewritten(shop: Shop, path: str, **changes: Any) -> None:
    file = shop.folder / "models" / path
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def check_version(shop: Shop, args: str, code: int, says: str, hint: str) -> None:
    files = {"rows.csv": NEW}
    check(Case("", files, f"rows.csv --store models {args}", code, says, hint), shop, "score")


def test_a_manifest_from_the_future(shop: Shop) -> None:
    copied(shop)
    rewritten(shop, "shop/1/manifest.json", format_version=99)
    check_version(
        shop, "", 4, "shop/1/manifest.json has format 99, this scorekit reads up to", "newer scorekit"
    )
    assert shop.run("score", "rows.csv", "--store", "models", "-m", "near")[0] == 0


def test_an_alias_from_the_future(shop: Shop) -> None:
    copied(shop)
    rewritten(shop, "shop/aliases/champion.json", format_version=99)
    check_version(shop, "", 4, "champion.json has format 99", "newer scorekit")
    assert shop.run("score", "rows.csv", "--store", "models", "-m", "shop:1")[0] == 0


def test_a_manifest_that_is_none(shop: Shop) -> None:
    copied(shop)
    (shop.folder / "models/shop/1/manifest.json").write_text(f"{{{SECRET}")
    check_version(shop, "", 4, "manifest.json is not a manifest", "")


def test_a_file_that_was_changed(shop: Shop) -> None:
    copied(shop)
    (shop.folder / "models/shop/1/compiled/program.json").write_text("{}")
    check_version(
        shop, "", 4, "compiled/program.json was changed after it was published", "models verify shop:1"
    )


def test_a_file_that_is_gone(shop: Shop) -> None:
    copied(shop)
    (shop.folder / "models/near/1" / ESTIMATOR_FILE).unlink()
    check_version(shop, "-m near", 4, f"{ESTIMATOR_FILE} is missing", "models verify near:1")


def publish_like(store: Store, ref: Ref, pickle: bytes | None = None, **packages: str) -> Manifest:
    """A copy of a version, made in another environment or with another pickle."""
    manifest = store.manifest(ref)
    made = {**manifest.environment.packages, **{name.replace("_", "-"): at for name, at in packages.items()}}
    files = {path: store.read(ref, manifest, path) for path in manifest.files}
    files |= {} if pickle is None else {ESTIMATOR_FILE: pickle}
    environment = replace(manifest.environment, packages=made)
    return store.publish(replace(manifest, environment=environment), files, by="tests")


def test_a_pickle_of_another_scikit_learn_needs_leave(shop: Shop) -> None:
    store = copied(shop)
    publish_like(store, Ref("near", 1), scikit_learn="0.1.7")
    publish_like(store, Ref("shop", 1), scikit_learn="0.1.7")
    check_version(
        shop, "-m near:2", 4, "near:2 was made with scikit-learn 0.1.7, installed is", "--allow-mismatch"
    )
    code, said = shop.run("score", "rows.csv", "--store", "models", "-m", "near:2", "--allow-mismatch")
    assert code == 0, said
    assert shop.run("score", "rows.csv", "--store", "models", "-m", "shop:2", "-o", "compiled.csv")[0] == 0


def test_a_pickle_that_needs_what_is_not_installed(shop: Shop) -> None:
    store = copied(shop)
    publish_like(store, Ref("near", 1), pickle=b"cnot_installed_here\nThing\n.")
    check_version(
        shop,
        "-m near:2",
        4,
        f"near:2: {ESTIMATOR_FILE} cannot be loaded here: No module named",
        "models show near:2",
    )


def test_several_models_and_none_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCOREKIT_MODEL")
    check(Case("", {"rows.csv": NEW}, "rows.csv", 2, "holds 2 models: near, shop", "--model"), shop, "score")
