"""What a person sees of two weeks in the web UI, and does there, in a real browser.

Each test leaves pictures in `artefacts/screenshots/`. What is expected comes from the files that landed (`history`).
"""

from __future__ import annotations

import re

from dagster import AssetKey, AssetRecordsFilter, DagsterRunStatus, RunsFilter
from playwright.sync_api import Locator, Page, expect

from lakehouse_assets_tests.browser.conftest import WebUI, Window
from lakehouse_assets_tests.browser.history import BROKEN_LINES, LATE_EVENTS, SWIPES

GROUPS = {
    "landing": ["landing/events", "landing/transactions", "landing/users"],
    "bronze": ["bronze/events", "bronze/transactions", "bronze/users"],
    "silver": ["silver/events", "silver/transactions", "silver/users"],
    "quarantine": ["quarantine/events", "quarantine/transactions", "quarantine/users"],
    "gold": ["gold/user_session_analysis"],
}
TABLES = [name for group, names in GROUPS.items() if group != "landing" for name in names]
COLUMNS_OF_GOLD = [
    ("user_id", "string", "User of the session."),
    ("session_start_time", "timestamp", "Time of the first event."),
    ("event_types", "array<string>", "Types of the events, ordered by (event_timestamp, event_id)."),
    ("transaction_amount", "decimal(10,2)", "Its amount."),
]


def value_of(page: Page, name: str) -> Locator:
    """The cell beside a name of metadata."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True)).get_by_role("cell").nth(1)


def open_check(window: Window, check: str, day: str) -> None:
    """What a check of silver/events says of a day."""
    window.open(f"/assets/silver/events?view=checks&checkDetail={check}")
    # The asset's own tab of this name comes first.
    window.page.get_by_role("tab", name="Partitions").nth(1).click()
    window.page.get_by_title(day).first.click()
    expect(window.page.get_by_text("Latest execution")).to_be_visible()


def days_of_the_backfill(web_ui: WebUI) -> list[str]:
    """The day whose file is corrected, and the one after it."""
    days = web_ui.history.days
    first = days.index(web_ui.history.corrected_day)
    return list(days[first : first + 2])


def launch_backfill(window: Window, first: str, last: str) -> None:
    """From the job's page, as README.md says."""
    page = window.page
    window.open("/jobs")
    page.locator('a[href="/locations/lakehouse/jobs/daily"]').click()
    page.get_by_role("tab", name="Partitions").click()
    page.get_by_role("button", name="Materialize…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill(f"[{first}...{last}]")
    dialog.get_by_role("textbox").first.press("Enter")
    expect(dialog.get_by_text("2 partitions", exact=True)).to_be_visible()
    # Hatched: days of which some tables failed, the held ones.
    expect(dialog.locator('[style*="linear-gradient(135deg"]')).to_have_count(2)
    window.keep("backfill_dialog")
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_text("Created backfill")).to_be_visible()


def test_catalog_lists_every_asset_in_its_group(window: Window) -> None:
    window.open("/assets")
    rows = window.page.locator("[class*=VirtualizedTable_row]")
    expect(rows).to_have_count(13)
    for group, names in GROUPS.items():
        for name in names:
            row = rows.filter(has=window.page.locator(f'a[href="/assets/{name}"]'))
            expect(row).to_have_count(1)
            expect(row.get_by_role("link", name=f"asset_group {group}", exact=True)).to_be_visible()
            expect(row).to_contain_text(re.compile(r"\d+ partitions"))
    window.keep("catalog")


def test_lineage_leads_from_landing_to_gold(window: Window) -> None:
    window.open("/assets/gold/user_session_analysis?view=lineage&lineageScope=upstream&lineageDepth=3")
    # The whole graph fits beside the folded navigation.
    window.page.get_by_text("Hide navigation").click()
    for group in ("landing", "bronze", "silver", "gold"):
        for name in GROUPS[group]:
            expect(window.page.locator(f'a[href^="/assets/{name}"]').first).to_be_visible()
    # The transactions of the held day have no session: its events are missing.
    expect(window.page.get_by_text("13 / 14 Passed")).to_be_visible()
    expect(window.page.get_by_text("93% filled", exact=True)).to_have_count(8)
    window.keep("lineage")


def test_page_of_gold_says_what_it_is_and_what_each_column_means(window: Window) -> None:
    window.open("/assets/gold/user_session_analysis")
    page = window.page
    for text in (
        "User sessions: one row per session and user, over all its events, with user and purchase.",
        "Grain: one row per (session_id, user_id) that has an event in silver.",
    ):
        expect(page.get_by_text(text)).to_be_visible()
    for name, kind, meaning in COLUMNS_OF_GOLD:
        row = page.get_by_role("row").filter(has=page.get_by_role("cell").first.get_by_text(name, exact=True))
        expect(row).to_contain_text(kind)
        expect(row).to_contain_text(meaning)
    window.keep("gold")


def test_held_day_is_red_and_its_log_says_why_and_what_to_do(web_ui: WebUI, window: Window) -> None:
    day, counts = web_ui.history.held_day, web_ui.history.counts("events", web_ui.history.held_day)
    window.open("/assets/silver/events?view=partitions")
    page = window.page
    for status in ("Failed (1)", "Materialized (13)"):
        expect(page.get_by_text(status)).to_be_visible()
    page.get_by_title(day).first.click()
    expect(page.get_by_text(re.compile("failed, and did not materialize this asset"))).to_be_visible()
    window.keep("held_day")

    page.get_by_role("button", name="View logs").click()
    percent = 100 * counts.quarantined / counts.lines
    held = f"events {day} is held: {counts.quarantined} of {counts.lines} lines ({percent:.1f} %) are quarantined."
    expect(page.get_by_role("dialog").get_by_text(held).first).to_be_visible()
    expect(
        page.get_by_role("dialog").get_by_text("Correct the file and materialise the day again").first
    ).to_be_visible()
    window.keep("held_day_log")


# The daemon looks for backfills every 30 s from its start on (1.13.27, no setting): here in the file the wait is short.
# The test waits for the end of the runs, since pages that show a run under way do not follow it.
def test_backfill_from_the_job_page_heals_the_day_whose_file_was_corrected(web_ui: WebUI, window: Window) -> None:
    days = days_of_the_backfill(web_ui)
    web_ui.history.correct()
    launch_backfill(window, *days)
    (backfill,) = web_ui.instance.get_backfills()
    assert backfill.partition_names == days
    assert sorted(key.to_user_string() for key in backfill.asset_selection or ()) == sorted(TABLES)

    filters = RunsFilter(tags={"dagster/backfill": backfill.backfill_id})
    web_ui.wait_until(
        lambda: bool(runs := web_ui.instance.get_runs(filters)) and all(run.is_finished for run in runs),
        "the end of the runs of the backfill",
    )
    runs = web_ui.instance.get_runs(filters)
    assert {run.status for run in runs} == {DagsterRunStatus.SUCCESS}
    for table in TABLES:
        of_table = AssetRecordsFilter(asset_key=AssetKey(table.split("/")), asset_partitions=days)
        records = web_ui.instance.fetch_materializations(of_table, limit=10).records
        by_it = {record.partition_key for record in records if record.run_id in {run.run_id for run in runs}}
        assert (table, by_it) == (table, set(days))

    page, counts = window.page, web_ui.history.counts("transactions", days[0])
    window.open(f"/assets/silver/transactions?view=partitions&partition={days[0]}")
    for status in ("Failed (0)", "Materialized (14)"):
        expect(page.get_by_text(status)).to_be_visible()
    expect(value_of(page, "accepted")).to_have_text(str(counts.lines - counts.quarantined))
    window.keep("healed_day")


def test_quarantine_counts_the_lines_of_the_held_day(web_ui: WebUI, window: Window) -> None:
    day, counts = web_ui.history.held_day, web_ui.history.counts("events", web_ui.history.held_day)
    window.open(f"/assets/quarantine/events?view=partitions&partition={day}")
    page = window.page
    expect(page.get_by_text("Materialized (14)")).to_be_visible()
    expect(value_of(page, "lines")).to_have_text(str(counts.lines))
    expect(value_of(page, "dagster/partition_row_count")).to_have_text(str(counts.quarantined))
    broken = web_ui.history.lines_that_fail("corrupt_json", "events", day) + BROKEN_LINES
    expect(value_of(page, "quarantined/corrupt_json")).to_have_text(str(broken))
    window.keep("quarantine")


def test_failed_check_shows_its_numbers_and_lines_of_its_day(web_ui: WebUI, window: Window) -> None:
    day = web_ui.history.swiped_day
    failed = web_ui.history.lines_that_fail("event_type_allowed", "events", day)
    lines = web_ui.history.counts("events", day).lines
    threshold = "warning over 1 % and from 5 lines, error over 5 % and from 20 lines"
    open_check(window, "event_type_allowed", day)
    page = window.page
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text("Passed (13)")).to_be_visible()
    expect(page.get_by_text(f"{failed} of {lines} rows fail; {threshold}.")).to_be_visible()
    expect(value_of(page, "failed_rows")).to_have_text(str(failed))
    expect(value_of(page, "total_rows")).to_have_text(str(lines))
    expect(value_of(page, "failed_percent")).to_have_text(f"{100 * failed / lines:.3f}".rstrip("0").rstrip("."))
    expect(value_of(page, "threshold")).to_have_text(threshold)
    expect(page.get_by_text(f"events/dt={day}/swipes.jsonl")).to_have_count(min(SWIPES, 10))
    window.keep("failed_check")


def test_gate_shows_how_many_lines_held_the_day(web_ui: WebUI, window: Window) -> None:
    day, counts = web_ui.history.held_day, web_ui.history.counts("events", web_ui.history.held_day)
    open_check(window, "gate", day)
    expect(value_of(window.page, "failed_rows")).to_have_text(str(counts.quarantined))
    expect(value_of(window.page, "total_rows")).to_have_text(str(counts.lines))
    expect(value_of(window.page, "threshold")).to_have_text(
        "held from 20 quarantined lines that are over 10 % of the day's"
    )
    window.keep("gate")


def test_late_file_is_counted_on_the_day_it_arrived(web_ui: WebUI, window: Window) -> None:
    day = web_ui.history.late_day
    late = web_ui.history.counts("events", day).late
    window.open(f"/assets/silver/events?view=partitions&partition={day}")
    assert late >= LATE_EVENTS
    expect(value_of(window.page, "late")).to_have_text(str(late))
    expect(value_of(window.page, "rows_added")).to_have_text(str(LATE_EVENTS))
    expect(window.page.get_by_text("View all historical events (2)")).to_be_visible()
    window.keep("late_file")
