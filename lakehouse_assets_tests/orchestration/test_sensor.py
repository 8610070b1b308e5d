"""The sensor `landing_files` over a real landing folder: which files ask for a run, of which day, under which key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, Definitions, RunRequest, build_sensor_context
from dagster._core.definitions.sensor_definition import SensorExecutionData

from lakehouse_assets.definitions import build_defs
from lakehouse_assets.settings import Settings

NOON = 1_731_672_000_000_000_000


@dataclass
class Watch:
    """The sensor with its cursor from tick to tick, as Dagster's daemon keeps it."""

    home: Path
    start: date = date(2024, 11, 1)
    cursor: str | None = None
    run_keys: list[str | None] = field(default_factory=list)
    instance: DagsterInstance = field(default_factory=DagsterInstance.ephemeral)

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def tick(self) -> SensorExecutionData:
        defs = self.defs()
        with build_sensor_context(self.instance, self.cursor, repository_def=defs.get_repository_def()) as context:
            data = defs.resolve_sensor_def("landing_files").evaluate_tick(context)
        self.cursor = data.cursor
        self.run_keys.extend(request.run_key for request in data.run_requests or [])
        return data

    def defs(self) -> Definitions:
        return build_defs(settings=Settings.model_validate({"home": self.home, "start_date": self.start}))

    def run(self, first: str, last: str) -> None:
        """A run by hand, as `lakehouse run` makes it."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        job = self.defs().resolve_job_def("daily")
        assert job.execute_in_process(instance=self.instance, tags=tags).success

    def days(self) -> list[str | None]:
        """The days that one tick asks for."""
        return [request.partition_key for request in self.requests()]

    def requests(self) -> list[RunRequest]:
        return list(self.tick().run_requests or [])


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    with watch.instance:
        yield watch


def _land(watch: Watch, path: str, text: str = "{}\n", mtime_ns: int = NOON) -> Path:
    file = watch.landing / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, ns=(mtime_ns, mtime_ns))
    return file


def test_without_a_landing_folder_nothing_runs(watch: Watch) -> None:
    tick = watch.tick()
    assert not tick.run_requests
    assert tick.skip_message == f"No file came, changed or went in 0 days of {watch.landing}."


@pytest.mark.parametrize("name", ["events/dt=2024-11-15/a.jsonl", "transactions/dt=2024-11-15/a.csv.gz"])
def test_new_file_asks_for_a_run_of_its_arrival_day(watch: Watch, name: str) -> None:
    _land(watch, name)
    (request,) = watch.requests()
    assert request.partition_key == "2024-11-15"
    assert request.tags["dagster/partition"] == "2024-11-15"
    assert request.job_name in (None, "daily")
    assert (request.run_key or "").startswith("2024-11-15")


def test_each_day_with_new_files_gets_one_run_of_its_own(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    _land(watch, "users/dt=2024-11-15/a.csv")
    _land(watch, "transactions/dt=2024-11-13/a.csv")
    assert watch.days() == ["2024-11-13", "2024-11-15"]


def test_unchanged_files_are_skipped_in_words_that_say_what_was_looked_at(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-14/a.jsonl")
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    tick = watch.tick()
    assert not tick.run_requests
    assert tick.skip_message == f"No file came, changed or went in 2 days of {watch.landing}."


def test_skipping_keeps_what_was_seen(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    watch.tick()
    assert watch.days() == []


def test_only_the_day_with_another_file_runs_again(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-14/a.jsonl")
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    _land(watch, "users/dt=2024-11-14/late.csv")
    assert watch.days() == ["2024-11-14"]


def test_changed_content_runs_the_day_again_under_another_key(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl", "{}\n")
    watch.tick()
    _land(watch, "events/dt=2024-11-15/a.jsonl", '{"event_id":"E1"}\n')
    assert watch.days() == ["2024-11-15"]
    assert len(set(watch.run_keys)) == 2


def test_changed_time_at_the_same_size_runs_the_day_again_under_another_key(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl", "{1\n")
    watch.tick()
    _land(watch, "events/dt=2024-11-15/a.jsonl", "{2\n", mtime_ns=NOON + 1)
    assert watch.days() == ["2024-11-15"]
    assert len(set(watch.run_keys)) == 2


def test_renamed_file_runs_the_day_again(watch: Watch) -> None:
    file = _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    file.rename(file.with_name("b.jsonl"))
    assert watch.days() == ["2024-11-15"]


def test_removed_file_runs_the_day_again_under_another_key(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    removed = _land(watch, "events/dt=2024-11-15/b.jsonl")
    watch.tick()
    removed.unlink()
    assert watch.days() == ["2024-11-15"]
    assert len(set(watch.run_keys)) == 2


def test_removed_day_folder_runs_the_day_once_more_and_then_no_more(watch: Watch) -> None:
    file = _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    file.unlink()
    file.parent.rmdir()
    assert watch.days() == ["2024-11-15"]
    assert watch.days() == []
    assert len(set(watch.run_keys)) == 2


def test_landing_folder_that_is_gone_is_not_taken_for_removed_files(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    unmounted = watch.landing.rename(watch.home / "unmounted")
    tick = watch.tick()
    assert not tick.run_requests
    assert tick.skip_message == f"{watch.landing} is not there. Nothing is taken as removed; mount it again."
    unmounted.rename(watch.landing)
    assert watch.days() == []


def test_state_that_comes_back_runs_again_though_dagster_runs_a_key_only_once(watch: Watch) -> None:
    file = _land(watch, "events/dt=2024-11-15/a.jsonl")
    assert watch.days() == ["2024-11-15"]
    aside = file.rename(watch.home / "aside")
    assert watch.days() == ["2024-11-15"]
    aside.rename(file)
    assert watch.days() == ["2024-11-15"]
    file.rename(aside)
    assert watch.days() == ["2024-11-15"]
    aside.rename(file)
    assert watch.days() == ["2024-11-15"]
    assert len(set(watch.run_keys)) == 5


def test_same_tick_evaluated_again_after_a_crash_asks_under_the_same_keys(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    crashed = Watch(watch.home, cursor=watch.cursor)
    _land(watch, "events/dt=2024-11-15/b.jsonl")
    assert [request.run_key for request in crashed.requests()] == [request.run_key for request in watch.requests()]


def test_cursor_says_which_files_there_are_and_not_when_it_was_looked(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    other = Watch(watch.home)
    watch.tick()
    other.tick()
    assert watch.cursor == other.cursor
    assert "2024-11-15" in (watch.cursor or "")


@pytest.mark.parametrize(
    "name", ["new.json.tmp", "new.json.part", ".new.json", "_new.json", "_SUCCESS", "notes.txt", "new.json.inprogress"]
)
def test_file_that_does_not_count_does_not_run_its_day(watch: Watch, name: str) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.tick()
    _land(watch, f"events/dt=2024-11-15/{name}")
    assert watch.days() == []


@pytest.mark.parametrize("folder", ["2024-11-15", "dt=2024-13-01", "dt=20241115", "day=2024-11-15"])
def test_folder_that_is_no_day_runs_nothing(watch: Watch, folder: str) -> None:
    _land(watch, f"events/{folder}/a.jsonl")
    assert watch.days() == []


def test_day_without_a_file_that_counts_does_not_run(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/.a.jsonl.tmp")
    (watch.landing / "users" / "dt=2024-11-14").mkdir(parents=True)
    assert watch.days() == []
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    assert watch.days() == ["2024-11-15"]


@pytest.mark.parametrize("day", ["2024-10-31", "2999-01-01"])
def test_folder_of_a_day_that_is_no_partition_does_not_stop_the_other_days(watch: Watch, day: str) -> None:
    _land(watch, f"events/dt={day}/a.jsonl")
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    assert watch.days() == ["2024-11-15"]


def test_day_runs_when_it_has_become_a_partition_after_its_file_came(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-14/a.jsonl")
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.start = date(2024, 11, 15)
    assert watch.days() == ["2024-11-15"]
    watch.start = date(2024, 11, 14)
    assert watch.days() == ["2024-11-14"]


def test_new_day_after_more_than_a_year_of_days_runs_alone(watch: Watch) -> None:
    watch.start = date(2023, 1, 1)
    for number in range(400):
        _land(watch, f"events/dt={date(2023, 1, 1) + timedelta(days=number)}/a.jsonl")
    assert len(watch.days()) == 400
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    assert watch.days() == ["2024-11-15"]


def test_day_that_a_run_by_hand_has_read_is_not_run_again(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-14/a.jsonl")
    _land(watch, "users/dt=2024-11-15/a.csv")
    _land(watch, "events/dt=2024-11-16/a.jsonl")
    watch.run("2024-11-14", "2024-11-15")
    assert watch.days() == ["2024-11-16"]


def test_file_that_came_or_went_after_a_run_by_hand_is_run(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-14/a.jsonl")
    gone = _land(watch, "events/dt=2024-11-15/a.jsonl")
    _land(watch, "events/dt=2024-11-16/a.jsonl")
    watch.tick()
    watch.run("2024-11-14", "2024-11-16")
    _land(watch, "users/dt=2024-11-14/late.csv")
    gone.unlink()
    assert watch.days() == ["2024-11-14", "2024-11-15"]


def test_day_that_was_put_back_to_what_a_run_last_read_is_not_run_again(watch: Watch) -> None:
    _land(watch, "events/dt=2024-11-15/a.jsonl")
    watch.run("2024-11-15", "2024-11-15")
    watch.tick()
    extra = _land(watch, "events/dt=2024-11-15/b.jsonl")
    assert watch.days() == ["2024-11-15"]
    extra.unlink()
    assert watch.days() == []
