"""Killed for real, by SIGKILL, before each of a run's publications: the next run makes up for it and cleans up."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from lakehouse_assets.contracts.tables import TABLES
from lakehouse_assets.engine.session import Engine
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.scratch import open_scratch
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline

DAYS = [date(2024, 11, 15), date(2024, 11, 16)]
PUBLICATIONS = 10
TRANSACTIONS_HEADER = "transaction_id,session_id,user_id,amount,currency,transaction_timestamp\n"
EVENT = (
    '{"event_id":"%s","session_id":"S1","user_id":"U1","event_type":"click","event_timestamp":"2024-11-15T14:%s:00"}\n'
)


def _deliver(landing: Path, source: str, day: date, name: str, text: str) -> None:
    folder = landing / source / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def _first_delivery(landing: Path) -> None:
    _deliver(landing, "events", DAYS[0], "a.json", EVENT % ("E1", "30") + EVENT % ("E2", "31") + "{broken\n")
    _deliver(
        landing,
        "transactions",
        DAYS[0],
        "a.csv",
        TRANSACTIONS_HEADER + "T1,S1,U1,9.50,USD,2024-11-15 15:00:00\n",
    )
    _deliver(landing, "users", DAYS[0], "a.csv", "user_id,signup_date,device_type,country\nU1,2024-01-01,iOS,PE\n")


def _corrections(landing: Path) -> None:
    """Something new for every table: rows that come, that change and that go, on both days."""
    _deliver(landing, "events", DAYS[0], "a.json", EVENT % ("E2", "05") + '{"event_id":1}\n')
    _deliver(landing, "events", DAYS[1], "b.json", EVENT % ("E1", "45") + EVENT % ("E3", "50"))
    _deliver(
        landing,
        "transactions",
        DAYS[1],
        "b.csv",
        TRANSACTIONS_HEADER + "T0,S1,U1,1,USD,2024-11-15 14:50:00\nT9,S1,U1,-1,USD,2024-11-15 14:50:00\n",
    )
    _deliver(
        landing,
        "users",
        DAYS[1],
        "b.csv",
        "user_id,signup_date,device_type,country,updated_at\nU1,2024-01-01,Web,US,2024-11-15 14:00:00\nU2,,,,\n",
    )


@pytest.mark.parametrize("publication", range(PUBLICATIONS))
def test_run_killed_before_a_publication_is_made_up_for_by_the_next(
    publication: int, engine: Engine, tmp_path: Path
) -> None:
    landing = tmp_path / "landing"
    _first_delivery(landing)
    with open_scratch(tmp_path / "scratch") as scratch:
        run_pipeline(Lake(open_catalog(tmp_path), engine, scratch), landing, DAYS)
    _corrections(landing)

    killed = subprocess.run(
        [
            *(sys.executable, "-m", "lakehouse_assets_tests.killed_run", str(tmp_path)),
            *(day.isoformat() for day in DAYS),
            str(publication),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    with open_scratch(tmp_path / "scratch") as scratch:
        assert [folder.name for folder in (tmp_path / "scratch").iterdir() if folder.is_dir()] == [scratch.name]
        lake = Lake(open_catalog(tmp_path), engine, scratch)
        run_pipeline(lake, landing, DAYS)
        assert tables_as_rows(lake) == oracle_as_rows(landing)
        assert {ref for contract in TABLES.values() for ref in lake.table(contract).refs()} == {"main"}
