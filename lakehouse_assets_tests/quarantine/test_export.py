"""`lakehouse quarantine export`: the formats, what is masked, and what happens to files that are there."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.quarantine_command import app
from lakehouse_assets_tests.quarantine.home import HOSTILE, SECRETS, quarantine

THURSDAY = ("--day", "2024-11-14")
PLACES = [("events/dt=2024-11-14/a.json", 2), ("events/dt=2024-11-14/a.json", 3)]
MASKED = [
    '{"event_id":"XXXXXXXXXXX","user_id":"xxxxx.xxxxx@xxxxxxx.xxx"',
    '{"event_id":"X9","session_id":"X9","user_id":"XxxxxxXxxx99","event_type":"xxxxxxxx",'
    '"event_timestamp":"9999-99-99X99:99:99"}',
]
COLUMNS = [
    *("source", "arrival_date", "source_file", "line_number", "raw_masked", "failed_rules", "quarantined_at", "run_id")
]


def export(home: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(
        app, ["export", "--out", str(out), *options], env={"LAKEHOUSE_HOME": str(home), "COLUMNS": "200"}
    )


def test_jsonl_has_an_object_per_line(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.jsonl"
    assert export(home, out, *THURSDAY).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [list(row) for row in rows] == [COLUMNS] * 2
    assert [(row["source_file"], row["line_number"]) for row in rows] == PLACES
    assert [row["raw_masked"] for row in rows] == MASKED
    assert [row["failed_rules"] for row in rows] == [["corrupt_json"], ["event_type_allowed"]]
    assert {(row["source"], row["arrival_date"], row["run_id"]) for row in rows} == {
        ("events", "2024-11-14", "test-run")
    }


def test_csv_has_a_header_and_joins_the_rules(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.CSV"
    assert export(home, out, "--source", "transactions").exit_code == 0
    with out.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == COLUMNS
    assert [row[:6] for row in rows] == [
        [
            *("transactions", "2024-11-15", "transactions/dt=2024-11-15/b.csv", "3"),
            *("X9,X9,X9,-9,XXX,9999-99-99 99:99:99", "amount_positive"),
        ],
        [
            *("transactions", "2024-11-15", "transactions/dt=2024-11-15/b.csv", "4"),
            *("X9,X9,X9-99,xxx,XXX,9999-99-99 99:99:99", "amount_valid;currency_allowed"),
        ],
    ]


def test_parquet_has_the_columns_with_their_types(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.parquet"
    assert export(home, out, "--raw").exit_code == 0
    table = pq.read_table(out)
    assert table.num_rows == 25
    assert table.column_names == [name.removesuffix("_masked") for name in COLUMNS]
    assert [str(table.schema.field(name).type) for name in ("arrival_date", "line_number", "quarantined_at")] == [
        "date32[day]",
        "int64",
        "timestamp[us, tz=UTC]",
    ]
    assert HOSTILE in table["raw"].to_pylist()


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_no_secret_is_in_a_masked_file(home: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"bad{ending}"
    assert export(home, out).exit_code == 0
    content = out.read_bytes()
    assert [secret for secret in SECRETS if secret.encode() in content] == []


def test_raw_file_is_for_its_owner_only_also_where_it_replaces_another(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.jsonl"
    out.write_text("everybody's")
    out.chmod(0o644)
    assert export(home, out, *THURSDAY, "--raw", "--force").exit_code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "maria.perez@example.com" in out.read_text()


def test_control_characters_of_a_raw_text_are_escaped_in_jsonl(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.jsonl"
    assert export(home, out, "--raw").exit_code == 0
    assert [line for line in out.read_text().splitlines() if not line.isprintable()] == []
    assert HOSTILE in [json.loads(line)["raw"] for line in out.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("there.csv", "is there already and was left as it is. Choose another, or add --force."),
        ("bad.xlsx", "ends in none of: .jsonl, .csv, .parquet. Nothing was written."),
        ("no/folder/bad.csv", "is no file in a folder that is there. Nothing was written."),
        ("folder.csv", "is no file in a folder that is there. Nothing was written."),
    ],
)
def test_file_that_cannot_be_written_is_named_and_left_as_it_is(
    home: Path, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "there.csv").write_text("mine")
    exported = export(home, tmp_path / name)
    assert exported.exit_code == 2
    assert message in " ".join(exported.stderr.split())
    assert {path.name for path in tmp_path.iterdir()} == {"folder.csv", "there.csv"}
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_export_that_fails_on_the_way_leaves_the_old_file_and_no_other(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bad.jsonl"
    out.write_text("mine")
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    exported = quarantine(home, "export", "--out", str(out), "--force", before=full)
    assert exported.returncode == 1
    assert f"{out} cannot be written: File too large. It is as it was." in exported.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_nothing_selected_writes_no_file(home: Path, tmp_path: Path) -> None:
    exported = export(home, tmp_path / "bad.csv", "--source", "users")
    assert exported.exit_code == 0
    assert "No quarantined line is selected." in exported.stderr
    assert list(tmp_path.iterdir()) == []
