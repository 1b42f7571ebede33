"""Find the address that a request counts for in shares and limits."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: The prefix that one IPv6 subscriber usually gets; all its addresses count as one.
_IPV6_PREFIX = 64


def networks(given: Sequence[str]) -> tuple[Network, ...]:
    """Parse addresses, with or without a prefix length. Raises ``ValueError``."""
    return tuple(ip_network(text.strip(), strict=False) for text in given)


def source_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the address that a request counts for.

    ``peer`` is the other end of the connection, ``forwarded`` the values of ``X-Forwarded-For``.
    The header is believed only if a trusted proxy sends it, and only from its right end: each
    proxy appends the address that connected to it, so the entries at the right are the proxies'.
    """
    address = _address(peer)
    if not trusted or not forwarded:
        return _counted(address)
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and address is not None and trusts(address, trusted):
        hop = _address(hops.pop())
        if hop is None:
            break
        address = hop
    return _counted(address)


def trusts(address: IPv4Address | IPv6Address | str, trusted: Sequence[Network]) -> bool:
    """Return whether an address belongs to a trusted proxy."""
    known = _address(address) if isinstance(address, str) else address
    return known is not None and any(known in network for network in trusted)


def counted(peer: str) -> str:
    """Return the address that a connection counts for."""
    return _counted(_address(peer))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _counted(address: IPv4Address | IPv6Address | None) -> str:
    if address is None:
        return "-"  # a Unix socket of this machine
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_PREFIX), strict=False))
    return str(address)
