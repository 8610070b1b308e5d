"""Running the job `daily` for a range of days in this process, with progress and a summary at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dagster import DagsterInstance, JobDefinition, build_reconstructable_job
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lakehouse_assets.definitions import build_defs
from lakehouse_assets.reporting import print_run
from lakehouse_assets.settings import Settings, load_settings

_JOB = "daily"
_QUIET_CONSOLE = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunReport:
    """How a run ended: Dagster's run id, whether every day succeeded, and what failed, in words."""

    run_id: str
    succeeded: bool
    failures: tuple[str, ...]


def daily_job(first_day: str) -> JobDefinition:
    """The job with partitions from `first_day` on; found again by Dagster through its module and name."""
    settings = load_settings().model_copy(update={"start_date": date.fromisoformat(first_day)})
    return build_defs(settings=settings).resolve_job_def(_JOB)


def run_days(settings: Settings, first: date, last: date, out: Console, err: Console) -> RunReport:
    """Run bronze to gold for the arrival days first..last as one Dagster run.

    Args:
        out: gets the summary.
        err: gets progress and failures.

    Returns:
        The report; nothing is raised for failed or held days.
    """
    start = min(settings.first_day(), first)
    recon = _reconstructable(start)
    instance = DagsterInstance.get()
    plan = create_execution_plan(recon, _QUIET_CONSOLE)
    dagster_run = instance.create_run_for_job(
        job_def=recon.get_definition(),
        execution_plan=plan,
        # The console gets progress and a summary; every event is in DAGSTER_HOME.
        run_config=_QUIET_CONSOLE,
        tags={
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        },
    )
    failures: list[str] = []
    succeeded = True
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as progress:
        task = progress.add_task(f"{first} to {last}", total=len(plan.step_keys_to_execute))
        for event in execute_run_iterator(recon, dagster_run, instance):
            if event.is_step_start:
                progress.update(task, description=event.step_key or "")
            if event.is_step_success or event.is_step_failure or event.is_step_skipped:
                progress.advance(task)
            if event.is_step_failure:
                failures.append(_failure_text(event))
            succeeded = succeeded and not (event.is_step_failure or event.is_run_failure)
    report = RunReport(dagster_run.run_id, succeeded, tuple(failures))
    for failure in failures:
        err.print(f"[red]failed:[/] {failure}", highlight=False)
    print_run(settings, report.run_id, first, last, out)
    return report


def _reconstructable(start: date) -> ReconstructableJob:
    return build_reconstructable_job(
        "lakehouse_assets.running", "daily_job", reconstructable_kwargs={"first_day": start.isoformat()}
    )


def _failure_text(event: DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "the step failed without a message"
