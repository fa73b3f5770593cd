#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/debian13.sh [COMMAND...] - runs COMMAND (default: make check) in a clean clone of HEAD on a
# minimal Debian 13, whose OpenSSL is 3.5
#
# The tree is made once by debootstrap, from the archive that this machine's apt uses, and kept in
# $DEBIAN13 (default /var/tmp/certd-debian13). Every run has a layer of its own above it, which is
# thrown away. Needs root. Where the suite cannot be fetched it says so and exits 77.
set -eu

tree=${DEBIAN13:-/var/tmp/certd-debian13}
top=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
[ $# -gt 0 ] || set -- make check

skip() {
	echo "skipped: $*"
	exit 77
}

archive_of_this_machine() {
	awk '/^URIs:/ { print $2; exit }
	     /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null
}

make_tree() {
	local archive
	archive=$(archive_of_this_machine)
	[ -n "$archive" ] || skip "this machine's apt names no Debian archive"
	command -v debootstrap >/dev/null ||
		apt-get install -y -qq --no-install-recommends debootstrap >/dev/null ||
		skip "debootstrap cannot be installed"
	rm -rf "$tree"
	debootstrap --variant=minbase --include=make,git,ca-certificates trixie "$tree" "$archive" \
		>"$tree.log" 2>&1 || skip "Debian 13 cannot be fetched: $(tail -n 1 "$tree.log")"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	cp -L /etc/apt/apt.conf.d/* "$tree/etc/apt/apt.conf.d/" 2>/dev/null || true
	touch "$tree/.complete"
}

[ "$(id -u)" -eq 0 ] || skip "making a Debian 13 tree needs root"
[ -e "$tree/.complete" ] || make_tree

layer=$(mktemp -d /var/tmp/certd-debian13.XXXXXX)
root=$layer/root
clean_up() {
	local at
	for at in dev/pts dev proc sys; do umount -l "$root/$at" 2>/dev/null || true; done
	umount -l "$root" 2>/dev/null || true
	rm -rf "$layer"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
mkdir "$layer/upper" "$layer/work" "$root"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$layer/upper,workdir=$layer/work" "$root" ||
	skip "no overlay file system here"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
git clone -q --no-hardlinks "$top" "$root/root/certd"
chroot "$root" /bin/bash -c 'cd /root/certd && exec "$@"' debian13 "$@"
