"""Changing rows of a table: what is not named stays as it is, whatever the table's files look like."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pyiceberg.types import LongType

from lakehouse_assets.contracts.tables import GOLD, SILVER
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.read import plan_files
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.storage.deletes import delete_by_position
from lakehouse_assets_tests.storage.landing import deliver_events, event
from lakehouse_assets_tests.storage.things import (
    MONDAY,
    THINGS,
    THINGS_WITH_COLOUR,
    THINGS_WITH_LONG_AMOUNT,
    THINGS_WITH_PRICE,
    TUESDAY,
    append,
    by_pyiceberg,
    change,
)

DAY = date(2024, 11, 15)


def test_changed_row_is_replaced_and_its_neighbours_stay(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2), ("c", TUESDAY, 3))
    change(lake, THINGS, added=[("b", TUESDAY, 20)], removed=[("b", MONDAY, 2)])
    assert by_pyiceberg(lake, THINGS) == [("a", MONDAY, 1), ("b", TUESDAY, 20), ("c", TUESDAY, 3)]


def test_files_of_days_that_lose_no_row_are_not_rewritten(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", TUESDAY, 2))
    before = {file.file_path for file in plan_files(lake, THINGS)}
    change(lake, THINGS, added=[("c", TUESDAY, 3)], removed=[("a", MONDAY, 1)])
    after = {file.file_path for file in plan_files(lake, THINGS)}
    assert (len(before - after), len(before & after), len(after - before)) == (1, 1, 1)


def test_day_that_loses_its_last_row_has_no_file(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1))
    change(lake, THINGS, added=[], removed=[("a", MONDAY, 1)])
    assert by_pyiceberg(lake, THINGS) == []
    assert plan_files(lake, THINGS) == []


def test_rows_from_before_a_column_was_added_stay_when_their_file_is_rewritten(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2))
    change(lake, THINGS_WITH_COLOUR, added=[("b", MONDAY, 2, "red")], removed=[("b", MONDAY, 2, None)])
    assert by_pyiceberg(lake, THINGS_WITH_COLOUR) == [("a", MONDAY, 1, None), ("b", MONDAY, 2, "red")]


def test_rows_from_before_a_rename_keep_their_values_when_their_file_is_rewritten(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2))
    with lake.table(THINGS).update_schema() as update:
        update.rename_column("amount", "price")
    change(lake, THINGS_WITH_PRICE, added=[("b", MONDAY, 20)], removed=[("b", MONDAY, 2)])
    assert by_pyiceberg(lake, THINGS_WITH_PRICE) == [("a", MONDAY, 1), ("b", MONDAY, 20)]


def test_rows_from_before_a_column_was_widened_stay_when_their_file_is_rewritten(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2))
    with lake.table(THINGS).update_schema() as update:
        update.update_column("amount", LongType())
    append(lake, THINGS_WITH_LONG_AMOUNT, ("c", MONDAY, 2**40))
    change(lake, THINGS_WITH_LONG_AMOUNT, added=[("b", MONDAY, 20)], removed=[("b", MONDAY, 2)])
    assert by_pyiceberg(lake, THINGS_WITH_LONG_AMOUNT) == [("a", MONDAY, 1), ("b", MONDAY, 20), ("c", MONDAY, 2**40)]


def test_row_deleted_by_position_does_not_come_back_when_its_file_is_rewritten(lake: Lake) -> None:
    append(lake, THINGS, ("a", MONDAY, 1), ("b", MONDAY, 2), ("c", MONDAY, 3))
    delete_by_position(lake.table(THINGS), "thing_id", "a")
    change(lake, THINGS, added=[("b", MONDAY, 20)], removed=[("b", MONDAY, 2)])
    assert by_pyiceberg(lake, THINGS) == [("b", MONDAY, 20), ("c", MONDAY, 3)]


def test_correction_on_a_day_of_silver_with_a_delete_file_gives_each_event_once(lake: Lake, tmp_path: Path) -> None:
    deliver_events(tmp_path, DAY, event("E1"), event("E2"))
    run_pipeline(lake, tmp_path / "landing", [DAY])
    delete_by_position(lake.table(SILVER["events"]), "event_id", "E1")

    deliver_events(tmp_path, DAY, event("E1"), event("E2", time="2024-11-15T14:45:00"))
    run_pipeline(lake, tmp_path / "landing", [DAY])

    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")


def test_correction_on_a_day_of_gold_with_a_delete_file_gives_each_session_once(lake: Lake, tmp_path: Path) -> None:
    deliver_events(tmp_path, DAY, event("E1", session="S1"), event("E2", session="S2"))
    run_pipeline(lake, tmp_path / "landing", [DAY])
    delete_by_position(lake.table(GOLD), "session_id", "S1")

    deliver_events(
        tmp_path, DAY, event("E1", session="S1"), event("E2", session="S2"), event("E3", session="S2", kind="search")
    )
    run_pipeline(lake, tmp_path / "landing", [DAY])

    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")
