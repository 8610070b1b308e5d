"""Silver to gold: recompute the sessions that anything new in silver touches, and write those that differ.

Gold notes which snapshots of silver it has taken in (`storage.applied`). The sessions to recompute come from the files
added to and removed from silver since then: so a run that was killed between silver and gold is made up for by the
next, and removed events are seen though silver no longer shows them. Without a valid note everything is recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyiceberg.expressions import AlwaysFalse, AlwaysTrue, And, BooleanExpression, Or
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.contracts.tables import DATA_VERSION, GOLD, SILVER
from lakehouse_assets.pipeline.changes import stage_changes, write_scratch
from lakehouse_assets.storage.applied import read_applied
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import (
    FileChanges,
    among,
    at_least,
    at_most,
    head_snapshot_id,
    plan_file_changes,
    plan_files,
    read_files,
    read_table,
    without,
)
from lakehouse_assets.storage.stage import RunInfo, StagedWrite, stage, write_files
from lakehouse_assets.transforms.differences import build_added_rows, build_changed_histories, build_removed_rows
from lakehouse_assets.transforms.sessions import build_sessions

_SESSION = ["session_id", "user_id"]
_MAX_SESSIONS_BY_NAME = 200


@dataclass(frozen=True)
class GoldWrite:
    """A staged write of gold.

    Args:
        sessions: session_id and user_id of the sessions that were recomputed; None: all.
        files: which files may hold rows of them; None: all.
        is_recomputed: whether any session was; not where silver is as gold has taken it in.
    """

    staged: StagedWrite
    sessions: DataFrame | None = None
    files: BooleanExpression | None = None
    is_recomputed: bool = True


def stage_gold(lake: Lake, run: RunInfo) -> GoldWrite:
    """Stage gold.user_session_analysis up to the current snapshots of silver.

    Raises:
        StorageError: a table cannot be read or staged; nothing is published.
    """
    heads = {contract.name: head_snapshot_id(lake.table(contract)) for contract in SILVER.values()}
    heads["data_version"] = DATA_VERSION
    note = read_applied(lake.table(GOLD))
    changes = _plan_changes(lake, dict(note)) if note is not None else None
    if changes is None:
        return GoldWrite(_stage_everything(lake, run, heads))
    if not any(changes.values()):
        staged = stage(lake, GOLD, new_files=[], replaced=[], run=run, applied=heads)
        return GoldWrite(staged, is_recomputed=False)
    sessions = write_scratch(lake, _touched_sessions(lake, changes).distinct())
    files = _files_of_sessions(sessions)
    if files is None:
        staged = stage(lake, GOLD, new_files=[], replaced=[], run=run, applied=heads)
        return GoldWrite(staged, is_recomputed=False)
    stored = write_scratch(lake, _of_sessions(read_table(lake, GOLD, files), sessions))
    desired = write_scratch(
        lake,
        build_sessions(
            _of_sessions(read_table(lake, SILVER["events"], files), sessions),
            _of_sessions(read_table(lake, SILVER["transactions"], files), sessions),
            read_table(lake, SILVER["users"]),
            run.now,
        ),
    )
    return GoldWrite(_stage_difference(lake, stored, desired, run, heads), sessions, files)


def _plan_changes(lake: Lake, applied: dict[str, int]) -> dict[str, FileChanges] | None:
    if applied.get("data_version") != DATA_VERSION:
        return None
    changes: dict[str, FileChanges] = {}
    for source, contract in SILVER.items():
        change = plan_file_changes(lake, contract, applied[contract.name])
        if change is None:
            return None
        changes[source] = change
    return changes


def _stage_everything(lake: Lake, run: RunInfo, heads: dict[str, int]) -> StagedWrite:
    events, transactions, users = (read_table(lake, SILVER[name]) for name in ("events", "transactions", "users"))
    sessions = build_sessions(events, transactions, users, run.now)
    if not plan_files(lake, GOLD):
        return stage(lake, GOLD, new_files=write_files(lake, GOLD, sessions), replaced=[], run=run, applied=heads)
    return _stage_difference(lake, read_table(lake, GOLD), write_scratch(lake, sessions), run, heads)


def _stage_difference(
    lake: Lake, stored: DataFrame, desired: DataFrame, run: RunInfo, heads: dict[str, int]
) -> StagedWrite:
    removed = write_scratch(lake, build_removed_rows(stored, desired, GOLD))
    added = build_added_rows(desired, stored, removed, GOLD)
    return stage_changes(lake, GOLD, added=added, removed=removed, run=run, applied=heads)


def _touched_sessions(lake: Lake, changes: dict[str, FileChanges]) -> DataFrame:
    """Sessions with an event or transaction in a file that came or went, or of users whose versions changed."""
    of_files = []
    for source in ("events", "transactions"):
        paths = [file.file_path for file in (*changes[source].added, *changes[source].removed)]
        of_files.append(read_files(lake, SILVER[source], paths).select(*_SESSION))
    return of_files[0].unionByName(of_files[1]).unionByName(_sessions_of_changed_users(lake, changes["users"]))


def _sessions_of_changed_users(lake: Lake, change: FileChanges) -> DataFrame:
    contract = SILVER["users"]
    before = read_files(lake, contract, [file.file_path for file in change.removed])
    after = read_files(lake, contract, [file.file_path for file in change.added])
    changed = write_scratch(lake, build_changed_histories(before, after))
    in_force_since = F.col("changed_from").isNull() | (F.col("session_start_time") >= F.col("changed_from"))
    rows = read_table(lake, GOLD, _files_of_changed_users(changed))
    return rows.join(changed, on="user_id", how="inner").filter(in_force_since).select(*_SESSION)


def _files_of_changed_users(changed: DataFrame) -> BooleanExpression:
    """Files of gold with sessions that start after the first change, or of users that were unknown until now."""
    earliest, anywhere, new = changed.agg(
        F.to_date(F.min("changed_from")),
        F.count_if(F.col("changed_from").isNull() & ~F.col("is_new")),
        F.count_if(F.col("changed_from").isNull() & F.col("is_new")),
    ).collect()[0]
    if anywhere:
        return AlwaysTrue()
    later = at_least("session_date", earliest.isoformat()) if earliest is not None else AlwaysFalse()
    return Or(later, without("device_type")) if new else later


def _files_of_sessions(sessions: DataFrame) -> BooleanExpression | None:
    """Files whose session ids may be among these; None for no sessions. Prunes where ids grow with time."""
    first, last, count = sessions.agg(F.min("session_id"), F.max("session_id"), F.count("*")).collect()[0]
    if not count:
        return None
    if count > _MAX_SESSIONS_BY_NAME:
        return And(at_least("session_id", first), at_most("session_id", last))
    return among("session_id", (row.session_id for row in sessions.select("session_id").collect()))


def _of_sessions(rows: DataFrame, sessions: DataFrame) -> DataFrame:
    return rows.join(sessions, on=_SESSION, how="left_semi").select(*rows.columns)
