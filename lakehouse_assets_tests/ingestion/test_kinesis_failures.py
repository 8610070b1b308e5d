"""Faults that pass lose and double nothing; the others each have a message, which shows no secret."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse_assets.errors import (
    DiskFullError,
    SettingsError,
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)
from lakehouse_assets.ingestion.kinesis import KinesisSource
from lakehouse_assets.ingestion.ledger_tables import ShardState
from lakehouse_assets_tests.ingestion.destinations import destination, files_below
from lakehouse_assets_tests.ingestion.kinesis_proxy import CUT, DROPPED, Fault
from lakehouse_assets_tests.ingestion.kinesis_server import AT_ONCE, SHARD, KinesisStream, event, event_ids

MakeStream = Callable[[int], KinesisStream]


PASSING = [
    Fault("GetRecords", "ProvisionedThroughputExceededException", times=2),
    Fault("GetRecords", "InternalFailure", status=500, times=2),
    Fault("GetRecords", "ExpiredIteratorException"),
    Fault("GetRecords", DROPPED, times=2),
    Fault("GetRecords", CUT),
    Fault("GetShardIterator", "ProvisionedThroughputExceededException"),
    Fault("GetShardIterator", DROPPED),
    Fault("ListShards", "LimitExceededException", times=2),
    Fault("ListShards", "ServiceUnavailable", status=503),
    Fault("ListShards", CUT),
    Fault("DescribeStreamSummary", "LimitExceededException"),
    Fault("DescribeStreamSummary", DROPPED),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.action}-{fault.kind}")
def test_fault_that_passes_loses_and_doubles_nothing(stream: KinesisStream, fault: Fault) -> None:
    stream.put(*map(event, range(6)))
    stream.proxy.page_records = 2
    stream.proxy.faults = [Fault(fault.action, fault.kind, fault.status, fault.times)]
    assert stream.pull().rows == 6
    assert stream.ids() == event_ids(range(6))
    assert stream.proxy.faults[0].times == 0


def test_iterator_that_expires_goes_on_behind_what_is_in_hand(stream: KinesisStream) -> None:
    stream.put(*map(event, range(4)))
    stream.proxy.page_records = 2
    asked = iter(["GetRecords", "GetRecords"])

    def expire_the_second(action: str, _: object) -> None:
        if action == "GetRecords" and next(asked, None) is not None and stream.proxy.count("GetRecords") == 2:
            stream.proxy.faults = [Fault("GetRecords", "ExpiredIteratorException")]

    stream.proxy.before = expire_the_second
    assert stream.pull().rows == 4
    starts = [body.get("StartingSequenceNumber") for action, body in stream.proxy.seen if action == "GetShardIterator"]
    assert starts == [None, "2"]


def test_iterators_that_expire_at_once_end_the_pull(stream: KinesisStream) -> None:
    stream.put(event(1))
    stream.proxy.faults = [Fault("GetRecords", "ExpiredIteratorException", times=99)]
    with pytest.raises(SourceError, match="gives iterators of shardId-000000000000 that have expired at once"):
        stream.pull()


def test_shard_that_does_not_answer_leaves_the_others_their_way(make_stream: MakeStream) -> None:
    stream = make_stream(2)
    stream.put(*map(event, range(3)), shard=0)
    stream.put(*map(event, range(3, 5)), shard=1)
    stream.proxy.faults = [Fault("GetRecords", "InternalFailure", 500, times=3, shard_id=SHARD.format(0))]
    with pytest.raises(SourceUnreachableError, match=r"without shardId-000000000000: .* 1 files, 2 rows landed"):
        stream.pull()
    assert stream.ids() == event_ids([3, 4])
    stream.pull()
    assert stream.ids() == event_ids(range(5))


def test_stream_that_does_not_exist_has_a_message(stream: KinesisStream) -> None:
    source = KinesisSource(stream.options(stream="absent"), destination(stream.home), policy=AT_ONCE)
    with pytest.raises(SourceNotFoundError, match=r"The stream absent at 127\.0\.0\.1:\d+ does not exist\..*Check"):
        source.pull(datetime.now(UTC))


@pytest.mark.parametrize("action", ["DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords"])
def test_action_that_is_not_allowed_is_named(stream: KinesisStream, action: str) -> None:
    stream.put(event(1))
    stream.proxy.faults = [Fault(action, "AccessDeniedException")]
    with pytest.raises(SourcePermissionError, match=rf"may not be read .*\(AccessDeniedException\).*kinesis:{action}"):
        stream.pull()
    assert stream.files() == {}


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"])
def test_credentials_that_are_not_accepted_are_not_tried_again(stream: KinesisStream, code: str) -> None:
    stream.proxy.faults = [Fault("DescribeStreamSummary", code, text="canonical: planted-token")]
    with pytest.raises(SourceAuthenticationError, match=rf"does not accept the credentials \({code}\)") as refused:
        stream.pull()
    assert stream.proxy.count("DescribeStreamSummary") == 1
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_no_credentials_have_a_message(stream: KinesisStream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "absent"))
    with pytest.raises(SourceAuthenticationError, match=r"boto3 found none that can be used \(NoCredentialsError\)"):
        stream.pull()


def test_no_region_and_no_profile_are_wrong_settings(stream: KinesisStream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/absent")
    with pytest.raises(SettingsError, match="LAKEHOUSE_KINESIS_REGION"):
        stream.source(region=None, endpoint_url=None)
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(SettingsError, match=r"cannot be set up \(ProfileNotFound\)"):
        stream.source()


def test_host_that_does_not_answer_has_a_message_without_a_password(stream: KinesisStream) -> None:
    source = stream.source(endpoint_url="http://me:planted-secret@127.0.0.1:9")
    with pytest.raises(SourceUnreachableError, match=r"at 127\.0\.0\.1:9 does not answer Describe.*network") as away:
        source.pull(datetime.now(UTC))
    assert "planted" not in str(away.value)


def test_throttling_without_an_end_has_a_message(stream: KinesisStream) -> None:
    stream.proxy.faults = [Fault("ListShards", "LimitExceededException", times=99)]
    with pytest.raises(SourceUnreachableError, match=r"did not serve ListShards in several attempts \(LimitExceeded"):
        stream.pull()


def test_full_disk_keeps_the_checkpoint_and_the_next_pull_brings_all(
    stream: KinesisStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.put(*map(event, range(3)))
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("os.fsync", full)
        with pytest.raises(DiskFullError, match="The disk of landing is full"):
            stream.pull()
    assert stream.files() == {}
    assert stream.pull().rows == 3


def test_no_secret_stands_in_log_ledger_or_landing(stream: KinesisStream, caplog: pytest.LogCaptureFixture) -> None:
    stream.put(event(1))
    stream.proxy.faults = [Fault("GetRecords", DROPPED), Fault("ListShards", "LimitExceededException", text="planted-")]
    with caplog.at_level(logging.INFO):
        stream.pull()
    assert "GetRecords: attempt 1 of 3 failed (ConnectionClosedError)" in caplog.text
    assert not any(secret in caplog.text for secret in ("planted-", "AKIAPLANTED"))
    kept = b"".join(files_below(stream.home).values())
    assert b"planted-" not in kept
    assert b"AKIAPLANTED" not in kept
    assert stream.state().checkpoints[SHARD.format(0)].state is ShardState.READING
