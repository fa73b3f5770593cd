#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# certd among other programs: certificates of certbot, Caddy and Traefik are taken over, and the examples
# (nginx, HAProxy, a hook that mails, alert rules) are used as installed. What is not there is skipped.
# shellcheck source=packaging/tests/inside/lib.sh
. /test/lib.sh

skip() { echo "skip $*"; }
is_there() { command -v "$1" >/dev/null || { skip "$1: not on this machine"; return 1; }; }

start_ca
examples=/usr/share/doc/certd/examples

serial_in() { openssl x509 -noout -serial <"$1"; }
serial_of() {
	openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -serial
}

# ---- certificates that others have got ------------------------------------------------------------

# the folders of README, by the programs themselves
by_certbot() {
	REQUESTS_CA_BUNDLE=/run/ca.pem certbot certonly --standalone --non-interactive --agree-tos \
		-m ops@example.com --server https://localhost:14000/dir -d bot.certd.test -d www.bot.certd.test \
		>/run/out 2>&1 || fail "certbot: $(tail -n 20 /run/out)"
	bot=$(serial_in /etc/letsencrypt/live/bot.certd.test/cert.pem)
}

by_caddy() {
	cat >/run/Caddyfile <<'END'
{
	acme_ca https://localhost:14000/dir
	acme_ca_root /run/ca.pem
	email ops@example.com
}
caddy.certd.test {
	respond hello
}
END
	HOME=/var/lib/caddy XDG_DATA_HOME=/var/lib/caddy/.local/share XDG_CONFIG_HOME=/run/caddy \
		caddy run --adapter caddyfile --config /run/Caddyfile >/run/caddy.log 2>&1 &
	local program=$!
	until_true ask caddy.certd.test -f
	kill $program && wait $program
	caddy=$(serial_in "$(find /var/lib/caddy -name caddy.certd.test.crt)")
}

# Traefik is not in Debian: its file is written as its versions 2 and 3 write it
by_traefik() {
	python3 - /etc/letsencrypt/live/bot.certd.test <<'END'
import base64, json, os, sys
def text(name):
    with open(f"{sys.argv[1]}/{name}.pem", "rb") as file:
        return base64.b64encode(file.read()).decode()
account = {"Email": "ops@example.com", "PrivateKey": text("privkey"), "KeyType": "4096",
           "Registration": {"body": {"status": "valid", "contact": ["mailto:ops@example.com"]},
                            "uri": "https://acme-v02.api.letsencrypt.org/acme/acct/1"}}
one = {"domain": {"main": "bot.certd.test", "sans": ["www.bot.certd.test"]},
       "certificate": text("fullchain"), "key": text("privkey"), "Store": "default"}
os.makedirs("/etc/traefik", exist_ok=True)
with open("/etc/traefik/acme.json", "w") as file:
    json.dump({"letsencrypt": {"Account": account, "Certificates": [one]}}, file, indent=2)
END
	chmod 600 /etc/traefik/acme.json
}

bot='' caddy=''
is_there certbot && by_certbot && by_traefik
is_there caddy && by_caddy

install_package certd.deb
configure
start_pages 8080
systemctl start certd || fail 'it does not start'

# taken FROM PATH NAME SERIAL: as README says
taken() {
	certctl import "$2" --from "$1" --dry-run -o ndjson >/run/out 2>&1 || fail "import --dry-run: $(cat /run/out)"
	has /run/out "\"$3\".*\"change\":\"created\""
	certctl list -o names | grep -q "$3" && fail "--dry-run takes $3"
	certctl import "$2" --from "$1" >/run/out 2>&1 || fail "import: $(cat /run/out)"
	expect "import --from $1: that certificate is served" "$4 200" echo "$(serial_of "$3") $(served "$3")"
}

if [ -n "$bot" ]; then
	taken certbot /etc/letsencrypt bot.certd.test "$bot"
	certctl remove bot.certd.test www.bot.certd.test >/run/out 2>&1 || fail "remove: $(cat /run/out)"
	taken acme.json /etc/traefik/acme.json www.bot.certd.test "$bot"
	certctl renew bot.certd.test --wait --timeout 1m >/run/out 2>&1 || fail "renew: $(cat /run/out)"
	[ "$(serial_of bot.certd.test)" != "$bot" ] || fail 'what was imported is not renewed'
fi
[ -z "$caddy" ] || taken caddy /var/lib/caddy/.local/share/caddy caddy.certd.test "$caddy"

certctl add demo.certd.test --wait --timeout 1m >/run/out 2>&1 || fail "certctl add: $(cat /run/out)"

# ---- programs behind certd ------------------------------------------------------------------------

# behind EXAMPLE: certd.conf gets the line that it asks for; whoever was there has gone
behind() {
	local line
	line=$(sed -n 's/^#\t\(backend .*\)/\1/p' "$examples/$1")
	[ -n "$line" ] || fail "no backend in $1"
	sed -i "s,^backend .*,$line," /etc/certd/certd.conf
	systemctl reload certd || fail "certd does not take: $line"
}

kill $pages && wait $pages 2>/dev/null
start_pages 3000

if is_there nginx; then
	mkdir -p /var/www/html /var/log/nginx /var/lib/nginx
	echo 'from nginx' >/var/www/html/index.html
	printf 'pid /run/nginx.pid; events { }\nhttp { access_log /run/nginx.log;\ninclude %s; }\n' \
		"$examples/nginx-backend.conf" >/run/nginx.conf
	nginx -c /run/nginx.conf || fail 'nginx does not start'
	behind nginx-backend.conf
	expect 'nginx answers' 'from nginx' ask demo.certd.test --interface 127.0.0.2
	expect 'and knows the client' 127.0.0.2 cut -d ' ' -f 1 /run/nginx.log
	nginx -c /run/nginx.conf -s stop 2>/run/out
	until_true test ! -e /run/nginx.pid
fi

if is_there haproxy; then
	haproxy -D -p /run/haproxy.pid -f "$examples/haproxy-backend.cfg" >/run/out 2>&1 || fail "haproxy: $(cat /run/out)"
	behind haproxy-backend.cfg
	until_true ask demo.certd.test -f
	expect 'HAProxy answers, in HTTP/2' '200 2' ask demo.certd.test --interface 127.0.0.2 -o /dev/null \
		-w '%{http_code} %{http_version}'
	known() { journalctl -t haproxy --no-pager | grep -q ': 127\.0\.0\.2:.* apps/app1 .* "GET .*HTTP/2'; }
	until_true known
	echo 'ok and knows the client'
fi

# ---- a hook that mails, in the unit's sandbox -----------------------------------------------------

hook=$(sed -n 's/^    \(install .*hook-mail\)$/\1/p' "$examples/hook-mail")
told=$(sed -n 's/^    \(on event .*\)$/\1/p' "$examples/hook-mail")
[ -n "$hook" ] && [ -n "$told" ] || fail 'hook-mail does not say how it is used'
(cd "$examples" && eval "$hook") || fail "$hook"
python3 - >/run/mails 2>&1 <<'END' &
import socketserver
class Mails(socketserver.StreamRequestHandler):
    def handle(self):
        data = False
        self.wfile.write(b"220 test\r\n")
        for line in self.rfile:
            print(line.decode().rstrip(), flush=True)
            if data and line != b".\r\n":
                continue
            data = line.upper().startswith(b"DATA")
            self.wfile.write(b"354 go\r\n" if data else b"250 ok\r\n")
            if line.upper().startswith(b"QUIT"):
                return
socketserver.TCPServer(("127.0.0.1", 25), Mails).serve_forever()
END
printf '%s\nmetrics 127.0.0.1:9187;\n' "$told" >>/etc/certd/certd.conf
systemctl reload certd || fail "certd does not take: $told"
curl -sf -d '{"host": "fails.certd.test"}' http://127.0.0.1:8055/set-servfail || fail 'no DNS that fails'
certctl add fails.certd.test --wait --timeout 1m >/run/out 2>&1 && fail 'a name without DNS is valid'
until_true grep -q '^QUIT' /run/mails
has /run/mails '^rcpt TO:<ops@example.com>'
has /run/mails '^Subject: certd: order.failed fails.certd.test'
echo 'ok the hook mails'

# ---- alert rules and dashboard, in Prometheus -----------------------------------------------------

if is_there prometheus; then
	cat >/run/prometheus.yml <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$examples/alerts.yml]
scrape_configs: [{job_name: certd, static_configs: [{targets: ["127.0.0.1:9187"]}]}]
END
	prometheus --config.file=/run/prometheus.yml --storage.tsdb.path=/run/prometheus \
		--web.listen-address=127.0.0.1:9090 >/run/prometheus.log 2>&1 &
	python3 - "$examples/grafana-certd.json" >/run/out 2>&1 <<'END' || fail "Prometheus: $(cat /run/out; tail -n 5 /run/prometheus.log)"
import json, re, sys, time, urllib.parse, urllib.request

def api(path, **words):
    url = f"http://127.0.0.1:9090/api/v1/{path}?{urllib.parse.urlencode(words)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{words}: {error.read().decode()}")
    except OSError:
        return None

def until(what, done):
    for _ in range(600):
        got = done()
        if got:
            return got
        time.sleep(0.1)
    sys.exit(f"not within a minute: {what}")

def value(query):
    got = api("query", query=query)
    return got and got["result"] and float(got["result"][0]["value"][1])

until("certd is scraped", lambda: value('up{job="certd"}') == 1 and value("certd_names") is not None)
def rules():
    got = [rule for group in (api("rules") or {"groups": []})["groups"] for rule in group["rules"]]
    return got and all(rule["health"] != "unknown" for rule in got) and got
for rule in until("rules are evaluated", rules):
    if rule["health"] != "ok":
        sys.exit(f"{rule}")
with open(sys.argv[1]) as file:
    board = json.load(file)
asked = 0
for panel in board["panels"]:
    for target in panel.get("targets", []):
        query = re.sub(r"\$(__rate_interval|__interval|__range)", "1m", target["expr"])
        api("query", query=query.replace("$instance", ".*"))
        asked += 1
if asked < 10:
    sys.exit(f"{asked} queries in the dashboard")
END
	echo 'ok Prometheus takes the alert rules and what the dashboard asks'
fi
