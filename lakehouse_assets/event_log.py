"""Dagster's SQLite event log for the process of `lakehouse run`: connections are kept, events are written together.

A range of two weeks has over a thousand events, most of them verdicts of checks on a partition. Dagster's own class
opens and closes the file for each, asks each time whether its tables are there, and so lets SQLite fold its write-ahead
log into it. Files, tables and rows are the same here, so other processes see nothing of it but that what a step says of
its asset comes at once. Where `dagster.yaml` names a storage, that one is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterEventType, DagsterInstance, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import Engine, and_, bindparam, create_engine, exists, literal_column, select
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Connection

_STORAGE_SETTINGS = {"storage", "run_storage", "event_log_storage", "schedule_storage"}
_BUSY_TIMEOUT_SECONDS = 60

_VERDICT = DagsterEventType.ASSET_CHECK_EVALUATION
_VERDICT_IDENTITY = ("asset_key", "check_name", "run_id", "partition")
_VERDICT_VALUES = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)
# A parameter may not have a column's own name in an update.
_PARAMETERS = {
    name: bindparam(f"_{name}", type_=AssetCheckExecutionsTable.c[name].type)
    for name in (*_VERDICT_IDENTITY, *_VERDICT_VALUES)
}
_OF_VERDICT = and_(*(AssetCheckExecutionsTable.c[name] == _PARAMETERS[name] for name in _VERDICT_IDENTITY))
_SET_PLANNED = (
    AssetCheckExecutionsTable.update().where(_OF_VERDICT).values({name: _PARAMETERS[name] for name in _VERDICT_VALUES})
)
_ADD_UNPLANNED = AssetCheckExecutionsTable.insert().from_select(
    list(_PARAMETERS),
    select(*_PARAMETERS.values()).where(
        ~exists(select(literal_column("1")).select_from(AssetCheckExecutionsTable).where(_OF_VERDICT))
    ),
)
_ADD_EVENTS = SqlEventLogStorageTable.insert()
_ADD_EVENTS_FOR_IDS = _ADD_EVENTS.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)


class BufferedSqliteEventLogStorage(SqliteEventLogStorage):
    """One open connection for the index and for each run's file; what is said of assets waits for the next other event.

    For processes that write one run: connections are closed only when the process ends. What waits is written before
    anything is read, too. A process that is killed takes what waits of its step with it, as it takes the step.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._has_asset_key_columns: dict[str, bool] = {}
        self._waiting: list[EventLogEntry] = []
        super().__init__(*arguments, **named)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> BufferedSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._has_asset_key_columns:
            self._has_asset_key_columns[column_name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return self._has_asset_key_columns[column_name]

    def store_event(self, event: EventLogEntry) -> None:
        if _is_of_asset(event):
            self._waiting.append(event)
        else:
            super().store_event(event)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        self._store_waiting()
        with self._connect_kept(shard) as connection:
            yield connection

    @contextmanager
    def _connect_kept(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                self._engines[shard] = self._new_engine(shard)
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def _new_engine(self, shard: str) -> Engine:
        engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})
        # With a write-ahead log this keeps the file whole at a power cut, which may cost the last events.
        sqlalchemy_event.listen(
            engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL")
        )
        self._initdb(engine)
        return engine

    def _store_waiting(self) -> None:
        """What Dagster's `store_event` does, for all that wait: the run's file, the index, and the index's tables."""
        events, self._waiting = self._waiting, []
        if not events:
            return
        rows = [self._event_to_row(event) for event in events]
        for run_id in {event.run_id for event in events}:
            with self._connect_kept(run_id) as connection:
                connection.execute(_ADD_EVENTS, [row for row in rows if row["run_id"] == run_id])
        with self._connect_kept(INDEX_SHARD_NAME) as connection:
            ids = connection.execute(_ADD_EVENTS_FOR_IDS, rows).scalars().all()
            stored = [_Stored(*of_event) for of_event in zip(events, rows, ids, strict=True)]
            self._index_assets(connection, [one for one in stored if one.event.dagster_event_type in ASSET_EVENTS])
            self._index_verdicts(connection, [one for one in stored if one.event.dagster_event_type == _VERDICT])
        for one in stored:
            if one.event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                self.store_asset_check_event(one.event, one.storage_id)

    def _index_assets(self, connection: Connection, stored: Sequence[_Stored]) -> None:
        """Tags of each event; of what each asset was last seen doing, only the last event of a kind counts."""
        self._store_asset_event_tags(connection, [one.event for one in stored], [one.storage_id for one in stored])
        last = {(one.event.get_dagster_event().asset_key, one.event.dagster_event_type): one for one in stored}
        for one in last.values():
            self._store_asset_event(connection, one.event, one.storage_id)

    def _index_verdicts(self, connection: Connection, stored: Sequence[_Stored]) -> None:
        """The last verdict of a check on a partition stands; the row is there if it was planned."""
        values = [_verdict_values(one) for one in stored]
        last = {tuple(one[f"_{name}"] for name in _VERDICT_IDENTITY): one for one in values}
        if last:
            connection.execute(_SET_PLANNED, list(last.values()))
            connection.execute(_ADD_UNPLANNED, list(last.values()))


@dataclass(frozen=True)
class _Stored:
    """An event, its row, and its id in the index."""

    event: EventLogEntry
    row: Mapping[str, Any]
    storage_id: int


def _is_of_asset(event: EventLogEntry) -> bool:
    """Whether it is about an asset or a check of a run's partition: what a range has hundreds of."""
    if not event.run_id or event.dagster_event_type not in ASSET_EVENTS | ASSET_CHECK_EVENTS:
        return False
    verdict = event.get_dagster_event().event_specific_data
    return not isinstance(verdict, AssetCheckEvaluation) or verdict.partition is not None


def _verdict_values(stored: _Stored) -> dict[str, Any]:
    """The values of `_PARAMETERS`."""
    evaluation = stored.event.get_dagster_event().asset_check_evaluation_data
    status = AssetCheckExecutionRecordStatus.SUCCEEDED if evaluation.passed else AssetCheckExecutionRecordStatus.FAILED
    target = evaluation.target_materialization_data
    return {
        "_asset_key": evaluation.asset_key.to_string(),
        "_check_name": evaluation.check_name,
        "_run_id": stored.event.run_id,
        "_partition": evaluation.partition,
        "_execution_status": status.value,
        "_evaluation_event": stored.row["event"],
        "_evaluation_event_timestamp": stored.row["timestamp"],
        "_evaluation_event_storage_id": stored.storage_id,
        "_materialization_event_storage_id": target.storage_id if target is not None else None,
    }


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
        "class": BufferedSqliteEventLogStorage.__name__,
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={"event_log_storage": storage}))
