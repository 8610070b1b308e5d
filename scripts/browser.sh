# Sourced by run_tests.sh: Chromium for the tests of the web UI, from Debian's packages. Without it they are skipped
# where it cannot be installed, and fail where it can (lakehouse_assets_tests/browser/conftest.py).
prepare_browser() {
  if command -v chromium > /dev/null || command -v google-chrome > /dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "warning: no Chromium, and no right to install it: the tests of the web UI are skipped." \
      "Install the package chromium to run them" >&2
    return
  fi
  echo "Installing the package chromium ..."
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
    > /dev/null < /dev/null \
    || echo "error: chromium could not be installed, the tests of the web UI will fail; read the message above" >&2
}
