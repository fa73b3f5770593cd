# SPDX-License-Identifier: Apache-2.0
"""What is served under the certificates of a private CA (authority.py) that were imported."""

import tlsclient
from authority import read


def served(lab, ca, name):
    """The serial of what a client that trusts CA's root gets; verified."""
    with tlsclient.connect(lab.https, name, read(ca.root)) as tls:
        return tlsclient.serial_of(tls)
