"""Quarantined lines as a file: JSON lines, CSV or Parquet, the text masked unless asked for, whole or not at all.

Which lines, and where to, is decided in `quarantine_command`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse_assets.contracts.tables import QUARANTINE
from lakehouse_assets.errors import StorageError
from lakehouse_assets.quality.masking import mask
from lakehouse_assets.whole_file import written_whole

_PRIVATE, _BY_UMASK = 0o600, 0o666


def export_lines(out: Path, batches: Iterable[pa.RecordBatch], *, raw: bool) -> int:
    """Write lines to a file whose ending says the format; with raw text it is for its owner only.

    Args:
        batches: `source` and the columns of quarantine.
        raw: the text as it landed, not masked.

    Returns:
        The number of lines.

    Raises:
        StorageError: it cannot be written, or a table cannot be read; `out` is as it was.
    """
    try:
        with written_whole(out, _PRIVATE if raw else _BY_UMASK) as stream:
            return _WRITERS[out.suffix.lower()](stream, (_exported(batch, raw) for batch in batches))
    except OSError as error:
        raise StorageError(
            f"{out} cannot be written: {error.strerror}. It is as it was. Choose another --out, or make room."
        ) from error


def _exported(batch: pa.RecordBatch, raw: bool) -> pa.RecordBatch:
    """The columns of an export: a text that is masked has a name that says so."""
    contract = next(iter(QUARANTINE.values()))
    texts = set() if raw else {column.name for column in contract.columns if column.pii == "contains"}
    columns = {}
    for name in ("source", *contract.column_names):
        if name in texts:
            columns[f"{name}_masked"] = pa.array([mask(text) for text in batch[name].to_pylist()], pa.string())
        else:
            columns[name] = batch[name]
    return pa.RecordBatch.from_pydict(columns)


def _write_jsonl(stream: IO[bytes], batches: Iterable[pa.RecordBatch]) -> int:
    lines = 0
    for batch in batches:
        for row in batch.to_pylist():
            # Other than ASCII is escaped, so the file shows no control character of the text either.
            stream.write(json.dumps(row, default=lambda value: value.isoformat()).encode() + b"\n")
        lines += batch.num_rows
    return lines


def _write_csv(stream: IO[bytes], batches: Iterable[pa.RecordBatch]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text)
    lines = 0
    for batch in batches:
        if not lines:
            writer.writerow(batch.schema.names)
        for row in batch.to_pylist():
            writer.writerow([";".join(value) if isinstance(value, list) else value for value in row.values()])
        lines += batch.num_rows
    text.flush()
    text.detach()
    return lines


def _write_parquet(stream: IO[bytes], batches: Iterable[pa.RecordBatch]) -> int:
    rest = iter(batches)
    first = next(rest)
    lines: int = first.num_rows
    with pq.ParquetWriter(stream, first.schema) as writer:
        writer.write_batch(first)
        for batch in rest:
            writer.write_batch(batch.cast(first.schema))
            lines += batch.num_rows
    return lines


_WRITERS: dict[str, Callable[[IO[bytes], Iterable[pa.RecordBatch]], int]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
