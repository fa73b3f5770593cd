#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/deps.sh - install what certd needs from Debian, and only what is missing
#
#   packaging/deps.sh build   compilers, tools and libraries
#   packaging/deps.sh test    what the tests and the demo run against
#   packaging/deps.sh         both
#   packaging/deps.sh deb     what the .deb is built with: Build-Depends of debian/control
#   packaging/deps.sh rpm     what the .rpm is built with
#   packaging/deps.sh package what both are built and tested with
#
# Silent when everything is there. Nothing it installs is started as a service.
# shellcheck disable=SC2086  # package lists are split into words on purpose
set -eu

build='gcc libc6-dev make pkg-config libssl-dev libcurl4-openssl-dev libcjson-dev liblmdb-dev
libidn2-dev libpsl-dev libunbound-dev libncurses-dev libcmocka-dev uthash-dev'
test='pebble curl openssl python3 ca-certificates procps e2fsprogs xfsprogs testssl.sh
nginx-light haproxy prometheus faketime tmux knot knot-dnsutils knot-dnssecutils'
deb="$build build-essential debhelper python3 openssl"
rpm="$build rpm python3"
package="$deb $rpm lintian rpmlint mandoc man-db groff-base
systemd-container pebble curl openssl autopkgtest
bash-completion zsh fish certbot caddy nginx-light haproxy prometheus"

case ${1:-all} in
build) wanted=$build ;;
test) wanted=$test ;;
deb) wanted=$deb ;;
rpm) wanted=$rpm ;;
package) wanted=$package ;;
all) wanted="$build $test" ;;
*)
	echo "usage: packaging/deps.sh [build|test|deb|rpm|package|all]" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: this is not a Debian system; please install by hand:" $wanted >&2
	exit 1
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true)
missing=
for package in $wanted; do
	case "
$installed
" in
	*"
installed $package
"*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps.sh: missing packages; as root, run: apt-get install$missing" >&2
	exit 1
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
own_policy=
clean_up() {
	rm -f "$log"
	[ -z "$own_policy" ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# 101 = "action forbidden": invoke-rc.d then starts no service of a fresh package.
if [ ! -e "$policy" ]; then
	own_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "deps.sh: installing$missing" >&2
if ! { apt-get -q update && apt-get -qy install --no-install-recommends $missing; } \
	>"$log" 2>&1 </dev/null; then
	tail -n 15 "$log" >&2
	echo "deps.sh: apt-get failed (its last words are above); needed are:$missing" >&2
	exit 1
fi
