#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics: what Prometheus reads, and who abuses the port."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import metrics  # noqa: E402
from lab import check, equal, main, own_address, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

PORT = 19187
ADDRESS = (own_address(), PORT)
WORDS = f"metrics {ADDRESS[0]}:{PORT};"
URL = f"http://{ADDRESS[0]}:{PORT}"


def listening():
    """(status, text) when there is a listener."""
    status, text = metrics.curl(URL + "/metrics")
    return (status, text) if status else None


@scenario(config=WORDS)
def numbers_follow_what_happens(lab):
    lab.start()
    before = metrics.read(ADDRESS)
    equal(before['certd_names{state="valid"}'], 0, "names at first")
    lab.add("a.test", "b.test")
    for _ in range(3):
        lab.serial("a.test")
    try:
        lab.serial("unknown.test")
    except OSError:
        pass
    lab.get("a.test")
    wait_for(lambda: metrics.read(ADDRESS)['certd_tls_handshakes_total{result="ok",resumed="no"}']
             >= 4, 10, "handshakes are counted")
    after = metrics.read(ADDRESS)
    equal(after['certd_names{state="valid"}'], 2, "valid names")
    equal(after['certd_orders_total{ca="pebble",result="ok"}'], 2, "orders that went well")
    equal(after['certd_orders_total{ca="pebble",result="failed"}'], 0, "orders that failed")
    equal(after['certd_ca_names{ca="pebble"}'], 2, "names of the CA")
    equal(after['certd_ca_up{ca="pebble"}'], 1, "the CA is up")
    equal(after['certd_certificates_expired'], 0, "expired")
    check(after['certd_sni_lookups_total{result="unknown"}'] >= 1, "the unknown name is counted")
    check(after['certd_mismatch_total{kind="sni_unknown"}'] >= 1, "as a mismatch, too")
    check(after['certd_backend_connects_total{backend="app",result="ok"}'] >= 1, "backend")
    handshakes = "certd_tls_handshake_duration_seconds"
    check(after[f"{handshakes}_count"] >= 4, "handshakes are measured")
    equal(after[f'{handshakes}_bucket{{le="+Inf"}}'], after[f"{handshakes}_count"], "all of them")
    buckets = [after[key] for key in after if key.startswith(f"{handshakes}_bucket")]
    equal(buckets, sorted(buckets), "each bucket has those below it")
    check(0 < after[f"{handshakes}_sum"] < 60 * after[f"{handshakes}_count"], "their sum")
    check(after["certd_connections_half_open"] >= 0, "half-open ones")
    item = lab.certd.show("a.test")
    check(after["certd_certificate_earliest_not_after_timestamp_seconds"] > 1.7e9, str(item))
    check(after["process_resident_memory_bytes"] > 1e6, "memory")
    equal(after["certd_store_takes_orders"], 1, "the store takes orders")


@scenario(config=WORDS)
def promtool_has_nothing_to_say(lab):
    lab.start()
    lab.add("a.test")
    lab.get("a.test")
    _, text = metrics.curl(URL + "/metrics")
    said = metrics.promtool("check", "metrics", text=text)
    if said is None:
        raise Skip("no promtool here (package prometheus)")
    equal(said.strip(), "", "promtool check metrics")


@scenario()
def series_do_not_grow(lab):
    many = "".join(f"ca more{i} {{ directory https://127.0.0.1:{i + 1}/dir; }}\n" for i in range(60))
    many += "".join(f"backend more{i} {{ server 127.0.0.1:{i + 1}; }}\n" for i in range(1000))
    lab.write_config(WORDS + "\n" + many)
    lab.start()
    lab.add("a.test")
    status, text = metrics.curl(URL + "/metrics")
    equal(status, 200, "status")
    series = metrics.parse(text)
    check(len(series) <= 600, f"{len(series)} series")
    equal(sum('_total{backend="_other"' in key for key in series), 2, "backends beyond are one")
    lab.write_config()
    lab.ctl_ok("reload")


@scenario(config=WORDS)
def nothing_else_is_answered(lab):
    lab.start()
    for words, path, want in (([], "/", 404), ([], "/metricsx", 404), ([], "/metrics/", 404),
                              (["-X", "POST", "-d", "x"], "/metrics", 405),
                              (["-X", "DELETE"], "/metrics", 405),
                              (["-H", "x: " + "y" * 9000], "/metrics", 431),
                              (["-I"], "/metrics", 200), ([], "/metrics", 200)):
        equal(metrics.curl(URL + path, *words)[0], want, f"{words} {path[:20]}")


@scenario(config=WORDS)
def who_sits_there_gives_way(lab):
    lab.start()
    held = []
    try:
        for _ in range(100):
            held.append(socket.create_connection(ADDRESS, 5))
            held[-1].sendall(b"GET /metrics HT")
        equal(metrics.curl(URL + "/metrics")[0], 200, "a scrape beside 100 half requests")
        check(lab.certd.status()["pid"] > 0, "and certctl is answered")
        open_now = len(os.listdir(f"/proc/{lab.certd.pids('keeper')[0]}/fd")) \
            if not lab.single else 0
        check(open_now < 100, f"{open_now} descriptors in the keeper")
    finally:
        for one in held:
            one.close()


@scenario()
def the_address_comes_and_goes_with_reloads(lab):
    lab.start()
    equal(listening(), None, "without the word")
    lab.write_config(WORDS)
    lab.ctl_ok("reload")
    wait_for(listening, 10, "metrics after a reload")
    lab.write_config()
    lab.ctl_ok("reload")
    wait_for(lambda: not listening(), 10, "no metrics any more")


@scenario(config=WORDS)
def a_taken_port_is_had_later(lab):
    taken = socket.create_server(ADDRESS)
    lab.start()
    lab.add("a.test")           # all else goes on
    check(f"no metrics on {ADDRESS[0]}" in lab.certd.log_text(), "it is told")
    taken.close()
    wait_for(listening, 10, "metrics once the port is free")


@scenario(config=WORDS)
def metrics_go_on_over_an_upgrade(lab):
    if lab.single:
        raise Skip("certd --single is not upgraded")
    lab.start()
    lab.add("a.test")
    lab.ctl_ok("upgrade")
    lab.certd.follow()
    wait_for(listening, 15, "metrics of the new one")
    equal(metrics.read(ADDRESS)['certd_names{state="valid"}'], 1, "names after the upgrade")


if __name__ == "__main__":
    main()
