#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What packaging/tests/boot.sh runs in the container. Each line that begins with "ok" was checked.
set -u

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

served() {
	curl -sS -o /dev/null -w '%{http_code}' --cacert /run/root.pem \
		--resolve demo.certd.test:443:127.0.0.1 https://demo.certd.test/
}

of_unit() { systemctl show -P "$1" certd; }

until_true() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	fail "not within 10 s: $*"
}

restarted() { [ "$(of_unit NRestarts)" -ge 1 ] && [ "$(of_unit ActiveState)" = active ]; }

export PEBBLE_VA_NOSLEEP=1 DEBIAN_FRONTEND=noninteractive
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
mkdir /run/www && : >/run/www/index.html
python3 -m http.server 8080 --bind 127.0.0.1 --directory /run/www >/dev/null 2>&1 &
until_true curl -sf --cacert /run/ca.pem -o /run/root.pem https://localhost:15000/roots/0
until_true curl -sf http://127.0.0.1:8080/

dpkg -i /test/certd.deb >/run/dpkg.log 2>&1 || fail "dpkg -i: $(cat /run/dpkg.log)"
expect 'a fresh package starts nothing' inactive systemctl is-active certd
cp /run/ca.pem /etc/certd/pebble.pem
sed -i 's,directory .*,directory https://localhost:14000/dir; ca-file /etc/certd/pebble.pem;,
	s/#account/account/; s/#agree/agree/' /etc/certd/certd.conf
systemctl enable --now certd 2>/dev/null || fail 'it does not start'
certctl add demo.certd.test --wait --timeout 1m || fail 'no certificate'
expect 'the first name is served' 200 served
expect 'it runs as its user' certd stat -c %U "/proc/$(of_unit MainPID)"
expect 'the socket is for the group' 'certd:certd-admin 660' stat -c '%U:%G %a' /run/certd/control.sock

pid=$(of_unit MainPID)
echo 'broken;' >>/etc/certd/certd.conf
systemctl reload certd 2>/dev/null && fail 'a broken configuration was taken'
journalctl -u certd --no-pager | grep -q 'certd.conf:.*unknown word "broken"' ||
	fail 'the journal does not say what is wrong'
expect 'a broken configuration changes nothing' "$pid 200" echo "$(of_unit MainPID) $(served)"
sed -i '$d' /etc/certd/certd.conf
systemctl reload certd || fail 'no reload'

dpkg -i /test/certd.deb >/run/dpkg.log 2>&1 || fail "upgrade: $(cat /run/dpkg.log)"
[ "$(of_unit MainPID)" != "$pid" ] || fail "nothing was upgraded: $(cat /run/dpkg.log)"
expect 'upgraded, not restarted' '0 200' echo "$(of_unit NRestarts) $(served)"

kill -9 "$(of_unit MainPID)"
expect 'who connects when it is killed waits' 200 served
until_true restarted
expect 'systemd has started it again' 200 served

dpkg -r certd >/run/dpkg.log 2>&1 || fail "dpkg -r: $(cat /run/dpkg.log)"
expect 'removal stops it' '' pgrep -u certd
dpkg -P certd >/run/dpkg.log 2>&1 || fail "dpkg -P: $(cat /run/dpkg.log)"
grep -q 'kept in /var/lib/certd' /run/dpkg.log || fail 'purge does not say where the keys are'
dpkg -i /test/certd.deb >/run/dpkg.log 2>&1 || fail "dpkg -i: $(cat /run/dpkg.log)"
systemctl start certd || fail 'it does not start again'
expect 'what was stored is served after purge and installation' 200 served
