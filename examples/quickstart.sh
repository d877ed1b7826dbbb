#!/usr/bin/env bash
# A hub, four worker processes, one request. Leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")/.."

# Job control gives each background command a process group: a signal to the
# group reaches gibbs through npx, which passes none on.
set -m
log=$(mktemp)
hub=
worker=

stop() {
  for group in "$@"; do
    kill -TERM -- "-$group" 2>/dev/null || true
    while kill -0 -- "-$group" 2>/dev/null; do sleep 0.05; done
  done
}
trap 'stop $worker $hub; rm -f "$log"' EXIT

npx gibbs hub --listen 127.0.0.1:0 >"$log" &
hub=$!
until grep -q 'listening on' "$log"; do kill -0 "$hub"; sleep 0.05; done
address=$(awk '{print $NF; exit}' "$log")

npx gibbs worker ./examples/square.js --count 4 --hub "$address" &
worker=$!

npx gibbs request 34 --hub "$address"
