"""Dagster's SQLite event log, kept open while `lakehouse run` writes to it.

Dagster opens and closes the files for each of its events. Whoever closes a file last makes SQLite fold the write-ahead
log into it, which for a range of 14 days (340 events) took a second of eight. Other event logs are left alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from dagster import DagsterInstance
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextmanager
def held_open(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Keep a connection to the index and to the run's own file open; it takes no lock."""
    storage = instance.event_log_storage
    with ExitStack() as stack:
        if isinstance(storage, SqliteEventLogStorage):
            # Creates the run's own file.
            storage.get_logs_for_run(run_id)
            for shard in (INDEX_SHARD_NAME, run_id):
                connection = stack.enter_context(closing(sqlite3.connect(storage.path_for_shard(shard))))
                # SQLite opens the file, and its write-ahead log, at the first statement.
                connection.execute("SELECT 1 FROM event_logs LIMIT 1").fetchall()
        yield
