"""Whole runs of the job `daily` over a held day and its corrected file: what is told, and where no secret may be."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.tags import PARTITION_NAME_TAG

from lakehouse_assets.alerts.report import report_run
from lakehouse_assets.definitions import build_defs
from lakehouse_assets.event_log import open_instance
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.alerts.configured import settings
from lakehouse_assets_tests.alerts.servers import Hook, Mailbox, mail_server, webhook
from lakehouse_assets_tests.assets.deliveries import USERS_HEADER, deliver, event

ROOT = Path(__file__).resolve().parents[2]
DAY = "2024-11-15"
TYPED_BY_A_PERSON = "María, Av. Arequipa 123"
SECRETS = ("plantedSecretOfTheWebhook", "plantedPassword")
GOOD = [event(f"E{number}", "S1", "U1", f"{DAY}T10:00:00") for number in range(10)]
HELD = f"[ERROR] Day held: silver.events {DAY}"
OVER = f"Resolved: Day held: silver.events {DAY}"


@dataclass(frozen=True)
class Told:
    """What was told after each of three runs: of the held day, of the corrected file, and once more."""

    home: Path
    hook: Hook
    box: Mailbox
    after: list[list[str]]
    logged: str


def run_and_report(instance: DagsterInstance, configured: Settings) -> None:
    job = build_defs(settings=configured).resolve_job_def("daily")
    run = instance.create_run_for_job(job_def=job, tags={PARTITION_NAME_TAG: DAY})
    for _ in execute_run_iterator(InMemoryJob(job), run, instance):
        pass
    # As the command does at its end, and then a sensor.
    for _ in range(2):
        report_run(configured, instance, run.run_id)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    home = tmp_path_factory.mktemp("home")
    (home / "dagster").mkdir()
    shutil.copyfile(ROOT / "dagster_home" / "dagster.yaml", home / "dagster" / "dagster.yaml")
    log = home / "python.log"
    handler = logging.FileHandler(log)
    logging.getLogger().addHandler(handler)
    after: list[list[str]] = []
    with (
        webhook() as hook,
        mail_server(login=("lake", SECRETS[1])) as box,
        open_instance(home / "dagster") as instance,
    ):
        configured = settings(
            home,
            start_date=date(2024, 11, 14),
            alert_webhook=hook.url,
            alert_smtp_host="127.0.0.1",
            alert_smtp_port=box.port,
            alert_smtp_user="lake",
            alert_smtp_password=SECRETS[1],
            alert_smtp_from="lake@example.org",
            alert_smtp_to="a@example.org",
            alert_smtp_starttls=False,
        )
        broken = [f'{{"event_details": "{TYPED_BY_A_PERSON}"'] * 20
        deliver(home, "users", DAY, USERS_HEADER, "U1,2024-01-01,iOS,PE")
        for lines in (broken + GOOD, GOOD, GOOD):
            deliver(home, "events", DAY, *lines)
            run_and_report(instance, configured)
            after.append(list(hook.subjects))
    logging.getLogger().removeHandler(handler)
    handler.close()
    return Told(home, hook, box, after, log.read_text())


def test_held_day_is_one_message_and_no_failed_run_and_its_rules_are_none_of_their_own(told: Told) -> None:
    assert told.after[0] == [HELD]


def test_corrected_file_is_one_more_message(told: Told) -> None:
    assert told.after[1] == [HELD, OVER]


def test_run_that_changes_nothing_sends_nothing(told: Told) -> None:
    assert told.after[2] == [HELD, OVER]


def test_message_has_the_counts_and_the_query_of_the_run(told: Told) -> None:
    text = told.hook.texts[0]
    assert f"{DAY} silver.events: 20 of 30 failed (66.7 %); checks that fail most: corrupt_json (20)" in text
    assert f"SELECT * FROM lake.quarantine.events WHERE arrival_date = DATE '{DAY}'" in text


def test_both_channels_are_told_the_same(told: Told) -> None:
    assert told.box.subjects == told.hook.subjects


def test_no_message_has_a_value_of_a_row_or_a_secret(told: Told) -> None:
    said = "\n".join([*told.hook.texts, *(mail.as_string() for mail in told.box.mails)])
    assert [hidden for hidden in (*SECRETS, TYPED_BY_A_PERSON, "María") if hidden in said] == []


def test_no_file_of_dagster_of_the_tables_or_of_the_log_has_a_secret(told: Told) -> None:
    files = [path for path in told.home.rglob("*") if path.is_file()]
    assert {"alerts.db", "python.log", "index.db"} <= {path.name for path in files}
    found = [path for path in files if any(secret.encode() in path.read_bytes() for secret in SECRETS)]
    assert found == []
    assert "Alerts:" not in told.logged
