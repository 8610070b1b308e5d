"""Equal settings make equal bytes: whole sets, single days, repeated runs. And what readers see while files land."""

import gzip
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from generator import GeneratorConfig, generate
from generator.rows import Source
from generator.truth import Tally
from generator.writer import land

from .conftest import EMPTY_DAY, FIRST_DAY
from .reading import bytes_by_path, bytes_of_day, days_from


@pytest.mark.parametrize("index", range(6))
def test_a_day_alone_equals_the_same_day_of_the_whole_set(
    index: int, rough_config: GeneratorConfig, rough_home: Path, tmp_path: Path
) -> None:
    day = FIRST_DAY + timedelta(days=index)
    generate(rough_config, tmp_path, days=[day])
    assert bytes_by_path(tmp_path) == bytes_of_day(rough_home, day)


def test_days_in_any_order_and_grouping_make_the_whole_set(
    rough_config: GeneratorConfig, rough_home: Path, tmp_path: Path
) -> None:
    days = days_from(FIRST_DAY, 6)
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


def test_a_lost_file_is_made_again(default_config: GeneratorConfig, default_home: Path, tmp_path: Path) -> None:
    generate(default_config, tmp_path, days=[FIRST_DAY])
    lost = sorted((tmp_path / "landing").glob("*/*/*"))[3]
    lost.unlink()
    assert generate(default_config, tmp_path, days=[FIRST_DAY]).files_changed == 1
    assert bytes_by_path(tmp_path) == bytes_of_day(default_home, FIRST_DAY)


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
    assert [day for day, _ in told] == days_from(FIRST_DAY, 6)
    assert sum(lines for _, lines in told) == summary.lines
    assert dict(told)[EMPTY_DAY] == 0


def test_a_redelivered_file_has_the_bytes_of_its_original(rough_home: Path) -> None:
    repeated = sorted((rough_home / "landing").glob("*/*/*-redelivered*"))
    assert len(repeated) == 5
    for path in repeated:
        assert path.read_bytes() == path.with_name(path.name.replace("-redelivered", "")).read_bytes()


def test_gzipped_files_carry_neither_time_nor_name(rough_home: Path) -> None:
    packed = sorted((rough_home / "landing").rglob("*.gz"))
    assert packed
    for path in packed:
        content = path.read_bytes()
        assert content[3:8] == b"\0\0\0\0\0"
        assert gzip.decompress(content).endswith(b"\n")


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
