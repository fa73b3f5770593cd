# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts in the container share: checks, each of which prints a line that begins with "ok",
# a CA, and clients that count.
set -u
export PEBBLE_VA_NOSLEEP=1 DEBIAN_FRONTEND=noninteractive

fail() {
	echo "FAILED: $*"
	journalctl -u certd --no-pager | tail -n 30
	exit 1
}

# expect WHAT WANTED COMMAND...: its output is WANTED
expect() {
	local what=$1 wanted=$2 got
	shift 2
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || fail "$what: expected \"$wanted\", got \"$got\""
	echo "ok $what"
}

# has FILE PATTERN: a line of it matches
has() { grep -q -- "$2" "$1" || fail "no \"$2\" in $1: $(cat "$1")"; }

until_true() {
	for _ in $(seq 600); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	fail "not within a minute: $*"
}

of_unit() { systemctl show -P "$1" certd; }

# ask NAME CURL-OPTION...
ask() {
	local name=$1
	shift
	curl -sS --cacert /run/root.pem --resolve "$name:443:127.0.0.1" "$@" "https://$name/"
}

served() { ask "${1-demo.certd.test}" -o /dev/null -w '%{http_code}'; }

# an edited configuration stays, without a question
install_package() { dpkg --force-confold -i "/test/$1" >/run/dpkg.log 2>&1 || fail "dpkg -i $1: $(cat /run/dpkg.log)"; }

# the edits that certd.conf asks for, with the CA of this test
configure() {
	sed -i "s,directory .*,directory https://localhost:14000/dir; ca-file /etc/ssl/certs/pebble.pem;,
		s/#account/account/; s/#agree/agree/" /etc/certd/certd.conf
}

shown() { certctl show demo.certd.test -o json | grep -o '"serial":"[^"]*"'; }

start_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=pebble \
		-addext 'subjectAltName=DNS:localhost' -out /run/ca.pem -keyout /run/ca.key 2>/dev/null
	cat >/run/pebble.json <<'END'
{ "pebble": { "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
"certificate": "/run/ca.pem", "privateKey": "/run/ca.key", "httpPort": 80, "tlsPort": 443,
"ocspResponderURL": "", "externalAccountBindingRequired": false } }
END
	pebble-challtestsrv -dns01 127.0.0.1:8053 -defaultIPv4 127.0.0.1 -defaultIPv6 '' -http01 '' \
		-https01 '' -tlsalpn01 '' -management 127.0.0.1:8055 >/run/dns.log 2>&1 &
	pebble -config /run/pebble.json -dnsserver 127.0.0.1:8053 >/run/pebble.log 2>&1 &
	until_true curl -sf --cacert /run/ca.pem -o /run/root.pem https://localhost:15000/roots/0
	cp /run/ca.pem /etc/ssl/certs/pebble.pem
}

# start_pages PORT: a backend of files; its process is $pages
start_pages() {
	mkdir -p /run/www && : >/run/www/index.html
	python3 -m http.server "$1" --bind 127.0.0.1 --directory /run/www >/run/pages.log 2>&1 &
	pages=$!
	until_true curl -sf "http://127.0.0.1:$1/"
}

# ---- load: see load.py ----

counted() { head -n 1 /run/load; }

# more COUNT: that many connections since this was set
more() { [ "$(counted | cut -d ' ' -f 1)" -ge $((from + $1)) ]; }

load_begin() {
	rm -f /run/load
	/test/load.py demo.certd.test /run/root.pem /run/load &
	load=$!
	until_true test -s /run/load
	from=0
	until_true more 50
}

# load_end WHAT: clients went on during and after it, and none of them saw anything
load_end() {
	from=$(counted | cut -d ' ' -f 1)
	until_true more 50
	kill $load && wait $load
	read -r done failed slowest < <(counted)
	[ "$failed" -eq 0 ] || fail "$1: $(cat /run/load)"
	echo "ok $1: $done connections, none failed, the slowest took $slowest ms"
}
