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
if [ $# -eq 0 ]; then
    # Beside it once more with the keys in the database, wrapped, where they are on the token otherwise.
    wrapped="$(mktemp)"
    TEST_CUSTODY=wrapped pytest -p no:cacheprovider tests/operations tests/attacks >"$wrapped" 2>&1 &
fi
passed=0
pytest --cov --cov-report=term:skip-covered --durations=25 "$@" || passed=$?
if [ $# -eq 0 ]; then
    wait $! || passed=$?
    echo "With TEST_CUSTODY=wrapped:"
    cat "$wrapped"
    rm "$wrapped"
fi
exit $passed
