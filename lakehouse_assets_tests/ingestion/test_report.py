"""What a pull tells: the same numbers wherever they are shown."""

from __future__ import annotations

from datetime import date

from lakehouse_assets.ingestion.report import PullReport


def test_numbers_have_stable_names_in_the_order_in_which_they_are_shown() -> None:
    landed = ("events/dt=2024-11-16/b.json.gz", "events/dt=2024-11-15/a.json.gz", "events/dt=2024-11-16/c.json.gz")
    report = PullReport("events", landed, 40, 1234, 2, 1, lag_seconds=61.23456, seconds=2.00049)
    assert list(report.numbers().items()) == [
        ("files", 3),
        ("rows", 40),
        ("bytes", 1234),
        ("skipped", 2),
        ("rejected", 1),
        ("seconds", 2.0),
        ("lag_seconds", 61.235),
    ]
    assert report.days == (date(2024, 11, 15), date(2024, 11, 16))


def test_lag_that_is_not_known_is_no_number() -> None:
    assert "lag_seconds" not in PullReport("users").numbers()
    assert PullReport("users", lag_seconds=0.0).numbers()["lag_seconds"] == 0.0
