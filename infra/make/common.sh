# Read by the other scripts; does nothing by itself.

# Ends the script with one line on standard error.
stop() {
  echo "make: $*" >&2
  exit 1
}

# Prints the first Python that is new enough: the one named by PYTHON, else the oldest we promise to work with.
find_python() {
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return 0
    fi
  done
  return 1
}

# Prints the browser the tests use; fails when there is none.
find_chromium() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
}

# Brings Debian's chromium where that is possible without asking anybody; fails when there is none afterwards.
need_chromium() {
  find_chromium >/dev/null && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian's chromium for the browser tests"
    log=$(mktemp)
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
      </dev/null >"$log" 2>&1 || tail -n 3 "$log" >&2
    rm -f "$log"
  fi
  find_chromium >/dev/null
}
