"""The note of what a table has taken in: valid for one snapshot of main, void after anybody else moved it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyiceberg.table import Table

from lakehouse_assets.contracts.model import TableContract
from lakehouse_assets.contracts.tables import GOLD, QUARANTINE, SILVER
from lakehouse_assets.storage.applied import applied_properties, read_applied
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline
from lakehouse_assets_tests.storage.landing import deliver_events, event
from lakehouse_assets_tests.storage.things import MONDAY, THINGS, append

DAYS = [date(2024, 11, 15), date(2024, 11, 16)]


def _commit_nothing(table: Table) -> None:
    with table.transaction() as transaction:
        transaction.update_snapshot().fast_append().commit()


def _roll_back(table: Table) -> None:
    """Back to the state before the last run, as a person does it."""
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert snapshot.parent_snapshot_id is not None
    table.manage_snapshots().rollback_to_snapshot(snapshot.parent_snapshot_id).commit()


def _append_copies(table: Table) -> None:
    table.append(table.scan().to_arrow())


def _append_changed_copies(table: Table) -> None:
    """Every row once more, with the same identity and another content."""
    rows = table.scan().to_arrow()
    position = rows.schema.get_field_index("user_id" if ".".join(table.name()) == "silver.events" else "country")
    table.append(rows.set_column(position, rows.schema.field(position), [["changed"] * len(rows)]))


def test_note_is_none_before_anything_was_noted(lake: Lake) -> None:
    assert read_applied(lake.table(THINGS)) is None


def test_note_of_the_head_of_main_is_read_back(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    with lake.table(THINGS).transaction() as transaction:
        transaction.set_properties(applied_properties(head, {"days": {"2024-11-15": 7}}))
    assert read_applied(lake.table(THINGS)) == {"days": {"2024-11-15": 7}}


def test_note_is_void_while_main_stands_elsewhere_and_valid_when_it_is_back(lake: Lake) -> None:
    head = append(lake, THINGS, ("a", MONDAY, 1))
    with lake.table(THINGS).transaction() as transaction:
        transaction.set_properties(applied_properties(head, {"day": 1}))
    _commit_nothing(lake.table(THINGS))
    assert read_applied(lake.table(THINGS)) is None
    lake.table(THINGS).manage_snapshots().rollback_to_snapshot(head).commit()
    assert read_applied(lake.table(THINGS)) == {"day": 1}


@pytest.mark.parametrize("contract", [QUARANTINE["events"], SILVER["events"], GOLD], ids=lambda contract: contract.name)
def test_table_that_was_rolled_back_is_brought_up_to_date_by_the_next_run(
    lake: Lake, tmp_path: Path, contract: TableContract
) -> None:
    deliver_events(tmp_path, DAYS[0], event("E1"), event("E2", session="S2"), "{broken")
    run_pipeline(lake, tmp_path / "landing", DAYS)
    deliver_events(tmp_path, DAYS[0], event("E1", time="2024-11-15T14:40:00"), event("E2", session="S2"), "{broke")
    deliver_events(tmp_path, DAYS[1], event("E3", session="S2"), "{broken too")
    run_pipeline(lake, tmp_path / "landing", DAYS)
    assert read_applied(lake.table(contract)) is not None

    _roll_back(lake.table(contract))

    assert read_applied(lake.table(contract)) is None
    run_pipeline(lake, tmp_path / "landing", DAYS)
    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")
    assert read_applied(lake.table(contract)) is not None


@pytest.mark.parametrize(
    ("contract", "move"),
    [
        pytest.param(SILVER["events"], Table.delete, id="silver emptied"),
        pytest.param(SILVER["events"], _append_copies, id="every row of silver twice"),
        pytest.param(SILVER["events"], _append_changed_copies, id="every row of silver once more and changed"),
        pytest.param(GOLD, _append_changed_copies, id="every row of gold once more and changed"),
    ],
)
def test_table_that_somebody_else_wrote_to_is_put_right_by_the_next_run(
    lake: Lake, tmp_path: Path, contract: TableContract, move: Callable[[Table], None]
) -> None:
    deliver_events(tmp_path, DAYS[0], event("E1"), event("E2", session="S2"))
    run_pipeline(lake, tmp_path / "landing", DAYS[:1])

    move(lake.table(contract))

    assert read_applied(lake.table(contract)) is None
    run_pipeline(lake, tmp_path / "landing", DAYS[:1])
    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")
