#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/source.sh DIRECTORY - copy what git knows (with changes not committed) to DIRECTORY, each
# file as old as the changelog's entry, so that packages made of it are the same bytes each time.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
git ls-files -z | tar --create --null --files-from=- | tar --extract --directory "$1"
changed=$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)
find "$1" -exec touch --no-dereference --date="$changed" {} +
chmod -R u=rwX,go=rX "$1"
