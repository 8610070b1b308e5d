"""A pull killed at any step, and the next: each file lands once, none is lost, nothing is left over."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse_assets.landing.files import list_files
from lakehouse_assets_tests.ingestion.destinations import DAY, destination, files_below
from lakehouse_assets_tests.ingestion.killed_pull import CONTENT, DAYS, REPEATED

KILLED = -signal.SIGKILL
# More than a pull has steps: the last pulls of a walk over all of them live.
MORE_THAN_ALL_STEPS = 50


def expected_landing() -> dict[str, bytes]:
    """What landing holds once everything has landed, whatever was killed on the way."""
    landed = {
        f"transactions/dt={DAY + timedelta(days=number)}/{name}.csv": CONTENT.format(f"{number}-{name}").encode()
        for number in range(DAYS)
        for name in "ab"
    }
    refused = f"_rejected/transactions/dt={DAY}/bad.csv"
    return landed | {refused: REPEATED.encode(), f"{refused}.reason.txt": b"no header\n"}


def pulls(step: int | str, homes: Sequence[Path]) -> list[int]:
    """The exit status of a pull in each home, killed before a step."""
    command = [sys.executable, "-m", "lakehouse_assets_tests.ingestion.killed_pull", str(step), *map(str, homes)]
    ran = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    return [int(line) for line in ran.stdout.split()]


def seen_by_a_reader(home: Path) -> set[bytes]:
    """What a reader of landing would read now."""
    days = [DAY + timedelta(days=number) for number in range(DAYS)]
    return {file.path.read_bytes() for day in days for file in list_files(home / "landing", "transactions", day)}


def noted(home: Path) -> tuple[object, int]:
    """The watermark, and how many landings are not finished."""
    with destination(home).open_ledger("transactions") as ledger:
        return ledger.watermark(), len(ledger.unfinished())


def test_pull_killed_before_any_step_lands_every_file_once_and_leaves_nothing_over(tmp_path: Path) -> None:
    homes = [tmp_path / str(step) for step in range(MORE_THAN_ALL_STEPS)]
    statuses = pulls("each", homes)
    steps = statuses.index(0)
    assert set(statuses[:steps]) == {KILLED}
    assert set(statuses[steps:]) == {0}
    # Two landings of two files (flush, rename, flush of the folder; three commits), and what the rest takes.
    assert steps > 30
    expected = expected_landing()
    # No reader ever saw half a file.
    assert any(noted(home)[1] and len(seen_by_a_reader(home)) % 2 for home in homes), "none died between two renames"
    whole = {content for place, content in expected.items() if place.startswith("transactions/")}
    assert set().union(*map(seen_by_a_reader, homes)) == whole

    assert set(pulls("never", homes)) == {0}
    assert [home.name for home in homes if files_below(home / "landing") != expected] == []
    assert {noted(home) for home in homes} == {(DAYS, 0)}


@pytest.mark.parametrize("stride", [5, 9])
def test_pull_killed_again_and_again_comes_to_its_end(tmp_path: Path, stride: int) -> None:
    statuses = [status for step in range(8, 40, stride) for status in pulls(step, [tmp_path])]
    assert statuses[0] == KILLED
    assert set(statuses) <= {0, KILLED}
    assert pulls("never", [tmp_path]) == [0]
    assert files_below(tmp_path / "landing") == expected_landing()
    assert noted(tmp_path) == (DAYS, 0)
