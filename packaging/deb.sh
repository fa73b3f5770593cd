#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/deb.sh [DIRECTORY] - build the Debian packages in DIRECTORY (default build/deb)
#
# The unit tests are left out, as `make check` runs them; DEB_BUILD_OPTIONS says otherwise.
set -eu
cd "$(dirname "$0")/.."
version=$(dpkg-parsechangelog --show-field Version)
out=$(realpath -m "${1:-build/deb}")
rm -rf "$out"
packaging/source.sh "$out/certd-$version"
cd "$out/certd-$version"
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck parallel=$(nproc)}"
if ! dpkg-buildpackage --unsigned-source --unsigned-changes >"$out/log" 2>&1; then
	tail -n 20 "$out/log" >&2
	echo "deb.sh: not built; all is in $out/log" >&2
	exit 1
fi
rm -rf "$out/certd-$version"
ls "$out"/*.deb
