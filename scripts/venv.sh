# Sourced by the other scripts. Leaves the shell in the project's folder with .venv/bin first on PATH, after making
# .venv from requirements.lock if it is missing or the lock, the project's metadata or its Python changed.
# PYTHON names the interpreter to use (3.11 to 3.14); without it .venv keeps the one it has, or takes the first on PATH.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The interpreter behind a virtual environment, never the one in it: .venv could not rebuild itself.
find_python() {
    local candidate
    for candidate in ${PYTHON:-.venv/bin/python python3.11 python3.12 python3.13 python3.14 python3 python}; do
        if "$candidate" -c '
import sys
print(sys._base_executable) if (3, 11) <= sys.version_info < (3, 15) else sys.exit(1)' 2>/dev/null; then
            return
        fi
    done
    echo "dspash needs Python 3.11 to 3.14; none of these is one: ${PYTHON:-python3.11 ... python3.14, python3, python}" >&2
    return 1
}

# What .venv is made from: one line for the packages, one for the project's own installation.
venv_sources() {
    "$1" - <<'PY'
import hashlib, pathlib, sys
print(sys.version, sys.base_prefix, hashlib.sha256(pathlib.Path("requirements.lock").read_bytes()).hexdigest())
print(pathlib.Path.cwd(), hashlib.sha256(pathlib.Path("pyproject.toml").read_bytes()).hexdigest())
PY
}

# Installs what the lock names. By uv, which needs a third of pip's time and comes itself by pip, under the lock's own
# hashes; where uv cannot, by pip alone, which then says why. Wheels only: building a source distribution would fetch
# build tools that the lock does not pin.
install_lock() {
    local -a rules=(--no-deps --only-binary :all: --require-hashes)
    local -a by_pip=("${pip[@]}" install -qq --disable-pip-version-check --no-input "${rules[@]}")
    awk '/^uv==/ { named = 1 } named; named && !/\\$/ { exit }' requirements.lock >.venv/uv.lock
    "${by_pip[@]}" -r .venv/uv.lock && install_lock_by_uv || "${by_pip[@]}" -r requirements.lock
}

# uv reads neither pip's files nor its environment: it is told what they say of where packages are.
install_lock_by_uv() {
    local -a sources=() certificates=()
    local settings value
    settings=$("${pip[@]}" config list)
    setting() { sed -nE "s/^(:env:|global|install)\.$1='(.*)'\$/\2/p" <<<"$settings" | sed 's/\\n/ /g;q'; }
    # In pip's eyes all indexes are equal, and the fittest wheel is taken; uv takes it from the first that has a fitting
    # one. A further index may have the wheel for any platform alone, which works on none.
    value=$(setting index-url)
    sources+=(--default-index "${value:-https://pypi.org/simple}")
    for value in "${value:-https://pypi.org/simple}" $(setting extra-index-url); do
        sources+=(--index "$value")
    done
    for value in $(setting find-links); do
        sources+=(--find-links "$value")
    done
    [[ -z $(setting no-index) ]] || sources+=(--no-index)
    [[ -z $(setting cert) ]] || certificates=("SSL_CERT_FILE=$(setting cert)")
    # Whichever index has what the lock's hashes fit will do.
    env "${certificates[@]}" .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python \
        --index-strategy unsafe-best-match "${rules[@]}" "${sources[@]}" -r requirements.lock 2>.venv/uv.log
}

make_venv() {
    local python=$1 sources=$2 stamp=.venv/made-from
    local -a pip=(.venv/bin/python -m pip) venv=("$python" -m venv --clear)
    if [[ -f $stamp && $(<"$stamp") == "$sources" ]]; then
        return
    fi
    if [[ ! -f $stamp || $(head -n 1 "$stamp") != "$(head -n 1 <<<"$sources")" ]]; then
        echo "Making .venv with $("$python" -V) from requirements.lock: $(grep -c '^[a-z]' requirements.lock) packages, a minute or less." >&2
        # Debian's Python without python3-venv has no ensurepip: its own pip then installs into .venv from outside.
        "$python" -c 'import ensurepip' 2>/dev/null || venv+=(--without-pip)
        "${venv[@]}" .venv
        [[ -x .venv/bin/pip ]] || pip=("$python" -m pip --python .venv/bin/python)
        install_lock
    fi
    [[ -x .venv/bin/pip ]] || pip=("$python" -m pip --python .venv/bin/python)
    echo "Installing dspash into .venv (editable)." >&2
    "${pip[@]}" install -qq --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
    echo "$sources" >"$stamp"
}

ensure_venv() {
    local python sources
    python=$(find_python)
    sources=$(venv_sources "$python")
    # Two scripts started together must not build the same folder.
    if command -v flock >/dev/null; then
        exec 9>.venv.lock
        flock 9
        make_venv "$python" "$sources" 9>&-
        exec 9>&-
    else
        make_venv "$python" "$sources"
    fi
    export PATH="$PWD/.venv/bin:$PATH"
}

ensure_venv
