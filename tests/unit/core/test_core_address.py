from __future__ import annotations

import pytest

from catalens.core.address import Allowance, is_public, why_refused
from catalens.core.errors import ConfigError

PRIVATE = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
    "2001:db8::1", "3fff::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:2::1",
    "2606:4700::1%1", "::ffff:8.8.8.8%1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2606:4700::6810:85e5", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("allowance", "host", "port", "address", "covered"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1", True),
        ("127.0.0.1:8000", "localhost", 8000, "127.0.0.1", True),
        ("127.0.0.1:8000", "localhost", 8001, "127.0.0.1", False),
        ("127.0.0.1:8000", "localhost", 8000, "127.0.0.2", False),
        ("127.0.0.1", "localhost", 6379, "127.0.0.1", True),
        ("10.1.0.0/16", "images", 80, "10.1.2.3", True),
        ("10.1.0.0/16", "images", 80, "10.2.0.1", False),
        ("10.1.0.0/16", "images", 80, "::1", False),
        ("[::1]:8000", "::1", 8000, "::1", True),
        ("::1", "::1", 8000, "::1", True),
        ("fd00::/8", "images", 80, "fd12::1", True),
        ("images.shop.lan", "images.shop.lan", 8080, "10.0.0.5", True),
        ("Images.Shop.lan", "images.shop.LAN.", 80, "10.0.0.5", True),
        ("images.shop.lan:8080", "images.shop.lan", 80, "10.0.0.5", False),
        ("images.shop.lan", "evil.images.shop.lan", 80, "10.0.0.5", False),
        ("shop.lan", "xshop.lan", 80, "10.0.0.5", False),
    ],
)
def test_an_allowance_covers(allowance: str, host: str, port: int, address: str, covered: bool) -> None:
    assert Allowance.parse(allowance).covers(host, port, address) is covered


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:0", "host:70000", "host:x", "10.0.0.1/8", "10.0.0.300",
                                  "http://host", "a/b", "[::1]x", "*", "*.shop.lan", "a b", "me@host",
                                  "müller.lan"])  # fmt: skip
def test_what_is_no_allowance_is_said(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Allowance.parse(text)
    assert caught.value.key == "allow_private"


def test_ports_are_the_usual_ones_or_allowed() -> None:
    assert why_refused("shop.example", 443, "8.8.8.8", []) is None
    assert "port 8080" in (why_refused("shop.example", 8080, "8.8.8.8", []) or "")
    assert why_refused("shop.example", 8080, "8.8.8.8", [Allowance.parse("shop.example:8080")]) is None
    assert "10.0.0.5" in (why_refused("shop.example", 80, "10.0.0.5", []) or "")
