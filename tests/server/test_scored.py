"""What is scored where it came in and what by a process of its own; no more is read than is taken."""

from __future__ import annotations

import tracemalloc

import pytest

from scorekit.errors import Refused
from scorekit.server.forms import OWN, Form
from scorekit.server.inference import inference_form
from scorekit.server.invocations import invocation_form
from scorekit.server.scored import MANY, read_here
from scorekit.store.manifest import Manifest
from scorekit.store.references import Ref
from scorekit.store.versions import Store
from tests.conftest import Bank


@pytest.fixture(scope="module")
def manifest(bank: Bank) -> Manifest:
    return Store.open(str(bank.store)).manifest(Ref("bank", 1))


def form_of(kind: str, manifest: Manifest) -> Form:
    if kind == "own":
        return OWN
    if kind == "v2":
        return inference_form("bank", manifest, None)
    return invocation_form(kind, "application/json", "bank", manifest, "absent")


def body_of(kind: str, records: int) -> bytes:
    """As short as records can be."""
    if kind == "own":
        return b'{"features":[%b]}' % b",".join([b"{}"] * records)
    if kind == "v2":
        data = b",".join([b"1"] * records)
        return b'{"inputs":[{"name":"age","datatype":"INT8","shape":[%d],"data":[%b]}]}' % (records, data)
    if kind == "application/json":
        return b'{"instances":[%b]}' % b",".join([b"[]"] * records)
    return (b"{}\n" if kind == "application/jsonlines" else b"1\r") * records


@pytest.mark.parametrize("kind", ["own", "v2", "application/json", "application/jsonlines", "text/csv"])
def test_a_few_records_are_scored_here_and_many_aside_however_short_they_are(
    kind: str, manifest: Manifest
) -> None:
    form = form_of(kind, manifest)
    few = read_here(form, body_of(kind, MANY - 1), 10 * MANY)
    assert few is not None
    assert len(few.rows) == MANY - 1
    assert read_here(form, body_of(kind, MANY), 10 * MANY) is None


@pytest.mark.parametrize("kind", ["application/jsonlines", "text/csv"])
def test_of_lines_no_more_are_read_than_are_taken(kind: str, manifest: Manifest) -> None:
    form, body = form_of(kind, manifest), body_of(kind, 200_000)
    tracemalloc.start()
    with pytest.raises(Refused, match="more records than the 10 that are taken"):
        form.read(body, 10)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * len(body)
