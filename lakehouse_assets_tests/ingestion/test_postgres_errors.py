"""What goes wrong at a real PostgreSQL: the message, that nothing lands by halves, and what the next makes of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text

from lakehouse_assets.errors import (
    DiskFullError,
    LedgerError,
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.landing_writer import PendingFile
from lakehouse_assets.ingestion.postgres import ROWS_FILE, Sizes
from lakehouse_assets.ingestion.postgres_files import UserFiles
from lakehouse_assets_tests.ingestion.destinations import NOW, files_below
from lakehouse_assets_tests.ingestion.postgres_server import PostgresServer, running_postgres
from lakehouse_assets_tests.ingestion.users_table import UsersTable, all_ids, ids, landed_files, source

PAGES = Sizes(fetch_rows=10, file_rows=1000)
PASSWORD = "planted-pa@ss"
READER = URL.create("postgresql+psycopg", "reader", PASSWORD)
SQL = Path(__file__).parents[2] / "docs" / "ingestion.md"


def granted() -> str:
    """The statements of the documentation, as written but for the password."""
    written = SQL.read_text(encoding="utf-8")
    (block,) = [part.split("```")[0] for part in written.split("```text\n")[1:] if part.startswith("CREATE ROLE")]
    return block.replace("CHANGE_ME", PASSWORD)


@pytest.fixture(scope="module")
def server_with_passwords() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        server.ask_for_passwords("reader", "absent")
        yield server


@pytest.fixture
def reader(server_with_passwords: PostgresServer) -> Iterator[tuple[UsersTable, URL]]:
    """The table, and the address of it for a user who may do what the documentation grants."""
    url = server_with_passwords.new_database()
    users = UsersTable(url)
    users.create()
    statements = granted().replace("DATABASE shop", f"DATABASE {url.database}").replace("lakehouse_reader", "reader")
    for statement in statements.split(";"):
        users.run(statement.strip() or "SELECT 1")
    users.put("a")
    yield users, url.set(username="reader", password=PASSWORD)
    users.run("DROP OWNED BY reader")
    users.run("DROP ROLE reader")


def fails(home: Path, url: URL, kind: type[SourceError], **changes: Any) -> str:
    """The message of a pull that fails, which is that of a check; nothing landed."""
    changes = {"timeout_seconds": 5} | changes
    with pytest.raises(kind) as checked:
        source(home, url, **changes).check(NOW)
    with pytest.raises(kind) as pulled:
        source(home, url, **changes).pull(NOW)
    assert str(pulled.value) == str(checked.value)
    assert landed_files(home) == []
    assert not list(home.glob("landing/users/.incoming/*"))
    return str(pulled.value)


def test_user_with_the_documented_rights_pulls_without_a_warning(
    reader: tuple[UsersTable, URL], tmp_path: Path
) -> None:
    users, url = reader
    assert source(tmp_path, url).pull(NOW).warnings == ()
    assert source(tmp_path, url).reconcile(NOW).warnings == ()
    assert ids(tmp_path) == [["a"]]
    # It sees who holds it back, though it may not write.
    with users.session() as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        assert f"pid {pid}" in str(source(tmp_path, url).pull(NOW).warnings)
    with pytest.raises(Exception, match=r"permission denied|read-only"):
        UsersTable(url).run("DELETE FROM users")


def test_right_to_see_transactions_that_is_missing_is_said_in_pull_and_check(
    reader: tuple[UsersTable, URL], tmp_path: Path
) -> None:
    users, url = reader
    users.run("REVOKE pg_read_all_stats FROM reader")
    with users.session() as session:
        session.execute(text("INSERT INTO users VALUES ('slow', now(), 'iOS', 'PE', now())"))
        (warning,) = source(tmp_path, url).pull(NOW).warnings
    assert warning.startswith(
        "The user may not see when transactions of other users began. Have an administrator run GRANT "
        "pg_read_all_stats TO this user. Until then only the margin of 0 s (LAKEHOUSE_POSTGRES_SAFETY_SECONDS)"
    )
    assert warning in source(tmp_path, url).check(NOW).detail


@pytest.mark.parametrize(
    ("username", "password"), [("reader", "wrong-secret"), ("reader", None), ("absent", "wrong-secret")]
)
def test_wrong_user_or_password_is_said_and_not_tried_again(
    reader: tuple[UsersTable, URL],
    tmp_path: Path,
    username: str,
    password: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = reader[1]
    url = URL.create(
        database.drivername, username, password, host=database.host, port=database.port, database=database.database
    )
    said = fails(tmp_path, url, SourceAuthenticationError)
    assert f"Postgres at 127.0.0.1, database {url.database} refused user {username}: " in said
    assert "It was not tried again." in said
    assert caplog.messages == []


def test_host_port_or_database_that_is_wrong_is_said(
    users: UsersTable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Port 1 of this machine, and a name that by RFC 2606 never exists.
    closed = fails(tmp_path, users.url.set(port=1), SourceUnreachableError)
    assert "Postgres at 127.0.0.1, database" in closed
    assert "does not answer or broke off: " in closed
    assert [message.split(" failed")[0] for message in caplog.messages] == [
        "users: read the table: attempt 1 of 3",
        "users: read the table: attempt 2 of 3",
    ]
    assert "host.invalid" in fails(tmp_path, users.url.set(host="host.invalid"), SourceUnreachableError)
    said = fails(tmp_path, users.url.set(database="absent"), SourceNotFoundError)
    assert 'database "absent" does not exist' in said


def test_table_schema_or_column_that_is_absent_is_said(users: UsersTable, tmp_path: Path) -> None:
    assert "public.absent in database" in fails(tmp_path, users.url, SourceNotFoundError, table="absent")
    assert "there is no such table" in fails(tmp_path, users.url, SourceNotFoundError, schema="absent")
    users.run("ALTER TABLE users DROP COLUMN country, DROP COLUMN updated_at")
    assert "it has no column country, updated_at." in fails(tmp_path, users.url, SourceNotFoundError)
    users.run("ALTER TABLE users ADD COLUMN country text, ADD COLUMN updated_at date")
    assert "updated_at is date, and no timestamp" in fails(tmp_path, users.url, SourceNotFoundError)


def test_right_to_read_that_is_missing_is_said(reader: tuple[UsersTable, URL], tmp_path: Path) -> None:
    users, url = reader
    users.run("REVOKE SELECT ON users FROM reader")
    users.run("REVOKE SELECT (country) ON users FROM reader")
    said = fails(tmp_path, url, SourcePermissionError)
    assert "User reader may not read public.users at 127.0.0.1" in said
    assert "permission denied for table users" in said


def test_policy_that_would_hide_rows_is_an_error(reader: tuple[UsersTable, URL], tmp_path: Path) -> None:
    users, url = reader
    users.run("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    assert "row-level security policy" in fails(tmp_path, url, SourcePermissionError)


def test_statement_that_takes_too_long_is_ended_and_said(users: UsersTable, tmp_path: Path) -> None:
    with users.session() as session:
        session.execute(text("LOCK TABLE users"))
        said = fails(tmp_path, users.url, SourceError, timeout_seconds=1)
    assert "canceling statement due to statement timeout" in said
    assert "If it took longer than 1 s, raise LAKEHOUSE_POSTGRES_TIMEOUT_SECONDS" in said


@contextmanager
def at_the_second_page(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> Iterator[list[int]]:
    """Something happens once, when a first page is written and more are to be fetched; counts the pages."""
    take = UserFiles.take
    pages: list[int] = []

    def taking(self: UserFiles, page: list[Any], *, is_whole: bool) -> None:
        take(self, page, is_whole=is_whole)
        pages.append(len(page))
        {1: happens}.get(len(pages), int)()

    with monkeypatch.context() as patched:
        patched.setattr(UserFiles, "take", taking)
        yield pages


def fill(users: UsersTable) -> list[str]:
    """Rows that fill many pages and more than libpq's and the system's buffers."""
    users.run(
        "INSERT INTO users SELECT lpad(n::text, 4, '0'), now(), 'iOS', repeat('x', 20000), now() - interval '1 h' "
        "FROM generate_series(1, 500) n"
    )
    return [f"{number:04}" for number in range(1, 501)]


def test_server_that_restarts_in_the_middle_is_read_again_and_no_half_file_lands(
    postgres: PostgresServer,
    users: UsersTable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = fill(users)

    def restart() -> None:
        postgres.stop(at_once=True)
        postgres.start()

    with at_the_second_page(monkeypatch, restart) as pages:
        report = source(tmp_path, users.url, PAGES).pull(NOW)
    assert (len(report.landed), report.rows) == (1, 500)
    assert all_ids(tmp_path) == expected
    assert len(pages) == 51
    assert ["attempt 1 of 3 failed" in message for message in caplog.messages if "attempt" in message] == [True]
    assert not list((tmp_path / "landing" / "users" / ".incoming").iterdir())


def test_backend_that_is_terminated_in_the_middle_is_read_again(
    users: UsersTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = fill(users)
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'lakehouse'"
    )
    with at_the_second_page(monkeypatch, lambda: users.run(kill)):
        source(tmp_path, users.url, PAGES).pull(NOW)
    assert all_ids(tmp_path) == expected
    assert ["terminating connection" in message for message in caplog.messages if "attempt" in message] == [True]


def test_server_that_stays_away_ends_the_pull_and_the_next_lands_all(
    postgres: PostgresServer, users: UsersTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fill(users)
    pulled = source(tmp_path, users.url, PAGES)
    with at_the_second_page(monkeypatch, lambda: postgres.stop(at_once=True)), pytest.raises(SourceUnreachableError):
        pulled.pull(NOW)
    assert landed_files(tmp_path) == []
    postgres.start()
    pulled.pull(NOW)
    assert all_ids(tmp_path) == expected


def test_full_disk_of_landing_keeps_the_watermark(
    users: UsersTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.put("a")
    pulled = source(tmp_path, users.url)

    def full(*_: object) -> int:
        raise DiskFullError("The disk of landing is full.", source="users")

    with monkeypatch.context() as patched:
        patched.setattr(PendingFile, "write", full)
        with pytest.raises(DiskFullError):
            pulled.pull(NOW)
    assert landed_files(tmp_path) == []
    pulled.pull(NOW)
    assert ids(tmp_path) == [["a"]]


def test_broken_memory_of_landed_rows_is_an_error_that_says_what_to_do(users: UsersTable, tmp_path: Path) -> None:
    users.put("a")
    (tmp_path / "lakehouse").mkdir()
    (tmp_path / "lakehouse" / ROWS_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match=r"file is not a database\. Nothing more was pulled\. .* remove it"):
        source(tmp_path, users.url).pull(NOW)
    (tmp_path / "lakehouse" / ROWS_FILE).unlink()
    assert source(tmp_path, users.url).pull(NOW).rows == 1


def test_password_is_in_no_log_message_ledger_or_landing(
    reader: tuple[UsersTable, URL], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users, url = reader
    with caplog.at_level(logging.DEBUG):
        report = source(tmp_path, url).reconcile(NOW)
        status = source(tmp_path, url).check(NOW)
        said = [
            fails(tmp_path / "other", url.set(port=1), SourceUnreachableError),
            fails(tmp_path / "other", url, SourceNotFoundError, table="absent"),
            fails(tmp_path / "other", url.update_query_dict({"sslmode": PASSWORD}), SourceError),
            fails(tmp_path / "other", url.set(username="absent"), SourceAuthenticationError),
        ]
    users.run("SELECT 1")
    texts = [*said, *caplog.messages, str(report), str(status), str(source(tmp_path, url).__dict__)]
    assert [text for text in texts if "planted" in text] == []
    assert [path for path, content in files_below(tmp_path).items() if b"planted" in content] == []
    assert os.listdir(tmp_path / "landing" / "users") != []
