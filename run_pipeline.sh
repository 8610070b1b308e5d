#!/usr/bin/env bash
# Environment, generated data, bronze to gold through Dagster, summary. `--ui` then opens the web UI.
set -euo pipefail
cd "$(dirname "$0")"
fail() { printf 'error: %s\n' "$1" >&2; exit 1; }

ui=false
case "${1:-}" in
  "") ;;
  --ui) ui=true ;;
  *) printf 'usage: %s [--ui]\n' "$0" >&2; exit 2 ;;
esac

source ./scripts/environment.sh
prepare_environment requirements/runtime.txt

export DAGSTER_HOME="${DAGSTER_HOME:-$PWD/dagster_home}"
last=$(.venv/bin/python -c 'import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(days=1))')
first=$(.venv/bin/python -c 'import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(days=14))')
home="${LAKEHOUSE_HOME:-data}"
if [ -d "$home/landing" ]; then
  printf 'Using the files in %s/landing\n' "$home"
else
  .venv/bin/lakehouse generate || fail "the data could not be generated; read the message above, then run this again"
fi
.venv/bin/lakehouse run --from "$first" --to "$last" \
  || fail "the run failed; the message above names the table and the day. Correct it and run this again"
if $ui; then
  printf 'Web UI: http://127.0.0.1:3000 (Ctrl-C ends it)\n'
  exec .venv/bin/dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000
fi
