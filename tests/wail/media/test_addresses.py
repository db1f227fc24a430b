import subprocess
import sys

import pytest

from wail.media.addresses import is_public

PRIVATE = ["127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
           "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
           "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are(address):
    assert is_public(address)


def test_no_way_of_connecting_passes_the_guard():
    code = """
from wail.media.addresses import refuse_private_addresses
refuse_private_addresses()
import socket, urllib.request
for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"):
    try:
        urllib.request.urlopen(f"http://{host}:9/", timeout=1)
    except OSError as error:
        assert "refused" in str(error) and "not a public one" in str(error), (host, error)
    else:
        raise SystemExit("connected to " + host)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
