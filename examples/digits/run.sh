#!/usr/bin/env bash
# Installs what it needs, trains, serves, and sends requests. Leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")"

if [ ! -e .venv/made ]; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check 'scikit-learn>=1.3' -e ../../sdk/python
  touch .venv/made
fi
.venv/bin/python train.py

logs=$(mktemp -d)
pids=()
stop() {
  # The hub last, so that the workers can disconnect from it cleanly.
  while [ ${#pids[@]} -gt 0 ]; do
    kill "${pids[-1]}" 2>/dev/null || true
    wait "${pids[-1]}" || true
    unset 'pids[-1]'
  done
  rm -rf "$logs"
}
trap stop EXIT

# serve NAME PATTERN COMMAND...: starts the command and waits until its output matches the pattern.
serve() {
  "${@:3}" >"$logs/$1" &
  pids+=($!)
  until grep -q "$2" "$logs/$1"; do kill -0 "${pids[-1]}"; sleep 0.05; done
}

serve hub 'listening on' node ../../bin/gibbs.js hub --listen 127.0.0.1:0
GIBBS_HUB=$(awk '{print $NF; exit}' "$logs/hub")
export GIBBS_HUB
serve one ready .venv/bin/python -m gibbs_worker worker:Digits --count 1 --method one
serve four ready .venv/bin/python -m gibbs_worker worker:Digits --count 4 --method four

node classify.js
