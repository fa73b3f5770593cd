#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/previous.sh CERTD.deb DIRECTORY [COMMIT] - write DIRECTORY/previous.deb, which an upgrade to
# CERTD.deb is tried from, and say what it is
#
# It is built of COMMIT: by default the newest tag before this commit, and without one the newest commit
# that is three hours older. Where git has none, or it does not build here any more, it is CERTD.deb
# itself. Its version is lower than any other.
set -eu
cd "$(dirname "$0")/.."
deb=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
wanted=${3-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# older: prints the commit
older() {
	git rev-parse -q --verify HEAD >/dev/null 2>&1 || return 1
	commit=${wanted:-$(git describe --tags --abbrev=0 HEAD^ 2>/dev/null ||
		git rev-list -1 --before="$(($(git log -1 --format=%ct) - 3 * 3600))" HEAD)}
	git rev-parse -q --verify "$commit^{commit}"
}

build() {
	git clone -q --shared --no-checkout . "$work/tree" &&
		git -C "$work/tree" -c advice.detachedHead=false checkout -q "$1" &&
		"$work/tree/packaging/deb.sh" "$work/deb"
}

if ! commit=$(older); then
	what='this package itself: git has no older commit here (no clone, or a shallow one)'
	built=$deb
elif ! build "$commit" >"$out/previous.log" 2>&1; then
	what="this package itself: $commit does not build here, see $out/previous.log"
	built=$deb
else
	what=$(git log -1 --format='that of %h, %ci, "%s"' "$commit")
	built=$(ls "$work"/deb/certd_*.deb)
fi
dpkg-deb -R "$built" "$work/package"
# what it ships is edited by whoever has it, and another file in the new package
echo '# of the previous package' >>"$work/package/etc/certd/certd.conf"
sed -i "s/^Version: .*/Version: 0~previous/" "$work/package/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/package" "$out/previous.deb" >/dev/null
echo "previous package: $what"
