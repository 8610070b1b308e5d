"""Equal settings make equal bytes: whole sets, single days, repeated runs. And what readers see while files land."""

import os
import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import BinaryIO

import pytest

from generator import GeneratorConfig, generate
from generator.rows import Source
from generator.truth import Tally
from generator.writer import land

from .conftest import EMPTY_DAY, FIRST_DAY, ROUGH_DAYS
from .reading import base_transactions, bytes_by_path, bytes_of_day


@pytest.mark.parametrize("day", ROUGH_DAYS, ids=str)
def test_a_day_alone_equals_the_same_day_of_the_whole_set(
    day: date, rough_config: GeneratorConfig, rough_home: Path, tmp_path: Path
) -> None:
    generate(rough_config, tmp_path, days=[day])
    assert bytes_by_path(tmp_path) == bytes_of_day(rough_home, day)


def test_days_in_any_order_and_grouping_make_the_whole_set(
    rough_config: GeneratorConfig, rough_home: Path, tmp_path: Path
) -> None:
    days = ROUGH_DAYS
    for chosen in ([days[5], days[1]], [days[0]], [days[2], days[3], days[4]]):
        generate(rough_config, tmp_path, days=chosen)
    assert bytes_by_path(tmp_path) == bytes_by_path(rough_home)
    assert (tmp_path / "truth/manifest.json").read_bytes() == (rough_home / "truth/manifest.json").read_bytes()


def test_large_days_of_many_blocks_repeat_alone_too(tmp_path: Path) -> None:
    config = GeneratorConfig.load(start=FIRST_DAY, days=3, num_events=240_000, num_sessions=50_000, num_users=9000)
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    generate(config, whole)
    generate(config, alone, days=[config.last_day])
    assert bytes_by_path(alone) == bytes_of_day(whole, config.last_day)


def test_another_seed_makes_other_bytes(default_config: GeneratorConfig, default_home: Path, tmp_path: Path) -> None:
    generate(GeneratorConfig.load(start=FIRST_DAY, seed=43), tmp_path)
    assert bytes_by_path(tmp_path).items().isdisjoint(bytes_by_path(default_home).items())


def test_each_day_is_drawn_anew(default_home: Path) -> None:
    amounts: dict[str, list[str]] = defaultdict(list)
    for row in base_transactions(default_home):
        amounts[row["transaction_timestamp"][:10]].append(row["amount"])
    assert len(amounts) == 14
    for one, other in combinations(amounts.values(), 2):
        assert len(set(one) & set(other)) < 3


def test_a_second_run_touches_no_file(default_config: GeneratorConfig, tmp_path: Path) -> None:
    first = generate(default_config, tmp_path)
    before = {path: path.stat() for path in tmp_path.rglob("*") if path.is_file()}
    second = generate(default_config, tmp_path)
    after = {path: path.stat() for path in tmp_path.rglob("*") if path.is_file()}
    manifest = tmp_path / "truth/manifest.json"
    assert {path for path in after if after[path].st_ino != before[path].st_ino} <= {manifest}
    assert {path for path in after if after[path].st_mtime_ns != before[path].st_mtime_ns} <= {manifest}
    assert (first.files_changed, second.files_changed) == (first.files, 0)
    assert (first.files, first.lines, first.size_bytes) == (second.files, second.lines, second.size_bytes)


@pytest.mark.parametrize("lost", ["landing/events/dt=2024-11-05/events-0*", "landing/*/dt=2024-11-05/*"])
def test_what_was_lost_of_a_day_is_made_again_and_nothing_else_is_touched(
    lost: str, default_config: GeneratorConfig, default_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(default_home, tmp_path / "home")
    before = {path: path.stat().st_mtime_ns for path in home.glob("*/*/dt=*/*")}
    gone = sorted(home.glob(lost))
    for path in gone:
        path.unlink()
    assert gone
    assert generate(default_config, home, days=[date(2024, 11, 5)]).files_changed == len(gone)
    assert bytes_by_path(home) == bytes_by_path(default_home)
    after = {path: path.stat().st_mtime_ns for path in home.glob("*/*/dt=*/*")}
    assert {path for path in after if after[path] != before[path]} == set(gone)


def test_a_run_that_broke_off_is_completed_by_repeating_it(
    default_config: GeneratorConfig, default_home: Path, tmp_path: Path
) -> None:
    def break_off(_day: object, _lines: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(default_config, tmp_path, progress=break_off)
    generate(default_config, tmp_path)
    assert bytes_by_path(tmp_path) == bytes_by_path(default_home)


def test_progress_names_each_day_with_its_lines(rough_config: GeneratorConfig, tmp_path: Path) -> None:
    told: list[tuple[object, int]] = []
    summary = generate(rough_config, tmp_path, progress=lambda day, lines: told.append((day, lines)))
    assert [day for day, _ in told] == ROUGH_DAYS
    assert sum(lines for _, lines in told) == summary.lines
    assert dict(told)[EMPTY_DAY] == 0


@dataclass
class WatchedDrop:
    """A drop that notes what its folder shows while it is written."""

    folder: Path
    content: bytes
    breaks: bool = False
    path: str = "events/dt=2024-11-04/events-00.jsonl"
    due: int = 0
    source: Source = Source.EVENTS
    tally: Tally = field(default_factory=Tally)
    seen: list[str] = field(default_factory=list)

    def pack(self, target: BinaryIO) -> None:
        target.write(self.content)
        self.seen = os.listdir(self.folder)
        if self.breaks:
            raise OSError("disk full")

    def truth(self) -> Iterator[bytes]:
        return iter(())


def test_a_file_has_an_ignored_name_until_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "events/dt=2024-11-04"
    drop = WatchedDrop(folder, b"{}\n")
    land(drop, tmp_path)
    assert drop.seen == [".events-00.jsonl.tmp"]
    assert os.listdir(folder) == ["events-00.jsonl"]


def test_a_write_that_breaks_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "events/dt=2024-11-04"
    land(WatchedDrop(folder, b"{}\n"), tmp_path)
    with pytest.raises(OSError, match="disk full"):
        land(WatchedDrop(folder, b"{}\n{}\n", breaks=True), tmp_path)
    assert os.listdir(folder) == ["events-00.jsonl"]
    assert (folder / "events-00.jsonl").read_bytes() == b"{}\n"


def test_the_global_random_state_plays_no_part(
    default_config: GeneratorConfig, default_home: Path, tmp_path: Path
) -> None:
    random.seed(1)
    generate(default_config, tmp_path, days=[FIRST_DAY])
    assert bytes_by_path(tmp_path) == bytes_of_day(default_home, FIRST_DAY)
