#!/usr/bin/env bash
# Fetches the test file of the Python library gibbs 0.2.0 and its licence, MIT, for
# sdk/python/tests/test_original.py. Optional argument: a copy of its repository, as a URL.
set -euo pipefail
cd "$(dirname "$0")"
commit=df282c9d1fbd343da3fc54353cd4779fb94c98db
source="${1:-https://raw.githubusercontent.com/astariul/gibbs/$commit}"
curl --fail --silent --show-error --output LICENSE "$source/LICENSE" \
  --output test_gibbs.py "$source/tests/test_gibbs.py"
sha256sum --check SHA256SUMS
