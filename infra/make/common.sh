# Read by the other scripts; does nothing by itself.

# Ends the script with one line on standard error.
stop() {
  echo "make: $*" >&2
  exit 1
}

# Prints the Python to use: the one named by PYTHON, else of those that are new enough the oldest we promise to work
# with, unless another is clearly faster. Builds differ: one was seen to take half as long again for the same loops.
find_python() {
  best= best_time=0
  for candidate in ${PYTHON:-python3.11 /usr/bin/python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3 python}; do
    found=$("$candidate" -c "$MEASURE" 2>/dev/null) || continue
    time=${found%% *}
    if [ -z "$best" ] || [ $((time * 100)) -lt $((best_time * 80)) ]; then
      best=${found#* } best_time=$time
    fi
  done
  [ -n "$best" ] && echo "$best"
}

# Prints how many microseconds a few loops take, at best, and where this Python is; fails when it is too old.
MEASURE='
import sys, time
if sys.version_info < (3, 11): sys.exit(1)
def loops():
    began, seen = time.perf_counter(), {}
    for n in range(20000): seen[n % 100] = (n, str(n))
    return time.perf_counter() - began
print(int(min(loops() for _ in range(5)) * 1e6), sys.executable)
'

# Prints the tool that tries out the alerts; fails when there is none.
find_promtool() {
  command -v promtool || { [ -x .venv-tools/promtool ] && echo .venv-tools/promtool; }
}

# Takes promtool out of Debian's prometheus package, without installing that: nothing is to run here. Fails when there is
# none afterwards.
need_promtool() {
  find_promtool >/dev/null && return 0
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  echo "taking promtool out of Debian's prometheus package to try out the alerts"
  unpacked=$(mktemp -d)
  log=$unpacked/log
  {
    [ "$(id -u)" != 0 ] || apt-get update -qq
    (cd "$unpacked" && apt-get download -qq prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool)
    mkdir -p .venv-tools && mv "$unpacked/usr/bin/promtool" .venv-tools/promtool
  } </dev/null >"$log" 2>&1 || tail -n 3 "$log" >&2
  rm -rf "$unpacked"
  find_promtool >/dev/null
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
