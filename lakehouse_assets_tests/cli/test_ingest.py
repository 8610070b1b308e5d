"""`lakehouse ingest` and `lakehouse sources check` as a user runs them, with sources in memory in the registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse_assets_tests.ingestion.destinations import files_below
from lakehouse_assets_tests.ingestion.fake_source import WARNING
from lakehouse_assets_tests.ingestion.sftp_server import PASSWORD, USER, new_public_key
from lakehouse_assets_tests.ingestion.sftp_site import Site, csv, running_site
from lakehouse_assets_tests.ingestion.users_table import UsersTable, ids
from lakehouse_assets_tests.processes import run_python

# Before the commands are loaded, since they are made from the registry.
WITH_SOURCES = """
from lakehouse_assets.errors import SourceUnreachableError
from lakehouse_assets.sources import kinesis, postgres, registry, sftp
from lakehouse_assets_tests.ingestion.fake_source import fake_entry

down = SourceUnreachableError("The stream [clicks] does not answer. Nothing was pulled. Try again.", source="events")
registry.REGISTRY = (
    fake_entry(sftp.SPEC, [("one.csv", "transaction_id\\nT1\\n")]),
    fake_entry(postgres.SPEC),
    fake_entry(kinesis.SPEC, error=down),
)
from lakehouse_assets.cli import main

main()
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An SFTP server of the test's own, and a home that pulls from it."""
    with running_site(tmp_path) as site:
        yield site


def lakehouse(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(WITH_SOURCES, home, *arguments, **environment)


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_pull_prints_its_numbers_and_files_once_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    first = lakehouse(tmp_path, "ingest", "transactions", LAKEHOUSE_SFTP_HOST="sftp.example.org")
    assert first.returncode == 0, first.stderr
    place = f"transactions/dt={datetime.now(UTC).date()}/one.csv"
    assert set(files_below(tmp_path / "landing")) == {place}
    assert ["1", "1", "18", "0", "0", "0.0", "0.0", place] in rows(first.stdout)
    assert first.stderr == f"warning: {WARNING}\n"

    again = lakehouse(tmp_path, "ingest", "transactions", LAKEHOUSE_SFTP_HOST="sftp.example.org")
    assert again.returncode == 0
    assert ["0", "0", "0", "0", "0", "0.0", "0.0"] in rows(again.stdout)
    assert again.stderr == ""


def test_transactions_come_from_a_real_server_and_no_secret_is_printed(site: Site) -> None:
    site.put("a.csv", csv(1, 2))
    site.put("a.csv.done", "")
    environment = {
        "LAKEHOUSE_SFTP_HOST": "127.0.0.1",
        "LAKEHOUSE_SFTP_PORT": str(site.server.port),
        "LAKEHOUSE_SFTP_USER": USER,
        "LAKEHOUSE_SFTP_PASSWORD": PASSWORD,
        "LAKEHOUSE_SFTP_KNOWN_HOSTS": str(site.options.known_hosts),
    }
    command = "from lakehouse_assets.cli import main; main()"
    pulled = run_python(command, site.home, "ingest", "transactions", **environment)
    assert pulled.returncode == 0, pulled.stderr
    assert list(site.landing.values()) == [csv(1, 2)]
    site.server.known_hosts(site.options.known_hosts, new_public_key())
    changed = run_python(command, site.home, "ingest", "transactions", **environment)
    assert changed.returncode == 1
    assert changed.stderr.startswith(f"error: 127.0.0.1:{site.server.port} shows another key than the one in ")
    assert changed.stderr.count("\n") == 1, "paramiko's own log"
    assert PASSWORD not in pulled.stdout + pulled.stderr + changed.stdout + changed.stderr


def test_source_that_does_not_answer_gives_a_message_and_exit_code_1(tmp_path: Path) -> None:
    ran = lakehouse(tmp_path, "ingest", "events", LAKEHOUSE_KINESIS_STREAM="clicks")
    assert ran.returncode == 1
    assert ran.stderr == "error: The stream [clicks] does not answer. Nothing was pulled. Try again.\n"


def test_source_that_is_not_configured_gives_a_message_and_exit_code_2(tmp_path: Path) -> None:
    ran = lakehouse(tmp_path, "ingest", "users")
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: The source of users is not configured. Nothing was pulled. Set LAKEHOUSE_POSTGRES_URL or "
        "LAKEHOUSE_POSTGRES_URL_FILE or LAKEHOUSE_POSTGRES_HOST; see docs/ingestion.md.\n"
    )
    assert not (tmp_path / "landing").exists()


def test_users_are_compared_only_where_the_source_can(tmp_path: Path) -> None:
    ran = lakehouse(tmp_path, "ingest", "users", "--reconcile", LAKEHOUSE_POSTGRES_HOST="db.example.org")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: This source of users cannot be compared. Nothing was pulled.")


def test_users_are_pulled_and_compared_from_a_real_table(users: UsersTable, tmp_path: Path) -> None:
    environment = {"LAKEHOUSE_POSTGRES_URL": users.url.render_as_string(hide_password=False)}
    users.put("USR_1")
    for arguments in (["ingest", "users"], ["ingest", "users", "--reconcile"], ["sources", "check"]):
        ran = run_python("from lakehouse_assets.cli import main; main()", tmp_path, *arguments, **environment)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "Pulled users" in ran.stdout or "not encrypted; pulled up to" in ran.stdout
    assert ids(tmp_path) == [["USR_1"]]


def test_wrong_setting_gives_a_message_and_exit_code_2(tmp_path: Path) -> None:
    ran = lakehouse(
        tmp_path,
        "ingest",
        "transactions",
        LAKEHOUSE_SFTP_HOST="sftp.example.org",
        LAKEHOUSE_INGESTION_DATABASE="planted",
    )
    assert ran.returncode == 2
    assert "LAKEHOUSE_INGESTION_DATABASE is no SQLAlchemy URL" in ran.stderr
    assert "planted" not in ran.stderr + ran.stdout


def test_check_shows_each_source_and_fails_when_a_configured_one_cannot_be_reached(tmp_path: Path) -> None:
    checked = lakehouse(
        tmp_path, "sources", "check", LAKEHOUSE_SFTP_HOST="sftp.example.org", LAKEHOUSE_KINESIS_STREAM="clicks"
    )
    assert checked.returncode == 1
    assert checked.stderr == ""
    shown = rows(checked.stdout)
    assert ["transactions", "yes", "yes", "1", "files", "in", "memory"] in shown
    assert ["users", "no", "set", "LAKEHOUSE_POSTGRES_URL", "or"] in [row[:5] for row in shown]
    (down,) = (" ".join(row) for row in shown if row[:1] == ["events"])
    assert down == "events yes no The stream [clicks] does not answer. Nothing was pulled. Try again."
    assert not (tmp_path / "landing").exists()


def test_check_succeeds_when_every_configured_source_answers(tmp_path: Path) -> None:
    assert lakehouse(tmp_path, "sources", "check", LAKEHOUSE_SFTP_HOST="sftp.example.org").returncode == 0
