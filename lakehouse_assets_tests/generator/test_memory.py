"""Memory does not grow with the number of events, also when all of them fall on one day."""

import subprocess
import sys
from pathlib import Path

from .conftest import FIRST_DAY

PROGRAM = """
import resource, sys
from pathlib import Path
from generator import GeneratorConfig, generate
events = int(sys.argv[2])
config = GeneratorConfig.load(
    start=sys.argv[3], days=1, num_events=events, num_sessions=events // 5, num_transactions=events // 20
)
generate(config, Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_mib(home: Path, events: int) -> int:
    arguments = [sys.executable, "-c", PROGRAM, str(home), str(events), FIRST_DAY.isoformat()]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)


def test_a_day_of_a_million_events_needs_hardly_more_memory_than_one_of_a_hundred_thousand(tmp_path: Path) -> None:
    small, large = peak_mib(tmp_path / "small", 100_000), peak_mib(tmp_path / "large", 1_000_000)
    assert large - small < 40
