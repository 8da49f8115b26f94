# shellcheck shell=bash
# What scripts/run, scripts/test and .ci/run share: finding what they need, and installing what is missing.
# Each step is announced before it is taken, and none asks a question.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [[ $(id --user) -eq 0 ]]; then
        "$@"
    elif ! command -v sudo > /dev/null; then
        die "this needs root, and there is no sudo. As root, run: $*"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo --non-interactive "$@" || die "this needs root, and sudo wants a password. As root, run: $*"
    fi
}

packages_updated=no

read_package_lists() {
    if [[ $packages_updated == no ]]; then
        say "reading the lists of packages (apt-get update)"
        as_root apt-get update --quiet=2 >&2
        packages_updated=yes
    fi
}

install_packages() {
    command -v apt-get > /dev/null \
        || die "$* missing, and this is no Debian or Ubuntu. Install PostgreSQL (14 or newer), a C compiler and Rust, then start again."
    if [[ $(id --user) -ne 0 ]] && ! command -v sudo > /dev/null; then
        die "$* missing, and installing needs root; there is no sudo. As root, run: apt-get update && apt-get install --yes --no-install-recommends $*. Then start again."
    fi
    read_package_lists
    say "installing $* (apt-get install)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@" >&2
}

# Prints the directory that holds both initdb and postgres, highest version first; fails when there is none.
postgres_programs() {
    local dir
    while read -r dir; do
        if [[ -x $dir/initdb && -x $dir/postgres ]]; then
            printf '%s\n' "$dir"
            return 0
        fi
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort --version-sort --reverse
        dirname "$(command -v initdb || printf '/nowhere/initdb')"
    )
    return 1
}

# The package usually makes a cluster and runs it from boot on. Ours is private, so that one is not asked for; the setting
# that says so is put back afterwards.
need_postgres() {
    if postgres_programs > /dev/null; then
        return 0
    fi
    local conf=/etc/postgresql-common/createcluster.conf kept status=0
    install_packages postgresql-common
    kept=$(mktemp)
    cp "$conf" "$kept"
    say "installing the PostgreSQL server without a cluster of its own ($conf is changed for the while)"
    as_root sed --in-place --regexp-extended \
        's/^#?[[:space:]]*create_main_cluster[[:space:]]*=.*$/create_main_cluster = false/' "$conf"
    (install_packages postgresql) || status=$?
    as_root cp "$kept" "$conf"
    rm --force "$kept"
    [[ $status -eq 0 ]] || die "PostgreSQL could not be installed; what apt-get said stands above."
    postgres_programs > /dev/null || die "PostgreSQL was installed, but its initdb and postgres were not found."
}

# Where tests/proxy looks for one.
proxy_is_there() {
    local dir
    for dir in /usr/sbin /usr/local/sbin /usr/bin /usr/local/bin; do
        [[ ! -x $dir/$1 ]] || return 0
    done
    return 1
}

# For the tests of the proxies alone, which run them as children.
need_proxies() {
    local proxy missing=()
    for proxy in nginx haproxy caddy; do
        proxy_is_there "$proxy" || missing+=("$proxy")
    done
    if [[ ${#missing[@]} -gt 0 ]]; then
        install_unstarted "${missing[@]}"
    fi
    # Brings the program of Apache, and not the package that would start one.
    [[ -e /usr/lib/apache2/modules/mod_oauth2.so ]] || install_packages libapache2-mod-oauth2
}

# The packages would start a server each, on port 80, now and from every boot on. policy-rc.d, by which Debian's packages ask
# whether they may start what they bring, says no for the while.
install_unstarted() {
    local policy=/usr/sbin/policy-rc.d ours=no proxy status=0
    if [[ ! -e $policy ]]; then
        say "installing $* for the tests, without starting anything ($policy is there for the while)"
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
        as_root chmod 755 "$policy"
        ours=yes
    fi # else somebody's own policy decides
    (install_packages "${@/#nginx/nginx-light}") || status=$?
    [[ $ours == no ]] || as_root rm --force "$policy"
    [[ $status -eq 0 ]] || die "$* could not be installed; what apt-get said stands above. Debian 12 and newer have them all. Where \
a package is not to be had, put the program into /usr/local/bin, or name the suites to run, without proxy."
    command -v systemctl > /dev/null || return 0
    for proxy in "$@"; do
        as_root systemctl disable --quiet "$proxy" >&2 \
            || say "the service $proxy may start at the next boot; to keep it from that: systemctl disable $proxy"
    done
}

# What runs the identity provider of the tests of sign-in, and the libraries of the suite interop.
need_node() {
    local program missing=()
    for program in node npm; do
        command -v "$program" > /dev/null || missing+=("${program/#node/nodejs}")
    done
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
    local major
    major=$(node --print 'process.versions.node.split(".")[0]')
    ((major >= 18)) || die "the tests need Node.js 18 or newer, and $(command -v node) is $major. Install a newer one, or name the \
suites to run, without signin and interop."
}

# install_node_packages WHAT FROM TO: as the lock file in FROM has them; no script of theirs is run. Kept until that file changes.
install_node_packages() {
    local what=$1 from=$2 to=$3
    if ! cmp --silent "$from/package-lock.json" "$to/installed"; then
        say "installing $what in $to (npm ci)"
        mkdir --parents "$to"
        cp "$from/package.json" "$from/package-lock.json" "$to"
        npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 \
            || die "npm could not install it; what it said stands above. Without a network, name the suites to run, without signin \
and interop."
        cp "$from/package-lock.json" "$to/installed"
    fi
}

install_provider() {
    export CREDLEDGER_TEST_PROVIDER=${CARGO_TARGET_DIR:-$root/target}/test-provider
    install_node_packages "the identity provider of the tests" "$root/tests/signin/provider" "$CREDLEDGER_TEST_PROVIDER"
}

# Debian has the module that an environment of its own takes (ensurepip) in a package apart.
need_python() {
    local new_enough='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'
    python3 -c "$new_enough" 2> /dev/null || install_packages python3 python3-venv
    python3 -c "$new_enough" || die "the tests need Python 3.10 or newer with venv, and $(command -v python3) is not. Install a newer \
one, or name the suites to run, without interop."
}

# For the suite interop: Node's, and beside them Python's with the hashes that requirements.txt has, as wheels, so that nothing
# of theirs is built or run.
install_libraries() {
    local from=$root/tests/interop/libraries to=${CARGO_TARGET_DIR:-$root/target}/test-libraries
    export CREDLEDGER_TEST_LIBRARIES=$to
    install_node_packages "OAuth and JWT libraries" "$from" "$to"
    if ! cmp --silent "$from/requirements.txt" "$to/python/installed" || ! "$to/python/bin/python" -c ''; then
        say "installing OAuth and JWT libraries, and a reader of tables, in $to/python (pip install)"
        python3 -m venv --clear "$to/python"
        "$to/python/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            --requirement "$from/requirements.txt" >&2 \
            || die "pip could not install them; what it said stands above. Without a network, name the suites to run, without interop."
        cp "$from/requirements.txt" "$to/python/installed"
    fi
}

need_compiler() {
    command -v cc > /dev/null || install_packages gcc libc6-dev
}

wanted_rust() { sed --quiet 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml"; }

# Debian has it from 13 on, Ubuntu from 24.04.
distribution_has_rustup() {
    command -v apt-cache > /dev/null || return 1
    if [[ $(id --user) -eq 0 ]] || command -v sudo > /dev/null; then
        read_package_lists
    fi
    [[ -n $(apt-cache search --names-only '^rustup$') ]]
}

# Succeeds when the Rust on the PATH is new enough for Cargo.toml.
rust_is_new_enough() {
    local wanted found
    wanted=$(wanted_rust)
    found=$(cargo --version 2> /dev/null | cut --delimiter=' ' --fields=2) || return 1
    [[ -n $found && $(printf '%s\n' "$wanted" "$found" | sort --version-sort | head --lines=1) == "$wanted" ]]
}

need_rust() {
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if rust_is_new_enough; then
        return 0
    fi
    command -v curl > /dev/null || install_packages curl ca-certificates
    say "installing a Rust toolchain for $(id --user --name) by the official script of rustup.rs, under ${CARGO_HOME:-$HOME/.cargo}"
    local script status=0
    script=$(mktemp)
    curl --proto '=https' --tlsv1.2 --silent --show-error --fail --output "$script" https://sh.rustup.rs || status=$?
    if [[ $status -eq 0 ]]; then
        sh "$script" -y --no-modify-path --profile minimal --default-toolchain stable >&2 || status=$?
    fi
    rm --force "$script"
    if [[ $status -ne 0 ]]; then
        distribution_has_rustup \
            || die "that did not work, and this system has no package of rustup. Install Rust from https://rustup.rs, or put Rust $(wanted_rust) or newer on the PATH; then start again."
        say "that did not work; trying the distribution's own rustup"
        install_packages rustup
        rustup default stable >&2
    fi
    hash -r
    rust_is_new_enough || die "no Rust new enough for Cargo.toml could be installed. Install one from https://rustup.rs, or put Rust $(wanted_rust) or newer on the PATH; then start again."
}

# Root's own processes run as this account: PostgreSQL refuses to run as root. The service chooses in the same order.
unprivileged_account() {
    local name
    for name in credledger postgres nobody; do
        if id "$name" > /dev/null 2>&1; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    die "there is no account to run PostgreSQL as. Create one: useradd --system credledger"
}
