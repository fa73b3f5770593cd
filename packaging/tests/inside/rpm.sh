#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The scripts of the RPM under a real systemd: installation, an upgrade under load, erasure.
# shellcheck source=packaging/tests/inside/lib.sh
. /test/lib.sh

# do_rpm OPTION...: what it says is in /run/rpm.log
do_rpm() { rpm --nodeps "$@" /run/certd.rpm >/run/rpm.log 2>&1 || fail "rpm $*: $(cat /run/rpm.log)"; }

mv /test/certd-*.rpm /run/certd.rpm
start_ca
start_pages 8080
do_rpm -i
expect 'rpm -i: users and groups' 'certd certd-front' id -Gn certd
getent group certd-admin >/dev/null || fail 'no group certd-admin'
expect 'it starts nothing' inactive systemctl is-active certd
expect 'what is installed is complete' '' rpm -V --nodeps certd
configure
systemctl start certd || fail 'it does not start'
certctl add demo.certd.test --wait --timeout 1m >/run/out 2>&1 || fail "certctl add: $(cat /run/out)"
expect 'the first name is served' 200 served
TERM=dumb certd-console >/run/out 2>&1
has /run/out 'certctl list'
serial=$(shown)

pid=$(of_unit MainPID)
load_begin
do_rpm -U --replacepkgs
load_end 'rpm -U'
[ "$(of_unit MainPID)" != "$pid" ] || fail "nothing was upgraded: $(cat /run/rpm.log)"
expect 'upgraded, not restarted' '0 active' echo "$(of_unit NRestarts) $(of_unit ActiveState)"
has /etc/certd/certd.conf localhost:14000

rpm -e --nodeps certd >/run/rpm.log 2>&1 || fail "rpm -e: $(cat /run/rpm.log)"
expect 'rpm -e stops it' '' pgrep -u certd
has /etc/certd/certd.conf.rpmsave localhost:14000
do_rpm -i
systemctl start certd || fail 'it does not start again'
expect 'what was stored is served again' "200 $serial" echo "$(served) $(shown)"
