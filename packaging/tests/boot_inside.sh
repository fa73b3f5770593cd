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
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	fail "not within 30 s: $*"
}

# restarted BEFORE: systemd has started it more often than that
restarted() { [ "$(of_unit NRestarts)" -gt "$1" ] && [ "$(of_unit ActiveState)" = active ]; }

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

install_package() { dpkg -i "/test/$1" >/run/dpkg.log 2>&1 || fail "dpkg -i $1: $(cat /run/dpkg.log)"; }

control_as() { setpriv --reuid=nobody --regid="$1" --clear-groups certctl "${@:2}"; }

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

cp /run/ca.pem /etc/ssl/certs/pebble.pem

# ---- the fresh machine: what README says, with the CA of this test --------------------------------

fresh=(
	'dpkg -i /test/previous.deb'
	'sed -i "s,directory .*,directory https://localhost:14000/dir; ca-file /etc/ssl/certs/pebble.pem;,
		s/#account/account/; s/#agree/agree/" /etc/certd/certd.conf'
	'systemctl enable --now certd'
	'certctl add demo.certd.test --wait --timeout 1m'
)
began=$SECONDS
for command in "${fresh[@]}"; do
	eval "$command" >/run/out 2>&1 || fail "$command: $(cat /run/out)"
	[ "$command" != "${fresh[0]}" ] || expect 'a fresh package starts nothing' inactive systemctl is-active certd
done
expect 'the first name is served' 200 served
took=$((SECONDS - began))
[ ${#fresh[@]} -le 4 ] && [ $took -le 60 ] || fail "${#fresh[@]} commands, $took s"
echo "ok from the package to a served certificate: ${#fresh[@]} commands, $took s"

# ---- users and rights -----------------------------------------------------------------------------

journalctl -u certd --no-pager | grep -q 'does not let workers be kept' && fail 'workers are not confined'
expect 'it runs as its user' certd stat -c %U "/proc/$(of_unit MainPID)"
expect 'the socket is for the group' 'certd:certd-admin 660' stat -c '%U:%G %a' /run/certd/control.sock
control_as certd-admin status >/dev/null || fail 'a member of certd-admin is refused'
control_as certd-admin export demo.certd.test --private-key >/dev/null 2>&1 && fail 'and gets private keys'
control_as nogroup status >/dev/null 2>&1 && fail 'everybody may ask'
echo 'ok members of certd-admin may look, others may not'

# ---- reload ---------------------------------------------------------------------------------------

pid=$(of_unit MainPID)
echo 'broken;' >>/etc/certd/certd.conf
systemctl reload certd >/run/out 2>&1 && fail 'a broken configuration was taken'
grep -q 'Job for certd.service failed' /run/out || fail "systemctl reload says: $(cat /run/out)"
wrong='certd.conf:[0-9]*:[0-9]*: unknown word "broken"'
journalctl -u certd --no-pager | grep -q "$wrong" || fail 'the journal does not say what is wrong'
systemctl status certd --no-pager | grep -q "$wrong" || fail 'systemctl status does not either'
certctl reload --wait 2>&1 | grep -q "$wrong" || fail 'nor does certctl'
expect 'a broken configuration changes nothing' "$pid 200" echo "$(of_unit MainPID) $(served)"
sed -i '$d' /etc/certd/certd.conf
load_begin
systemctl reload certd || fail 'no reload'
load_end 'reload'

# ---- upgrade, and ends of all kinds ---------------------------------------------------------------

socket=$(stat -c %i /run/certd/control.sock)
load_begin
install_package certd.deb
load_end 'upgrade from the previous package'
[ "$(of_unit MainPID)" != "$pid" ] || fail "nothing was upgraded: $(cat /run/dpkg.log)"
expect 'upgraded, not restarted, on the same socket' "0 $socket active" \
	echo "$(of_unit NRestarts) $(stat -c %i /run/certd/control.sock) $(of_unit ActiveState)"
[ "$(of_unit NFileDescriptorStore)" -ge 2 ] || fail 'systemd has no copies of the sockets'

load_begin
kill -9 "$(of_unit MainPID)"
until_true restarted 0
load_end 'kill -9, systemd starts it again'

mkdir -p /run/systemd/system/certd.service.d
printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/certd.service.d/test.conf
systemctl daemon-reload && systemctl restart certd || fail 'no restart'
load_begin
times=$(of_unit NRestarts)
kill -STOP "$(of_unit MainPID)"
until_true restarted "$times"
load_end 'SIGSTOP, the watchdog starts it again'
journalctl -u certd --no-pager | grep -q 'Watchdog timeout' || fail 'it was not the watchdog'

load_begin
systemctl restart certd || fail 'no restart'
load_end 'restart'

# ---- workers as certd-front, as certd-security(7) says ---------------------------------------------

users() { ps -o user:20=,comm= -C certd,certd-keeper,certd-front | LC_ALL=C sort -u | tr -s ' ' | tr '\n' ';'; }
caps_of() { sed -n 's/^CapEff:\t//p' "/proc/$(pgrep -x "$1" | head -n 1)/status"; }

expect 'users' 'certd certd;certd certd-front;certd certd-keeper;' users
mkdir -p /etc/systemd/system/certd.service.d
cp /usr/share/doc/certd/examples/front-user.conf /etc/systemd/system/certd.service.d/
echo 'front-user certd-front;' >>/etc/certd/certd.conf
systemctl daemon-reload && systemctl restart certd || fail 'no restart with front-user'
expect 'workers are certd-front' 'certd certd;certd certd-keeper;certd-front certd-front;' users
expect 'and serve' 200 served
expect 'the keeper binds ports and nothing else, workers not even that' '0000000000000400 0000000000000000' \
	echo "$(caps_of certd-keeper) $(caps_of certd-front)"
front() { setpriv --reuid=certd-front --regid=certd-front --clear-groups "$@" >/dev/null 2>&1; }
front cat /var/lib/certd/served/data.mdb || fail 'served/ is closed to them'
front ls /var/lib/certd/private && fail 'private/ is open to them'
front cat /var/lib/certd/master.key && fail 'the master key is open to them'
front certctl status && fail 'the control socket is open to them'
load_begin
certctl upgrade --timeout 1m >/run/out 2>&1 || fail "upgrade: $(cat /run/out)"
load_end 'upgrade with front-user'
hung=$(pgrep -n -x certd-front)
kill -STOP "$hung"
gone() { ! [ -e "/proc/$hung" ]; }
until_true gone
expect 'a worker that hangs is replaced' 200 served
rm /etc/systemd/system/certd.service.d/front-user.conf
sed -i '$d' /etc/certd/certd.conf
systemctl daemon-reload && systemctl restart certd || fail 'no restart without front-user'
expect 'and back' 200 served

# ---- the master key as a credential, as certd-security(7) says ------------------------------------

systemctl stop certd
systemd-creds encrypt --with-key=host --name=certd.master /var/lib/certd/master.key \
	/etc/credstore.encrypted/certd.master || fail 'systemd-creds encrypts nothing'
mv /var/lib/certd/master.key /run/master.key
systemctl start certd || fail 'it does not start with the credential'
expect 'the master key is a credential' 200 served
[ ! -e /var/lib/certd/master.key ] || fail 'another master key was made'
systemctl stop certd
rm /etc/credstore.encrypted/certd.master
cp -p /run/master.key /var/lib/certd/master.key
systemctl start certd || fail 'it does not start with the file'

# ---- the end --------------------------------------------------------------------------------------

dpkg -r certd >/run/dpkg.log 2>&1 || fail "dpkg -r: $(cat /run/dpkg.log)"
expect 'removal stops it' '' pgrep -u certd
dpkg -P certd >/run/dpkg.log 2>&1 || fail "dpkg -P: $(cat /run/dpkg.log)"
grep -q 'kept in /var/lib/certd' /run/dpkg.log || fail 'purge does not say where the keys are'
install_package certd.deb
systemctl start certd || fail 'it does not start again'
expect 'what was stored is served after purge and installation' 200 served
