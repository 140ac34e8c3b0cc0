#!/usr/bin/env bash
# Installs what Weir's demo, tests and benchmarks need on Debian 12, if it is missing: apt packages, then the modules of
# package-lock.json, which carry Node 24. Nothing else on the machine is changed; system services are not started.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    say "root is needed for: $*" >&2
    say "run it as root, or install sudo" >&2
    exit 1
  fi
}

# command → package that has it
wanted=(
  ovs-vswitchd:openvswitch-switch
  ovs-ofctl:openvswitch-common
  ip:iproute2
  ping:iputils-ping
  iperf3:iperf3
  ethtool:ethtool
  nsenter:util-linux
  nft:nftables
  mkfs.ext4:e2fsprogs
  strace:strace
  etcd:etcd-server
  etcdctl:etcd-client
  openssl:openssl
  systemd-analyze:systemd
  git:git
)
missing=()
for row in "${wanted[@]}"; do
  command -v "${row%%:*}" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "${row%%:*}" >/dev/null || missing+=("${row##*:}")
done
command -v npm >/dev/null || missing+=(npm)

if [ "${#missing[@]}" -gt 0 ]; then
  say "installing with apt: ${missing[*]}"
  # A service of the distribution's would take the switch's names and ports; the policy file keeps it from starting.
  policy=/usr/sbin/policy-rc.d
  made_policy=
  if [ ! -e "$policy" ]; then
    made_policy=1
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
  fi
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  [ -z "$made_policy" ] || as_root rm -f "$policy"
fi

stamp=node_modules/.weir-lock
if ! cmp -s package-lock.json "$stamp"; then
  say "installing modules and Node 24 with npm (package-lock.json)"
  # Not `npm ci`: it refuses a lock file when the registry lacks a build of an optional package for some other platform.
  npm install --no-save --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi

node=$(ls node_modules/node-linux-*/bin/node 2>/dev/null | head -n 1)
[ -n "$node" ] || { say "no Node 24 for $(uname -m) came with the modules" >&2; exit 1; }
say "ready: Node $("$node" --version), $(ovs-vswitchd --version | head -n 1)"
