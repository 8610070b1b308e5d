"""Every rule with the line that just passes and the one that just fails, through bronze and both looks at a line.

Lines and verdicts are written by hand in `reference.examples`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.landing.files import list_days
from lakehouse_assets.pipeline.bronze import stage_bronze
from lakehouse_assets.pipeline.judging import judge_days
from lakehouse_assets.quality.gate import Gate
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.publish import publish
from lakehouse_assets.storage.stage import RunInfo
from lakehouse_assets_tests.reference import RULE_EXAMPLES, parse_json, write_examples

NO_GATE = Gate(min_rows=1_000_000, max_percent=100)
JSON_COLUMNS = {"event_details", "extra"}


@pytest.mark.parametrize("name", SOURCES)
def test_every_example_gets_the_verdict_and_values_written_beside_it(name: str, lake: Lake, tmp_path: Path) -> None:
    source, landing = SOURCES[name], tmp_path / "landing"
    expected = {
        line: example for line, example in write_examples(landing, RULE_EXAMPLES).items() if example.source == name
    }
    run = RunInfo("test-run", "test", "0", datetime.now(UTC))
    publish(lake, stage_bronze(lake, landing, source, list_days(landing, name), run).staged)

    judged = judge_days(lake, source, list_days(landing, name), NO_GATE)
    failed = {
        (row["source_file"], row["line_number"]): tuple(row["failed_rules"])
        for row in judged.verdicts.toArrow().to_pylist()
    }
    values = {(row["source_file"], row["line_number"]): row for row in judged.accepted.toArrow().to_pylist()}

    verdicts = failed | dict.fromkeys(values, ())
    assert verdicts == {line: tuple(example.failed_rules) for line, example in expected.items()}
    wanted = {line: dict(example.expected) for line, example in expected.items() if example.expected}
    assert {line: _selected(values[line], row) for line, row in wanted.items()} == wanted


def _selected(row: dict[str, object], wanted: dict[str, object]) -> dict[str, object]:
    return {
        name: parse_json(str(row[name])) if name in JSON_COLUMNS and row[name] is not None else row[name]
        for name in wanted
    }
