"""Dagster's SQLite event log with its connections kept, for the process of `lakehouse run`.

Dagster's own class makes an engine, opens and closes the file, and so lets SQLite fold its write-ahead log into it, for
each of the hundreds of events of a range. Files and tables are the same, so other processes see nothing of it. Where
`dagster.yaml` names a storage, that one is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection

_STORAGE_SETTINGS = {"storage", "run_storage", "event_log_storage", "schedule_storage"}
_BUSY_TIMEOUT_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """One engine, and so one open connection, for the index and for each run's file.

    For processes that write one run: connections are closed only when the process ends.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(*arguments, **named)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                self._engines[shard] = self._new_engine(shard)
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def _new_engine(self, shard: str) -> Engine:
        engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})
        # With a write-ahead log this keeps the file whole at a power cut, which may cost the last events.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
        self._initdb(engine)
        return engine


def open_instance(home: Path) -> DagsterInstance:
    """The Dagster instance of a DAGSTER_HOME, for a process that runs one run.

    Args:
        home: DAGSTER_HOME.
    """
    settings_file = home / "dagster.yaml"
    settings = yaml.safe_load(settings_file.read_text()) if settings_file.exists() else None
    if _STORAGE_SETTINGS & set(settings or {}):
        return DagsterInstance.get()
    storage = {
        "module": __name__,
        "class": PooledSqliteEventLogStorage.__name__,
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={"event_log_storage": storage}))
