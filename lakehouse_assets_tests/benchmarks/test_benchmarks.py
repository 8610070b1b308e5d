"""`python -m benchmarks --small` as a developer runs it: every work gets measured rows, a rerun commits nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.measure import Usage, measure
from benchmarks.peer_runs import Peers
from benchmarks.rounds import Absent, Figure, alternate
from benchmarks.verdicts import RatioLimit, Row, Verdict, ratio_row
from benchmarks.works import WORKS, Sitting, WorkName

ROOT = Path(__file__).resolve().parents[2]
USAGE = re.compile(r"(\d+\.\d) s wall, (\d+\.\d) s CPU, (\d+\.\d\d) GiB peak")


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The table of one small sitting: per row the cells by their headers."""
    out = tmp_path_factory.mktemp("benchmarks") / "table.md"
    ran = benchmarks("--small", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == out.read_text()
    header, _, *body = [_cells(line) for line in ran.stdout.splitlines() if line.startswith("|")]
    assert header == ["work", "ours", "peer", "ratio", "limit", "verdict"]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _row(rows: list[dict[str, str]], work: str, limit: str) -> dict[str, str]:
    [row] = [row for row in rows if row["work"].startswith(work) and row["limit"].startswith(limit)]
    return row


def _assert_measured(cell: str) -> None:
    found = USAGE.search(cell)
    assert found is not None, cell
    wall, cpu, peak = map(float, found.groups())
    assert wall > 0
    assert cpu > 0
    assert peak > 0


@pytest.mark.parametrize(
    ("work", "limit", "peer"),
    [
        ("20,000 events in one day", "CPU", "duck"),
        ("one day after 6 days of history", "wall", "after 2 days"),
        ("rerun of 2 days", "wall", "first run"),
    ],
)
def test_work_is_measured_against_its_peer_and_judged(
    rows: list[dict[str, str]], work: str, limit: str, peer: str
) -> None:
    row = _row(rows, work, limit)
    _assert_measured(row["ours"])
    assert row["peer"].startswith(f"{peer}: ")
    _assert_measured(row["peer"])
    assert float(row["ratio"]) > 0
    assert row["verdict"] in {"met", "MISSED"}


@pytest.mark.parametrize("work", ["default data set, 2 days", "20,000 events in one day"])
def test_prototype_that_is_left_out_is_still_shown(rows: list[dict[str, str]], work: str) -> None:
    row = _row(rows, work, "wall")
    _assert_measured(row["ours"])
    assert row["peer"].startswith("prototype: not run: left out on request")
    assert row["verdict"] == "left out"


def test_peak_memory_of_the_process_tree_is_judged(rows: list[dict[str, str]]) -> None:
    row = _row(rows, "20,000 events in one day", "peak")
    # An interpreter with the engine in it cannot be smaller, and so little data does not need more.
    assert 0.1 < float(row["ours"].removesuffix(" GiB peak")) < 3
    assert row["verdict"] == "met"


def test_rerun_without_changes_commits_no_snapshot(rows: list[dict[str, str]]) -> None:
    row = _row(rows, "rerun of 2 days", "0 snapshots")
    assert row["ours"] == "0 snapshots committed"
    assert row["verdict"] == "met"


def test_prototype_without_java_is_shown_with_the_reason_and_has_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    absent = Peers(tmp_path / "trial", with_prototype=True).prototype(tmp_path)
    assert isinstance(absent, Absent)
    row = ratio_row("work", [Usage(1, 1, 1)], "prototype", absent, RatioLimit(Figure.WALL, 0.5, "wall <= 1/2"))
    assert row.peer == "prototype: not run: needs Java 17 or 21, found none"
    assert not row.verdict.complete


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"), [([2, 9, 2], [4, 4, 4], Verdict.MET), ([2, 3, 3], [4, 4, 4], Verdict.MISSED)]
)
def test_verdict_is_about_the_median_of_the_rounds_ratios(
    ours: list[float], theirs: list[float], verdict: Verdict
) -> None:
    usages = [[Usage(wall, 1, 1) for wall in walls] for walls in (ours, theirs)]
    row = ratio_row("work", usages[0], "peer", usages[1], RatioLimit(Figure.WALL, 0.5, "wall <= 1/2"))
    assert row.verdict is verdict


def test_sides_are_measured_in_turns() -> None:
    order: list[str] = []

    def side(name: str) -> Usage:
        order.append(name)
        return Usage(1, 1, 1)

    alternate(partial(side, "ours"), {"peer": partial(side, "peer"), "other": Absent("not here", True)}, rounds=2)
    assert order == ["peer", "ours", "peer", "ours"]


def test_work_whose_process_fails_ends_with_its_message_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(sitting: Sitting) -> list[Row]:
        python(sitting.folder, "print('the last words'); raise SystemExit(3)")
        return []

    monkeypatch.setitem(WORKS, WorkName.RERUN, work)
    result = CliRunner().invoke(app, ["--only", "rerun"])
    assert result.exit_code == 1
    assert "ended with exit code 3" in result.stderr
    assert "the last words" in result.stderr
    assert "| rerun | - | - | - | - | failed |" in result.stdout


def test_memory_and_cpu_of_a_child_that_nobody_waits_for_count(tmp_path: Path) -> None:
    child = "import time; block = bytearray(300 * 2**20)\nwhile time.process_time() < 2: pass"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(0.5)"
    usage = python(tmp_path, parent)
    assert usage.cpu_seconds > 1.5
    assert usage.peak_bytes > 300 * 2**20
    assert usage.wall_seconds < 1.5


def python(folder: Path, code: str) -> Usage:
    return measure("a script", [sys.executable, "-c", code], folder, os.environ)
