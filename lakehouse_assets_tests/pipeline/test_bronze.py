"""Bronze holds every line of a day's files, byte for byte as the hand-written file examples say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import BRONZE
from lakehouse_assets.pipeline.bronze import stage_bronze
from lakehouse_assets.pipeline.judging import judge_days
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.publish import publish
from lakehouse_assets.storage.read import read_table
from lakehouse_assets.storage.stage import RunInfo
from lakehouse_assets_tests.driving import DEFAULT_GATE
from lakehouse_assets_tests.reference import FILE_EXAMPLES, FileExample, write_example_file


def _run() -> RunInfo:
    return RunInfo("test-run", "test", "0", datetime.now(UTC))


def _snapshot_count(lake: Lake, source: str) -> int:
    return len(lake.table(BRONZE[source]).snapshots())


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.mark.parametrize("example", FILE_EXAMPLES, ids=lambda example: f"{example.source}: {example.name}")
def test_file_lands_line_by_line_with_its_verdicts(example: FileExample, lake: Lake, landing: Path) -> None:
    write_example_file(landing, example)
    source = SOURCES[example.source]
    publish(lake, stage_bronze(lake, landing, source, [example.arrival_date], _run()).staged)

    bronze = read_table(lake, BRONZE[source.name])
    rows = sorted(bronze.toArrow().to_pylist(), key=lambda row: row["line_number"])
    verdicts = judge_days(lake, source, [example.arrival_date], DEFAULT_GATE).verdicts.toArrow().to_pylist()
    failed = {row["line_number"]: tuple(row["failed_rules"]) for row in verdicts}

    landed = [(row["line_number"], row["raw"]) for row in rows]
    assert landed == [(line.line_number, line.raw) for line in example.lines]
    assert {row["header"] for row in rows} <= {example.header}
    assert failed == {line.line_number: line.failed_rules for line in example.lines if line.failed_rules}


def test_day_with_the_same_files_is_not_written_again(lake: Lake, landing: Path) -> None:
    example = next(example for example in FILE_EXAMPLES if example.lines)
    write_example_file(landing, example)
    source = SOURCES[example.source]
    publish(lake, stage_bronze(lake, landing, source, [example.arrival_date], _run()).staged)
    before = _snapshot_count(lake, source.name)
    write = stage_bronze(lake, landing, source, [example.arrival_date], _run())
    publish(lake, write.staged)
    assert write.changed_days == ()
    assert _snapshot_count(lake, source.name) == before


def test_removed_file_empties_its_day(lake: Lake, landing: Path) -> None:
    example = next(example for example in FILE_EXAMPLES if example.lines)
    path = write_example_file(landing, example)
    source = SOURCES[example.source]
    publish(lake, stage_bronze(lake, landing, source, [example.arrival_date], _run()).staged)
    path.unlink()
    publish(lake, stage_bronze(lake, landing, source, [example.arrival_date], _run()).staged)
    assert read_table(lake, BRONZE[source.name]).count() == 0
