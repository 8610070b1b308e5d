"""`./run_pipeline.sh` as a newcomer calls it: in a fresh checkout, which it installs from the package index.

The first run takes a minute or two; the tests share it (`checkout`). Each later call has a home of its own where it
must not meet the others.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.landing.files import list_days
from lakehouse_assets.storage.lake import open_catalog
from lakehouse_assets_tests.docs.checkout import ROOT, Checkout, shared_checkout
from lakehouse_assets_tests.processes import answers, free_port, process_group

DEADLINE_SECONDS = 120
EVENT = (
    '{"event_id":"E1","session_id":"S1","user_id":"U1","event_type":"click","event_timestamp":"2024-11-15T14:30:00"}\n'
)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    # Workers of one session have folders of their own below a common one.
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with shared_checkout(shared / "run_pipeline_checkout") as made:
        yield made


def printed_tables(text: str) -> dict[str, tuple[int, int]]:
    """By table of the summary: rows, and rows that the run added."""
    rows = re.findall(r"^ +(\w+\.\w+) +([\d,]+) +([+-][\d,]+) ", text, re.MULTILINE)
    return {name: (int(total.replace(",", "")), int(new.replace(",", ""))) for name, total, new in rows}


def snapshots(home: Path) -> dict[str, list[int]]:
    catalog = open_catalog(home)
    return {name: [entry.snapshot_id for entry in catalog.load_table(name).metadata.snapshots] for name in TABLES}


def landed_days(home: Path) -> list[str]:
    days = {day.isoformat() for source in SOURCES for day in list_days(home / "landing", source)}
    return sorted(days)


def deliver(home: Path, day: str, text: str) -> None:
    folder = home / "landing" / "events" / f"dt={day}"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text(text)


def test_first_call_ends_well_and_prints_a_line_for_every_table(checkout: Checkout) -> None:
    ran = checkout.first_run
    assert ran.returncode == 0, ran.stdout + ran.stderr
    catalog = open_catalog(checkout.folder / "data")
    counted = {name: catalog.load_table(name).scan().count() for name in TABLES}
    assert printed_tables(ran.stdout) == {name: (rows, rows) for name, rows in counted.items()}
    assert min(counted.values()) > 0


def test_first_call_generates_and_runs_14_days_that_end_yesterday(checkout: Checkout) -> None:
    days = landed_days(checkout.folder / "data")
    assert len(days) == 14
    assert f"for 14 days in {Path('data') / 'landing'}" in checkout.first_run.stdout
    assert f"Arrival days {days[0]} to {days[-1]}" in checkout.first_run.stdout
    # Midnight may have passed since.
    today = datetime.now(UTC).date()
    assert days[-1] in {(today - timedelta(days=passed)).isoformat() for passed in (1, 2)}


def test_first_call_shows_five_rows_of_gold_and_what_to_do_next(checkout: Checkout) -> None:
    shown = checkout.first_run.stdout.split("5 rows of gold.user_session_analysis")[1]
    assert len(re.findall(r"^ +SES_\d+ ", shown, re.MULTILINE)) == 5
    assert "lakehouse status" in shown
    assert "./run_pipeline.sh --ui" in shown
    assert ".venv/bin/lakehouse" in shown


def test_output_shown_in_the_readme_has_the_headings_and_lines_of_the_real_one(checkout: Checkout) -> None:
    (shown,) = re.findall(r"```text\n( *Arrival days .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    real = checkout.first_run.stdout.splitlines()
    headings = [line.split() for line in shown.splitlines() if line.startswith(("  table ", "  session_id "))]
    assert headings == [line.split() for line in real if line.startswith(("  table ", "  session_id "))]
    assert list(printed_tables(shown)) == list(printed_tables(checkout.first_run.stdout)) == list(TABLES)


def test_second_call_is_quick_and_does_nothing_again(checkout: Checkout) -> None:
    home = checkout.folder / "data"
    before = snapshots(home)
    started = time.monotonic()
    again = checkout.run_pipeline()
    seconds = time.monotonic() - started

    assert again.returncode == 0, again.stdout + again.stderr
    assert seconds < checkout.first_run_seconds / 2
    assert "Installing" in checkout.first_run.stdout
    assert "Installing" not in again.stdout
    assert "Planted" in checkout.first_run.stdout
    assert "Planted" not in again.stdout
    assert snapshots(home) == before
    first = printed_tables(checkout.first_run.stdout)
    assert printed_tables(again.stdout) == {name: (rows, 0) for name, (rows, _) in first.items()}


def test_files_of_ones_own_are_run_whatever_their_days(checkout: Checkout, tmp_path: Path) -> None:
    deliver(tmp_path, "2024-11-15", EVENT)
    deliver(tmp_path, "2024-11-17", EVENT.replace("E1", "E2"))
    ran = checkout.run_pipeline(LAKEHOUSE_HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Arrival days 2024-11-15 to 2024-11-17" in ran.stdout
    assert printed_tables(ran.stdout)["silver.events"] == (2, 2)
    assert landed_days(tmp_path) == ["2024-11-15", "2024-11-17"]


def test_generation_that_was_cut_off_is_finished_by_the_next_call(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / ".generating").touch()
    ran = checkout.run_pipeline(LAKEHOUSE_HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(landed_days(tmp_path)) == 14
    assert not (tmp_path / ".generating").exists()


def test_held_day_ends_with_exit_code_1_and_says_what_to_do(checkout: Checkout, tmp_path: Path) -> None:
    deliver(tmp_path, "2024-11-15", "{broken\n" * 20)
    ran = checkout.run_pipeline(LAKEHOUSE_HOME=str(tmp_path))
    assert ran.returncode == 1
    assert "events 2024-11-15 is held" in ran.stderr
    assert "Correct it and run this again" in ran.stderr


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LAKEHOUSE_HORIZON_DAYS": "-1"}, "correct the settings and run this again"),
        ({"LAKEHOUSE_START_DATE": "2999-01-01"}, "has no day to run"),
    ],
)
def test_settings_that_leave_nothing_to_run_end_with_exit_code_1_and_say_so(
    checkout: Checkout, tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    deliver(tmp_path, "2024-11-15", EVENT)
    ran = checkout.run_pipeline(LAKEHOUSE_HOME=str(tmp_path), **environment)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "lakehouse").exists()


@contextmanager
def web_ui(checkout: Checkout, home: Path, port: int, log: Path) -> Iterator[None]:
    """The script with `--ui`, in a process group of its own, all of which is gone afterwards."""
    environment = checkout.environment(
        LAKEHOUSE_HOME=str(home), DAGSTER_HOME=str(home / "dagster"), LAKEHOUSE_UI_PORT=str(port)
    )
    with process_group(["./run_pipeline.sh", "--ui"], checkout.folder, environment, log):
        yield


def wait_for_answer(address: str, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not answers(address):
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.25)


def test_web_ui_answers_at_the_address_that_is_printed(checkout: Checkout, tmp_path: Path) -> None:
    deliver(tmp_path, "2024-11-15", EVENT)
    port, log = free_port(), tmp_path / "ui.log"
    with web_ui(checkout, tmp_path, port, log):
        wait_for_answer(f"http://127.0.0.1:{port}/server_info", log)
        assert f"Web UI: http://127.0.0.1:{port} " in log.read_text()
        assert " - DEBUG - " not in log.read_text()
        second = checkout.run_pipeline("--ui", LAKEHOUSE_HOME=str(tmp_path), LAKEHOUSE_UI_PORT=str(port))
    assert second.returncode == 1
    assert f"port {port} is taken" in second.stderr
    assert "LAKEHOUSE_UI_PORT=" in second.stderr
    assert not answers(f"http://127.0.0.1:{port}/server_info")


def test_help_and_wrong_options_install_nothing(tmp_path: Path) -> None:
    script = tmp_path / "run_pipeline.sh"
    script.write_text((ROOT / "run_pipeline.sh").read_text())
    ran = [
        subprocess.run(["bash", str(script), *arguments], capture_output=True, text=True, check=False)
        for arguments in (["--help"], ["--gui"], ["--ui", "--fast"])
    ]
    assert [(one.returncode, "usage: ./run_pipeline.sh [--ui]" in one.stdout + one.stderr) for one in ran] == [
        (0, True),
        (2, True),
        (2, True),
    ]
    assert list(tmp_path.iterdir()) == [script]
