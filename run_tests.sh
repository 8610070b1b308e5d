#!/usr/bin/env bash
# Installs the test extra and Chromium, and runs every test, on all cores; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
source ./scripts/environment.sh
source ./scripts/browser.sh
prepare_environment requirements/test.txt
prepare_browser
exec .venv/bin/python -m pytest -q -rs -n auto --dist worksteal "$@"
