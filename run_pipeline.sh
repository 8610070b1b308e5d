#!/usr/bin/env bash
# Environment, generated data, bronze to gold through Dagster, summary. `--ui` then opens the web UI.
set -euo pipefail
cd "$(dirname "$0")"
fail() { printf 'error: %s\n' "$1" >&2; exit 1; }
usage() {
  cat <<'TEXT'
usage: ./run_pipeline.sh [--ui]

Makes .venv from the locked requirements, generates 14 days of files unless there are some, runs every day that has
files from bronze to gold, and prints the tables. Run it as often as you like: what is done is not done again.

  --ui    then starts the web UI and its daemon on 127.0.0.1, until Ctrl-C

LAKEHOUSE_HOME     folder with the files and the tables (data)
LAKEHOUSE_UI_PORT  port of the web UI (3000)
DAGSTER_HOME       folder with Dagster's records (dagster_home)
TEXT
}

ui=false
case "$*" in
  "") ;;
  --ui) ui=true ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
home="${LAKEHOUSE_HOME:-data}"
port="${LAKEHOUSE_UI_PORT:-3000}"
DAGSTER_HOME="${DAGSTER_HOME:-dagster_home}"
[ "${DAGSTER_HOME#/}" != "$DAGSTER_HOME" ] || DAGSTER_HOME="$PWD/$DAGSTER_HOME"
export DAGSTER_HOME

source ./scripts/environment.sh
prepare_environment requirements/runtime.txt

port_is_free() {
  .venv/bin/python - "$port" 2>/dev/null <<'PYTHON'
import socket
import sys

with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1]) or -1))
PYTHON
}

# The first and the last day up to today that have a folder in landing; nothing where there is none.
landed_days() {
  .venv/bin/python - <<'PYTHON'
import sys

from lakehouse_assets.contracts.sources import SOURCES
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.landing.files import list_days
from lakehouse_assets.settings import load_settings, today

try:
    settings = load_settings()
except SettingsError as error:
    sys.exit(f"error: {error}")
landed = {day for source in SOURCES for day in list_days(settings.landing, source)}
days = sorted(day for day in landed if settings.first_day() <= day <= today())
if days:
    print(days[0], days[-1])
PYTHON
}

if $ui && ! port_is_free; then
  fail "port $port is taken, or is no port. Nothing was started. If it is this web UI, open http://127.0.0.1:$port; \
else choose another: LAKEHOUSE_UI_PORT=3001 $0 --ui"
fi

days=$(landed_days) || fail "nothing was started; read the message above, correct the settings and run this again"
unfinished="$home/.generating"
if [ -e "$unfinished" ] || [ ! -d "$home/landing" ]; then
  mkdir -p "$home" && touch "$unfinished" || fail "$home cannot be written; choose another LAKEHOUSE_HOME"
  .venv/bin/lakehouse generate || fail "the data could not be generated; read the message above, then run this again"
  rm "$unfinished"
  days=$(landed_days)
else
  printf 'Using the files in %s/landing\n' "$home"
fi
[ -n "$days" ] || fail "$home/landing has no day to run: no folder events/dt=YYYY-MM-DD (or transactions, users) from \
LAKEHOUSE_START_DATE to today. Put files there, or remove the folder to get generated ones, and run this again"

.venv/bin/lakehouse run --from "${days% *}" --to "${days#* }" \
  || fail "the run failed or a day is held; the message above names the table and the day. Correct it and run this again"
printf 'The command is .venv/bin/lakehouse; after `. .venv/bin/activate` it is lakehouse.\n'
if $ui; then
  printf 'Web UI: http://127.0.0.1:%s (Ctrl-C ends it)\n' "$port"
  # Dagster writes 70 lines of DEBUG a run, in which the address would be lost; the UI has them all.
  exec .venv/bin/dagster dev -w workspace.yaml -h 127.0.0.1 -p "$port" \
    > >(trap '' INT TERM; exec grep --line-buffered -v ' - DEBUG - ') 2>&1
fi
