#!/usr/bin/env bash
# Starts a complete gateway on SoftHSM2 from a bare Debian 12; arguments go to `kmip-gateway dev`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
prepare
exec .venv/bin/kmip-gateway dev "$@"
