"""Opening tables: created once, given new columns, and always at the newest metadata, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.errors import StorageError
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.read import head_snapshot_id
from lakehouse_assets_tests.storage.things import (
    MONDAY,
    THINGS,
    THINGS_WITH_COLOUR,
    append,
    by_engine,
)


def test_new_table_has_a_snapshot_and_no_rows(lake: Lake) -> None:
    assert lake.table(THINGS).current_snapshot() is not None
    assert by_engine(lake, THINGS) == []


def test_two_processes_that_write_in_turn_see_each_others_rows(lake: Lake, other: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    assert by_engine(other, THINGS) == [("a", MONDAY, 1)]
    append(other, THINGS, ("b", MONDAY, 2))
    assert by_engine(lake, THINGS) == [("a", MONDAY, 1), ("b", MONDAY, 2)]
    append(lake, THINGS, ("c", MONDAY, 3))
    assert by_engine(other, THINGS) == [("a", MONDAY, 1), ("b", MONDAY, 2), ("c", MONDAY, 3)]


def test_table_that_both_processes_find_missing_is_created_once(lake: Lake, other: Lake) -> None:
    first, second = lake.table(THINGS), other.table(THINGS)
    assert first.metadata.table_uuid == second.metadata.table_uuid
    assert head_snapshot_id(first) == head_snapshot_id(second)


def test_rollback_by_another_process_is_seen(lake: Lake, other: Lake) -> None:
    before = append(lake, THINGS, ("a", MONDAY, 1))
    append(lake, THINGS, ("b", MONDAY, 2))
    other.table(THINGS).manage_snapshots().rollback_to_snapshot(before).commit()
    assert by_engine(lake, THINGS) == [("a", MONDAY, 1)]


def test_table_dropped_and_made_again_by_another_process_is_the_new_one(lake: Lake, other: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    other.catalog.drop_table(THINGS.name)
    append(other, THINGS, ("b", MONDAY, 2))
    assert by_engine(lake, THINGS) == [("b", MONDAY, 2)]


def test_column_added_by_a_newer_version_of_the_code_does_not_trouble_the_older(lake: Lake, other: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    append(other, THINGS_WITH_COLOUR, ("b", MONDAY, 2, "red"))
    append(lake, THINGS, ("c", MONDAY, 3))
    assert by_engine(lake, THINGS) == [("a", MONDAY, 1), ("b", MONDAY, 2), ("c", MONDAY, 3)]
    assert by_engine(other, THINGS_WITH_COLOUR) == [
        ("a", MONDAY, 1, None),
        ("b", MONDAY, 2, "red"),
        ("c", MONDAY, 3, None),
    ]


def test_catalog_that_is_no_database_is_reported_with_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "lakehouse").mkdir()
    (tmp_path / "lakehouse" / "catalog.db").write_text("no database" * 100)
    with pytest.raises(StorageError, match=r"(?s)cannot be opened.*Nothing was written\. Check LAKEHOUSE_HOME"):
        open_catalog(tmp_path)
    assert (tmp_path / "lakehouse" / "catalog.db").read_text() == "no database" * 100


def test_catalog_that_breaks_while_it_is_open_is_reported_with_the_table(lake: Lake, tmp_path: Path) -> None:
    lake.table(THINGS)
    (tmp_path / "lakehouse" / "catalog.db").write_text("no database" * 1000)
    with pytest.raises(StorageError, match=r"(?s)silver\.things cannot be opened.*Nothing was written") as caught:
        lake.table(THINGS)
    assert caught.value.table == "silver.things"
