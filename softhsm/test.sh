#!/usr/bin/env bash
# Runs lint, types, import contracts and the whole suite, from a bare Debian 12; arguments go to pytest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
prepare test
prepare_tokens
export PATH="$root/.venv/bin:$PATH"
# Without its cache: whether an import is ours depends on the other files there, which the cache does not see.
ruff check --no-cache .
ruff format --check .
mypy
lint-imports
pytest --cov --cov-report=term:skip-covered --durations=25 "$@"
if [ $# -eq 0 ]; then
    # Once more with the keys in the database, wrapped, where they are on the token otherwise.
    TEST_CUSTODY=wrapped pytest tests/operations tests/attacks
fi
