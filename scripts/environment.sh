# Sourced by the scripts at the top: makes .venv from a locked requirements file, once per content of that file.
prepare_environment() {
  local requirements=$1 stamp=".venv/.$(basename "$1").sum" sum python
  python=$(command -v python3.11 || command -v python3.12 || command -v python3) \
    || { echo "error: no python3 found; install Python 3.11 or 3.12" >&2; exit 1; }
  sum=$(cat "$requirements" pyproject.toml | cksum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then return; fi
  [ -x .venv/bin/python ] || "$python" -m venv .venv \
    || { echo "error: $python cannot make a virtual environment; install its venv package" >&2; exit 1; }
  echo "Installing $requirements into .venv ..."
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$requirements" \
    && .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . \
    || { echo "error: the requirements could not be installed; check the network and run this again" >&2; exit 1; }
  echo "$sum" > "$stamp"
}
