"""The command: what it refuses and how, what it removes, what a dry run and a live run do."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
import typer
from typer.testing import CliRunner, Result

import generator as package
from generator import GeneratorConfig, generate
from generator.batch import plan_generation
from generator.cli import generate as generate_command
from generator.live import SimulatedClock, drop_live
from generator.writer import LandedFile

from .conftest import FIRST_DAY
from .reading import bytes_by_path, bytes_of_day

TWO_DAYS = ("--start", FIRST_DAY.isoformat(), "--days", "2")
DEADLINE_SECONDS = 20
ROOT = Path(package.__file__).resolve().parent.parent
app = typer.Typer()
app.command()(generate_command)


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *arguments])


def flat(result: Result) -> str:
    """Everything printed, without boxes and line breaks."""
    return " ".join(result.output.replace("│", " ").split())


def test_each_option_and_the_file_set_what_the_function_takes(tmp_path: Path) -> None:
    volumes = ("--users", "30", "--sessions", "60", "--events", "900", "--transactions", "40")
    path = tmp_path / "my.ini"
    path.write_text("[calendar]\nseed = 6\n[landing]\ngzip_rate = 1\n")
    result = run(tmp_path / "command", *TWO_DAYS, "--seed", "5", *volumes, "--config", str(path))
    assert result.exit_code == 0, result.output
    wanted = GeneratorConfig.load(
        start=FIRST_DAY,
        days=2,
        seed=5,
        num_users=30,
        num_sessions=60,
        num_events=900,
        num_transactions=40,
        gzip_rate=1,
    )
    summary = generate(wanted, tmp_path / "function")
    assert bytes_by_path(tmp_path / "command") == bytes_by_path(tmp_path / "function")
    assert f"{summary.lines:,} lines in {summary.files:,} files" in flat(result)
    assert f"late_arrival {summary.defects['late_arrival']}" in flat(result)


def test_the_home_comes_from_the_environment(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*TWO_DAYS], env={"LAKEHOUSE_HOME": str(tmp_path)})
    assert result.exit_code == 0, result.output
    assert (tmp_path / "landing/events").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--day", "2020-01-01"), "2020-01-01 lies outside the calendar 2024-11-04 to 2024-11-05"),
        (("--day", "soon"), "--day 'soon': expected a day such as 2024-11-04"),
        (("--events", "3"), "num_events = 3: every one of the 500 sessions needs an event"),
        (("--config", "absent.ini"), "cannot read the configuration absent.ini"),
        (("--speed", "0"), "Invalid value for '--speed'"),
        (("--live", "--speed", "nan"), "Invalid value for '--speed'"),
    ],
)
def test_wrong_input_is_explained_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = run(tmp_path / "home", *TWO_DAYS, *arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit), "no traceback"
    assert message in flat(result)
    assert not (tmp_path / "home").exists()


def module(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m generator` in a process of its own, away from terminal, CI service and environment."""
    unwanted = {"GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "LAKEHOUSE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    return subprocess.run(
        [sys.executable, "-m", "generator", *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "250", "TERMINAL_WIDTH": "250", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_module_refuses_wrong_input_with_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = module("--home", str(tmp_path / "home"), "--start", "yesterday")
    assert done.returncode == 2
    assert "[calendar] start = 'yesterday': expected a day such as 2024-11-04" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "home").exists()


def test_the_module_makes_a_set_and_says_so(tmp_path: Path) -> None:
    done = module("--home", str(tmp_path), *TWO_DAYS)
    assert done.returncode == 0, done.stderr
    assert "lines in" in done.stdout
    assert (tmp_path / "truth/dt=2024-11-05.jsonl").is_file()


def test_a_home_that_cannot_be_written_ends_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    result = run(tmp_path / "home", *TWO_DAYS)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), "no traceback"
    assert "Error: cannot read or write:" in result.output


def test_another_seed_in_the_same_home_is_refused(tmp_path: Path) -> None:
    run(tmp_path, *TWO_DAYS)
    before = bytes_by_path(tmp_path)
    result = run(tmp_path, *TWO_DAYS, "--seed", "5", "--day", FIRST_DAY.isoformat())
    assert result.exit_code == 2
    assert "were not made by this seed and configuration: events/dt=2024-11-04/" in result.output
    assert bytes_by_path(tmp_path) == before


def test_force_replaces_the_generators_own_files_and_leaves_foreign_ones(tmp_path: Path) -> None:
    run(tmp_path, *TWO_DAYS)
    foreign = tmp_path / "landing/events/dt=2024-11-05/from-elsewhere.jsonl"
    foreign.write_text("{}\n")
    arguments = ("--start", FIRST_DAY.isoformat(), "--days", "1", "--seed", "5", "--force")
    result = run(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    generate(GeneratorConfig.load(start=FIRST_DAY, days=1, seed=5), tmp_path / "fresh")
    left = {f"landing/events/dt=2024-11-05/{foreign.name}": b"{}\n"}
    assert bytes_by_path(tmp_path) == bytes_by_path(tmp_path / "fresh") | left
    assert not (tmp_path / "landing/users/dt=2024-11-05").exists()


def test_a_foreign_file_is_refused_without_force_and_never_overwritten_with_it(tmp_path: Path) -> None:
    foreign = tmp_path / "landing/users/dt=2024-11-05/users.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("theirs\n")
    refused, forced = run(tmp_path, *TWO_DAYS), run(tmp_path, *TWO_DAYS, "--force")
    assert (refused.exit_code, forced.exit_code) == (2, 2)
    assert "bear a name that the generator needs" in forced.output
    assert bytes_by_path(tmp_path) == {"landing/users/dt=2024-11-05/users.csv": b"theirs\n"}


def test_an_edited_file_is_refused_and_made_again_with_force(tmp_path: Path) -> None:
    run(tmp_path, *TWO_DAYS)
    before = bytes_by_path(tmp_path)
    edited = tmp_path / "landing/users/dt=2024-11-05/users.csv"
    edited.write_text("user_id\n")
    refused = run(tmp_path, *TWO_DAYS)
    assert refused.exit_code == 2
    assert "were changed since they were generated: users/dt=2024-11-05/users.csv" in refused.output
    assert edited.read_text() == "user_id\n"
    assert run(tmp_path, *TWO_DAYS, "--force").exit_code == 0
    assert bytes_by_path(tmp_path) == before


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/manifest.json").write_text("[]")
    result = run(tmp_path, *TWO_DAYS)
    assert result.exit_code == 2
    assert "is not a manifest of the generator" in result.output


def test_a_set_without_a_fixed_start_keeps_its_days_tomorrow(tmp_path: Path) -> None:
    begun = GeneratorConfig.load(today=FIRST_DAY, days=2)
    generate(begun, tmp_path)
    before = bytes_by_path(tmp_path)
    result = run(tmp_path, "--days", "2")
    assert result.exit_code == 0, result.output
    assert f"already holds this set, from {begun.first_day} to {begun.last_day}" in flat(result)
    assert bytes_by_path(tmp_path) == before


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    run(tmp_path, *TWO_DAYS)
    before = bytes_by_path(tmp_path)
    result = run(tmp_path, *TWO_DAYS, "--seed", "5", "--force", "--dry-run")
    assert result.exit_code == 0, result.output
    assert f"would remove {tmp_path / 'landing/users/dt=2024-11-04/users.csv'}" in result.output
    assert "  2024-11-05: " in result.output
    assert bytes_by_path(tmp_path) == before


def test_live_drops_the_same_files_in_the_order_of_their_hours(tmp_path: Path) -> None:
    result = run(tmp_path / "live", *TWO_DAYS, "--live", "--speed", "1e9")
    assert result.exit_code == 0, result.output
    run(tmp_path / "batch", *TWO_DAYS)
    assert bytes_by_path(tmp_path / "live") == bytes_by_path(tmp_path / "batch")
    drops = [line for line in result.output.splitlines() if line.endswith(" lines")]
    assert drops == sorted(drops, key=lambda line: line[:16])
    assert len(drops) == len([name for name in bytes_by_path(tmp_path / "live") if name.startswith("landing")])
    assert f"Finished: {len(drops)} files dropped." in result.output


def test_live_from_now_drops_what_is_due_and_waits_for_the_rest(tmp_path: Path) -> None:
    """The clock stands at noon: the morning's files land at once, the others not before they are due."""
    config = GeneratorConfig.load(start=FIRST_DAY, days=1)
    stop, noon_reached = Event(), Event()
    dropped: list[str] = []

    def report(due: datetime, file: LandedFile) -> None:
        dropped.append(file.path)
        if due.hour == 12:
            noon_reached.set()

    noon = datetime(2024, 11, 4, 12, 1, tzinfo=UTC)
    plan = plan_generation(config, tmp_path)
    thread = Thread(target=drop_live, args=(plan, SimulatedClock(noon, speed=0.001), stop, report))
    thread.start()
    assert noon_reached.wait(DEADLINE_SECONDS)
    thread.join(0.3)
    assert thread.is_alive(), "the afternoon's files are not due"
    stop.set()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()
    assert max(path[-8:] for path in dropped if path.endswith(".csv")) == "s-11.csv"
    assert not (tmp_path / "truth/dt=2024-11-04.jsonl").exists()


def test_a_stopped_live_run_is_completed_by_repeating_it(tmp_path: Path) -> None:
    config = GeneratorConfig.load(start=FIRST_DAY, days=2)
    stop = Event()
    midnight = datetime(2024, 11, 4, tzinfo=UTC)
    count = drop_live(
        plan_generation(config, tmp_path), SimulatedClock(midnight, 1e9), stop, lambda _due, _file: stop.set()
    )
    assert count == 1
    assert json.loads((tmp_path / "truth/manifest.json").read_text())["writing"] == ["2024-11-04", "2024-11-05"]
    generate(config, tmp_path)
    generate(config, tmp_path / "whole")
    assert bytes_by_path(tmp_path) == bytes_by_path(tmp_path / "whole")


def test_interrupting_live_stops_cleanly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_due: datetime, _file: LandedFile) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("generator.cli._print_drop", interrupt)
    before = signal.getsignal(signal.SIGINT)
    result = run(tmp_path, *TWO_DAYS, "--live", "--speed", "1e9")
    assert result.exit_code == 0, result.output
    assert "Stopped: 1 files dropped." in result.output
    assert signal.getsignal(signal.SIGINT) is before


def test_live_without_a_start_begins_today(tmp_path: Path) -> None:
    result = run(tmp_path, "--live", "--days", "1", "--speed", "1e9")
    today = datetime.now(UTC).date()
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "landing").glob("*/*")} <= {f"dt={today}", f"dt={today - timedelta(1)}"}
    assert "files dropped." in result.output


def test_live_refuses_a_set_that_is_over(tmp_path: Path) -> None:
    generate(GeneratorConfig.load(today=FIRST_DAY, days=2), tmp_path)
    result = run(tmp_path, "--live", "--days", "2")
    assert result.exit_code == 2
    assert "nothing is left to drop live" in flat(result)


def test_one_day_is_made_again_alone(tmp_path: Path) -> None:
    run(tmp_path / "whole", *TWO_DAYS)
    result = run(tmp_path / "day", *TWO_DAYS, "--day", "2024-11-05")
    assert result.exit_code == 0, result.output
    assert bytes_by_path(tmp_path / "day") == bytes_of_day(tmp_path / "whole", FIRST_DAY + timedelta(days=1))
