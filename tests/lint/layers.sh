#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# layers.sh: holds the table of allowed includes (docs/architecture.md). A folder may include its own
# headers, those of the folders it may look at, the C library, and the libraries named here.
set -eu
cd "$(dirname "$0")/../.."

# folder -> project folders it may include
declare -A looks_at=(
	[base]="base"
	[store]="base store"
	[acme]="base acme"
	[ctl]="base ctl"
	[tui]="base ctl tui"
	[daemon]="base store acme daemon"
)
# the rooms of daemon/, where a file of one may include headers of others; not listed: of all
declare -A rooms=( # docs/architecture.md has the same table
	[daemon/common]="common conf"
	[daemon/conf]="common conf dns front order"
	[daemon/front]=". common conf front"
	[daemon/dns]="common conf dns"
	[daemon/order]="common conf dns front order watch"
	[daemon/watch]="common conf dns front order watch"
	[daemon/tell]="common conf front order tell watch"
)
# library header pattern -> files that may include it
declare -A library=(
	['cjson/']='^(base|acme|ctl|daemon|tui)/'
	['idn2\.h']='^base/idna\.c$'
	['lmdb\.h']='^store/'
	['openssl/']='^(acme/|daemon/|store/(seal|cert|meta)\.[ch]$)'
	['curl/']='^acme/(transport[a-z_]*|url)\.[ch]$'
	['unbound\.h']='^daemon/dns/diagnose_dns\.c$'
	['libpsl\.h']='^daemon/order/suffix\.c$'
	['uthash\.h']='^daemon/'
	['cmocka\.h']='^tests/'
	['arpa/nameser']='^daemon/dns/'
	['ncurses']='^tui/(draw|term)\.c$'
)

failed=0
complain() {
	printf '%s:%s: %s\n' "$1" "$2" "$3" >&2
	failed=1
}

while IFS=: read -r file line include; do
	folder=${file%%/*}
	if [[ $include =~ \"([^\"]+)\" ]]; then
		header=${BASH_REMATCH[1]}
		[[ $header == */* ]] || complain "$file" "$line" "\"$header\" must carry its folder"
		case " ${looks_at[$folder]} " in
		*" ${header%%/*} "*) ;;
		*) complain "$file" "$line" "$folder/ may not look at ${header%%/*}/" ;;
		esac
		room=$(dirname "$file") other=$(dirname "$header")
		if [[ $other == daemon* && -v rooms[$room] ]]; then
			other=${other#daemon} other=${other#/}
			[[ " ${rooms[$room]} " == *" ${other:-.} "* ]] ||
				complain "$file" "$line" "$room/ may not look at daemon/$other/"
		fi
		case $header in
		*_inside.h) module=$(basename "${header%_inside.h}")
			[[ $(basename "$file") == "$module"* || $module == control && $(basename "$file") == command* ]] ||
				complain "$file" "$line" "$header belongs to $module alone" ;;
		esac
	elif [[ $include =~ \<([^\>]+)\> ]]; then
		header=${BASH_REMATCH[1]}
		for pattern in "${!library[@]}"; do
			[[ ! $header =~ ^$pattern || $file =~ ${library[$pattern]} ]] ||
				complain "$file" "$line" "<$header> does not belong here"
		done
	fi
done < <(grep -nH '^#include' base/*.[ch] store/*.[ch] acme/*.[ch] ctl/*.[ch] daemon/*.[ch] daemon/*/*.[ch] tui/*.[ch] 2>/dev/null || true)

[ $failed = 0 ] && echo "layers: every include is in the table"
exit $failed
