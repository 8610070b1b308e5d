"""Following: without an end, and when it is asked to stop what is in hand lands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse_assets.errors import DataGapError, SourceUnreachableError
from lakehouse_assets.ingestion.kinesis import Stop
from lakehouse_assets_tests.ingestion.kinesis_proxy import DROPPED, Fault
from lakehouse_assets_tests.ingestion.kinesis_server import SHARD, KinesisStream, event, event_ids

DEADLINE_SECONDS = 60
COMMAND = "from lakehouse_assets.cli import main; main()"


def stop_after_pages(stream: KinesisStream, pages: int, then: Callable[[int], None] = lambda _: None) -> Stop:
    """Asks for the end with the so manyth page, and does something before each."""
    stop = Stop()

    def look(action: str, _: dict[str, Any]) -> None:
        if action == "GetRecords":
            then(stream.proxy.count("GetRecords"))
            if stream.proxy.count("GetRecords") >= pages:
                stop.ask()

    stream.proxy.before = look
    return stop


def test_what_is_in_hand_lands_at_the_end(stream: KinesisStream) -> None:
    stream.put(*map(event, range(3)))
    told: list[str] = []
    stop = stop_after_pages(stream, 5, lambda page: stream.put(event(3)) if page == 3 else None)
    totals = stream.source(batch_seconds=3600).follow(datetime.now(UTC), stop, told.append)
    assert str(totals) == "1 files, 4 rows"
    assert stream.ids() == event_ids(range(4))
    (line,) = told
    assert f"{stream.name}: landed 1 files, 4 rows, " in line
    assert line.endswith("0 s behind")


def test_batches_land_by_time_while_it_goes_on(stream: KinesisStream) -> None:
    stop = stop_after_pages(stream, 8, lambda page: stream.put(event(page)))
    totals = stream.source(batch_seconds=0).follow(datetime.now(UTC), stop)
    assert totals.rows == 8
    assert totals.files > 3
    assert stream.ids() == event_ids(range(1, 9))


def test_shard_at_its_tip_is_read_on_while_another_catches_up(make_stream: Callable[[int], KinesisStream]) -> None:
    stream = make_stream(2)
    stream.put(*map(event, range(20)), shard=0)
    stream.proxy.page_records = 1
    stop = stop_after_pages(stream, 20)
    stream.source().follow(datetime.now(UTC), stop)
    read = stream.proxy.shards_read()
    assert read[:10] == [SHARD.format(0), SHARD.format(1)] * 5


def test_split_while_following_is_followed(make_stream: Callable[[int], KinesisStream]) -> None:
    stream = make_stream(2)
    stream.put(event(1), shard=0)
    stream.put(event(2), shard=1)
    stream.proxy.hidden = {SHARD.format(1)}

    def split(page: int) -> None:
        if page == 3:
            stream.proxy.hidden = set()
            stream.proxy.closed = {SHARD.format(0)}
            stream.proxy.parents = {SHARD.format(1): (SHARD.format(0),)}

    stream.source().follow(datetime.now(UTC), stop_after_pages(stream, 7, split))
    assert stream.ids() == event_ids([1, 2])
    assert stream.state().drained == {SHARD.format(0)}


def test_gap_is_warned_of_at_once_and_is_the_error_of_the_end(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.pull()
    warned: list[str] = []
    seen_at_page: list[int] = []

    def warn(text: str) -> None:
        warned.append(text)
        seen_at_page.append(stream.proxy.count("GetRecords"))

    with pytest.raises(DataGapError, match="dropped records by its retention"):
        stream.source().follow(datetime.now(UTC) + timedelta(hours=30), stop_after_pages(stream, 9), warn=warn)
    assert [text.split(":")[0] for text in warned] == ["Records are gone that were not pulled"]
    assert seen_at_page[0] < 9


def test_lag_is_warned_of_once_while_it_lasts(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.proxy.behind_milliseconds = 20 * 3_600_000
    warned: list[str] = []
    stream.source().follow(datetime.now(UTC), stop_after_pages(stream, 6), warn=warned.append)
    assert [text[:42] for text in warned] == ["The pull of events was 20.0 h behind, 83 %"]


def test_source_that_stays_away_ends_it_with_an_error_and_what_landed_stays(stream: KinesisStream) -> None:
    stream.put(event(1))

    def break_off(page: int) -> None:
        if page == 3:
            stream.proxy.faults = [
                Fault(action, DROPPED, times=99) for action in ("GetRecords", "DescribeStreamSummary")
            ]

    with pytest.raises(SourceUnreachableError, match="does not answer"):
        stream.source(batch_seconds=0).follow(datetime.now(UTC), stop_after_pages(stream, 99, break_off))
    assert stream.ids() == event_ids([1])


def test_stop_while_the_source_is_away_ends_it_without_an_error(stream: KinesisStream) -> None:
    stream.put(event(1))

    def break_off(page: int) -> None:
        if page == 2:
            stream.proxy.faults = [
                Fault(action, DROPPED, times=99) for action in ("GetRecords", "DescribeStreamSummary")
            ]

    totals = stream.source().follow(datetime.now(UTC), stop_after_pages(stream, 2, break_off))
    assert totals.rows == 0
    stream.proxy.faults.clear()
    stream.pull()
    assert stream.ids() == event_ids([1])


@contextmanager
def following(stream: KinesisStream, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`lakehouse ingest events --follow`, once it follows."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "ingest", "events", "--follow"],
        env=os.environ | of_the_command(stream) | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "Following events; SIGTERM or Ctrl-C ends it.\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def of_the_command(stream: KinesisStream) -> dict[str, str]:
    return {
        "LAKEHOUSE_HOME": str(stream.home),
        "DAGSTER_HOME": str(stream.home / "dagster"),
        "LAKEHOUSE_KINESIS_STREAM": stream.name,
        "LAKEHOUSE_KINESIS_REGION": "eu-west-1",
        "LAKEHOUSE_KINESIS_ENDPOINT_URL": stream.proxy.url,
        "COLUMNS": "400",
    }


def lakehouse(stream: KinesisStream, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=os.environ | of_the_command(stream),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def read_by(stream: KinesisStream, pages: int) -> threading.Event:
    """Set once so many pages more were asked for."""
    read = threading.Event()
    wanted = stream.proxy.count("GetRecords") + pages

    def look(action: str, _: dict[str, Any]) -> None:
        if stream.proxy.count("GetRecords") >= wanted:
            read.set()

    stream.proxy.before = look
    return read


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_lands_what_is_in_hand_at_a_signal_and_exits_with_0(
    stream: KinesisStream, number: signal.Signals
) -> None:
    with following(stream, LAKEHOUSE_KINESIS_BATCH_SECONDS="3600") as process:
        stream.put(*map(event, range(3)))
        # The second page from now was asked for after the first one's records were in hand.
        assert read_by(stream, 2).wait(DEADLINE_SECONDS)
        assert stream.files() == {}
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "Stopped. Landed 1 files, 3 rows."
    assert stream.ids() == event_ids(range(3))


def test_command_killed_without_warning_loses_nothing(stream: KinesisStream) -> None:
    with following(stream, LAKEHOUSE_KINESIS_BATCH_SECONDS="1") as process:
        stream.put(*map(event, range(3)))
        assert process.stdout is not None
        assert "landed 1 files" in process.stdout.readline()
        stream.put(*map(event, range(3, 6)))
        assert read_by(stream, 1).wait(DEADLINE_SECONDS)
        process.kill()
        process.wait(DEADLINE_SECONDS)
    assert lakehouse(stream, "ingest", "events").returncode == 0
    assert stream.ids() == event_ids(range(6))


def test_commands_replay_check_and_take_a_new_stream(stream: KinesisStream) -> None:
    stream.put(event(1))
    assert lakehouse(stream, "ingest", "events").returncode == 0
    again = lakehouse(stream, "replay", "events", "--from", f"{datetime.now(UTC).date()}T00:00")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2].split()[:5] == ["0", "0", "0", "1", "0"]

    wrong = lakehouse(stream, "replay", "events", "--from", "yesterday")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: --from 'yesterday' is no time. Nothing was replayed.")

    stream.make_anew()
    stream.put(event(2))
    stopped = lakehouse(stream, "ingest", "events")
    assert stopped.returncode == 1
    assert "is not the one that was pulled so far" in stopped.stderr
    taken = lakehouse(stream, "ingest", "events", "--accept-new-stream")
    assert taken.returncode == 0, taken.stderr
    assert sorted(stream.ids()) == event_ids([1, 2])
    checked = lakehouse(stream, "sources", "check")
    assert "planted" not in checked.stdout + checked.stderr + stopped.stderr
    assert checked.returncode == 0
