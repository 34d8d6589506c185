"""The switch under load: what is published, and until when."""

from __future__ import annotations

import pyarrow.parquet as pq

from benchmarks.switch import ASKED, trip_under_load
from tests.batch.nights import Night
from tests.batch.test_batch import write


def test_no_file_is_published_later_than_one_second_after_the_trip(night: Night) -> None:
    data = write(pq.read_table("calm.parquet").slice(0, 20), night.folder / "few.parquet")
    found = trip_under_load(night.store, data, processes=8, seconds=1.5)
    assert found.before > 8, "there was no load"
    assert found.withheld > 0, "nobody went on after the trip"
    assert found.last <= ASKED
    assert night.position() == "open"
