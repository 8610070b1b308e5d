#!/usr/bin/env bash
# Installs the test extra and runs every test, on all cores; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/environment.sh
prepare_environment requirements/test.txt
exec .venv/bin/python -m pytest -q -n auto --dist worksteal "$@"
