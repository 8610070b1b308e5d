"""The memory of landed rows keeps step with the ledger's batch; a pull that ended anywhere leaves it right or empty."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lakehouse_assets.errors import DiskFullError, LedgerError
from lakehouse_assets.ingestion.landed_rows import LandedRow, LandedRows, open_landed_rows

A, B = LandedRow("a", "1", b"A"), LandedRow("b", None, b"B")
KEYS = [f"{number}" for number in range(25_000)]


def staged(rows: LandedRows, batch: str, *staged: LandedRow) -> None:
    with rows.staging(batch):
        rows.stage(staged)


def test_staged_rows_are_known_once_they_were_taken(tmp_path: Path) -> None:
    path = tmp_path / "state" / "rows.db"
    with open_landed_rows(path, "users") as rows:
        assert rows.settle(None)
        staged(rows, "one", A, B)
        assert rows.known(["a", "b", "c"]) == {}
        rows.take("one")
    assert path.stat().st_mode & 0o777 == 0o600
    with open_landed_rows(path, "users") as rows:
        assert rows.settle("one")
        assert rows.known(["a", "b", "c"]) == {"a": A, "b": B}


@pytest.mark.parametrize(
    ("batch", "agrees", "known"),
    [("one", True, {"a": A}), ("two", True, {"a": A, "b": B}), ("three", False, {}), (None, True, {})],
)
def test_what_a_pull_left_staged_counts_if_the_ledger_has_its_batch(
    tmp_path: Path, batch: str | None, agrees: bool, known: dict[str, LandedRow]
) -> None:
    with open_landed_rows(tmp_path / "rows.db", "users") as rows:
        staged(rows, "one", A)
        rows.take("one")
        staged(rows, "two", B)
    with open_landed_rows(tmp_path / "rows.db", "users") as rows:
        assert rows.settle(batch) is agrees
        assert rows.known(["a", "b"]) == known
        assert rows.settle(batch) is agrees, "settled, it stays so"


def staged_then_broken(rows: LandedRows) -> None:
    rows.stage([A])
    rows.see([Path("no key")])  # type: ignore[list-item]


def test_staging_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with open_landed_rows(tmp_path / "rows.db", "users") as rows:
        with pytest.raises(LedgerError, match="type 'PosixPath' is not supported"), rows.staging("one"):
            staged_then_broken(rows)
        assert not rows.settle("one")
        assert rows.known(["a"]) == {}


def test_keys_that_were_not_seen_are_gone_until_they_are_seen_again(tmp_path: Path) -> None:
    with open_landed_rows(tmp_path / "rows.db", "users") as rows:
        staged(rows, "one", A, B)
        rows.take("one")
        for batch, seen, new, gone in (("two", ["b"], 1, [("a", "1")]), ("three", ["b"], 0, [("a", "1")])):
            with rows.staging(batch):
                assert rows.see(seen) == 0
                assert rows.stage_gone() == new
            rows.take(batch)
            assert list(rows.gone()) == gone
        with rows.staging("four"):
            assert rows.see(["a", "a", "b"]) == 1
            assert rows.stage_gone() == 0
        rows.take("four")
        assert list(rows.gone()) == []


def test_more_keys_than_one_statement_takes_are_found(tmp_path: Path) -> None:
    with open_landed_rows(tmp_path / "rows.db", "users") as rows:
        staged(rows, "one", *(LandedRow(key, None, b"") for key in KEYS))
        rows.take("one")
        assert rows.known(KEYS).keys() == set(KEYS)


def test_full_disk_and_a_file_of_another_release_are_errors_that_say_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    with open_landed_rows(path, "users") as rows:
        rows._connection.execute("PRAGMA max_page_count = 6")
        with pytest.raises(DiskFullError, match=r"The disk is full: .*rows\.db could not be written"):
            staged(rows, "one", *(LandedRow(key, "1", bytes(16)) for key in KEYS))
        rows._connection.execute("PRAGMA max_page_count = 100000")
        staged(rows, "one", A)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with (
        pytest.raises(LedgerError, match="another version of lakehouse wrote it"),
        open_landed_rows(path, "users"),
    ):
        pass
