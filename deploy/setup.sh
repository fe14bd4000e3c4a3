#!/usr/bin/env bash
# setup.sh build|tests...: what a fresh machine lacks for building, or for the tests on real parts.
#
# Checks first and installs only what is missing, telling each thing; says nothing when nothing is to
# be done. System packages come from apt where this runs as root; otherwise one sentence tells what to
# install, and the status is 1.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
export PATH="$HOME/.cargo/bin:$PATH"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
has() { command -v "$1" > /dev/null; }

# packages WHAT NAME...: installs Debian packages, or says that they are wanted.
packages() {
  local what="$1"
  shift
  if has apt-get && [ "$(id -u)" = 0 ]; then
    say "installing for $what: $*"
    export DEBIAN_FRONTEND=noninteractive
    # A new machine may still be busy with its own updates.
    local wait=(-o DPkg::Lock::Timeout=300)
    apt-get "${wait[@]}" update -qq < /dev/null > /dev/null
    apt-get "${wait[@]}" install -qq -y --no-install-recommends "$@" < /dev/null > /dev/null
  elif has apt-get; then
    fail "$what needs $*: run \`sudo apt-get install $*\`, then this again."
  else
    fail "$what needs what Debian calls $*: install it, then run this again."
  fi
}

rust() {
  if ! has cargo; then
    fail "Rust is missing: install it with rustup (https://rustup.rs), then run this again."
  fi
  # The version comes from rust-toolchain.toml. Asking runs it, and so finds it missing.
  if cargo --version > /dev/null 2>&1 && cargo clippy --version > /dev/null 2>&1 && cargo fmt --version > /dev/null 2>&1; then
    return
  fi
  local channel
  channel="$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)"
  if ! has rustup; then
    fail "Rust $channel with clippy and rustfmt is missing, and there is no rustup to install it with."
  fi
  say "installing Rust $channel"
  rustup toolchain install "$channel" --profile minimal --component clippy --component rustfmt
}

# librdkafka, SQLite and zstd are compiled from source along with us; zlib is the system's.
build() {
  rust
  local missing=()
  has cc || missing+=(gcc libc6-dev)
  has c++ || missing+=(g++)
  has make || missing+=(make)
  has pkg-config || missing+=(pkg-config)
  if ! has pkg-config || ! pkg-config --exists zlib; then
    missing+=(zlib1g-dev)
  fi
  if [ "${#missing[@]}" -gt 0 ]; then
    packages "building" "${missing[@]}"
  fi
}

tests() {
  source tests/kafka/parts.sh
  local missing=()
  if [ -z "$java" ]; then
    missing+=(default-jre-headless)
  fi
  if [ ! -d "$kafka_home/libs" ] && ! has mvn; then
    missing+=(maven)
  fi
  if [ "${#missing[@]}" -gt 0 ]; then
    packages "the tests on a real Kafka" "${missing[@]}"
  fi
  tests/kafka/install
  tests/corpus/independent/install
}

if [ "$#" = 0 ]; then
  fail "say what for: setup.sh build|tests..."
fi
for part in "$@"; do
  case "$part" in
    build) build ;;
    tests) tests ;;
    *) fail "unknown part \`$part\`: setup.sh build|tests..." ;;
  esac
done
