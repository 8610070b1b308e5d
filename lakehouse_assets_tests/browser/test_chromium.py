"""How run_tests.sh comes by a browser, with commands that stand in for those of the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The folder of a machine's commands; it has Debian's packages and a root, and no browser."""
    _command(tmp_path, "id", "echo 0")
    _command(tmp_path, "apt-get", f'echo "$*" >> {tmp_path}/apt-get.log')
    return tmp_path


def _command(machine: Path, name: str, body: str) -> None:
    (machine / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
    (machine / name).chmod(0o755)


def prepare(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("bash")), "-euo", "pipefail", "-c", "source scripts/browser.sh; prepare_browser; echo on"],
        cwd=ROOT,
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_missing_browser_is_installed_where_that_is_possible(machine: Path) -> None:
    ran = prepare(machine)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Installing the package chromium ...\non\n", "")
    assert (machine / "apt-get.log").read_text().splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends chromium",
    ]


@pytest.mark.parametrize("browser", ["chromium", "google-chrome"])
def test_browser_that_is_there_is_left_alone(machine: Path, browser: str) -> None:
    _command(machine, browser, "exit 1")
    ran = prepare(machine)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "on\n", "")
    assert not (machine / "apt-get.log").exists()


def test_without_root_the_other_tests_run_and_it_is_said_what_to_install(machine: Path) -> None:
    _command(machine, "id", "echo 1000")
    ran = prepare(machine)
    assert (ran.returncode, ran.stdout) == (0, "on\n")
    assert "the tests of the web UI are skipped. Install the package chromium" in ran.stderr
    assert not (machine / "apt-get.log").exists()


def test_without_debian_packages_it_is_said_what_to_install(machine: Path) -> None:
    (machine / "apt-get").unlink()
    ran = prepare(machine)
    assert (ran.returncode, ran.stdout) == (0, "on\n")
    assert "the tests of the web UI are skipped. Install the package chromium" in ran.stderr


def test_failed_installation_is_an_error_that_leaves_the_other_tests_running(machine: Path) -> None:
    _command(machine, "apt-get", "echo 'no network' >&2; exit 100")
    ran = prepare(machine)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "on")
    assert ran.stderr.splitlines()[0] == "no network"
    assert "chromium could not be installed" in ran.stderr
