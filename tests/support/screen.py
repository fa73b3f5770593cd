# SPDX-License-Identifier: Apache-2.0
"""certd-console in a terminal of tmux: keys in, screens out."""

import os
import re
import subprocess
import time

from certd import BUILD, PATIENCE



class Screen:
    def __init__(self, lab, *words, size=(80, 24), term="xterm-256color", locale="C.UTF-8",
                 around="exec {}"):
        """AROUND: the shell line that runs the console, in place of {}."""
        self.server = os.path.join(lab.directory, f"tmux-{time.monotonic_ns()}")
        self.locale = locale
        command = " ".join([os.path.join(BUILD, "certd-console"), "--socket",
                            lab.certd.socket_path, *words])
        width, height = size
        with open(self.server + ".conf", "w") as conf:
            conf.write("set -g status off\nset -g remain-on-exit on\nset -s escape-time 0\n"
                       "set -g remain-on-exit-format ''\nset -s set-clipboard on\n")
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), "/bin/sh", "-c",
                  f"TERM={term} LC_ALL={locale}; export TERM LC_ALL; unset NO_COLOR; "
                  + (around.format(command) if "{}" in around else around))
        lab.on_close.callback(self.close)

    def tmux(self, *words):
        # the server draws in UTF-8 whatever the console does
        return subprocess.run(["tmux", "-S", self.server, "-f", self.server + ".conf", "-u", *words],
                              check=True, capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm-256color")).stdout

    def keys(self, *keys):
        """Names of keys as tmux has them (Enter, Escape, PageDown, C-l), or characters."""
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")[:-1]

    def text(self):
        return "\n".join(self.lines())

    def colours(self):
        return self.tmux("capture-pane", "-p", "-e")

    def clipboard(self):
        """What programs have put there; "" = nothing."""
        done = subprocess.run(["tmux", "-S", self.server, "show-buffer"], capture_output=True, text=True)
        return done.stdout

    def mouse(self, row, column, button=0, times=1):
        """A press and a release at a cell, from 1, as xterm sends them; 64 and 65 are the wheel."""
        place = f"\x1b[<{button};{column};{row}"
        self.type((place + "M" + (place + "m" if button < 64 else "")) * times)

    def is_dead(self):
        return self.tmux("list-panes", "-F", "#{pane_dead}").strip() == "1"

    def pid(self):
        return int(self.tmux("list-panes", "-F", "#{pane_pid}"))

    def wait(self, pattern, seconds=10, absent=False):
        """Until the screen has (or has not) the regular expression; returns the screen."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            text = self.text()
            if bool(re.search(pattern, text, re.MULTILINE)) != absent:
                return text
            if time.monotonic() > end:
                raise AssertionError(f"{'still' if absent else 'not'} on the screen: {pattern}\n"
                                     + text)
            time.sleep(0.02)

    def wait_marked(self, pattern, seconds=10):
        """Until the row that a key would act on, which is reversed, has the regular expression."""
        end = time.monotonic() + seconds * PATIENCE
        while not any(re.search(pattern, re.sub(r"\x1b\[[0-9;]*m", "", line))
                      for line in self.colours().split("\n")
                      if re.search(r"\x1b\[(?:[0-9;]*;)?7m", line)):
            if time.monotonic() > end:
                raise AssertionError(f"not the marked row: {pattern}\n" + self.text())
            time.sleep(0.02)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def close(self):
        subprocess.run(["tmux", "-S", self.server, "kill-server"], capture_output=True)
