#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/rpm.sh [DIRECTORY] - build the RPM packages in DIRECTORY (default build/rpm)
#
# On Debian what is linked to libcurl or ncurses asks for symbol versions that are not everywhere, and
# liblmdb has another soname elsewhere: there the programs are linked to libraries without versions, made
# here of the names in the real ones, and to LMDB's archive, whose licence goes along.
set -eu
umask 022
cd "$(dirname "$0")/.."
version=$(sed -n 's/^Version: *//p' packaging/rpm/certd.spec)
out=$(realpath -m "${1:-build/rpm}")
rm -rf "$out"
tree=$out/source/certd-$version
packaging/source.sh "$tree"
on_debian=
if [ -e /etc/debian_version ]; then
	on_debian=yes
	install -m 644 /usr/share/doc/liblmdb-dev/copyright "$tree/LICENSE.lmdb"
	touch --reference="$tree/LICENSE" "$tree/LICENSE.lmdb" "$tree"
fi
SOURCE_DATE_EPOCH=$(stat -c %Y "$tree")
export SOURCE_DATE_EPOCH
mkdir -p "$out/top/SOURCES"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --directory "$out/source" "certd-$version" |
	gzip -n >"$out/top/SOURCES/certd-$version.tar.gz"

# without_versions NAME SONAME: functions, and variables of the same size
without_versions() {
	readelf --dyn-syms --wide "/usr/lib/$(gcc -print-multiarch)/$2" | awk '
		$7 != "UND" && sub("@.*", "", $8) && $4 == "FUNC" { print "void " $8 "(void) { }" }
		$7 != "UND" && $4 == "OBJECT" && $7 != "ABS" {
			print "char " $8 "[" $3 "] __attribute__((aligned(16))) = {1};" }' >"$out/stub/$1.c"
	gcc -shared -fPIC -fno-builtin -Wl,-soname,"$2" -o "$out/stub/lib$1.so" "$out/stub/$1.c"
}

usual='LMDB=-llmdb'
words=$usual
if [ -n "$on_debian" ]; then
	mkdir "$out/stub"
	without_versions curl libcurl.so.4
	without_versions ncursesw libncursesw.so.6
	without_versions tinfo libtinfo.so.6
	words="LMDB=-l:liblmdb.a LDFLAGS='-pie -Wl,-z,relro,-z,now -L$out/stub'"
fi
# Source and binary apart: a source package has the spec with all paths in it, so it is made in ".",
# and a binary package that is made with it has that one's number.
build() {
	rpmbuild "$@" --nodeps --define "certd_make $words" ${on_debian:+--define 'certd_with AND OLDAP-2.8'} \
		--define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' \
		--define '__os_install_post bash /usr/lib/rpm/brp-compress /usr && strip %{buildroot}%{_bindir}/* %{buildroot}%{_sbindir}/*' \
		--define 'clamp_mtime_to_source_date_epoch 1' --define 'debug_package %{nil}' \
		"$tree/packaging/rpm/certd.spec"
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
