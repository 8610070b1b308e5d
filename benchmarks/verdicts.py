"""Rows of the result: measured figures held against a limit, with a verdict each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.measure import Usage
from benchmarks.rounds import Absent, Figure, median_ratio, median_usage

_GIB = 2**30


class Verdict(StrEnum):
    """How a row ended."""

    MET = "met"
    MISSED = "MISSED"
    LEFT_OUT = "left out"
    NOT_RUN = "not run"
    FAILED = "failed"

    @property
    def complete(self) -> bool:
        """Whether this is what was asked for: a verdict on the limit, or a peer left out on request."""
        return self not in (Verdict.NOT_RUN, Verdict.FAILED)


@dataclass(frozen=True)
class Row:
    """One line of the table; every cell but the verdict is text."""

    work: str
    ours: str
    peer: str
    ratio: str
    limit: str
    verdict: Verdict


@dataclass(frozen=True)
class RatioLimit:
    """Ours may be at most so many times the peer's.

    Args:
        figure: what is compared.
        at_most: the limit.
        text: the limit as people say it.
    """

    figure: Figure
    at_most: float
    text: str


def ratio_row(work: str, ours: Sequence[Usage], peer: str, theirs: Sequence[Usage] | Absent, limit: RatioLimit) -> Row:
    """Ours against a peer's, or against why the peer did not run."""
    cell = usage_text(ours)
    if isinstance(theirs, Absent):
        verdict = Verdict.NOT_RUN if theirs.asked_for else Verdict.LEFT_OUT
        return Row(work, cell, f"{peer}: not run: {theirs.reason}", "-", limit.text, verdict)
    ratio = median_ratio(limit.figure, ours, theirs)
    return Row(work, cell, f"{peer}: {usage_text(theirs)}", f"{ratio:.2f}", limit.text, _judge(ratio, limit.at_most))


def peak_row(work: str, ours: Sequence[Usage], at_most_gib: float) -> Row:
    """The greatest peak of all rounds against a fixed limit."""
    peak = max(usage.peak_bytes for usage in ours) / _GIB
    return Row(
        work, f"{peak:.2f} GiB peak", "-", "-", f"peak <= {at_most_gib:g} GiB, every round", _judge(peak, at_most_gib)
    )


def none_row(work: str, counts: Mapping[str, int], noun: str) -> Row:
    """Counts by name that must add up to 0; those that do not are named."""
    total = sum(counts.values())
    named = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return Row(work, f"{total} {noun}" + (f" ({named})" if named else ""), "-", "-", f"0 {noun}", _judge(total, 0))


def failed_row(work: str) -> Row:
    """A work whose process failed; the message is told apart from the table."""
    return Row(work, "-", "-", "-", "-", Verdict.FAILED)


def usage_text(usages: Sequence[Usage]) -> str:
    """The medians, for a cell of the table."""
    usage = median_usage(usages)
    return f"{usage.wall_seconds:.1f} s wall, {usage.cpu_seconds:.1f} s CPU, {usage.peak_bytes / _GIB:.2f} GiB peak"


def _judge(value: float, at_most: float) -> Verdict:
    return Verdict.MET if value <= at_most else Verdict.MISSED
