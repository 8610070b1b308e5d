"""Publishing: main moves to a staged snapshot in one commit, or what was staged is dropped."""

from __future__ import annotations

import logging

import pyarrow.fs as pafs
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import ManageSnapshots
from sqlalchemy.exc import SQLAlchemyError

from lakehouse_assets.errors import StorageError, WriteConflictError
from lakehouse_assets.storage.applied import applied_properties, read_applied
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import head_snapshot_id
from lakehouse_assets.storage.stage import StagedWrite

logger = logging.getLogger(__name__)


def publish(lake: Lake, staged: StagedWrite) -> int:
    """Move main to the staged snapshot, set what it applied, drop the branch: one commit.

    A write without changes commits no snapshot; at most it notes what was applied. Killed before the commit, main is as
    it was; after it, everything is done.

    Returns:
        Snapshot id of main.

    Raises:
        WriteConflictError: main moved since the write was planned; what was staged is dropped.
        StorageError: the catalog did not take the commit; main is as it was.
    """
    contract = staged.contract
    table = lake.table(contract)
    if head_snapshot_id(table) != staged.base_snapshot_id:
        drop(lake, staged)
        raise WriteConflictError(
            f"{contract.name} was written by another run between staging and publishing. Main keeps that run's "
            "snapshot, this run's rows are dropped. Run the same days again.",
            table=contract.name,
        )
    try:
        _commit(table, staged)
    except CommitFailedException as error:
        drop(lake, staged)
        raise WriteConflictError(
            f"{contract.name}: another commit came first: {error}. Main is unchanged by this run. "
            "Run the same days again.",
            table=contract.name,
        ) from error
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(
            f"{contract.name}: the catalog did not take the commit: {error}. Main is unchanged. "
            "Check the catalog and the disk, then run the same days again.",
            table=contract.name,
        ) from error
    if staged.changes_rows:
        logger.info(
            "%s: +%d -%d rows, snapshot %d",
            contract.name,
            staged.added_rows,
            staged.removed_rows,
            staged.snapshot_id,
        )
    return staged.snapshot_id


def drop(lake: Lake, staged: StagedWrite) -> None:
    """Drop a staged write: its branch and its files. Main is not touched."""
    table = lake.table(staged.contract)
    if staged.branch is not None and staged.branch in table.refs():
        table.manage_snapshots().remove_branch(staged.branch).commit()
    for location in staged.added_paths:
        filesystem, path = pafs.FileSystem.from_uri(location)
        filesystem.delete_file(path)


def _commit(table: Table, staged: StagedWrite) -> None:
    transaction = table.transaction()
    if staged.branch is not None:
        refs = ManageSnapshots(transaction)
        refs.set_current_snapshot(staged.snapshot_id).remove_branch(staged.branch).commit()
    if staged.applied is not None and (staged.changes_rows or read_applied(table) != staged.applied):
        transaction.set_properties(applied_properties(staged.snapshot_id, staged.applied))
    transaction.commit_transaction()
