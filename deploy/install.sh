#!/usr/bin/env bash
# Installs this checkout as a service of the machine (Debian 12): the program in /opt/weir/VERSION with its modules and Node 24 (by npm, as
# package-lock.json says), /opt/weir/current pointing there, the command weir, the unit, its user and /etc/weir. Does not start or restart anything,
# and leaves every file in /etc/weir as it is. To repeat it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'install: %s\n' "$*"; }
[ "$(id -u)" = 0 ] || { say "run it as root" >&2; exit 1; }
missing=()
command -v npm >/dev/null || missing+=(npm)
command -v systemctl >/dev/null || missing+=(systemd)
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing with apt: ${missing[*]}"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
place=/opt/weir/$version
if [ ! -e "$place/.installed" ]; then
  say "the program goes to $place"
  draft=/opt/weir/.draft
  rm -rf "$draft" "$place"
  mkdir -p "$draft"
  # The tests are there for benchmarks, which use their laboratories.
  cp -R bin src cluster policies flows bench test docs examples deploy package.json package-lock.json LICENSE "$draft"
  modules=(npm install --omit=dev)
  # What `make setup` brought is taken, where it did: then nothing has to be fetched.
  if cmp -s package-lock.json node_modules/.weir-lock; then
    cp -R node_modules/. "$draft/node_modules"
    modules=(npm prune --omit=dev --offline)
  fi
  (cd "$draft" && "${modules[@]}" --no-save --no-audit --no-fund --loglevel=error)
  touch "$draft/.installed"
  mv "$draft" "$place"
fi
ln -sfn "$version" /opt/weir/current

install -d /usr/local/bin /usr/local/lib/systemd/system /usr/local/lib/sysusers.d /usr/local/lib/tmpfiles.d
ln -sfn /opt/weir/current/bin/weir /usr/local/bin/weir
install -m 644 deploy/systemd/weir.service /usr/local/lib/systemd/system/weir.service
install -m 644 deploy/systemd/weir.sysusers /usr/local/lib/sysusers.d/weir.conf
install -m 644 deploy/systemd/weir.tmpfiles /usr/local/lib/tmpfiles.d/weir.conf
systemd-sysusers weir.conf
systemd-tmpfiles --create weir.conf
[ -e /etc/weir/weir.env ] || install -m 640 -g weir deploy/systemd/weir.env /etc/weir/weir.env
[ ! -d /run/systemd/system ] || systemctl daemon-reload
say "weir $version is installed; write /etc/weir/weir.yaml (examples in $place/deploy/config), then: systemctl enable --now --no-block weir"
