#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# debian/tests, as a distribution runs them: autopkgtest on this container, which is thrown away.
# shellcheck source=packaging/tests/inside/lib.sh
. /test/lib.sh

autopkgtest -B /test/certd.deb /test/source/ --ignore-restrictions=isolation-container -- null >/run/out 2>&1 ||
	fail "autopkgtest: $(tail -n 60 /run/out)"
sed -n '1,/@ summary/d; s/^\([a-z-]* *PASS\)$/ok autopkgtest: \1/p' /run/out
[ "$(sed '1,/@ summary/d' /run/out | grep -c ' PASS$')" -eq "$(grep -c '^Tests:' /test/source/debian/tests/control)" ] ||
	fail "not all tests have run: $(cat /run/out)"
