"""From staged to published or dropped: what main, the branches and the files are afterwards, alone and in conflict."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from pyiceberg.table import Table

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.errors import StorageError, WriteConflictError
from lakehouse_assets.storage.applied import read_applied
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.publish import drop, publish
from lakehouse_assets.storage.read import head_snapshot_id, plan_files
from lakehouse_assets.storage.stage import stage, write_files
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.storage.landing import deliver_events, event
from lakehouse_assets_tests.storage.things import (
    MONDAY,
    RUN,
    THINGS,
    TUESDAY,
    append,
    by_pyiceberg,
    frame,
    stage_rows,
)


def _commits(lake: Lake) -> int:
    """How many commits the table has seen, from the running number of its metadata file."""
    return int(Path(lake.table(THINGS).metadata_location).name.split("-")[0])


def _data_files(lake: Lake) -> set[str]:
    """The data files that lie in the table's folder, whether or not a snapshot knows them."""
    folder = Path(lake.table(THINGS).location().removeprefix("file://")) / "data"
    return {str(path) for path in folder.rglob("*.parquet")}


def test_main_and_its_readers_do_not_see_what_is_staged(lake: Lake, other: Lake) -> None:
    before = append(lake, THINGS, ("a", MONDAY, 1))
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    assert head_snapshot_id(lake.table(THINGS)) == before
    assert by_pyiceberg(other, THINGS) == [("a", MONDAY, 1)]
    assert staged.snapshot_id != before


def test_publishing_moves_main_notes_what_was_applied_and_drops_the_branch_in_one_commit(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    files = write_files(lake, THINGS, frame(lake, THINGS, [("b", TUESDAY, 2)]))
    staged = stage(
        lake, THINGS, new_files=files, replaced=plan_files(lake, THINGS), run=RUN, applied={"taken in": ["b"]}
    )
    before = _commits(lake)

    assert publish(lake, staged) == staged.snapshot_id

    table = lake.table(THINGS)
    assert _commits(lake) == before + 1
    assert head_snapshot_id(table) == staged.snapshot_id
    assert set(table.refs()) == {"main"}
    assert read_applied(table) == {"taken in": ["b"]}
    assert by_pyiceberg(lake, THINGS) == [("b", TUESDAY, 2)]


def test_write_that_changes_nothing_commits_nothing(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    before = _commits(lake)
    staged = stage_rows(lake, THINGS)
    assert not staged.changes_rows
    assert publish(lake, staged) == head
    assert _commits(lake) == before


def test_note_alone_is_one_commit_the_first_time_and_none_when_it_says_the_same(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    before = _commits(lake)
    for _ in range(2):
        publish(lake, stage(lake, THINGS, new_files=[], replaced=[], run=RUN, applied={"day": 1}))
    assert _commits(lake) == before + 1
    assert head_snapshot_id(lake.table(THINGS)) == head
    assert read_applied(lake.table(THINGS)) == {"day": 1}


def test_snapshot_says_which_run_which_days_and_which_code_wrote_it(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    snapshot = lake.table(THINGS).current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    written = snapshot.summary.additional_properties
    assert written["dagster.run-id"] == "run-1"
    assert written["dagster.partition"] == "2024-11-11...2024-11-12"
    assert written["code-version"] == "1.2.3"


def test_every_snapshot_with_rows_of_a_run_carries_its_run_id(lake: Lake, tmp_path: Path) -> None:
    deliver_events(tmp_path, date(2024, 11, 15), event("E1"), "{broken")
    run_pipeline(lake, tmp_path / "landing", [date(2024, 11, 15)])
    written = {
        name: snapshot.summary.additional_properties.get("dagster.run-id")
        for name, contract in TABLES.items()
        for snapshot in lake.table(contract).snapshots()
        if snapshot.summary is not None and snapshot.summary.additional_properties.get("added-records", "0") != "0"
    }
    assert written == dict.fromkeys(
        ("bronze.events", "quarantine.events", "silver.events", "gold.user_session_analysis"), "test-run"
    )


def test_dropped_write_leaves_no_branch_no_file_and_main_as_it_was(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    before = _data_files(lake)
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2), ("c", TUESDAY, 3))
    assert len(_data_files(lake) - before) == 2

    drop(lake, staged)

    assert _data_files(lake) == before
    assert set(lake.table(THINGS).refs()) == {"main"}
    assert head_snapshot_id(lake.table(THINGS)) == head
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1)]


def test_write_that_changes_nothing_can_be_dropped(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    drop(lake, stage_rows(lake, THINGS))
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1)]


def test_branch_of_a_run_that_ended_early_is_dropped_by_the_next_write_with_a_warning(
    lake: Lake, other: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    killed = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    with caplog.at_level(logging.WARNING):
        next_run = stage_rows(other, THINGS, ("c", MONDAY, 3))
    assert set(other.table(THINGS).refs()) == {"main", next_run.branch}
    assert f"silver.things: dropping branch {killed.branch}" in caplog.text

    publish(other, next_run)
    assert by_pyiceberg(other, THINGS) == [("a", MONDAY, 1), ("c", MONDAY, 3)]


def test_branches_of_others_are_left_alone(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    lake.table(THINGS).manage_snapshots().create_branch(head, "audit").commit()
    append(lake, THINGS, ("b", MONDAY, 2))
    assert set(lake.table(THINGS).refs()) == {"main", "audit"}


def test_write_planned_before_another_was_published_is_refused_and_dropped(lake: Lake, other: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    kept = append(other, THINGS, ("c", MONDAY, 3))
    files = set(staged.added_paths)

    with pytest.raises(WriteConflictError, match=r"silver\.things was written by another run.*Run the same days again"):
        publish(lake, staged)

    assert head_snapshot_id(lake.table(THINGS)) == kept
    assert set(lake.table(THINGS).refs()) == {"main"}
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1), ("c", MONDAY, 3)]
    assert not files & {f"file://{path}" for path in _data_files(lake)}


def test_conflict_names_its_table(lake: Lake, other: Lake) -> None:
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    append(other, THINGS, ("c", MONDAY, 3))
    with pytest.raises(WriteConflictError) as caught:
        publish(lake, staged)
    assert caught.value.table == "silver.things"


@dataclass(frozen=True)
class _OvertakenLake(Lake):
    """A lake in which another process commits right after a table was opened."""

    other: Lake | None = None

    def table(self, contract: TableContract) -> Table:
        table = super().table(contract)
        assert self.other is not None
        _commit_nothing(self.other, contract)
        return table


def _commit_nothing(lake: Lake, contract: TableContract) -> None:
    with lake.table(contract).transaction() as transaction:
        transaction.update_snapshot().fast_append().commit()


def test_commit_that_comes_between_the_check_and_the_publication_wins(
    lake: Lake, other: Lake, engine: Engine, tmp_path: Path
) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    overtaken = _OvertakenLake(open_catalog(tmp_path), engine, tmp_path / "scratch", other=other)
    with pytest.raises(WriteConflictError, match=r"silver\.things.*Run the same days again"):
        publish(overtaken, staged)
    assert head_snapshot_id(lake.table(THINGS)) != staged.snapshot_id
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1)]
    assert set(lake.table(THINGS).refs()) == {"main"}


def test_row_without_a_required_value_is_refused_and_nothing_is_committed(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    before = _commits(lake)
    with pytest.raises(StorageError, match=r"silver\.things: 1 rows to be written have no thing_id.*Main is unchanged"):
        stage_rows(lake, THINGS, (None, MONDAY, 2))
    assert _commits(lake) == before
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1)]
