# Sourced by dev.sh and test.sh: what a bare Debian 12 lacks, then .venv with the project in it.
# Cheap when nothing is missing: neither apt-get nor pip runs then.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf 'kmip-gateway: %s\n' "$*" >&2; }

# Installs the named Debian packages, as root or with sudo.
install_packages() {
    local -a as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "needs the packages $*; install them as root, or install sudo, then start again."
            exit 2
        fi
        as_root=(sudo)
    fi
    say "installing $* with apt-get"
    "${as_root[@]}" apt-get update -q </dev/null >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" </dev/null >&2
}

# Succeeds when this Python can make the virtual environment.
fit_python() {
    [ -x "$1" ] && "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Prints the Python to use. Debian's own comes first: its build is optimised, a pyenv's mostly is not.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 /usr/bin/python3.1[1-9] "$(command -v python3 || true)"; do
        if fit_python "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# The packages of the other tokens that the suite runs on: NSS, and a TPM that is a program.
prepare_tokens() {
    local -a wanted=(libnss3 libtpm2-pkcs11-1 swtpm tpm2-abrmd libtss2-tcti-tabrmd0 dbus-bin dbus-daemon) missing=()
    local package
    for package in "${wanted[@]}"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            missing+=("$package")
        fi
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

prepare_packages() {
    local extra=$1
    local -a missing=()
    if ! command -v softhsm2-util >/dev/null || [ ! -e /usr/lib/softhsm/libsofthsm2.so ]; then
        missing+=(softhsm2)
    fi
    if [ ! -x .venv/bin/python ] && ! find_python >/dev/null; then
        missing+=(python3 python3-venv)
    fi
    # The tests build a PKCS#11 module that misbehaves.
    if [ "$extra" = test ] && ! command -v cc >/dev/null; then
        missing+=(gcc libc6-dev)
    fi
    if [ "${#missing[@]}" -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

# Brings .venv to what pyproject.toml asks for. The stamp has the file's hash and this folder (scripts in a virtual
# environment hold its absolute path, so one that was copied elsewhere is made anew), and the extra installed.
prepare_venv() {
    local extra=$1 stamp=.venv/installed want have=""
    want="$(sha256sum <pyproject.toml) $root"
    if [ -f "$stamp" ]; then
        have=$(cat "$stamp")
    fi
    # What has the test extra has all that dev needs, and not the other way round.
    # Without an interpreter behind its link, as after an upgrade of Debian, it is made anew.
    if [ -x .venv/bin/python ] && { [ "$have" = "$want test" ] || [ "$have" = "$want $extra" ]; }; then
        return
    fi
    if [ ! -x .venv/bin/python ] || { [ -n "$have" ] && [[ "$have" != *" $root "* ]]; }; then
        local python
        if ! python=$(find_python); then
            say "needs Python 3.11 or newer; install it, then start again."
            exit 2
        fi
        say "making .venv with $python"
        "$python" -m venv --clear .venv
    fi
    if [[ "$have" == *" test" ]]; then
        extra=test
    fi
    say "installing the project in .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input -e ".${extra:+[$extra]}" </dev/null >&2
    printf '%s\n' "$want $extra" >"$stamp"
}

prepare() {
    prepare_packages "${1-}"
    prepare_venv "${1-}"
}
