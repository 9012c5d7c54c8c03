"""What is called public is what the standard library calls global; no way of carrying an IPv4 address gets past."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st

from catalens.core.address import is_public

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
CARRIERS = ["::ffff:0:0", "64:ff9b::", "::", "2002::", "64:ff9b:1::", "2001::"]


@given(V4)
@example(IPv4Address("192.0.0.9"))
def test_public_ipv4_is_global(address: IPv4Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not any((address.is_multicast, address.is_reserved, address.is_loopback, address.is_link_local))


@given(V6)
def test_public_ipv6_is_global(address: IPv6Address) -> None:
    if is_public(str(address)) and address.ipv4_mapped is None:
        assert address.is_global
        assert not any((address.is_multicast, address.is_site_local, address.is_link_local, address.is_unspecified))


@given(V4, st.sampled_from(CARRIERS))
def test_an_address_inside_another_is_no_more_public(inside: IPv4Address, carrier: str) -> None:
    outside = IPv6Address(int(IPv6Address(carrier)) | int(inside))
    assert not is_public(str(outside)) or is_public(str(inside))


@given(V6, st.text("abcdefghij0123456789", min_size=1, max_size=8))
def test_an_address_of_one_interface_is_not_public(address: IPv6Address, scope: str) -> None:
    assert not is_public(f"{address}%{scope}")
