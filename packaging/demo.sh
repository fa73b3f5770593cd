#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packaging/demo.sh - certd against a real ACME server, on loopback, in a temporary directory
#
# Called by `make demo` after the build. KEEP=1 leaves everything running at the end. BUILD names
# the directory of the binaries.
set -u

here=$(cd "$(dirname "$0")/.." && pwd)
case ${BUILD:=build} in
/*) bin=$BUILD ;;
*) bin=$here/$BUILD ;;
esac
name=demo.certd.test
work=$(mktemp -d /tmp/certd-demo-XXXXXX) || exit 1
chmod 755 "$work"        # certd's roles may run as other users
step='preparing'
log=

# ---- words and ends ----

say() {
	step=$1
	printf '\n== %s\n' "$step"
}

# Shows a command as one would type it, then runs it.
run() {
	printf '$ %s\n' "$*"
	"$@"
}

fail() {
	printf '\nFAILED while %s: %s\n' "$step" "$1" >&2
	if [ -n "$log" ] && [ -s "$log" ]; then
		printf 'The end of %s:\n' "$log" >&2
		tail -n 20 "$log" | sed 's/^/    /' >&2
	fi
	printf 'All logs are in %s\n' "$work" >&2
	"$work/stop" >&2
	exit 1
}

# The stop script learns each process when it is started.
cat >"$work/stop" <<'END'
#!/bin/sh
# Ends what packaging/demo.sh has left running.
stop_one() {
	[ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] || return 0
	kill "$1"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		[ -e "/proc/$1" ] || return 0
		sleep 0.2
	done
	kill -9 "$1"
}
END
chmod 755 "$work/stop"

# start LOG COMMAND...: in the background, known to the stop script
start() {
	log=$work/$1
	shift
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	printf "stop_one %s '%s'\n" "$pid" "$(basename "$1" | cut -c1-15)" >>"$work/stop"
}

# wait_until WHAT COMMAND...: up to 10 s for COMMAND to succeed while the process just started lives
wait_until() {
	what=$1
	shift
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return 0
		kill -0 "$pid" 2>/dev/null || fail "$what: the program has ended"
		sleep 0.1
	done
	fail "$what: not within 10 s"
}

trap 'trap - INT TERM; printf "\ninterrupted\n" >&2; "$work/stop"; rm -rf "$work"; exit 130' INT TERM

for program in "$bin/certd" "$bin/certctl"; do
	[ -x "$program" ] || fail "$program is missing; run make first"
done
for program in pebble pebble-challtestsrv curl openssl python3; do
	command -v $program >/dev/null || fail "$program is missing; run packaging/deps.sh"
done

# ---- ports: the usual ones, or free ones where those are taken ----

ports=$(python3 - 8443 8080 14000 15000 8053 8055 8000 <<'END'
import socket, sys
held = []
for port in sys.argv[1:]:
    for number in (int(port), 0):
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", number))
            break
        except OSError:
            tcp.close()
    held.append(tcp)
print(*[tcp.getsockname()[1] for tcp in held])
END
) || fail 'no free ports'
# shellcheck disable=SC2086  # seven numbers
set -- $ports
https=$1 http=$2 acme=$3 management=$4 dns=$5 dns_management=$6 backend=$7

# ---- the demo ----

say 'starting an ACME server (pebble), its DNS and a small HTTP backend'
log=$work/openssl.log
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	-subj '/CN=pebble of the demo' -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
	-out "$work/ca-https.pem" -keyout "$work/ca-https.key" >"$log" 2>&1 ||
	fail 'openssl cannot make a certificate'
cat >"$work/pebble.json" <<END
{ "pebble": {
	"listenAddress": "127.0.0.1:$acme", "managementListenAddress": "127.0.0.1:$management",
	"certificate": "$work/ca-https.pem", "privateKey": "$work/ca-https.key",
	"httpPort": $http, "tlsPort": $https,
	"ocspResponderURL": "", "externalAccountBindingRequired": false
} }
END
start dns.log pebble-challtestsrv -dns01 "127.0.0.1:$dns" -defaultIPv4 127.0.0.1 -defaultIPv6 '' \
	-http01 '' -https01 '' -tlsalpn01 '' -management "127.0.0.1:$dns_management"
export PEBBLE_VA_NOSLEEP=1
start pebble.log pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$dns"
wait_until 'pebble answers' curl -sf --cacert "$work/ca-https.pem" "https://localhost:$acme/dir"
curl -sf --cacert "$work/ca-https.pem" -o "$work/root.pem" "https://localhost:$management/roots/0" ||
	fail 'pebble does not give its root certificate'
start backend.log python3 "$here/tests/support/backend.py" --listen "127.0.0.1:$backend" --proxy
wait_until 'the backend listens' grep -q listens "$work/backend.log"
echo "pebble: https://localhost:$acme/dir   backend: 127.0.0.1:$backend"

say 'starting certd with this configuration'
cat >"$work/certd.conf" <<END
state-directory $work/state;
control-socket  $work/control.sock;
workers 2;
listen 127.0.0.1:$https { tls; }
listen 127.0.0.1:$http { http; }
ca local    { directory https://localhost:$acme/dir; ca-file $work/ca-https.pem; agree-terms; }
backend app { server 127.0.0.1:$backend; send-proxy v2; connect-timeout 2s; }
default     { ca local; backend app; key ecdsa-p256; unknown-sni reject; }
END
sed 's/^/    /' "$work/certd.conf"
export CERTCTL_SOCKET="$work/control.sock"
start certd.log "$bin/certd" -c "$work/certd.conf"
wait_until 'certd answers' "$bin/certctl" status

say "adding $name"
run "$bin/certctl" add "$name" --wait || fail "certctl add ended with $?"

say 'the certificate that a TLS client receives'
serve() {
	openssl s_client -connect "127.0.0.1:$https" -servername "$name" -CAfile "$work/root.pem" \
		-verify_hostname "$name" -verify_return_error </dev/null 2>"$work/s_client.log"
}
echo "\$ openssl s_client -connect 127.0.0.1:$https -servername $name | openssl x509 -noout ..."
log=$work/s_client.log
serve >"$work/s_client.out" || fail 'the handshake does not succeed'
openssl x509 -noout -issuer -serial -dates -ext subjectAltName <"$work/s_client.out" ||
	fail 'no certificate arrived'

say 'the backend, asked through certd'
log=$work/certd.log
ask() {
	curl -sS --fail --max-time 10 --cacert "$work/root.pem" \
		--resolve "$name:$https:127.0.0.1" "https://$name:$https/$1"
}
echo "\$ curl --cacert root.pem --resolve $name:$https:127.0.0.1 https://$name:$https/hello"
ask hello || fail "curl ended with $?"

say 'renewing the certificate while requests run'
serial() {
	serve | openssl x509 -noout -serial
}
before=$(serial)
(
	while [ ! -e "$work/enough" ]; do
		if ask "during-renewal" 2>&1; then echo answered; else echo "failed with $?"; fi
	done >"$work/requests.log"
) &
requests=$!
sleep 1
if ! run "$bin/certctl" renew "$name" --wait; then
	: >"$work/enough"
	fail 'certctl renew did not succeed'
fi
after=$(serial)
sleep 1
: >"$work/enough"
wait "$requests"
answered=$(grep -c '^answered' "$work/requests.log")
failed=$(grep -c '^failed' "$work/requests.log")
echo "before: $before"
echo "after:  $after"
echo "requests meanwhile: $answered answered, $failed failed"
[ "$before" != "$after" ] || fail 'the certificate is still the old one'
log=$work/requests.log
[ "$failed" -eq 0 ] || fail 'requests have failed'
[ "$answered" -gt 0 ] || fail 'no request was answered'

if [ "${KEEP:-0}" = 1 ]; then
	cat <<END

== everything is still running; in this or another terminal:
export CERTCTL_SOCKET=$work/control.sock
$bin/certctl list
$bin/certctl add shop.certd.test www.shop.certd.test --wait
$bin/certctl events --follow
curl --cacert $work/root.pem --resolve shop.certd.test:$https:127.0.0.1 https://shop.certd.test:$https/
curl -i --resolve shop.certd.test:$http:127.0.0.1 http://shop.certd.test:$http/some/page

Logs and configuration: $work   Stop it all: $work/stop
END
	exit 0
fi

log=
"$work/stop"
rm -rf "$work"
cat <<END

== done; nothing is left running
Try next:
  make demo KEEP=1      the same, left running, with commands to talk to it
  make check            every test, the ones against real ACME servers too
  README.md             the five-minute tour and the configuration by example
END
