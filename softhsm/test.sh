#!/usr/bin/env bash
# Runs lint, types, import contracts and the whole suite, from a bare Debian 12; arguments go to pytest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
prepare test
export PATH="$root/.venv/bin:$PATH"
# Without its cache: whether an import is ours depends on the other files there, which the cache does not see.
ruff check --no-cache .
ruff format --check .
mypy
lint-imports
exec pytest --cov --cov-report=term:skip-covered "$@"
