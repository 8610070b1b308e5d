"""Users from a real PostgreSQL: what lands, when, and what is said of it. Errors are in `test_postgres_errors`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from lakehouse_assets.ingestion.ledger_tables import Advance
from lakehouse_assets.ingestion.postgres import GONE_FILE, ROWS_FILE, Sizes
from lakehouse_assets.ingestion.postgres_database import UsersDatabase
from lakehouse_assets_tests.ingestion.destinations import NOW, destination, files_below
from lakehouse_assets_tests.ingestion.users_table import UsersTable, all_ids, ids, landed, silver, source

WRITE = "INSERT INTO users VALUES ('slow', now(), 'iOS', 'PE', now())"


def position(home: Path) -> str:
    with destination(home).open_ledger("users") as ledger:
        return str(ledger.watermark())


def test_first_pull_lands_the_whole_table_as_csv(users: UsersTable, tmp_path: Path) -> None:
    users.run(
        "INSERT INTO users VALUES ('USR_1', '2024-03-15 14:23:00', 'iOS', 'PE', '2024-11-15 14:30:00.5-05'),"
        " ('USR_2', NULL, 'a \"b\", c', NULL, '2020-01-02 03:04:05Z')"
    )
    # Where the server would show times of another zone and form.
    users.run(f"ALTER DATABASE {users.url.database} SET TimeZone = 'America/Lima'")
    users.run(f"ALTER DATABASE {users.url.database} SET DateStyle = 'German'")
    report = source(tmp_path, users.url).pull(NOW)
    (place,) = report.landed
    assert place == "users/dt=2024-11-15/users-20241115T143000.000000Z-00001.csv"
    content = (tmp_path / "landing" / place).read_text()
    header, *lines = content.splitlines()
    assert header == "user_id,signup_date,device_type,country,updated_at"
    assert sorted(lines) == [
        "USR_1,2024-03-15 14:23:00,iOS,PE,2024-11-15 19:30:00.5+00",
        'USR_2,,"a ""b"", c",,2020-01-02 03:04:05+00',
    ]
    assert (report.rows, report.bytes, report.lag_seconds, report.warnings) == (2, len(content), 0.0, ())


def test_increments_land_what_changed_and_nothing_twice(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    users.put("a")
    users.put("b", ago="2 days")
    pulled.pull(NOW)
    users.put("a", country="ES", ago="1 second")
    users.put("c")
    report = pulled.pull(NOW + timedelta(days=1))
    assert (report.rows, report.skipped) == (2, 0)
    again = pulled.pull(NOW + timedelta(days=1))
    assert (again.landed, again.rows, again.skipped) == ((), 0, 2)
    assert ids(tmp_path) == [["a", "b"], ["a", "c"]]
    assert len(silver(tmp_path)) == 4
    assert users.versions() <= silver(tmp_path)


def test_pull_without_anything_lands_nothing_and_moves_the_watermark(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    assert pulled.pull(NOW).landed == ()
    before = position(tmp_path)
    assert pulled.pull(NOW).landed == ()
    assert position(tmp_path) > before
    assert not (tmp_path / "landing" / "users" / "dt=2024-11-15").exists()


@pytest.mark.parametrize("zone", ["timestamptz", "timestamp"])
def test_ties_across_pages_and_files_and_at_the_end_land_once(users: UsersTable, tmp_path: Path, zone: str) -> None:
    users.run(f"ALTER TABLE users ALTER updated_at TYPE {zone} USING updated_at AT TIME ZONE 'UTC'")
    pulled = source(tmp_path, users.url, Sizes(fetch_rows=7, file_rows=10), lookback_seconds=0)
    pulled.pull(NOW)
    users.run(
        "INSERT INTO users SELECT lpad(n::text, 3, '0'), '2024-01-01', 'Web', 'PE', now() AT TIME ZONE 'UTC' "
        "FROM generate_series(1, 45) n"
    )
    with users.session() as session:
        # Its begin is later than these times or, were it one of them, the end of the pull: all of it or nothing.
        session.execute(text("SELECT 1"))
        pulled.pull(NOW)
    pulled.pull(NOW)
    assert [len(names) for names in ids(tmp_path)] == [10, 10, 10, 10, 5]
    assert all_ids(tmp_path) == [f"{number:03}" for number in range(1, 46)]


@pytest.mark.parametrize("pulls_before", [0, 1])
def test_rows_of_one_time_at_the_end_of_a_pull_wait_together(
    users: UsersTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulls_before: int
) -> None:
    """The end of a pull falls on the very time of rows that are committed."""
    pulled = source(tmp_path, users.url, Sizes(fetch_rows=2, file_rows=100), lookback_seconds=0)
    for _ in range(pulls_before):
        pulled.pull(NOW)
    with users.session() as session:
        session.execute(
            text("INSERT INTO users SELECT n::text, now(), 'Web', 'PE', now() FROM generate_series(1, 5) n")
        )
        observe = UsersDatabase.observe

        def observe_and_commit(database: UsersDatabase) -> object:
            bound = observe(database)
            session.commit()
            return bound

        with monkeypatch.context() as patched:
            patched.setattr(UsersDatabase, "observe", observe_and_commit)
            assert pulled.pull(NOW).landed == ()
    assert users.run("SELECT max(updated_at) = CAST(:end AS timestamptz) FROM users", end=position(tmp_path)) == [
        (True,)
    ]
    pulled.pull(NOW)
    assert ids(tmp_path) == [["1", "2", "3", "4", "5"]]


@pytest.mark.parametrize(("first", "then"), [(WRITE, "SELECT 1"), ("SELECT 1", WRITE)], ids=["writer", "later writer"])
def test_row_of_an_open_transaction_is_not_lost(users: UsersTable, tmp_path: Path, first: str, then: str) -> None:
    """With the newest time that is there as watermark it is, which the second half shows."""
    pulled = source(tmp_path, users.url, lookback_seconds=0)
    with users.session() as session:
        session.execute(text(first))
        users.put("fast", ago="0 s")
        report = pulled.pull(NOW)
        naive = users.run("SELECT max(updated_at) FROM users")[0][0]
        assert report.landed == ()
        session.execute(text(then))
        session.commit()
    pulled.pull(NOW)
    assert ids(tmp_path) == [["fast", "slow"]]
    # A naive next pull reads what is later than the newest time it saw: `slow` began before `fast` and is never read.
    assert users.run("SELECT user_id FROM users WHERE updated_at > :naive", naive=naive) == []


def test_transaction_that_commits_between_the_question_and_the_snapshot_is_not_lost(
    users: UsersTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = source(tmp_path, users.url, lookback_seconds=0)
    with users.session() as session:
        session.execute(text(WRITE))
        reading = UsersDatabase.reading

        def commit_and_read(database: UsersDatabase, fetch_rows: int) -> object:
            session.commit()
            return reading(database, fetch_rows)

        monkeypatch.setattr(UsersDatabase, "reading", commit_and_read)
        pulled.pull(NOW)
    pulled.pull(NOW)
    assert ids(tmp_path) == [["slow"]]


def test_transaction_that_holds_the_end_back_is_named_by_pid_and_age_and_not_by_its_query(
    users: UsersTable, tmp_path: Path
) -> None:
    with users.session() as session:
        pid = session.execute(text("SELECT pg_backend_pid() /* planted */")).scalar_one()
        report = source(tmp_path, users.url).pull(NOW)
        status = source(tmp_path, users.url).check(NOW)
    (warning,) = report.warnings
    assert re.match(rf"A transaction of pid {pid} \(idle in transaction\) has been open for \d+ s\. Changes", warning)
    assert f"pid {pid}" in status.detail
    assert "planted" not in warning + status.detail
    assert report.lag_seconds is not None
    assert report.lag_seconds > 0


def test_prepared_transaction_holds_the_end_back(postgres_with_prepared: UsersTable, tmp_path: Path) -> None:
    users = postgres_with_prepared
    pulled = source(tmp_path, users.url, lookback_seconds=60)
    with users.session() as session:
        session.execute(text(WRITE))
        session.execute(text("PREPARE TRANSACTION 'two'"))
        session.rollback()
    report = pulled.pull(NOW)
    assert report.landed == ()
    assert ["waits for its COMMIT PREPARED" in warning for warning in report.warnings] == [True]
    with users.session() as session:
        session.execution_options(isolation_level="AUTOCOMMIT").execute(text("COMMIT PREPARED 'two'"))
    assert users.run("SELECT updated_at >= CAST(:end AS timestamptz) FROM users", end=position(tmp_path)) == [(True,)]
    pulled.pull(NOW)
    assert ids(tmp_path) == [["slow"]]


def test_row_that_arrives_behind_the_watermark_lands_within_the_lookback(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url, lookback_seconds=600)
    users.put("a", ago="5 minutes")
    pulled.pull(NOW)
    users.put("late", ago="9 minutes")
    users.put("too late", ago="20 minutes")
    report = pulled.pull(NOW)
    assert (report.rows, report.skipped) == (1, 1)
    assert ids(tmp_path) == [["a"], ["late"]]
    pulled.reconcile(NOW)
    assert ids(tmp_path) == [["a"], ["late"], ["too late"]]


def test_row_without_a_time_lands_when_it_changed_and_is_reported_in_each_pull(
    users: UsersTable, tmp_path: Path
) -> None:
    pulled = source(tmp_path, users.url)
    users.put("a", ago=None)
    warning = ("1 rows have no updated_at; they are compared in each pull, and silver takes their arrival day for it.",)
    assert pulled.pull(NOW).warnings == warning
    again = pulled.pull(NOW)
    assert (again.landed, again.warnings) == ((), warning)
    users.put("a", ago=None, country="ES")
    pulled.pull(NOW)
    assert [rows[0][3:] for rows in landed(tmp_path)] == [("PE", ""), ("ES", "")]


def test_time_that_goes_back_or_stands_still_is_reported_and_the_change_lands(
    users: UsersTable, tmp_path: Path
) -> None:
    pulled = source(tmp_path, users.url)
    users.put("back", ago="1 minute")
    users.put("still", ago="1 minute")
    pulled.pull(NOW)
    users.put("back", ago="10 minutes", country="ES")
    users.run("UPDATE users SET country = 'ES' WHERE user_id = 'still'")
    report = pulled.pull(NOW)
    assert report.warnings == (
        "1 rows came with an updated_at before that of the version that had landed; silver keeps the later one as "
        "current.",
        "1 rows changed without a new updated_at; silver takes what landed last.",
    )
    assert ids(tmp_path) == [["back", "still"], ["back", "still"]]
    assert {row[3] for row in silver(tmp_path) if row[0] == "still"} == {"ES"}


def test_time_ahead_of_the_clock_waits_and_is_reported(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    users.put("ahead", ago="-1 hour")
    users.put("never", ago=None)
    users.run("UPDATE users SET updated_at = 'infinity' WHERE user_id = 'never'")
    report = pulled.pull(NOW)
    assert report.landed == ()
    (warning,) = report.warnings
    assert warning.startswith("2 rows have an updated_at that the database's clock has not reached, up to infinity.")
    users.put("ahead", ago="1 second")
    pulled.pull(NOW)
    assert ids(tmp_path) == [["ahead"]]


def test_clock_that_was_set_back_loses_nothing(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url, lookback_seconds=0)
    users.put("a")
    pulled.pull(NOW)
    watermark_ahead(tmp_path)
    users.put("b")
    report = pulled.pull(NOW)
    assert ["it was set back" in warning for warning in report.warnings] == [True]
    users.put("c", ago="0 s")
    assert pulled.pull(NOW).warnings == ()
    assert all_ids(tmp_path) == ["a", "c"]
    # What was written between the two clocks' times is found by the comparison.
    pulled.reconcile(NOW)
    assert all_ids(tmp_path) == ["a", "b", "c"]


def watermark_ahead(home: Path) -> None:
    """As if the last pull had been a century from now by the database's clock."""
    ahead = position(home).replace("20", "21", 1)
    with destination(home).open_ledger("users") as ledger:
        ledger.advance(Advance(watermarks={"position": ahead}), NOW)


def test_line_breaks_land_as_spaces_within_one_line_and_are_reported(users: UsersTable, tmp_path: Path) -> None:
    users.put("a", country="P\r\nE\nx\ry")
    pulled = source(tmp_path, users.url)
    assert pulled.pull(NOW).warnings == ("1 rows had line breaks in values, each of which landed as a space.",)
    assert landed(tmp_path)[0][0][3] == "P E x y"
    assert pulled.pull(NOW).warnings == ()


def test_value_that_python_has_no_type_for_lands_as_text(users: UsersTable, tmp_path: Path) -> None:
    users.run("INSERT INTO users VALUES ('a', 'infinity', 'iOS', 'PE', '0044-03-15 00:00:00 BC')")
    source(tmp_path, users.url).pull(NOW)
    (content,) = [text.decode() for name, text in files_below(tmp_path / "landing").items() if name.endswith("csv")]
    assert content.splitlines()[1] == "a,infinity,iOS,PE,0044-03-15 00:00:00+00 BC"


def test_rows_without_or_with_a_shared_key_are_reported(users: UsersTable, tmp_path: Path) -> None:
    users.run("ALTER TABLE users DROP CONSTRAINT users_pkey")
    users.run("ALTER TABLE users ALTER user_id DROP NOT NULL")
    users.run("INSERT INTO users SELECT k, now(), 'iOS', 'PE', now() FROM (VALUES ('a'), ('a'), (NULL)) keys(k)")
    report = source(tmp_path, users.url).pull(NOW)
    assert ids(tmp_path) == [["a", "a"]]
    assert [warning[:30] for warning in report.warnings] == [
        "1 rows have no user_id and wer",
        "1 rows share their user_id wit",
    ]


def test_times_without_a_zone_in_a_database_of_another_zone_are_reported(users: UsersTable, tmp_path: Path) -> None:
    users.run("ALTER TABLE users ALTER updated_at TYPE timestamp")
    assert source(tmp_path, users.url).pull(NOW).warnings == ()
    users.run(f"ALTER DATABASE {users.url.database} SET TimeZone = 'America/Lima'")
    (warning,) = source(tmp_path, users.url).pull(NOW).warnings
    assert "this database's own zone is America/Lima" in warning


def test_names_are_quoted_and_never_part_of_a_statement(users: UsersTable, tmp_path: Path) -> None:
    name = 'Us"ers%s; DROP TABLE users --'
    users.run('CREATE SCHEMA "Odd :schema"'.replace(":", "\\:"))
    quoted = name.replace('"', '""')
    users.run(f'CREATE TABLE "Odd \\:schema"."{quoted}" (LIKE users)')
    users.run(f"INSERT INTO \"Odd \\:schema\".\"{quoted}\" VALUES ('a', now(), 'iOS', 'PE', now())")
    source(tmp_path, users.url, schema="Odd :schema", table=name).pull(NOW)
    assert ids(tmp_path) == [["a"]]


def test_users_that_are_gone_are_listed_once_as_new_and_stay_in_landing(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    for name in "abc":
        users.put(name)
    pulled.pull(NOW)
    users.run("DELETE FROM users WHERE user_id IN ('a', 'b')")
    assert pulled.pull(NOW).warnings == (), "an increment cannot see it"
    report = pulled.reconcile(NOW)
    (warning,) = report.warnings
    assert warning.startswith("2 users that had landed are gone from the table since the last comparison, 2 in all; ")
    assert gone(tmp_path) == ["a", "b"]
    assert (tmp_path / "lakehouse" / GONE_FILE).stat().st_mode & 0o777 == 0o600
    assert pulled.reconcile(NOW).warnings == ()
    assert gone(tmp_path) == ["a", "b"]
    users.put("a", ago="2 days", country="ES")
    pulled.reconcile(NOW)
    assert gone(tmp_path) == ["b"]
    assert ids(tmp_path) == [["a", "b", "c"], ["a"]]


def gone(home: Path) -> list[str]:
    header, *lines = (home / "lakehouse" / GONE_FILE).read_text().splitlines()
    assert header == "user_id,updated_at"
    return [line.split(",")[0] for line in lines]


def test_user_that_waits_for_the_next_pull_is_not_taken_for_gone(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    users.put("a")
    pulled.pull(NOW)
    users.put("a", ago="-1 hour")
    pulled.reconcile(NOW)
    assert gone(tmp_path) == []


def test_pull_compares_the_whole_table_after_so_many_days(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url, reconcile_days=7, lookback_seconds=0)
    pulled.pull(NOW)
    users.put("old", ago="1 day")
    assert pulled.pull(NOW + timedelta(days=6, hours=23)).rows == 0
    assert pulled.pull(NOW + timedelta(days=7)).rows == 1
    users.put("older", ago="2 days")
    assert pulled.pull(NOW + timedelta(days=8)).rows == 0
    assert source(tmp_path, users.url, reconcile_days=0).pull(NOW + timedelta(days=400)).rows == 0


def test_lost_memory_of_landed_rows_lands_the_table_again_and_says_so(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    users.put("a", ago="3 days")
    pulled.pull(NOW)
    (tmp_path / "lakehouse" / ROWS_FILE).unlink()
    report = pulled.pull(NOW + timedelta(hours=1))
    assert [warning[:42] for warning in report.warnings] == ["Which rows had landed was not known any mo"]
    assert ids(tmp_path) == [["a"], ["a"]]
    assert len(silver(tmp_path)) == 1
    assert pulled.pull(NOW).landed == ()


def test_two_pulls_at_one_time_get_names_of_their_own(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    for name in "ab":
        users.put(name)
        pulled.pull(NOW)
    assert ids(tmp_path) == [["a"], ["b"]]


def test_check_counts_what_waits_and_changes_nothing(users: UsersTable, tmp_path: Path) -> None:
    pulled = source(tmp_path, users.url)
    users.put("a")
    status = pulled.check(NOW)
    assert status.pending == "1 rows"
    assert re.fullmatch(r"PostgreSQL \d+\.\d+, not encrypted; never pulled\.", status.detail)
    assert not (tmp_path / "landing").exists()
    pulled.pull(NOW)
    status = pulled.check(NOW)
    assert status.pending == "0 rows"
    assert "; pulled up to 20" in status.detail


def test_progress_tells_how_far_it_is(users: UsersTable, tmp_path: Path) -> None:
    users.put("a")
    told: list[str] = []
    source(tmp_path, users.url).pull(NOW, told.append)
    assert told == ["1 rows, 0.0 MB"]
