"""How much a set holds: exact totals, identifiers without a gap, the curve of the day, and the summary of a run."""

from pathlib import Path
from typing import Any

import pytest

from generator import GeneratorConfig, generate

from .reading import SOURCES, base_events, base_transactions, bytes_by_path, landed_lines, truth_records, user_versions

VOLUMES = [
    pytest.param({}, id="default"),
    pytest.param({"num_events": 500}, id="one_event_per_session"),
    pytest.param({"num_sessions": 40, "num_transactions": 90, "num_events": 700}, id="several_purchases_per_session"),
    pytest.param({"num_users": 1, "num_sessions": 1, "num_events": 1, "num_transactions": 0}, id="least"),
    pytest.param({"num_transactions": 0, "empty_day": 3, "days": 5, "seed": 9}, id="nobody_buys"),
]


@pytest.mark.parametrize("volumes", VOLUMES)
def test_volumes_are_exact_and_identifiers_have_no_gap(volumes: dict[str, Any], tmp_path: Path) -> None:
    config = GeneratorConfig.load(start="2024-11-04", **volumes)
    generate(config, tmp_path)
    events, transactions = base_events(tmp_path), base_transactions(tmp_path)
    wanted = config.volumes
    assert sorted(event["event_id"] for event in events) == [f"EVT_{n:08d}" for n in range(1, wanted.num_events + 1)]
    assert {event["session_id"] for event in events} == {f"SES_{n:06d}" for n in range(1, wanted.num_sessions + 1)}
    assert sorted(row["transaction_id"] for row in transactions) == [
        f"TXN_{n:07d}" for n in range(1, wanted.num_transactions + 1)
    ]
    assert {row["user_id"] for row in user_versions(tmp_path)} == {
        f"USR_{n:05d}" for n in range(1, wanted.num_users + 1)
    }


def test_evenings_are_busier_than_nights(rough_home: Path) -> None:
    hours = [event["event_timestamp"][11:13] for event in base_events(rough_home)]
    assert sum(hour in {"19", "20", "21"} for hour in hours) > 4 * sum(hour in {"02", "03", "04"} for hour in hours)


def test_summary_counts_the_files_lines_bytes_and_records_of_the_run(
    rough_config: GeneratorConfig, tmp_path: Path
) -> None:
    summary = generate(rough_config, tmp_path)
    landed = [content for path, content in bytes_by_path(tmp_path).items() if path.startswith("landing/")]
    assert summary.files == summary.files_changed == len(landed)
    assert summary.size_bytes == sum(len(content) for content in landed)
    assert summary.lines == sum(1 for source in SOURCES for _ in landed_lines(tmp_path, source))
    kinds = [record["kind"] for record in truth_records(tmp_path) if record["kind"] != "day_total"]
    assert summary.defects == {kind: kinds.count(kind) for kind in sorted(set(kinds))}
