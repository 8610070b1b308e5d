"""Looking at runs and at landing, and sending what is due. Nothing here fails or long delays who calls it.

`lakehouse run` and the sensors may report the same run: the second finds nothing left to say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Thread
from traceback import extract_tb

from dagster import DagsterInstance

from lakehouse_assets.alerts.channels import Channel, Deadline, configured_channels
from lakehouse_assets.alerts.configuration import AlertSettings, has_channel
from lakehouse_assets.alerts.errors import DeliveryError
from lakehouse_assets.alerts.missing import expected_days, observe_landing
from lakehouse_assets.alerts.model import Kind, Message, Observation
from lakehouse_assets.alerts.observing import observe_run
from lakehouse_assets.alerts.store import Store
from lakehouse_assets.alerts.wording import write
from lakehouse_assets.errors import LakehouseError, SettingsError

FILE = "alerts.db"
SECONDS = 15.0
# The rest is for giving back what could not be sent.
_SENDING_SHARE = 0.8
_LOG = logging.getLogger(__name__)
_OF_RUNS = set(Kind) - {Kind.MISSING}


class _Due:
    """What one call looks at and sends through.

    Args:
        settings: with the channels.
        dagster_home: has what was said so far.
        now: None asks the clock.
    """

    def __init__(self, settings: AlertSettings, dagster_home: Path, now: datetime | None) -> None:
        self.settings = settings
        self.store = Store(store_file(dagster_home))
        self.now = now or datetime.now(UTC)
        self.end = Deadline(SECONDS)
        self.deadline = Deadline(SECONDS * _SENDING_SHARE)


def store_file(dagster_home: Path) -> Path:
    """Where incidents are remembered."""
    return dagster_home / FILE


def report_run(settings: AlertSettings, instance: DagsterInstance, *run_ids: str, now: datetime | None = None) -> None:
    """Open, remind of and resolve incidents after runs; does nothing without a channel, and raises nothing.

    Args:
        settings: with the channels.
        instance: has the runs.
        run_ids: runs that ended.
        now: None asks the clock.
    """
    if not has_channel(settings):
        return
    due = _Due(settings, Path(instance.root_directory), now)

    def look() -> None:
        found = [observation for run_id in run_ids for observation in observe_run(instance, run_id)]
        _in_time(due, lambda: _deliver(due, found, _OF_RUNS))

    _safely(look)


def report_missing_files(settings: AlertSettings, dagster_home: Path, now: datetime) -> None:
    """Open and resolve incidents of missing files, and remind of all others; as `report_run` it raises nothing.

    Args:
        settings: with the channels and the time at which files are expected.
        dagster_home: has the incidents.
        now: the time.
    """
    if not has_channel(settings):
        return
    due = _Due(settings, dagster_home, now)

    def look() -> None:
        if settings.alert_expected_by is None:
            _in_time(due, lambda: _deliver(due, [], _OF_RUNS))
            return
        days = expected_days(now, settings.alert_expected_by, settings.first_day())
        known = [incident.key for incident in due.store.incidents() if incident.key.kind is Kind.MISSING]
        found = list(observe_landing(settings.landing, days, known, now))
        _in_time(due, lambda: _deliver(due, found, set(Kind)))

    _safely(look)


def _in_time(due: _Due, work: Callable[[], None]) -> None:
    """Work in a thread, and do not wait past the end: not every step has a time limit of its own."""
    thread = Thread(target=_safely, args=(work,), name="alerts", daemon=True)
    thread.start()
    thread.join(due.end.seconds_left)
    if thread.is_alive():
        _LOG.warning("Alerts took more than %d s and were not waited for; what is not sent is due again.", SECONDS)


def _safely(work: Callable[[], None]) -> None:
    try:
        work()
    except LakehouseError as error:
        _LOG.warning("Alerts: %s", error)
    except Exception as error:
        # Whatever it is, the run that it is about has ended, well or not, and must not end otherwise for it. The text
        # may quote anything, so it is not shown; where it happened is.
        _LOG.warning(
            "Alerts: no alert was sent, because of an unexpected %s at %s.", type(error).__name__, _places(error)
        )


def _places(error: BaseException) -> str:
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(error.__traceback__))


def _deliver(due: _Due, found: Sequence[Observation], kinds: set[Kind]) -> None:
    """Claim what is due and send it, each channel in a thread of its own, so that none waits for another."""
    channels = configured_channels(due.settings)
    claimed = due.store.claim(list(channels), found, due.now, kinds=kinds)
    threads = [
        Thread(target=_safely, args=(partial(_send, due, name, channels[name], messages),), daemon=True)
        for name, messages in claimed.items()
        if messages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send(due: _Due, name: str, open_channel: Callable[[], Channel], messages: Sequence[Message]) -> None:
    """Send in order; when one fails the rest is let go, to be claimed when incidents are next looked at."""
    sent = 0
    try:
        channel = open_channel()
        for message in messages:
            if due.deadline.seconds_left <= 0:
                raise DeliveryError(f"no time is left for {name}")
            channel.send(write(message, due.settings.ui_url), due.deadline)
            due.store.settle(name, message, due.now)
            sent += 1
    except (DeliveryError, SettingsError) as error:
        for message in messages[sent:]:
            due.store.release(name, message)
        _LOG.warning("Alerts: %d of %d messages are not sent yet: %s", len(messages) - sent, len(messages), error)
