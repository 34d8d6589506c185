"""CSV and TSV: a block of whole records at a time, parsed by pyarrow.

One output row for one record is a promise. A block that holds a record that cannot be
read is walked record by record: the good ones are parsed together, the others become
rows of nulls. A column of numbers that holds anything else is read as strings from
then on, so that the decoder says which values are wrong; both ways give the same bits.

Blank lines are no records. Which line a record begins on is counted in physical lines.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv

from scorekit.errors import FormatError
from scorekit.tables.arrays import with_null_rows
from scorekit.tables.batches import BadRecord, Batch, in_order, one_batch
from scorekit.tables.columns import refuse_duplicates, wanted_names
from scorekit.tables.csv_records import Block, blocks, count_fields, count_lines, records
from scorekit.tables.sources import Source
from scorekit.tables.text_input import TextInput, is_utf8

DELIMITERS = ",;\t|"
SAMPLE = 1 << 16
"""Bytes from which the delimiter is found out."""

_SAMPLE_RECORDS = 10
_FIELD_LIMIT = 1 << 24
_MOST_TRIES = 4
"""So often a block is parsed again for a column that is not what it should be; then for all of them."""

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_FAILED_COLUMN = re.compile(r"In CSV column #(\d+)")


class Bad(NamedTuple):
    """A record that cannot be read, by its number among the records of its block."""

    number: int
    line: int
    code: str
    message: str


class CsvBlocks:
    """The header of a CSV file, and its records in blocks.

    Attributes
    ----------
    names : tuple of str
        Column names.
    delimiter : str
        One of ``DELIMITERS``, found out from the first records unless given; a tab in TSV.

    Raises
    ------
    FormatError
        If the file is empty or its header cannot be read.
    SchemaError
        If a name stands twice.
    """

    def __init__(self, source: Source, *, delimiter: str | None = None) -> None:
        self.source = source
        self._text = TextInput(source)
        start = self._text.read(SAMPLE)
        sample = start.decode("utf-8", errors="replace")
        self.delimiter = delimiter or ("\t" if source.format == "tsv" else _detect(sample))
        self._mark = self.delimiter.encode()
        self._pending = start
        self._blocks = blocks(self._read, self._mark, self._too_long)
        self._first = self._header()
        refuse_duplicates(source, self.names)

    def _read(self, size: int) -> bytes:
        start, self._pending = self._pending, b""
        return start + self._text.read(size - len(start)) if start else self._text.read(size)

    def _too_long(self, message: str, line: int) -> FormatError:
        return self.source.error(message, line=line, hint="is this CSV? name its format with --format")

    def _header(self) -> Block | None:
        """Take the header off the first block."""
        for block in self._blocks:
            header = next(records(block.data, self._mark, block.line), None)
            if header is None:
                continue
            text = block.data[header.start : header.stop]
            if header.code or b"\0" in text:
                raise self.source.error(header.message or "the header holds a NUL byte", line=header.line)
            self.names = self._parse_header(text, header.line)
            rest = block.data[header.stop :]
            return Block(rest, header.line + count_lines(text), block.clean) if rest else None
        raise self.source.error("no header, only blank lines")

    def _parse_header(self, text: bytes, line: int) -> tuple[str, ...]:
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            raise self.source.error(
                "the header is not UTF-8", line=line, hint="convert it with iconv"
            ) from None
        csv.field_size_limit(_FIELD_LIMIT)
        try:
            return tuple(next(csv.reader(io.StringIO(decoded, newline=""), delimiter=self.delimiter)))
        except csv.Error as error:
            raise self.source.error(f"the header cannot be read: {error}", line=line) from None

    def __iter__(self) -> Iterator[Block]:
        """Blocks of records below the header."""
        if self._first is not None:
            yield self._first
        yield from self._blocks

    def bad_records(self, block: Block) -> tuple[bytes, list[Bad], int]:
        """Walk a block.

        Returns
        -------
        data : bytes
            The records that can be read.
        bad : list of Bad
            The others.
        total : int
            How many records there are.
        """
        expected = len(self.names)
        valid_text = is_utf8(block.data)
        good: list[bytes] = []
        bad: list[Bad] = []
        number = -1
        for number, record in enumerate(records(block.data, self._mark, block.line)):
            data = block.data[record.start : record.stop]
            if record.code:
                bad.append(Bad(number, record.line, record.code, record.message))
            elif b"\0" in data:
                bad.append(Bad(number, record.line, "nul_byte", "holds a NUL byte"))
            elif not valid_text and not is_utf8(data):
                bad.append(Bad(number, record.line, "not_utf8", "not UTF-8"))
            elif (found := count_fields(data, self._mark)) != expected:
                message = f"expected {expected} fields, found {found}"
                bad.append(Bad(number, record.line, "ragged", message))
            else:
                good.append(data)
        if good and good[-1][-1:] not in (b"\n", b"\r"):
            good[-1] += b"\n"
        return b"".join(good), bad, number + 1

    def suspicious(self, block: Block) -> bool:
        """Whether a block must be walked, as far as can be told before parsing it."""
        return not block.clean or b"\0" in block.data or not is_utf8(block.data)

    def parse(self, data: bytes, convert: pacsv.ConvertOptions) -> pa.Table:
        """Parse whole records.

        Raises
        ------
        pyarrow.ArrowInvalid
            If a record is ragged, or a value not of its column's type.
        """
        # pyarrow refuses a file of no bytes
        data = data or b"\n"
        return pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                column_names=list(self.names), use_threads=False, block_size=len(data) + 1
            ),
            parse_options=pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=convert,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()


def _detect(sample: str) -> str:
    """The delimiter that cuts the first records into equally many fields, the more the better."""
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        counts = _field_counts(sample, delimiter)
        if not counts or counts[0] < 2:
            continue
        agree = sum(count == counts[0] for count in counts) / len(counts)
        weight = counts[0] * agree**4
        if weight > most:
            best, most = delimiter, weight
    return best


def _field_counts(sample: str, delimiter: str) -> list[int]:
    csv.field_size_limit(_FIELD_LIMIT)
    counts: list[int] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                counts.append(len(record))
            if len(counts) > _SAMPLE_RECORDS:
                break
    except csv.Error:
        pass
    # the last may be cut off
    return counts[:-1] if len(counts) > 1 else counts


class CsvReader:
    """Reads one CSV file for scoring; see ``TableReader``.

    Columns of kind ``numeric`` come as float64, or as strings once a value was met that
    is no number; categories as dictionaries; all others as the strings that stand there.
    """

    rows: int | None = None

    def __init__(
        self,
        source: Source,
        *,
        columns: Sequence[str] | None,
        types: Mapping[str, str],
        na_values: Sequence[str],
        chunk_rows: int,
        delimiter: str | None = None,
    ) -> None:
        self.source = source
        self._file = CsvBlocks(source, delimiter=delimiter)
        self.names: tuple[str, ...] = self._file.names
        self._chunk_rows = chunk_rows
        self._missing = sorted({"", *na_values})
        self._wanted = wanted_names(self.names, columns)
        fast = {"numeric": pa.float64(), "category": _DICTIONARY}
        self._types = {name: fast.get(types.get(name, ""), pa.string()) for name in self._wanted}

    def batches(self, *, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches from row ``skip_rows`` on."""
        return in_order(self._file, self._block, skip_rows, self._chunk_rows)

    def _block(self, block: Block, row: int) -> tuple[pa.RecordBatch, tuple[BadRecord, ...]]:
        if not self._file.suspicious(block):
            rows = self._typed(block.data)
            if rows is not None:
                return rows, ()
        data, bad, total = self._file.bad_records(block)
        rows = self._typed(data)
        if rows is None or rows.num_rows + len(bad) != total:
            raise self.source.error("cannot be read as CSV", line=block.line)
        spread = with_null_rows(rows, total, [one.number for one in bad])
        return spread, tuple(BadRecord(row + one.number, one.line, one.code, one.message) for one in bad)

    def _typed(self, data: bytes) -> pa.RecordBatch | None:
        """Parse records, giving up types of columns that do not hold them; None if one is ragged."""
        tries = 0
        while True:
            try:
                return one_batch(self._file.parse(data, self._convert())).select(self._wanted)
            except pa.ArrowInvalid as error:
                if not self._give_up_type(str(error)):
                    return None
            tries += 1
            if tries == _MOST_TRIES:
                self._types = dict.fromkeys(self._types, pa.string())

    def _convert(self) -> pacsv.ConvertOptions:
        return pacsv.ConvertOptions(
            column_types=self._types,
            # pyarrow takes no columns for all of them
            include_columns=self._wanted or list(self.names[:1]),
            null_values=self._missing,
            strings_can_be_null=False,
            check_utf8=False,
        )

    def _give_up_type(self, message: str) -> bool:
        """Read the column that a message names as strings from now on; False if it was so already."""
        found = _FAILED_COLUMN.match(message)
        if found is None:
            return False
        name = self.names[int(found[1])]
        if self._types.get(name, pa.string()) == pa.string():
            return False
        self._types[name] = pa.string()
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
