"""Which sources are configured, and that knowing it opens none of them and loads no library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.settings import Settings
from lakehouse_assets.sources import kinesis, postgres, sftp
from lakehouse_assets.sources.registry import REGISTRY, configured_sources
from lakehouse_assets_tests.ingestion.fake_source import FakeSource, fake_entry

SPECS = (sftp.SPEC, postgres.SPEC, kinesis.SPEC)
HEAVY = {"paramiko", "psycopg", "boto3", "botocore", "sqlalchemy", "pydantic", "dagster", "pyspark", "pyiceberg"}


def configured(home: Path, **values: object) -> dict[str, str]:
    """Names and times of the configured sources, had all three an implementation."""
    settings = Settings.model_validate({"home": home} | values)
    return {source.name: source.cron for source in configured_sources(settings, [fake_entry(spec) for spec in SPECS])}


def test_no_source_is_configured_by_default(tmp_path: Path) -> None:
    assert configured(tmp_path) == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sftp_host": "sftp.example.org"}, {"transactions": "10 * * * *"}),
        ({"postgres_host": "db"}, {"users": "50 23 * * *"}),
        ({"postgres_url": "no url"}, {"users": "50 23 * * *"}),
        ({"postgres_url_file": "/absent"}, {"users": "50 23 * * *"}),
        ({"kinesis_stream": "clicks"}, {"events": "*/5 * * * *"}),
        ({"kinesis_stream": "clicks", "kinesis_every_minutes": 15}, {"events": "*/15 * * * *"}),
        (
            {"kinesis_stream": "clicks", "sftp_host": "a", "postgres_host": "b"},
            {"transactions": "10 * * * *", "users": "50 23 * * *", "events": "*/5 * * * *"},
        ),
    ],
)
def test_source_is_configured_by_its_host_url_or_stream_rightly_or_wrongly(
    tmp_path: Path, values: dict[str, object], expected: dict[str, str]
) -> None:
    assert configured(tmp_path, **values) == expected


def test_configured_source_is_opened_with_the_place_where_it_lands(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "sftp_host": "a"})
    (source,) = configured_sources(settings, [fake_entry(sftp.SPEC, [("a.csv", "T1\n")])])
    opened = source.open()
    assert isinstance(opened, FakeSource)
    assert opened._destination.landing == tmp_path / "landing"


def test_each_source_of_the_registry_has_a_name_of_its_own_and_variables_that_exist() -> None:
    known = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields}
    assert {name for spec in SPECS for name in spec.variables} <= known
    assert len({entry.spec.name for entry in REGISTRY}) == len(REGISTRY)
    assert {entry.spec for entry in REGISTRY} <= set(SPECS)


def test_commands_know_the_sources_without_loading_what_is_heavy() -> None:
    code = "import sys, lakehouse_assets.sources.registry; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(loaded.stdout.split()) & HEAVY == set()
