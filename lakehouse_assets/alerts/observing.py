"""What a run tells of incidents, good and bad, read from the events that Dagster recorded of it.

What follows from another incident is none of its own: rules that a held day fails stand in the message about the day,
and a step that failed because of a check, or because what it reads was not published, is no failed run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import DagsterEvent
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from lakehouse_assets.alerts.model import Facts, Key, Kind, Observation
from lakehouse_assets.quality.catalogue import GATE
from lakehouse_assets.step_failures import own_text, root_cause

JOB = "daily"
_ENDS = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
_EVENTS = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SUCCESS,
    *_ENDS,
}
_RULES_SHOWN = 3
_NO_DAY = ""


@dataclass(frozen=True)
class _Found:
    """An event, with the time at which it was recorded."""

    event: DagsterEvent
    at: datetime

    @property
    def step(self) -> str:
        return self.event.step_key or ""


def observe_run(instance: DagsterInstance, run_id: str) -> list[Observation]:
    """What one run tells; nothing while it runs.

    Args:
        instance: has the run.
        run_id: Dagster's.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or not run.is_finished:
        return []
    found = [_found(entry) for entry in instance.all_logs(run_id, of_type=_EVENTS)]
    evaluations = [each for each in found if each.event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION]
    checked = [_checked(each, run_id) for each in evaluations]
    explained = {
        each.step: check.key.table
        for each, check in zip(evaluations, checked, strict=True)
        if check.failing and check.key.kind in (Kind.HELD, Kind.BLOCKED)
    }
    # A pull of a source has no day.
    days = days_of(run) or [_NO_DAY]
    return [
        *_without_rules_of_held_days(checked),
        *_of_steps(found, explained, run_id, days),
        *_of_the_run(found, run, days),
    ]


def days_of(run: DagsterRun) -> list[str]:
    """The arrival days of a run, by its tags."""
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or first
    if first is None or last is None:
        return []
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=number)).isoformat() for number in range((end - start).days + 1)]


def _found(entry: EventLogEntry) -> _Found:
    return _Found(entry.get_dagster_event(), datetime.fromtimestamp(entry.timestamp, UTC))


def _checked(found: _Found, run_id: str) -> Observation:
    evaluation = found.event.asset_check_evaluation_data
    numbers: dict[str, Any] = {name: value.value for name, value in evaluation.metadata.items()}
    facts = Facts(
        run_id=run_id,
        failed_rows=numbers.get("failed_rows"),
        total_rows=numbers.get("total_rows"),
        threshold=numbers.get("threshold", ""),
        severity=evaluation.severity.value,
        sql=numbers.get("sql", "").removeprefix("```sql\n").removesuffix("\n```"),
    )
    key = Key(_kind(evaluation), ".".join(evaluation.asset_key.path), evaluation.partition or "", evaluation.check_name)
    return Observation(key, not evaluation.passed, found.at, facts)


def _kind(evaluation: AssetCheckEvaluation) -> Kind:
    if evaluation.check_name == GATE:
        return Kind.HELD
    return Kind.BLOCKED if evaluation.blocking else Kind.THRESHOLD


def _without_rules_of_held_days(checked: Sequence[Observation]) -> Iterator[Observation]:
    held = {(found.key.table, found.key.day) for found in checked if found.key.kind is Kind.HELD and found.failing}
    rules: dict[tuple[str, str], list[Observation]] = {}
    for found in checked:
        if found.failing and found.key.kind is Kind.THRESHOLD:
            rules.setdefault((found.key.table, found.key.day), []).append(found)
    for found in checked:
        day = found.key.table, found.key.day
        if found.key.kind is Kind.HELD and found.failing and day in rules:
            yield replace(found, facts=replace(found.facts, note=_most_frequent(rules[day])))
        elif day not in held or found.key.kind is not Kind.THRESHOLD or not found.failing:
            yield found


def _most_frequent(rules: Sequence[Observation]) -> str:
    ordered = sorted(rules, key=lambda found: (-(found.facts.failed_rows or 0), found.key.check))
    shown = ", ".join(f"{found.key.check} ({found.facts.failed_rows or 0:,})" for found in ordered[:_RULES_SHOWN])
    return f"checks that fail most: {shown}"


def _of_steps(
    found: Sequence[_Found], explained: dict[str, str], run_id: str, days: Sequence[str]
) -> Iterator[Observation]:
    follows = tuple(f"{table} was not published by this run" for table in explained.values())
    for each in found:
        is_failure = each.event.event_type is DagsterEventType.STEP_FAILURE
        if not is_failure and each.event.event_type is not DagsterEventType.STEP_SUCCESS:
            continue
        note = _failure_note(each.event) if is_failure else ""
        if follows and note.startswith(follows):
            continue
        for day in days:
            key = Key(Kind.RUN_FAILED, _table_of(each.step), day)
            yield Observation(key, is_failure and each.step not in explained, each.at, Facts(run_id, note=note))


def _table_of(step: str) -> str:
    """A step is named after its table: silver_events, gold_user_session_analysis, ingestion__users."""
    return step.replace("__" if "__" in step else "_", ".", 1)


def _of_the_run(found: Sequence[_Found], run: DagsterRun, days: Sequence[str]) -> Iterator[Observation]:
    """Whether the run ended for another reason than its steps; only a run of the whole job shows that this is over."""
    ends = [each for each in found if each.event.event_type in _ENDS]
    failed_by_steps = any(each.event.event_type is DagsterEventType.STEP_FAILURE for each in found)
    failing = run.status is DagsterRunStatus.CANCELED or (
        run.status is DagsterRunStatus.FAILURE and not failed_by_steps
    )
    is_pull = _NO_DAY in days
    if not ends or not (failing or run.job_name == JOB or is_pull):
        return
    note = "it was canceled" if run.status is DagsterRunStatus.CANCELED else "it ended before its steps did"
    # Each source has a job of its own.
    outside_of_steps = run.job_name if is_pull else ""
    for day in days:
        facts = Facts(run.run_id, note=note if failing else "")
        yield Observation(Key(Kind.RUN_FAILED, outside_of_steps, day), failing, ends[-1].at, facts)


def _failure_note(event: DagsterEvent) -> str:
    """Our own text; of an unexpected error only its name, since its text may quote data."""
    text = own_text(event)
    if text is not None:
        return text
    error = root_cause(event.step_failure_data.error)
    return f"unexpected {error.cls_name}" if error is not None and error.cls_name else "unexpected error"
