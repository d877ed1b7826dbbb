#!/usr/bin/env bash
# Installs the peers that the benchmark compares gibbs with into bench/.peers:
#   NATS      its current server, built with Go (otherwise Debian's), and its client for Node
#   original  the Python library gibbs, in a virtual environment
#   python    our Python SDK and the NATS client for Python, in the same one
#   mosec     and aiohttp, as its client, in the same one
# Reports what cannot be installed; the table shows it as "not installed".
set -uo pipefail
cd "$(dirname "$0")"
mkdir -p .peers/bin
peers="$PWD/.peers"
failed=0

missing() {
  echo "NOT INSTALLED: $1" >&2
  failed=1
}

nats_server() {
  if command -v go > /dev/null && GOBIN="$peers/bin" go install github.com/nats-io/nats-server/v2@latest; then
    return
  fi
  command -v apt-get > /dev/null && apt-get update -qq && apt-get install -qq -y nats-server
}

nats_client() {
  # Its own package.json: without one, npm would install into the project.
  echo '{ "private": true }' > "$peers/package.json"
  npm install --silent --no-audit --no-fund --prefix "$peers" @nats-io/transport-node@3
}

original() {
  python3 -m venv "$peers/venv" && "$peers/venv/bin/pip" install --quiet gibbs==0.2.0
}

python_sdk() {
  "$peers/venv/bin/pip" install --quiet ../sdk/python nats-py
}

mosec() {
  "$peers/venv/bin/pip" install --quiet mosec aiohttp
}

nats_server || missing "the NATS server: it needs Go, or a Debian with its package nats-server"
nats_client || missing "the NATS client @nats-io/transport-node"
original || missing "the original gibbs: it needs python3 with venv"

python_sdk || missing "our Python SDK and nats-py: they need python3 with venv"
mosec || missing "mosec and aiohttp: they need python3 with venv"

[ "$failed" = 0 ] && echo "The peers are in bench/.peers: npm run bench"
exit "$failed"
