"""`lakehouse run` beside others: one that was killed is cleaned up after, one that is at work is waited for."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from lakehouse_assets.engine.session import Engine
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets_tests.cli.test_command import GOOD_EVENT, lakehouse
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows

DAYS = ("2024-11-14", "2024-11-15")
RUN = ("run", "--from", DAYS[0], "--to", DAYS[1])
POOLS = {
    *(f"{layer}_{source}" for layer in ("bronze", "silver") for source in ("events", "transactions", "users")),
    "gold_user_session_analysis",
}
DEADLINE_SECONDS = 120


@contextmanager
def _instance(home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        yield instance


def _runs(home: Path) -> dict[str, DagsterRun]:
    with _instance(home) as instance:
        return {run.run_id: run for run in instance.get_runs()}


def _taken_slots(home: Path) -> dict[str, int]:
    """How many places of each pool are taken, and how many steps wait for one."""
    with _instance(home) as instance:
        pools = [instance.event_log_storage.get_concurrency_info(pool) for pool in sorted(POOLS)]
    return {pool.concurrency_key: len(pool.claimed_slots) + len(pool.pending_steps) for pool in pools}


def _wait_for(text: bytes, stream: IO[bytes]) -> None:
    """Read until the text came."""
    seen = b""
    deadline = time.monotonic() + DEADLINE_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while text not in seen:
            assert selector.select(timeout=max(0, deadline - time.monotonic())), f"{text!r} did not come: {seen!r}"
            chunk = os.read(stream.fileno(), 1 << 16)
            assert chunk, f"the run ended before {text!r}: {seen!r}"
            seen += chunk


def _start(home: Path) -> subprocess.Popen[bytes]:
    environment = {"LAKEHOUSE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-c", "from lakehouse_assets.cli import main; main()", *RUN],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _kill_when_it_says(text: bytes, home: Path) -> None:
    with _start(home) as process:
        assert process.stderr is not None
        _wait_for(text, process.stderr)
        process.kill()
        assert process.wait(timeout=DEADLINE_SECONDS) == -signal.SIGKILL


def test_killed_run_is_marked_as_failed_cleaned_up_and_made_up_for_by_the_next(tmp_path: Path, engine: Engine) -> None:
    for day in DAYS:
        folder = tmp_path / "landing" / "events" / f"dt={day}"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("{broken\n" + GOOD_EVENT.replace("2024-11-15", day) % int(day[-2:]))
    scratch = tmp_path / "lakehouse" / "scratch"

    _kill_when_it_says(b"silver.events: ", tmp_path)

    (killed,) = _runs(tmp_path).values()
    assert killed.status == DagsterRunStatus.STARTED
    assert {pool for pool, taken in _taken_slots(tmp_path).items() if taken} == {"silver_events"}
    assert [path.name for path in scratch.iterdir() if path.is_dir()] != []

    ran = lakehouse(tmp_path, *RUN)

    assert ran.returncode == 0, ran.stderr
    assert f"warning: run {killed.run_id[:8]} had been killed; it is marked as failed now." in ran.stderr
    statuses = {run_id: run.status for run_id, run in _runs(tmp_path).items()}
    assert statuses.pop(killed.run_id) == DagsterRunStatus.FAILURE
    assert list(statuses.values()) == [DagsterRunStatus.SUCCESS]
    assert _taken_slots(tmp_path) == dict.fromkeys(POOLS, 0)
    assert list(scratch.iterdir()) == []
    assert list((tmp_path / "dagster" / "running").iterdir()) == []
    lake = Lake(open_catalog(tmp_path), engine, tmp_path / "scratch")
    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")


def test_run_that_meets_another_says_what_it_waits_for_and_goes_on_when_that_has_ended(tmp_path: Path) -> None:
    assert lakehouse(tmp_path, *RUN).returncode == 0
    with _instance(tmp_path) as instance:
        storage = instance.event_log_storage
        assert storage.claim_concurrency_slot("bronze_users", "another run", "bronze_users").is_claimed
        with _start(tmp_path) as process:
            assert process.stderr is not None
            _wait_for(b"waiting: another run is at bronze_users; this one goes on when that has ended.", process.stderr)
            storage.free_concurrency_slots_for_run("another run")
            process.stderr.read()
            assert process.wait(timeout=DEADLINE_SECONDS) == 0
