"""Which addresses a URL that somebody else wrote may lead to: public ones, and those that were expressly allowed.

A photo's URL is read by our machine, from inside our network: `http://169.254.169.254/` would read the cloud's
credentials, `http://10.0.0.5/` an intranet.  So what counts is the address a name stands for, not how it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from catalens.core.errors import ConfigError

USUAL_PORTS = frozenset({80, 443})
# https://www.iana.org/assignments/iana-ipv4-special-registry: listed here, because what Python's `is_global` says of
# some of them changed between its releases
_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's service for the virtual machine that asks
        "169.254.0.0/16",  # link-local; the clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# https://www.iana.org/assignments/iana-ipv6-special-registry: all that is public lies within 2000::/3, but for these
_PUBLIC_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo, which holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
# an IPv4 address in the last four bytes, to which the packets go in the end (RFC 4291, RFC 6052)
_CARRIERS_OF_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def is_public(address: str) -> bool:
    """True of an IP address that anybody on the internet may call.  Raises ValueError where it is none."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.scope_id is None and any(ip in network for network in _CARRIERS_OF_V4):
        ip = IPv4Address(ip.packed[-4:])
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _SPECIAL_V4)
    return ip.scope_id is None and ip in _PUBLIC_V6 and not any(ip in network for network in _SPECIAL_V6)


@dataclass(frozen=True, slots=True)
class Allowance:
    """A host, address or network that may be called although it is private; `port` None is any port."""

    host: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Allowance:
        """Of "images.shop.lan", "images.shop.lan:8080", "127.0.0.1:8000", "[::1]:8000" or "10.1.0.0/16".

        Raises ConfigError.
        """
        name, port = _split_port(text.strip())
        try:
            return cls(None, ip_network(name), port)
        except ValueError:
            if not _HOST.fullmatch(_plain(name)) or name.replace(".", "").isdigit():
                message = f"expected a host, host:port, address or network such as 10.1.0.0/16, in ASCII, got {text!r}"
                raise ConfigError(message, key="allow_private") from None
        return cls(_plain(name), None, port)

    def covers(self, host: str, port: int, address: str) -> bool:
        """True if a URL with this host and port, whose name stands for this address, is meant."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return ip_address(address) in self.network
        return self.host == _plain(host)


def why_refused(host: str, port: int, address: str, allowed: Iterable[Allowance]) -> str | None:
    """What is wrong with calling this address for a URL with this host and port; None where nothing is."""
    if any(allowance.covers(host, port, address) for allowance in allowed):
        return None
    if not is_public(address):
        return f"{host} is {address}, which is no public address" if host != address else "is no public address"
    if port not in USUAL_PORTS:
        return f"port {port} is not the usual 80 or 443"
    return None


def _split_port(text: str) -> tuple[str, int | None]:
    """("[::1]:8000") -> ("::1", 8000).  An IPv6 address without brackets has no port."""
    name, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (name.endswith("]") or ":" not in name):
        if not 0 < int(port) < 65536:
            raise ConfigError(f"expected a port from 1 to 65535, got {text!r}", key="allow_private")
        return name.removeprefix("[").removesuffix("]"), int(port)
    return text.removeprefix("[").removesuffix("]"), None


def _plain(host: str) -> str:
    """One spelling of a host: case and the dot of the root do not matter."""
    return host.lower().rstrip(".")
