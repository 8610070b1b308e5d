"""The quality report and the status: numbers worked out by hand, links that lead somewhere, names that harm nobody."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.pipeline.metrics import append_metrics
from lakehouse_assets.quality.catalogue import Check, Severity
from lakehouse_assets.quality.results import CheckResult
from lakehouse_assets.quality_command import app
from lakehouse_assets.quality_report import build_report, percent_text
from lakehouse_assets.storage.lake import Lake
from lakehouse_assets.storage.stage import RunInfo

THURSDAY, FRIDAY, SATURDAY, SUNDAY = (date(2024, 11, day) for day in (14, 15, 16, 17))
EVENTS, GOLD = "silver.events", "gold.user_session_analysis"
NOON = datetime(2024, 11, 18, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:3000"
_VOID = {"meta", "col", "path", "circle"}


class Page(HTMLParser):
    """What a page says: by id of its section the rows of its tables, and every link, id and element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[list[str]]] = defaultdict(list)
        self.words: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in _VOID:
            self._open.append((tag, attributes.get("id") or ""))
        if tag == "tr":
            self.rows[self._section()].append([])
        if tag in ("td", "th"):
            self.rows[self._section()][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        names = [name for name, _ in self._open]
        if "style" in names or not data.strip():
            return
        self.words.append(data.strip())
        if "td" in names or "th" in names:
            row = self.rows[self._section()][-1]
            row[-1] = f"{row[-1]} {data.strip()}".strip()

    def _section(self) -> str:
        return next((id_ for tag, id_ in self._open if tag == "section"), "")

    def values(self, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for _, attributes in self.tags if attribute in attributes]

    @property
    def text(self) -> str:
        return " ".join(self.words)


def _row(
    table: str, day: date, check: str, failed: int, total: int, verdict: str = "", **others: Any
) -> dict[str, Any]:
    return {
        "table_name": table,
        "partition_day": day,
        "check_name": check,
        "run_id": "run-1",
        "measured_at": NOON,
        "passed": not verdict,
        "severity": verdict or "ERROR",
        "is_blocking": False,
        "failed_rows": failed,
        "total_rows": total,
        "threshold": "over 1 %",
        "is_current": True,
        **others,
    }


ROWS = [
    _row(EVENTS, THURSDAY, "event_type_allowed", 0, 100),
    _row(EVENTS, THURSDAY, "gate", 0, 100),
    _row(EVENTS, FRIDAY, "event_type_allowed", 8, 100, "WARN"),
    _row(EVENTS, FRIDAY, "gate", 8, 100),
    _row(EVENTS, FRIDAY, "user_id_not_null", 12, 100, "WARN", is_current=False),
    _row(EVENTS, FRIDAY, "user_id_not_null", 0, 90, run_id="run-2", measured_at=NOON + timedelta(hours=1)),
    _row(EVENTS, SATURDAY, "event_type_allowed", 30, 100, "ERROR"),
    _row(EVENTS, SATURDAY, "gate", 30, 100, "ERROR"),
    _row(EVENTS, SATURDAY, "user_id_not_null", 5, 100, "WARN"),
    _row(GOLD, THURSDAY, "contract", 0, 0),
    _row(GOLD, FRIDAY, "contract", 0, 40),
    _row(GOLD, FRIDAY, "session_in_its_day", 0, 40),
    _row(GOLD, SATURDAY, "contract", 1, 4000, "ERROR", is_blocking=True, run_id="run-3"),
]


def _report(rows: list[dict[str, Any]], first: date = THURSDAY, last: date = SUNDAY) -> str:
    return build_report(pa.Table.from_pylist(rows), first, last, run_url_base=f"{BASE}/", written_at=NOON)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(_report(ROWS))


def test_head_names_the_range_and_the_totals(page: Page) -> None:
    assert page.tags[0] == ("html", {"lang": "en"})
    assert page.words[0] == "Data quality, 2024-11-14 to 2024-11-17"
    assert "as of 2024-11-18 12:00 UTC" in page.text
    # 8 and 30 event types, 5 users and 1 row of gold; the gate counts the same lines again.
    assert (
        "errors now 3 warnings now 2 checks pass 7 rows fail a check 44 days checked 3 of 4 runs 3 By table"
        in page.text
    )


def test_heat_map_has_a_row_for_each_table_with_the_worst_verdict_of_each_day(page: Page) -> None:
    assert page.rows["heat"] == [
        ["", "November 2024"],
        ["table", "14", "15", "16", "17"],
        [
            EVENTS,
            "✓ ok: all 2 checks pass",
            "! warning: 1 of 3 checks fail",
            "✕ error: 3 of 3 checks fail",
            "· no data: not checked",
        ],
        [
            GOLD,
            "· no data: 1 checks saw no rows",
            "✓ ok: all 2 checks pass",
            "✕ error: 1 of 1 checks fail",
            "· no data: not checked",
        ],
    ]


def test_worst_days_come_first_with_their_rules_and_runs(page: Page) -> None:
    assert page.rows["worst"] == [
        ["day", "failing rows", "most frequent", "run"],
        [
            "2024-11-16",
            "36",
            f"{EVENTS} event_type_allowed 30 {EVENTS} user_id_not_null 5 {GOLD} contract 1",
            "run-1 run-3",
        ],
        ["2024-11-15", "8", f"{EVENTS} event_type_allowed 8", "run-1"],
    ]


def test_no_more_than_ten_days_are_the_worst() -> None:
    days = [THURSDAY + timedelta(days=index) for index in range(12)]
    rows = [_row(EVENTS, day, "event_type_allowed", index + 1, 100, "WARN") for index, day in enumerate(days)]
    shown = Page(_report(rows, days[0], days[-1])).rows["worst"][1:]
    assert [row[1] for row in shown] == ["12", "11", "10", "9", "8", "7", "6", "5", "4", "3"]


def test_trends_show_last_and_highest_share_of_each_check_that_a_row_failed(page: Page) -> None:
    line = "highest {} on 2024-11-16, last {} on 2024-11-16"
    assert page.rows["trends"][1:] == [
        [EVENTS, "event_type_allowed", line.format("30.0 %", "30.0 %"), "30.0 %", "30.0 %", "38", "✕ error"],
        [EVENTS, "gate", line.format("30.0 %", "30.0 %"), "30.0 %", "30.0 %", "38", "✕ error"],
        [EVENTS, "user_id_not_null", line.format("5.0 %", "5.0 %"), "5.0 %", "5.0 %", "5", "! warning"],
        [GOLD, "contract", line.format("< 0.1 %", "< 0.1 %"), "< 0.1 %", "< 0.1 %", "1", "✕ error"],
    ]
    assert "1 other checks had no failing row" in page.text


def test_line_of_a_trend_runs_from_zero_to_the_highest_and_breaks_where_there_are_no_rows(page: Page) -> None:
    lines = [str(attributes["d"]) for _, attributes in page.tags if attributes.get("class") == "line"]
    # Four days over 172 of 180 pixels; 22 pixels stand for 30 %, so 8 % are 5.9 of them above the ground at 26.
    assert lines[0] == "M4.0 26.0h0L61.3 20.1L118.7 4.0"
    # Gold had no rows on Thursday.
    assert lines[3] == "M61.3 26.0h0L118.7 4.0"


def test_failing_checks_are_listed_by_day_with_counts_threshold_and_run(page: Page) -> None:
    head = ["table", "verdict", "check", "failed", "of", "share", "threshold", "run"]
    assert page.rows["failing"] == [
        head,
        [EVENTS, "✕ error", "event_type_allowed", "30", "100", "30.0 %", "over 1 %", "run-1"],
        ["✕ error", "gate", "30", "100", "30.0 %", "over 1 %", "run-1"],
        ["! warning", "user_id_not_null", "5", "100", "5.0 %", "over 1 %", "run-1"],
        [GOLD, "✕ error blocking", "contract", "1", "4,000", "< 0.1 %", "over 1 %", "run-3"],
        head,
        [EVENTS, "! warning", "event_type_allowed", "8", "100", "8.0 %", "over 1 %", "run-1"],
    ]
    assert f"Thursday, 2024-11-14 Nothing fails: {EVENTS} (all 2 checks pass) ," in page.text


def test_check_that_failed_and_passes_now_is_listed_as_corrected(page: Page) -> None:
    assert page.rows["corrected"][1:] == [
        ["2024-11-15", EVENTS, "user_id_not_null", "12 of 100", "0 of 90", "run-1", "run-2"]
    ]


def test_check_that_failed_before_and_fails_still_is_not_corrected() -> None:
    before = _row(EVENTS, FRIDAY, "gate", 30, 100, "ERROR", is_current=False)
    now = _row(EVENTS, FRIDAY, "gate", 20, 100, "ERROR", run_id="run-2", measured_at=NOON + timedelta(hours=1))
    page = Page(_report([before, now]))
    assert "corrected" not in page.values("id")
    assert [row[3] for row in page.rows["failing"][1:]] == ["20"]


def test_errors_of_a_table_are_listed_before_warnings_with_more_rows() -> None:
    warning = _row(EVENTS, FRIDAY, "a", 90, 100, "WARN")
    error = _row(EVENTS, FRIDAY, "b", 20, 100, "ERROR")
    page = Page(_report([warning, error]))
    assert [row[-6] for row in page.rows["failing"][1:]] == ["b", "a"]


def test_links_lead_to_the_run_or_to_a_place_of_this_page(page: Page) -> None:
    links = page.values("href")
    inside = {link.removeprefix("#") for link in links if link.startswith("#")}
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert inside <= set(ids)
    assert {"t1-2024-11-14", "t1-2024-11-15", "t1-2024-11-16", "t2-2024-11-16"} <= inside
    assert {link for link in links if not link.startswith("#")} == {
        f"{BASE}/runs/run-1",
        f"{BASE}/runs/run-2",
        f"{BASE}/runs/run-3",
    }


def test_page_loads_nothing_and_runs_nothing(page: Page) -> None:
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "form"} == set()
    assert [value for name in ("src", "srcset", "action", "onclick", "onload") for value in page.values(name)] == []
    assert "url(" not in _report(ROWS)
    assert "@import" not in _report(ROWS)


def test_every_heading_of_a_table_says_what_it_heads(page: Page) -> None:
    headings = [attributes for tag, attributes in page.tags if tag == "th"]
    assert headings
    assert [attributes for attributes in headings if "scope" not in attributes] == []


def test_names_that_are_markup_are_shown_as_text_and_do_nothing() -> None:
    table, check = "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>'
    hostile = _row(table, FRIDAY, check, 9, 10, "ERROR", run_id='../x?y#"<b>', threshold="</style>{{ 7 * 7 }}&amp;")
    page = Page(_report([hostile]))
    assert {tag for tag, _ in page.tags} & {"script", "img", "b"} == {"b"}
    assert page.rows["failing"][1] == [
        table,
        "✕ error",
        check,
        "9",
        "10",
        "90.0 %",
        "</style>{{ 7 * 7 }}&amp;",
        '../x?y#"',
    ]
    assert page.rows["heat"][2][0] == table
    assert page.values("onerror") == []
    assert {link for link in page.values("href") if not link.startswith("#")} == {
        f"{BASE}/runs/..%2Fx%3Fy%23%22%3Cb%3E"
    }


def test_days_on_which_all_is_well_make_a_page_that_says_so() -> None:
    page = Page(_report([_row(EVENTS, FRIDAY, "gate", 0, 100)]))
    assert "No row fails a check on these days." in page.text
    assert page.rows["failing"] == []
    assert f"Nothing fails: {EVENTS} (all 1 checks pass)" in page.text


@pytest.mark.parametrize(
    ("percent", "text"), [(0.0, "0.0 %"), (0.04, "< 0.1 %"), (0.1, "0.1 %"), (99.96, "100.0 %"), (1234.5, "1,234.5 %")]
)
def test_share_that_is_not_zero_is_never_shown_as_zero(percent: float, text: str) -> None:
    assert percent_text(percent) == text


WARNED = CheckResult(
    Check(EVENTS, "event_type_allowed", "few"), FRIDAY, 8, 100, passed=False, severity=Severity.WARN, threshold="1 %"
)
BLOCKED = CheckResult(Check(GOLD, "contract", "whole", is_blocking=True), SATURDAY, 1, 4000, passed=False)
RUN = RunInfo("run-1", "2024-11-15", "1.2.3", NOON)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _quality(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_status_lists_what_fails_errors_first_and_exits_with_1(home: Path, lake: Lake) -> None:
    append_metrics(lake, [WARNED, BLOCKED], RUN)
    result = _quality("status")
    lines = [line.split() for line in result.stdout.splitlines() if "2024-11-1" in line]
    assert lines == [
        ["2", "of", "2", "checks", "of", "2024-11-15", "to", "2024-11-16", "fail"],
        ["ERROR", "blocking", "2024-11-16", GOLD, "contract", "1", "4,000", "<", "0.1", "%"],
        ["WARN", "2024-11-15", EVENTS, "event_type_allowed", "8", "100", "8.0", "%"],
    ]
    assert result.exit_code == 1


def test_status_of_a_day_with_warnings_only_exits_with_0(home: Path, lake: Lake) -> None:
    append_metrics(lake, [WARNED, BLOCKED], RUN)
    result = _quality("status", "--day", "2024-11-15")
    assert "1 of 1 checks of 2024-11-15 fail" in result.stdout
    assert result.exit_code == 0


def test_status_of_what_was_corrected_says_that_all_checks_pass(home: Path, lake: Lake) -> None:
    append_metrics(lake, [BLOCKED], RUN)
    passes = CheckResult(BLOCKED.check, SATURDAY, 0, 4000, passed=True)
    append_metrics(lake, [passes], RunInfo("run-2", "2024-11-16", "1.2.3", NOON + timedelta(hours=1)))
    result = _quality("status")
    assert result.stdout.strip() == "All 1 checks of 2024-11-16 pass."
    assert result.exit_code == 0


def test_status_shows_names_with_brackets_as_they_are(home: Path, lake: Lake) -> None:
    append_metrics(lake, [CheckResult(Check("silver.[red]x[/]", "[/y]", "odd"), FRIDAY, 1, 2, passed=False)], RUN)
    assert "silver.[red]x[/]" in _quality("status").stdout


@pytest.mark.parametrize("command", ["report", "status"])
def test_without_any_verdict_the_command_names_the_one_to_run_first(home: Path, command: str) -> None:
    result = _quality(command)
    assert f"No check has been measured yet in {home}." in result.stderr
    assert "Run `lakehouse run --from DAY --to DAY` first." in result.stderr
    assert result.exit_code == 1
    assert not Path("quality-report.html").exists()


def test_report_of_days_that_were_not_checked_says_which_were(home: Path, lake: Lake) -> None:
    append_metrics(lake, [WARNED, BLOCKED], RUN)
    out = home / "page.html"
    result = _quality("report", "--from", "2024-12-01", "--to", "2024-12-31", "--out", str(out))
    assert "measured were days from 2024-11-15 to 2024-11-16" in result.stderr
    assert result.exit_code == 1
    assert not out.exists()


def test_report_covers_by_default_the_thirty_days_up_to_the_newest(home: Path, lake: Lake) -> None:
    append_metrics(lake, [WARNED, BLOCKED], RUN)
    out = home / "page.html"
    result = _quality("report", "--out", str(out), "--run-url-base", "https://dagster.example/")
    assert result.stdout.strip() == f"{out}: 2024-10-18 to 2024-11-16, 1 errors and 1 warnings."
    assert result.exit_code == 0
    page = Page(out.read_text())
    assert page.rows["heat"][0] == ["", "October 2024", "November 2024"]
    assert len(page.rows["heat"][1]) == 31
    assert "https://dagster.example/runs/run-1" in page.values("href")
    assert [path.name for path in home.glob("*.html*")] == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "2024-11-16", "--to", "2024-11-15"), "--from 2024-11-16 is after --to 2024-11-15"),
        (("--run-url-base", "javascript:alert(1)"), "is no http or https address"),
        (
            ("--out", "missing-folder/page.html"),
            "missing-folder/page.html cannot be written: No such file or directory",
        ),
    ],
)
def test_option_that_is_wrong_is_refused_with_exit_code_2(
    home: Path, lake: Lake, arguments: tuple[str, str], message: str
) -> None:
    append_metrics(lake, [WARNED], RUN)
    result = _quality("report", *arguments)
    assert message in result.stderr
    assert result.exit_code == 2


def test_report_below_a_file_is_refused_and_the_file_is_left_alone(home: Path, lake: Lake) -> None:
    append_metrics(lake, [WARNED], RUN)
    (home / "file").write_text("no folder")
    result = _quality("report", "--out", str(home / "file" / "page.html"))
    assert result.exit_code == 2
    assert (home / "file").read_text() == "no folder"
