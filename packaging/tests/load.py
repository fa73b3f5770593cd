#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that connect anew for each request, until SIGTERM.

    packaging/tests/load.py NAME ROOT.pem COUNTS

COUNTS is a file with "done failed slowest-in-ms" and, a line each, what has failed.
"""

import os
import signal
import socket
import ssl
import sys
import threading
import time

THREADS, PAUSE, PATIENCE = 4, 0.02, 60
name, root, counts = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
lock = threading.Lock()
ended = threading.Event()
done, slowest, failures = 0, 0, []


def ask():
    with socket.create_connection(("127.0.0.1", 443), timeout=PATIENCE) as raw:
        with context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            answer = b""
            while chunk := tls.recv(65536):
                answer += chunk
    if b" 200 " not in answer:
        raise OSError(f"answer {answer[:60]}")


def client():
    global done, slowest
    while not ended.is_set():
        began, what = time.monotonic(), None
        try:
            ask()
        except OSError as error:
            what = repr(error)
        took = int((time.monotonic() - began) * 1000)
        with lock:
            done, slowest = done + 1, max(slowest, took)
            if what:
                failures.append(f"after {took} ms: {what}")
        time.sleep(PAUSE)


def write():
    with lock:
        text = "\n".join([f"{done} {len(failures)} {slowest}", *failures[:20]])
    with open(counts + ".new", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.rename(counts + ".new", counts)


signal.signal(signal.SIGTERM, lambda *_: ended.set())
threads = [threading.Thread(target=client) for _ in range(THREADS)]
for thread in threads:
    thread.start()
while not ended.wait(0.1):
    write()
for thread in threads:
    thread.join()
write()
