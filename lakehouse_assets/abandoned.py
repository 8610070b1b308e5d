"""Runs of `lakehouse run` whose process was killed: found by their lock file, marked as failed, their pools set free.

Without this Dagster shows them as running for ever and the next run waits for their place in the pools. Runs that a
daemon launched are looked after by Dagster's run monitoring. Scratch files are `storage.scratch`'s trade.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from filelock import FileLock, Timeout

TAG = "lakehouse/launched_by"
COMMAND = "lakehouse run"


@contextmanager
def marked_as_alive(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the lock that says the process of this run is alive; the system lets go of it however the process ends."""
    lock_file = _lock_file(instance, run_id)
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock_file):
        yield
        lock_file.unlink(missing_ok=True)


def fail_abandoned_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs of the command whose process is gone as failed, and free what they hold of the pools.

    Returns:
        Their run ids.
    """
    unfinished = RunsFilter(
        statuses=[DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED],
        tags={TAG: COMMAND},
    )
    abandoned = [run for run in instance.get_runs(unfinished) if not _is_alive(instance, run.run_id)]
    for run in abandoned:
        instance.report_run_failed(run, "The process of this run ended before the run did. Run the same days again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        _lock_file(instance, run.run_id).unlink(missing_ok=True)
    return [run.run_id for run in abandoned]


def _is_alive(instance: DagsterInstance, run_id: str) -> bool:
    lock_file = _lock_file(instance, run_id)
    if not lock_file.exists():
        return False
    try:
        with FileLock(lock_file, timeout=0):
            return False
    except Timeout:
        return True


def _lock_file(instance: DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / "running" / f"{run_id}.lock"
