"""Tables in and out: Parquet, CSV, JSON lines and Arrow, from files, pipes and S3.

Reading for scoring, in order and in bounded memory::

    sources = find(["part-*.parquet"])              # files, folders, patterns, s3://, "-"
    reader = open_table(sources[0], columns=["age", "id"], types={"age": "numeric"}, na_values=())
    for batch in reader.batches(skip_rows=0):       # Batch: rows, first_row, bad
        ...
    reader.close()

Reading for training, everything at once, with types from every row, stands in ``training``
and is imported from there: scoring one format needs none of the others::

    table = read_tables(sources, na_values=DEFAULT_NA_VALUES)

Writing; nothing is seen of the table until it is committed::

    with open_output("scores.parquet", schema=schema, metadata=lambda: {"model": "bank:1"}) as writer:
        writer.write(batch)
        writer.commit()

The same rows give the same values to the bit whichever format they came in. One record
is one row: what cannot be read is a row of nulls with a ``BadRecord`` beside it.
"""

import pyarrow as pa

from scorekit.tables.batches import CHUNK_ROWS, BadRecord, Batch, TableReader
from scorekit.tables.formats import DEFAULT_NA_VALUES, FORMATS, format_of
from scorekit.tables.output import TableWriter, open_output
from scorekit.tables.reading import open_table
from scorekit.tables.sources import Source, find

# while it parses, pyarrow takes signals to itself, and loses those that come as it ends: a run that reads
# from a pipe would not be stopped by SIGTERM before more rows come
pa.enable_signal_handlers(False)  # noqa: FBT003 - it has no name

__all__ = [
    "CHUNK_ROWS",
    "DEFAULT_NA_VALUES",
    "FORMATS",
    "BadRecord",
    "Batch",
    "Source",
    "TableReader",
    "TableWriter",
    "find",
    "format_of",
    "open_output",
    "open_table",
]
