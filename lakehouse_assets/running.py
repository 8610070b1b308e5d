"""Running the job `daily` for a range of days in this process, with progress and a summary at the end."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, JobDefinition, build_reconstructable_job
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._core.utils import make_new_run_id
from dagster_shared.error import SerializableErrorInfo
from rich.console import Console

from lakehouse_assets.abandoned import COMMAND, TAG, fail_abandoned_runs, marked_as_alive
from lakehouse_assets.alerts.report import report_run
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.event_log import open_instance
from lakehouse_assets.progress import step_messages, steps_progress
from lakehouse_assets.reporting import TableReport, print_run
from lakehouse_assets.settings import Settings, load_settings
from lakehouse_assets.step_failures import own_text, root_cause

_JOB = "daily"
# Dagster uses only the loggers that the run's configuration names.
_RUN_CONFIG: dict[str, object] = {"loggers": {"console": {}}}


@dataclass
class RunReport:
    """How a run went.

    Args:
        run_id: Dagster's.
        succeeded: whether every step and so every day did.
        failures: what failed, in words.
        tables: by table name, what the run's materializations said.
    """

    run_id: str
    succeeded: bool = True
    failures: list[str] = field(default_factory=list)
    tables: dict[str, TableReport] = field(default_factory=lambda: defaultdict(TableReport))

    def add_materialization(self, event: DagsterEvent) -> None:
        """Take in what the run says of one day of a table."""
        materialization = event.step_materialization_data.materialization
        numbers = {name: value.value for name, value in materialization.metadata.items()}
        self.tables[".".join(materialization.asset_key.path)].add(numbers)

    def add(self, event: DagsterEvent) -> None:
        """Take in another event of the run."""
        if event.is_step_failure:
            self.failures.append(_failure_text(event))
        if event.is_run_failure and not self.failures:
            self.failures.append(_root_message(event.job_failure_data.error))
        if event.is_step_failure or event.is_run_failure:
            self.succeeded = False


def daily_job(first_day: str) -> JobDefinition:
    """The job with partitions from `first_day` on; found again by Dagster through its module and name."""
    settings = load_settings().model_copy(update={"start_date": date.fromisoformat(first_day)})
    return build_defs(settings=settings, loggers={"console": step_messages}).resolve_job_def(_JOB)


def run_days(settings: Settings, first: date, last: date, out: Console, err: Console) -> RunReport:
    """Run bronze to gold for the arrival days first..last as one Dagster run.

    Args:
        out: gets the summary.
        err: gets progress and failures.

    Returns:
        The report; nothing is raised for failed or held days.
    """
    recon = _reconstructable(min(settings.first_day(), first))
    instance = open_instance(Path(os.environ["DAGSTER_HOME"]))
    abandoned = fail_abandoned_runs(instance)
    for killed in abandoned:
        err.print(f"[yellow]warning:[/] run {killed[:8]} had been killed; it is marked as failed now.", highlight=False)
    run_id = make_new_run_id()
    with marked_as_alive(instance, run_id):
        plan = create_execution_plan(recon, _RUN_CONFIG)
        run = instance.create_run_for_job(
            job_def=recon.get_definition(),
            execution_plan=plan,
            run_id=run_id,
            run_config=_RUN_CONFIG,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
                TAG: COMMAND,
            },
        )
        report = _follow(recon, instance, run, plan, err)
    report_run(settings, instance, *abandoned, run_id)
    for failure in report.failures:
        err.print("[red]failed:[/] ", end="")
        err.print(failure, highlight=False, markup=False)
    print_run(settings, report.run_id, first, last, report.tables, out)
    return report


def _follow(
    recon: ReconstructableJob, instance: DagsterInstance, run: DagsterRun, plan: ExecutionPlan, err: Console
) -> RunReport:
    report = RunReport(run.run_id)
    with steps_progress(err) as progress:
        task = progress.add_task("starting", total=len(plan.step_keys_to_execute))
        for event in execute_run_iterator(recon, run, instance):
            if event.is_step_start:
                progress.update(task, description=event.step_key or "")
            pool = _awaited_pool(event)
            if pool is not None:
                err.print(f"[yellow]waiting:[/] another run is at {pool}; this one goes on when that has ended.")
            if event.is_step_success or event.is_step_failure or event.is_step_skipped:
                progress.advance(task)
            report.add(event)
    # Read back: those of a step that then fails, such as a held day's, are recorded and not handed out.
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION):
        report.add_materialization(entry.get_dagster_event())
    return report


def _awaited_pool(event: DagsterEvent) -> str | None:
    """The pool that a step waits for, where the event says so: at once, and again every few minutes."""
    if event.event_type is not DagsterEventType.ENGINE_EVENT or event.step_key is None:
        return None
    pool = event.engine_event_data.metadata.get("pool")
    return str(pool.value) if pool is not None else None


def _reconstructable(start: date) -> ReconstructableJob:
    return build_reconstructable_job(
        "lakehouse_assets.running", "daily_job", reconstructable_kwargs={"first_day": start.isoformat()}
    )


def _failure_text(event: DagsterEvent) -> str:
    reason = _root_message(event.step_failure_data.error)
    unexpected = f"{event.step_key} met an unexpected error: {reason}. See the run in the web UI, or in DAGSTER_HOME."
    return own_text(event) or unexpected


def _root_message(error: SerializableErrorInfo | None) -> str:
    root = root_cause(error)
    return root.message.strip() if root is not None else "no message"
