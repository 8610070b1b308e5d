"""`python -m generator` as a person meets it: wrong input ends with exit code 2 and a sentence, not a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import generator

ROOT = Path(generator.__file__).resolve().parent.parent
# Typer colours its messages when it believes to be in a terminal or a CI service; the home is given by option.
UNWANTED = {"GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "LAKEHOUSE_HOME"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with lines wide enough not to break a message."""
    environment = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    return subprocess.run(
        [sys.executable, "-m", "generator", *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "250", "TERMINAL_WIDTH": "250", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("--start", "yesterday"),
            "[calendar] start = 'yesterday': expected a day such as 2024-11-04",
            id="start-is-no-day",
        ),
        pytest.param(
            ("--events", "10"),
            "[data_volumes] num_events = 10: every one of the 500 sessions needs an event",
            id="too-few-events",
        ),
    ],
)
def test_wrong_input_is_refused_with_a_clear_message(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run("--home", str(home), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not home.exists()


def test_good_input_makes_a_set_and_says_so(tmp_path: Path) -> None:
    done = run("--home", str(tmp_path), "--start", "2024-11-04", "--days", "2")
    assert done.returncode == 0, done.stderr
    assert "lines in" in done.stdout
    assert (tmp_path / "truth" / "dt=2024-11-05.jsonl").is_file()
