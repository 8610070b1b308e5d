"""What a check says of one day of a table: the value that Dagster's evaluations, metrics and reports are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lakehouse_assets.quality.catalogue import Check, Severity


@dataclass(frozen=True)
class CheckResult:
    """The verdict of one check on one day of a table.

    Args:
        check: what was checked.
        day: Dagster partition key.
        failed_rows: rows (of landing rules: lines) that fail.
        total_rows: rows that were looked at.
        severity: how bad it is; of no meaning where it passed.
        passed: the verdict.
        threshold: from when on it fails, for a person.
        sql: a query that shows the rows that fail, where there is one.
        sample: some of them, free text masked.
    """

    check: Check
    day: date
    failed_rows: int
    total_rows: int
    passed: bool
    severity: Severity = Severity.ERROR
    threshold: str = "none may fail"
    sql: str = ""
    sample: tuple[Mapping[str, Any], ...] = ()

    @property
    def failed_percent(self) -> float:
        return round(100 * self.failed_rows / self.total_rows, 3) if self.total_rows else 0.0

    @property
    def blocks(self) -> bool:
        """Whether main must not move."""
        return self.check.is_blocking and not self.passed and self.severity is Severity.ERROR


def judge_share(check: Check, day: date, failed_rows: int, total_rows: int, *, sql: str) -> CheckResult:
    """Hold the share of failing lines against the check's thresholds."""
    limits = check.limits
    percent = 100 * failed_rows / total_rows if total_rows else 0.0
    is_error = failed_rows >= limits.error_min_rows and percent > limits.error_percent
    is_warning = failed_rows >= limits.warn_min_rows and percent > limits.warn_percent
    return CheckResult(
        check,
        day,
        failed_rows,
        total_rows,
        passed=not (is_error or is_warning),
        severity=Severity.ERROR if is_error else Severity.WARN,
        threshold=str(limits),
        sql=sql,
    )
