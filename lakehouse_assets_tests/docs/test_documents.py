"""README.md and the other documents: their shell examples run, and what they name is there."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lakehouse_assets.cli import app
from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.contracts.tables import GOLD, TABLES
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.docs.checkout import ROOT, files_of_the_repository

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"] + [
    f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))
]
NOT_RUN_HERE = {
    "./run_pipeline.sh ": "installs an environment; docs/test_run_pipeline.py runs it in a fresh checkout",
    "./run_tests.sh ": "would run these tests in these tests",
    "LAKEHOUSE_LAW_CASES=": "would run these tests in these tests",
    "export DAGSTER_HOME=": "needs Dagster's daemon; orchestration/test_daemon.py runs it with one",
    ".venv/bin/python -m benchmarks": "takes an hour; benchmarks/test_benchmarks.py runs it with little data",
    "python -m benchmarks ": "takes an hour; benchmarks/test_benchmarks.py runs it with little data",
}
# Paths of data and of what tests leave behind, not of the repository.
OF_DATA = re.compile(r"(landing|lakehouse|data|quarantined|artefacts)/|.*dt=|.*[<*]")
DEADLINE_SECONDS = 120


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(document), re.DOTALL | re.MULTILINE)


def code_spans(document: str) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", text_of(document), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", prose)


def reason_not_to_run(block: str) -> list[str]:
    return [reason for start, reason in NOT_RUN_HERE.items() if block.startswith(start)]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


@pytest.fixture
def new_checkout(tmp_path: Path) -> Path:
    """A folder laid out like a checkout that is installed."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "docs").mkdir()
    return tmp_path


@pytest.fixture
def used_checkout(new_checkout: Path) -> Path:
    """The same after `./run_pipeline.sh`."""
    first, last = (datetime.now(UTC).date() - timedelta(days=days) for days in (14, 1))
    made = run(
        f".venv/bin/lakehouse generate --start {first} && .venv/bin/lakehouse run --from {first} --to {last}",
        new_checkout,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return new_checkout


def test_shell_examples_run_as_written_in_their_order(used_checkout: Path) -> None:
    written = [block for document in DOCUMENTS for block in blocks(document, "sh")]
    ran = {block: run(block, used_checkout) for block in written if not reason_not_to_run(block)}
    assert {block: done.stderr for block, done in ran.items() if done.returncode != 0} == {}

    (session,) = [done.stdout for block, done in ran.items() if "SES_000001" in block]
    (shown,) = [text for text in blocks("README.md", "text") if "SES_000001" in text]
    day = re.compile(r"\d{4}-\d\d-\d\d")
    assert day.sub("DAY", session) == day.sub("DAY", shown)

    (late,) = [done.stdout for block, done in ran.items() if "EVT_LATE" in block]
    (without,) = [done.stdout for block, done in ran.items() if block.startswith("DAY=") and "rm data" in block]
    assert re.findall(r"silver.events +2,001 +\+1 ", late) != []
    assert re.findall(r"silver.events +2,000 +-1 ", without) != []


def test_crontab_line_runs_as_cron_would_run_it(new_checkout: Path) -> None:
    (line,) = blocks("README.md", "crontab")
    *times, command = line.strip().split(" ", 5)
    ran = run(command.replace("\\%", "%").replace("/path/to/checkout", str(new_checkout)), Path("/"))
    assert times == ["30", "0", "*", "*", "*"]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert f"Arrival days {yesterday} to {yesterday}" in ran.stdout


def test_each_reason_not_to_run_an_example_still_has_its_example() -> None:
    written = [block for document in DOCUMENTS for block in blocks(document, "sh")]
    assert [start for start in NOT_RUN_HERE if not any(block.startswith(start) for block in written)] == []


def test_fenced_blocks_are_of_a_language_that_is_looked_at() -> None:
    fences = [fence for document in DOCUMENTS for fence in re.findall(r"^```(.*)\n", text_of(document), re.MULTILINE)]
    assert set(fences) <= {"sh", "crontab", "text", "mermaid", ""}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_are_there(document: str) -> None:
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text_of(document))
    targets = [((ROOT / document).parent / (path or Path(document).name), anchor) for path, anchor in links]
    assert [path for path, _ in targets if not path.exists()] == []
    broken = [anchor for path, anchor in targets if anchor and anchor not in anchors(path.read_text())]
    assert broken == []


def test_pictures_of_the_readme_are_small_screenshots_that_are_in_the_repository() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text_of("README.md"))
    assert len(pictures) == 2
    assert set(pictures) <= set(files_of_the_repository())
    for picture in pictures:
        content = (ROOT / picture).read_bytes()
        assert (picture, content[1:4], struct.unpack(">II", content[16:24])) == (picture, b"PNG", (1440, 900))
        assert len(content) <= 200_000


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def expanded(name: str) -> list[str]:
    """`a/{b,c}.py` as two paths."""
    head, braces, rest = name.partition("{")
    choices, _, tail = rest.partition("}")
    return [f"{head}{choice}{tail}" for choice in choices.split(",")] if braces else [name]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document: str) -> None:
    files = files_of_the_repository()
    folders = {str(folder) for name in files for folder in Path(name).parents}
    there = [f"/{path}" for path in (*files, *folders)]
    named = [
        path.removeprefix("./").rstrip("/")
        for span in code_spans(document)
        if re.fullmatch(r"[\w./{},-]+/[\w./{},-]*|[\w.-]+\.(py|md|sh|yaml|toml|txt)", span) and not OF_DATA.match(span)
        for path in expanded(span)
    ]
    assert [path for path in named if not any(known.endswith(f"/{path}") for known in there)] == []


def commands_in(document: str) -> list[str]:
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    return [
        command for line in (*lines, *code_spans(document)) for command in re.findall(r"\blakehouse ([a-z].*)", line)
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_options_of_lakehouse_that_are_named_exist(document: str) -> None:
    known = options_below(get_command(app), "")
    used = [
        (name_of(command, known), set(re.findall(r"(?<!\S)--[a-z-]+", command))) for command in commands_in(document)
    ]
    assert [(name, options) for name, options in used if not options <= known.get(name, set())] == []
    assert [name for name, _ in used if name not in known] == []


def options_below(group: Any, prefix: str) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for name, command in getattr(group, "commands", {}).items():
        known[prefix + name] = {option for parameter in command.params for option in parameter.opts}
        known |= options_below(command, f"{prefix}{name} ")
    return known


def name_of(command: str, known: dict[str, set[str]]) -> str:
    two_words = " ".join(command.split()[:2])
    return two_words if two_words in known else command.split()[0]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_are_named_exist(document: str) -> None:
    elsewhere = text_of("run_pipeline.sh") + text_of("lakehouse_assets_tests/pipeline/test_law.py")
    known = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"LAKEHOUSE_[A-Z_]*[A-Z]", text_of(document).replace("LAKEHOUSE_*", "")))
    assert {name for name in named - known if name not in elsewhere} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tables_that_are_named_exist(document: str) -> None:
    named = set(re.findall(r"\b(?:bronze|silver|quarantine|gold)\.(?!py\b|md\b)[a-z_]+", text_of(document)))
    assert named - set(TABLES) == set()


def test_settings_of_the_readme_are_all_settings_with_their_defaults() -> None:
    (table,) = re.findall(r"read in `lakehouse_assets/settings.py`.\n\n(.*?)\n\n", text_of("README.md"), re.DOTALL)
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    defaults = {f"LAKEHOUSE_{name.upper()}": field.default for name, field in Settings.model_fields.items()}
    assert [name for name, _, _ in rows] == list(defaults)
    shown = {name: default for name, default, _ in rows if defaults[name] is not None}
    assert shown == {name: shown_default(default) for name, default in defaults.items() if default is not None}


def shown_default(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_columns_of_gold_in_the_readme_are_those_of_the_contract() -> None:
    section = text_of("README.md").split(f"\n## {GOLD.name}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert rows[2:] == [
        [
            column.name,
            column.spark_type.simpleString().upper().replace("<", "&lt;").replace(">", "&gt;"),
            "yes" if column.nullable else "",
            column.description,
        ]
        for column in GOLD.columns
    ]
    assert f"{GOLD.grain[0].upper()}{GOLD.grain[1:]}." in section


def test_every_rule_of_a_value_is_named_in_the_landing_rules() -> None:
    rules = {rule for source in SOURCES.values() for rule in source.rule_names if not rule.endswith("_not_null")}
    assert rules - set(code_spans("docs/landing.md")) == set()
