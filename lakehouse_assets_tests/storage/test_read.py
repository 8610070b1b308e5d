"""Reading a table as it became: columns renamed, retyped and added, rows deleted by other engines, staged files."""

from __future__ import annotations

from pyiceberg.types import LongType

from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import on_days, read_table
from lakehouse_assets_tests.storage.deletes import delete_by_position
from lakehouse_assets_tests.storage.things import (
    MONDAY,
    THINGS,
    THINGS_WITH_COLOUR,
    THINGS_WITH_LONG_AMOUNT,
    THINGS_WITH_PRICE,
    THINGS_WITH_TAGS,
    TUESDAY,
    append,
    by_engine,
    stage_rows,
)


def test_renamed_column_has_its_values_in_files_from_before_and_after(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", TUESDAY, None))
    with lake.table(THINGS).update_schema() as update:
        update.rename_column("amount", "price")
    append(lake, THINGS_WITH_PRICE, ("c", MONDAY, 3))
    assert by_engine(lake, THINGS_WITH_PRICE) == [("a", MONDAY, 1), ("b", TUESDAY, None), ("c", MONDAY, 3)]


def test_column_widened_to_64_bits_is_read_from_files_of_both_types(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    with lake.table(THINGS).update_schema() as update:
        update.update_column("amount", LongType())
    append(lake, THINGS_WITH_LONG_AMOUNT, ("b", MONDAY, 2**40))
    assert by_engine(lake, THINGS_WITH_LONG_AMOUNT) == [("a", MONDAY, 1), ("b", MONDAY, 2**40)]


def test_column_added_to_the_contract_is_null_in_files_from_before(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    append(lake, THINGS_WITH_COLOUR, ("b", MONDAY, 2, "red"))
    assert by_engine(lake, THINGS_WITH_COLOUR) == [("a", MONDAY, 1, None), ("b", MONDAY, 2, "red")]
    assert lake.table(THINGS).schema().column_names == ["thing_id", "day", "amount", "colour"]


def test_rows_deleted_by_position_are_not_read(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2), ("c", TUESDAY, 3))
    assert delete_by_position(lake.table(THINGS), "thing_id", "b") == 1
    assert by_engine(lake, THINGS) == [("a", MONDAY, 1), ("c", TUESDAY, 3)]


def test_lists_are_read_from_a_table_with_deleted_rows(lake: Lake) -> None:
    append(lake, THINGS_WITH_TAGS, ("a", MONDAY, ["x", "y"]), ("b", MONDAY, None), ("c", MONDAY, []))
    delete_by_position(lake.table(THINGS_WITH_TAGS), "thing_id", "b")
    assert by_engine(lake, THINGS_WITH_TAGS) == [("a", MONDAY, ["x", "y"]), ("c", MONDAY, [])]


def test_deletes_of_one_day_do_not_hide_rows_written_to_it_later(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2))
    delete_by_position(lake.table(THINGS), "thing_id", "a")
    append(lake, THINGS, ("a", MONDAY, 10))
    assert by_engine(lake, THINGS) == [("a", MONDAY, 10), ("b", MONDAY, 2)]


def test_older_snapshot_still_shows_what_was_deleted_since(lake: Lake) -> None:
    before = append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2))
    delete_by_position(lake.table(THINGS), "thing_id", "a")
    rows = read_table(lake, THINGS, snapshot_id=before)
    assert sorted(tuple(row) for row in rows.collect()) == [("a", MONDAY, 1), ("b", MONDAY, 2)]


def test_only_files_of_the_days_asked_for_are_read(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", TUESDAY, 2))
    rows = read_table(lake, THINGS, on_days("day", [TUESDAY]))
    assert [tuple(row) for row in rows.collect()] == [("b", TUESDAY, 2)]


def test_staged_rows_are_read_only_where_their_snapshot_is_named(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    staged = stage_rows(lake, THINGS, ("b", MONDAY, 2))
    assert by_engine(lake, THINGS) == [("a", MONDAY, 1)]
    rows = read_table(lake, THINGS, snapshot_id=staged.snapshot_id)
    assert sorted(tuple(row) for row in rows.collect()) == [("a", MONDAY, 1), ("b", MONDAY, 2)]
