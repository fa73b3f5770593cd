#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/rpm.sh [DIRECTORY] - build the RPM packages in DIRECTORY (default build/rpm)
#
# On Debian what is linked to libcurl asks for symbol versions that only Debian has, and liblmdb has
# another soname elsewhere: there certd is linked to a libcurl without versions, made here of the
# names in the real one, and to LMDB's archive.
set -eu
umask 022
cd "$(dirname "$0")/.."
version=$(sed -n 's/^Version: *//p' packaging/rpm/certd.spec)
out=$(realpath -m "${1:-build/rpm}")
rm -rf "$out"
packaging/source.sh "$out/source/certd-$version"
SOURCE_DATE_EPOCH=$(stat -c %Y "$out/source/certd-$version")
export SOURCE_DATE_EPOCH
mkdir -p "$out/top/SOURCES"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --directory "$out/source" "certd-$version" |
	gzip -n >"$out/top/SOURCES/certd-$version.tar.gz"

usual='LMDB=-llmdb'
words=$usual
if [ -e /etc/debian_version ]; then
	mkdir "$out/stub"
	nm --dynamic --defined-only "/usr/lib/$(gcc -print-multiarch)/libcurl.so" |
		sed -n 's/.* T \(curl_[a-z0-9_]*\)@.*/void \1(void) { }/p' >"$out/stub/curl.c"
	gcc -shared -fPIC -fno-builtin -Wl,-soname,libcurl.so.4 -o "$out/stub/libcurl.so" "$out/stub/curl.c"
	words="LMDB=-l:liblmdb.a LDFLAGS='-pie -Wl,-z,relro,-z,now -L$out/stub'"
fi
# Source and binary apart: a source package has the spec with all paths in it, so it is made in ".",
# and a binary package that is made with it has that one's number.
build() {
	rpmbuild "$@" --nodeps --define "certd_make $words" \
		--define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' \
		--define '__os_install_post bash /usr/lib/rpm/brp-compress /usr && strip %{buildroot}%{_bindir}/* %{buildroot}%{_sbindir}/*' \
		--define 'clamp_mtime_to_source_date_epoch 1' --define 'debug_package %{nil}' \
		"$out/source/certd-$version/packaging/rpm/certd.spec"
}
if ! { build -bb --define "_topdir $out/top" && words=$usual && cd "$out/top" &&
	build -bs --define '_topdir .'; } >"$out/log" 2>&1; then
	tail -n 20 "$out/log" >&2
	echo "rpm.sh: not built; all is in $out/log" >&2
	exit 1
fi
cd "$out"
mv "$out"/top/RPMS/*/*.rpm "$out"/top/SRPMS/*.rpm "$out"
rm -rf "$out/top" "$out/source" "$out/stub"
ls "$out"/*.rpm
