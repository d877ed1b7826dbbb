#!/usr/bin/env bash
# A hub, four worker processes, and one request. Leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")/.."

# With job control each background command gets its own process group: signals sent to the group
# also reach gibbs, to which npx does not forward them.
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
