#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/support/fetch_pebble_2_10.sh [DIR] - unpack a newer pebble beside the installed one
#
# bookworm has pebble 2.4; Retry-After, profiles and an ECDSA CA came later. Debian's newer package
# also runs here (it needs libc6 >= 2.34), so we download that one package from this machine's own
# mirror with a private apt directory. Nothing is installed and the system's apt is not touched.
#
# Prints the directory with the binaries, or the reason why not, on stderr, with exit 1.
set -eu

dir=${1:-${XDG_CACHE_HOME:-/var/tmp}/certd-pebble-2.10}
bin=$dir/x/usr/bin

give_up() {
	echo "no pebble 2.10: $*" >&2
	exit 1
}

umask 022
mkdir -p "$dir" 2>/dev/null || give_up "cannot create $dir"
[ -O "$dir" ] || give_up "$dir belongs to somebody else"
exec 9>"$dir/lock"
flock -w 120 9 || give_up "another download in $dir does not end"

# A download that failed a moment ago would fail again: do not let each test wait for it.
if [ ! -x "$bin/pebble" ] && [ -n "$(find "$dir/reason" -mmin -10 2>/dev/null)" ]; then
	give_up "$(cat "$dir/reason") (tried less than 10 minutes ago)"
fi
if [ -x "$bin/pebble" ]; then
	echo "$bin"
	exit 0
fi

remember() {
	echo "$*" >"$dir/reason"
	give_up "$*"
}

# The mirror: the first URI of the machine's own sources that ends in /debian.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
	/etc/apt/sources.list.d/*.sources 2>/dev/null |
	sed -n -e 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*\).*/\2/p' \
		-e 's/^URIs:  *\([^ ]*\).*/\1/p' | sed 's,/*$,,' | grep '/debian$' | head -n 1)
[ -n "$mirror" ] || remember "apt's sources name no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || remember "$keyring is missing"

mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/etc"
echo "deb [signed-by=$keyring] $mirror sid main" >"$dir/etc/sources.list"

# A mirror's Release file may be past its date, which is no concern of a test.
private_apt() {
	timeout 90 apt-get -q \
		-o Dir::Etc::SourceList="$dir/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State="$dir/state" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$dir/cache" -o Acquire::Check-Valid-Until=false \
		-o Acquire::Languages=none -o Acquire::http::Timeout=20 -o APT::Sandbox::User=root \
		"$@" >>"$dir/apt.log" 2>&1
}

cd "$dir"
: >apt.log
rm -f pebble_*.deb
if ! { private_apt update && private_apt download pebble; }; then
	remember "apt-get failed: $(grep -m 1 '^[EW]:' apt.log || echo "see $dir/apt.log")"
fi
rm -rf x.new x
dpkg -x pebble_*.deb x.new || remember "the package does not unpack"
./x.new/usr/bin/pebble -version >>apt.log 2>&1 || remember "the binary does not run here"
mv x.new x
rm -f reason
echo "$bin"
