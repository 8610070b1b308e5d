"""Runs that end at once and as planned: steps named as the pipeline's, with the verdicts and failures of a test."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    Failure,
    GraphDefinition,
    JobDefinition,
    MetadataValue,
    OpDefinition,
    OpExecutionContext,
    Output,
    TableRecord,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from lakehouse_assets.jobs import EXECUTOR

SAMPLE = "value of a row"


@dataclass(frozen=True)
class Verdict:
    """What a check is to say."""

    check: str
    passed: bool
    day: str = "2024-11-15"
    table: str = "silver.events"
    failed: int = 20
    total: int = 30
    blocking: bool = False
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR

    def as_dagster_has_it(self) -> AssetCheckEvaluation:
        return AssetCheckEvaluation(
            asset_key=AssetKey(self.table.split(".")),
            check_name=self.check,
            passed=self.passed,
            severity=self.severity,
            blocking=self.blocking,
            partition=self.day,
            metadata={
                "failed_rows": MetadataValue.int(self.failed),
                "total_rows": MetadataValue.int(self.total),
                "threshold": MetadataValue.text(f"threshold of {self.check}"),
                "sql": MetadataValue.md(f"```sql\nSELECT '{self.check}'\n```"),
                "sample": MetadataValue.table([TableRecord({"raw": SAMPLE})]),
            },
        )


@dataclass(frozen=True)
class Step:
    """What a step is to do.

    Args:
        name: such as `silver_events`.
        verdicts: that it reports first.
        error: that it then raises.
    """

    name: str
    verdicts: Sequence[Verdict] = ()
    error: Exception | None = None


GATE_FAILS = Step("silver_events", [Verdict("gate", False)], Failure("events 2024-11-15 is held"))
GATE_PASSES = Step("silver_events", [Verdict("gate", True, failed=0)])


@dataclass(frozen=True)
class Runs:
    """Runs of a Dagster instance in memory, with a home folder of its own."""

    instance: DagsterInstance

    @property
    def home(self) -> Path:
        return Path(self.instance.root_directory)

    def run(
        self,
        *steps: Step,
        first: str = "2024-11-15",
        last: str | None = None,
        job: str = "daily",
        between: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Run the steps one by one for a range of days, with a call after each event; the run's id."""
        tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last or first}
        made = _job(job, steps)
        run = self.instance.create_run_for_job(made, tags=tags)
        for _ in execute_run_iterator(InMemoryJob(made), run, self.instance):
            between(run.run_id)
        return run.run_id

    def begin(self) -> str:
        """A run that has not begun its first step; the run's id."""
        tags = {ASSET_PARTITION_RANGE_START_TAG: "2024-11-15", ASSET_PARTITION_RANGE_END_TAG: "2024-11-15"}
        return self.instance.create_run_for_job(_job("daily", [Step("bronze_events")]), tags=tags).run_id

    def end_from_outside(self, event: DagsterEventType) -> str:
        """A run that is killed or canceled before its first step; the run's id."""
        run = self.instance.get_run_by_id(self.begin())
        assert run is not None
        ends = {
            DagsterEventType.RUN_FAILURE: self.instance.report_run_failed,
            DagsterEventType.RUN_CANCELED: self.instance.report_run_canceled,
        }
        ends[event](run)
        return run.run_id


@contextmanager
def dagster_home(folder: Path) -> Iterator[Runs]:
    """A new Dagster home below `folder`."""
    home = folder / "dagster"
    home.mkdir()
    with DagsterInstance.ephemeral(str(home)) as instance:
        yield Runs(instance)


def _job(name: str, steps: Sequence[Step]) -> JobDefinition:
    return GraphDefinition(name=name, node_defs=[_op(step) for step in steps]).to_job(executor_def=EXECUTOR)


def _op(step: Step) -> OpDefinition:
    def compute(context: OpExecutionContext, _: object) -> Iterator[Output[None]]:
        for verdict in step.verdicts:
            DagsterEvent.asset_check_evaluation(context.get_step_execution_context(), verdict.as_dagster_has_it())
        for error in [step.error] if step.error else []:
            raise error
        yield Output(None)

    return OpDefinition(compute, name=step.name)
