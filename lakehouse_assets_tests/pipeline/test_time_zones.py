"""The machine's own time zone changes nothing: all times are UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lakehouse_assets.storage.lake import Lake
from lakehouse_assets_tests.comparing import oracle_as_rows, tables_as_rows
from lakehouse_assets_tests.driving import run_pipeline

EVENT = '{"event_id":"E1","session_id":"S1","user_id":"U1","event_type":"%s","event_timestamp":"%s"}\n'
EARLIER, LATER = date(2024, 11, 15), date(2024, 11, 22)


@pytest.fixture(params=["America/Lima", "UTC", "Pacific/Auckland"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("order", [(EARLIER, LATER), (LATER, EARLIER)], ids=["in order", "backwards"])
def test_versions_an_hour_within_the_horizon_meet(order: tuple[date, date], lake: Lake, tmp_path: Path) -> None:
    for day, event in (
        (EARLIER, EVENT % ("click", "2024-11-15T12:00:00")),
        (LATER, EVENT % ("login", "2024-11-22T11:00:00")),
    ):
        folder = tmp_path / "landing" / "events" / f"dt={day}"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text(event)
    for day in order:
        run_pipeline(lake, tmp_path / "landing", [day])
    assert tables_as_rows(lake) == oracle_as_rows(tmp_path / "landing")
