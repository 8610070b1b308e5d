"""The web UI over a seeded history, as `dagster dev` serves it with the shipped files, and a browser to look at it.

Each test process that gets some of these tests has a service of its own, over its own folder and port.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lakehouse_assets_tests.browser.history import History, two_weeks_until_yesterday
from lakehouse_assets_tests.processes import answers, free_port, process_group

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "artefacts" / "screenshots"
CHROMIUM = ("chromium", "google-chrome")
DEADLINE_SECONDS = 180
POLL_SECONDS = 0.25
# Other tests may take all cores meanwhile.
PAGE_SECONDS = 60
WIDTH, HEIGHT = 1440, 900


@dataclass(frozen=True)
class WebUI:
    """A running web UI with its daemon."""

    address: str
    history: History
    instance: DagsterInstance

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for a condition; past the deadline fail with the end of the log."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, f"not reached: {what}\n{self.log.read_text()[-4000:]}"
            time.sleep(POLL_SECONDS)

    @property
    def log(self) -> Path:
        return self.history.folder / "dagster_dev.log"


@dataclass(frozen=True)
class Window:
    """A window of the browser."""

    page: Page
    address: str

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def keep(self, name: str) -> None:
        """Keep a picture of what is seen, once nothing is loading any more."""
        expect(self.page.get_by_title("Loading…")).to_have_count(0)
        self.page.evaluate("document.fonts.ready")
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled", caret="hide")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = [path for name in CHROMIUM if (path := shutil.which(name))]
    if not found and (os.geteuid() != 0 or shutil.which("apt-get") is None):
        pytest.skip("no Chromium, and no right to install it; install the package chromium")
    assert found, "there is no Chromium, and it can be installed here: ./run_tests.sh does"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def web_ui(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    history = _checkout(tmp_path_factory.mktemp("checkout"))
    port = free_port()
    server = [".venv/bin/dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with ExitStack() as stack:
        instance = stack.enter_context(DagsterInstance.from_config(str(history.folder / "dagster_home")))
        ui = WebUI(f"http://127.0.0.1:{port}", history, instance)
        with ThreadPoolExecutor() as beside:
            # It would take in the late and the corrected file before the tests do.
            stopped = beside.submit(history.run, "dagster", "sensor", "stop", "landing_files", "-w", "workspace.yaml")
            history.run_two_weeks()
            stopped.result()
        # The service needs as long to start as the late file to be taken in.
        stack.enter_context(process_group(server, history.folder, history.environment, ui.log))
        history.run_late_file()
        ui.wait_until(lambda: answers(f"{ui.address}/server_info"), "an answer of the web server")
        yield ui


@pytest.fixture
def window(web_ui: WebUI, chromium: Browser) -> Iterator[Window]:
    """A window in which no script fails."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    expect.set_options(timeout=PAGE_SECONDS * 1000)
    page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", timezone_id="UTC")
    page.set_default_timeout(PAGE_SECONDS * 1000)
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield Window(page, web_ui.address)
    page.close()
    assert failures == []


def _checkout(folder: Path) -> History:
    """A folder laid out like an installed checkout, without data."""
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "dagster_home").mkdir()
    for name in ("workspace.yaml", "dagster_home/dagster.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_"))}
    environment = kept | {
        "LAKEHOUSE_HOME": str(folder / "data"),
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "PYTHONPATH": str(ROOT),
    }
    return History(folder, environment, two_weeks_until_yesterday())
