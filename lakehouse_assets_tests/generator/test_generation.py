"""The generator's promises: bytes that repeat, totals that are exact, and a truth that an outsider confirms.

The outsider is the reference, which reads the landing files on its own and knows nothing of the generator.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from generator import GenerationSummary, GeneratorConfig, generate
from lakehouse_assets_tests.reference import Tables, recompute

START = date(2024, 11, 4)
SEEDS = (1, 2, 3)
DAYS = 14
CLEAN_LINES = {"events": 2000, "transactions": 300}
# Records of lines (or, the last one, of a file) that come on top of the clean ones; quarantined lines do too.
ADDED_KINDS = {"exact_duplicate", "near_duplicate"}
REDELIVERED_FILE = "redelivered_file"

Truth = list[dict[str, Any]]


class Generated(NamedTuple):
    """A full run of the default configuration, and what the reference makes of it."""

    config: GeneratorConfig
    home: Path
    summary: GenerationSummary
    truth: Truth
    tables: Tables


def default_config(seed: int) -> GeneratorConfig:
    return GeneratorConfig.load(start=START, seed=seed)


def read_truth(home: Path) -> Truth:
    return [
        json.loads(line)
        for path in sorted((home / "truth").glob("dt=*.jsonl"))
        for line in path.read_bytes().split(b"\n")
        if line
    ]


def read_days(home: Path, *days: date) -> dict[str, bytes]:
    """The bytes of all landing and truth files of some arrival days, by their path below home."""
    files = [
        path
        for day in days
        for pattern in (f"landing/*/dt={day}/*", f"truth/dt={day}.jsonl")
        for path in home.glob(pattern)
    ]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


def read_all_days(generated: Generated) -> dict[str, bytes]:
    return read_days(generated.home, *generated.config.all_days)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed{seed}")
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    config, home = default_config(request.param), tmp_path_factory.mktemp("generated")
    summary = generate(config, home)
    return Generated(config, home, summary, read_truth(home), recompute(home / "landing"))


def test_each_day_made_alone_equals_the_same_day_of_the_full_run(generated: Generated, tmp_path: Path) -> None:
    for day in generated.config.all_days:
        home = tmp_path / day.isoformat()
        generate(generated.config, home, days=[day])
        alone = read_days(home, *generated.config.all_days)
        assert alone
        assert alone == read_days(generated.home, day)


def test_day_lost_and_made_again_in_place_restores_the_run_and_touches_nothing_else(tmp_path: Path) -> None:
    config = default_config(SEEDS[0])
    generate(config, tmp_path)
    before = read_days(tmp_path, *config.all_days)
    day = config.all_days[5]
    lost = read_days(tmp_path, day)
    for path in lost:
        (tmp_path / path).unlink()
    assert read_days(tmp_path, *config.all_days) != before

    summary = generate(config, tmp_path, days=[day])

    assert read_days(tmp_path, *config.all_days) == before
    assert summary.files_changed == summary.files == sum(path.startswith("landing/") for path in lost)


def test_repeated_run_changes_no_file(generated: Generated) -> None:
    before = read_all_days(generated)
    again = generate(generated.config, generated.home)
    assert (again.files, again.files_changed) == (generated.summary.files, 0)
    assert read_all_days(generated) == before


def test_another_seed_makes_other_events_transactions_and_users(generated: Generated, tmp_path: Path) -> None:
    other = default_config(generated.config.calendar.seed + 100)
    generate(other, tmp_path)
    for source in ("events", "transactions", "users"):
        ours = {row["raw"] for row in generated.tables.bronze[source]}
        theirs = {row["raw"] for row in recompute(tmp_path / "landing").bronze[source]}
        assert ours - theirs
        assert theirs - ours


@pytest.mark.parametrize("source", CLEAN_LINES)
def test_clean_lines_add_up_to_the_configured_total(generated: Generated, source: str) -> None:
    """Day totals count every line; what the truth calls added, and files that landed twice, come off."""
    records = [record for record in generated.truth if record["source"] == source]
    redelivered = {record["source_file"] for record in records if record["kind"] == REDELIVERED_FILE}
    lines = sum(record["lines"] for record in records if record["kind"] == "day_total")
    repeated = sum(row["source_file"] in redelivered for row in generated.tables.bronze[source])
    added = {
        (record["source_file"], record["line_number"])
        for record in records
        if record["source_file"] not in redelivered and (record["failed_rules"] or record["kind"] in ADDED_KINDS)
    }
    assert added
    assert lines - repeated - len(added) == CLEAN_LINES[source]


@pytest.mark.parametrize("source", CLEAN_LINES)
def test_reference_finds_exactly_the_configured_total_of_rows(generated: Generated, source: str) -> None:
    assert len(generated.tables.silver[source]) == CLEAN_LINES[source]


def test_summary_counts_the_lines_and_files_that_landed(generated: Generated) -> None:
    assert generated.summary.lines == sum(counts.lines for counts in generated.tables.counts.values())
    landed = [path for path in read_all_days(generated) if path.startswith("landing/")]
    assert generated.summary.files == generated.summary.files_changed == len(landed)


def test_truth_names_exactly_the_quarantined_lines_and_their_rules(generated: Generated) -> None:
    planted = {
        (record["source_file"], record["line_number"], tuple(record["failed_rules"]))
        for record in generated.truth
        if record["failed_rules"]
    }
    found = {
        (row["source_file"], row["line_number"], tuple(row["failed_rules"]))
        for rows in generated.tables.quarantine.values()
        for row in rows
    }
    assert planted
    assert planted == found


def test_day_totals_equal_the_counts_of_the_reference(generated: Generated) -> None:
    totals = {
        (record["source"], date.fromisoformat(record["arrival_date"])): (
            record["lines"],
            record["quarantined"],
            record["late"],
        )
        for record in generated.truth
        if record["kind"] == "day_total"
    }
    counts = {
        key: (counted.lines, counted.quarantined, counted.late) for key, counted in generated.tables.counts.items()
    }
    assert len(totals) == DAYS * len(generated.tables.bronze)
    # A source without files on a day has a total of nothing, and no counts.
    assert {key: total for key, total in totals.items() if key in counts or any(total)} == counts


def test_truth_of_a_redelivered_file_names_a_file_with_the_same_bytes(generated: Generated) -> None:
    landing = generated.home / "landing"
    records = [record for record in generated.truth if record["kind"] == REDELIVERED_FILE]
    assert records
    for record in records:
        assert record["source_file"] != record["key"]
        assert (landing / record["source_file"]).read_bytes() == (landing / record["key"]).read_bytes()


def test_no_day_is_held(generated: Generated) -> None:
    assert generated.tables.held == set()
