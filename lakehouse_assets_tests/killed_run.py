"""A run of the pipeline that ends by SIGKILL: `python -m lakehouse_assets_tests.killed_run HOME DAY... BEFORE`.

The process kills itself before the BEFORE-th publication (from 0), so after the commit before it and after what is to
be published was staged. `pipeline/test_killed.py` starts it.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path

from lakehouse_assets.engine.session import start_engine
from lakehouse_assets.storage.lake import Lake, open_catalog
from lakehouse_assets.storage.scratch import open_scratch
from lakehouse_assets_tests.driving import run_pipeline


def main() -> None:
    home, *days, before = sys.argv[1:]
    folder = Path(home)
    with open_scratch(folder / "scratch") as scratch:
        run_pipeline(
            Lake(open_catalog(folder), start_engine("sail"), scratch),
            folder / "landing",
            [date.fromisoformat(day) for day in days],
            kill_before_publication=int(before),
            kill=lambda: os.kill(os.getpid(), signal.SIGKILL),
        )


main()
