#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# budgets.sh: functions of more than 40 lines, files of more than 400, headers of more than 120, lines
# of more than 100 columns. A table may be as long as its subject; say so with "/* table */".
set -eu
cd "$(dirname "$0")/../.."
out=$(for f in {base,store,acme,daemon,daemon/*,ctl,tui}/*.[ch]; do
	[ -e "$f" ] || continue
	awk -v f="$f" -v most="$([[ $f == *.h ]] && echo 120 || echo 400)" '
		/^\{/ { start = NR }
		/^\}/ { if (start && NR - start - 1 > 40) printf "%s:%d: a function of %d lines\n", f, start, NR - start - 1; start = 0 }
		{ line = $0; gsub(/\t/, "        ", line)
		  if (length(line) > 100 && line !~ /X\(/ ) printf "%s:%d: %d columns\n", f, NR, length(line) }
		END { if (NR > most) printf "%s: %d lines, at most %d\n", f, NR, most }' "$f"
done)
[ -z "$out" ] || { echo "$out" >&2; exit 1; }
echo "budgets: kept"
