#!/usr/bin/env bash
# Runs lint, types, import contracts and the whole suite, from a bare Debian 12; arguments go to pytest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
prepare test
export PATH="$root/.venv/bin:$PATH"
ruff check .
ruff format --check .
mypy
lint-imports
exec pytest --cov --cov-report=term:skip-covered "$@"
