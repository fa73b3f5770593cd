#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of the package under a real systemd: see packaging/tests/boot.sh. previous.deb comes first.
# shellcheck source=packaging/tests/inside/lib.sh
. /test/lib.sh

# restarted BEFORE: systemd has started it more often than that
restarted() { [ "$(of_unit NRestarts)" -gt "$1" ] && [ "$(of_unit ActiveState)" = active ]; }

control_as() { setpriv --reuid=nobody --regid="$1" --clear-groups certctl "${@:2}"; }

start_ca
start_pages 8080

# ---- an upgrade from the previous package ---------------------------------------------------------

install_package previous.deb
configure
systemctl start certd || fail 'the previous package does not start'
certctl add demo.certd.test --wait --timeout 1m >/run/out 2>&1 || fail "certctl add: $(cat /run/out)"
expect 'the previous package serves' 200 served
pid=$(of_unit MainPID)
socket=$(stat -c %i /run/certd/control.sock)
serial=$(shown)
[ -n "$serial" ] || fail 'no serial number'
load_begin
install_package certd.deb
load_end 'upgrade from the previous package'
[ "$(of_unit MainPID)" != "$pid" ] || fail "nothing was upgraded: $(cat /run/dpkg.log)"
expect 'the new program runs' "$(realpath /usr/sbin/certd)" realpath "/proc/$(of_unit MainPID)/exe"
expect 'upgraded, not restarted, on the same socket' "0 $socket active" \
	echo "$(of_unit NRestarts) $(stat -c %i /run/certd/control.sock) $(of_unit ActiveState)"
expect 'the same certificate' "$serial" shown
has /etc/certd/certd.conf localhost:14000
shipped() { dpkg-deb --fsys-tarfile /test/certd.deb | tar -xO ./etc/certd/certd.conf; }
expect 'the edited configuration stays, the new one lies beside it' '' \
	diff <(shipped) /etc/certd/certd.conf.dpkg-dist
[ "$(of_unit NFileDescriptorStore)" -ge 2 ] || fail 'systemd has no copies of the sockets'

# the main process is no child of systemd's now
load_begin
kill -9 "$(of_unit MainPID)"
until_true restarted 0
load_end 'kill -9 after an upgrade, systemd starts it again'

dpkg -P certd >/run/dpkg.log 2>&1 || fail "dpkg -P: $(cat /run/dpkg.log)"
rm -rf /var/lib/certd /etc/certd

# ---- the fresh machine: what README says, with the CA of this test --------------------------------

fresh=(
	'dpkg -i /test/certd.deb'
	configure		# an edit of the file
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

journalctl --no-pager "_SYSTEMD_INVOCATION_ID=$(of_unit InvocationID)" |
	grep -q 'does not let workers be kept' && fail 'workers are not confined'
expect 'it runs as its user' certd stat -c %U "/proc/$(of_unit MainPID)"
expect 'but nobody of that user looks into its memory' root stat -c %U "/proc/$(of_unit MainPID)/mem"
expect 'the socket is for the group' 'certd:certd-admin 660' stat -c '%U:%G %a' /run/certd/control.sock
control_as certd-admin status >/dev/null || fail 'a member of certd-admin is refused'
control_as certd-admin export demo.certd.test --private-key >/dev/null 2>&1 && fail 'and gets private keys'
control_as nogroup status >/dev/null 2>&1 && fail 'everybody may ask'
echo 'ok members of certd-admin may look, others may not'

# ---- reload ---------------------------------------------------------------------------------------

pid=$(of_unit MainPID)
echo 'broken;' >>/etc/certd/certd.conf
systemctl reload certd >/run/out 2>&1 && fail 'a broken configuration was taken'
has /run/out '^Job for certd.service failed'
has /run/out 'systemctl status certd.service'
wrong='/etc/certd/certd.conf:[0-9]*:[0-9]*: unknown word "broken"'
journalctl -u certd --no-pager -p warning >/run/out
has /run/out "certd.*reload refused, the running configuration stays: $wrong"
journalctl -u certd --no-pager >/run/out
has /run/out "certctl.*$wrong"
systemctl status certd --no-pager >/run/out
has /run/out "^ *Status: \"reload refused, the running configuration stays: $wrong"
has /run/out 'Active: active (running)'
echo 'ok a broken configuration: the reload fails, status and journal say why'
certctl reload --wait >/run/out 2>&1 && fail 'certctl takes a broken configuration'
has /run/out "$wrong"
expect 'a broken configuration changes nothing' "$pid 200" echo "$(of_unit MainPID) $(served)"
sed -i '$d' /etc/certd/certd.conf
load_begin
systemctl reload certd || fail 'no reload'
expect 'and nothing is wrong any more' '' of_unit StatusText
load_end 'reload'

# ---- ends of all kinds ----------------------------------------------------------------------------

load_begin
times=$(of_unit NRestarts)
kill -9 "$(of_unit MainPID)"
until_true restarted "$times"
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

# ---- the optional socket unit ---------------------------------------------------------------------

systemctl stop certd
cp /usr/share/doc/certd/examples/certd.socket /etc/systemd/system/
systemctl daemon-reload && systemctl start certd.socket || fail 'no certd.socket'
expect 'who connects starts it' 'inactive 200 active' \
	echo "$(systemctl is-active certd) $(served) $(systemctl is-active certd)"
load_begin
systemctl stop certd 2>/run/out
until_true systemctl is-active certd
load_end 'a stop with the socket unit, clients start it again'
load_begin
certctl upgrade --timeout 1m >/run/out 2>&1 || fail "upgrade: $(cat /run/out)"
load_end 'upgrade with the socket unit'
systemctl stop certd.socket certd
rm /etc/systemd/system/certd.socket
systemctl daemon-reload && systemctl start certd || fail 'no start without the socket unit'
expect 'and without it' 200 served

# ---- the master key as a credential, as certd-security(7) says ------------------------------------

systemctl stop certd
systemd-creds encrypt --with-key=host --name=certd.master /var/lib/certd/master.key \
	/etc/credstore.encrypted/certd.master 2>/run/out || fail 'systemd-creds encrypts nothing'
mv /var/lib/certd/master.key /run/master.key
systemctl start certd || fail 'it does not start with the credential'
expect 'the master key is a credential' 200 served
[ ! -e /var/lib/certd/master.key ] || fail 'another master key was made'
systemctl stop certd
rm /etc/credstore.encrypted/certd.master
cp -p /run/master.key /var/lib/certd/master.key
systemctl start certd || fail 'it does not start with the file'

# ---- the end --------------------------------------------------------------------------------------

serial=$(shown)
cp /usr/share/doc/certd/examples/certd.socket /etc/systemd/system/
systemctl stop certd
systemctl daemon-reload && systemctl start certd.socket && served >/run/out || fail 'no certd.socket'
dpkg -r certd >/run/dpkg.log 2>&1 || fail "dpkg -r: $(cat /run/dpkg.log)"
expect 'removal stops it' '' pgrep -u certd
expect 'and its socket unit' inactive systemctl is-active certd.socket
rm /etc/systemd/system/certd.socket
systemctl daemon-reload
has /etc/certd/certd.conf localhost:14000
install_package certd.deb
systemctl start certd || fail 'it does not start after removal and installation'
expect 'removal keeps the configuration and what is stored' "200 $serial" echo "$(served) $(shown)"
dpkg -P certd >/run/dpkg.log 2>&1 || fail "dpkg -P: $(cat /run/dpkg.log)"
expect 'purge stops it' '' pgrep -u certd
[ ! -e /etc/certd/certd.conf ] || fail 'purge leaves the configuration'
has /run/dpkg.log 'kept in /var/lib/certd'
install_package certd.deb
systemctl start certd || fail 'it does not start again'
expect 'what was stored is served after purge and installation' "200 $serial" echo "$(served) $(shown)"
