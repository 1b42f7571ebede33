"""From which address a request comes, as far as shares and limits need to know."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: What one subscriber of IPv6 usually is given: all of it counts as one address.
_IPV6_PREFIX = 64


def networks(given: Sequence[str]) -> tuple[Network, ...]:
    """The networks that are written as addresses or with a prefix. Raises ``ValueError``."""
    return tuple(ip_network(text.strip(), strict=False) for text in given)


def source_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address that a request counts for.

    ``peer`` is the other end of the connection, ``forwarded`` the values of ``X-Forwarded-For``.
    These are believed from a trusted proxy alone, and of them only what trusted proxies added: each
    appends the address that it was asked from, so the right end is theirs.
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
    """Whether an address belongs to a trusted proxy."""
    known = _address(address) if isinstance(address, str) else address
    return known is not None and any(known in network for network in trusted)


def counted(peer: str) -> str:
    """The address that a connection counts for."""
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
        return "-"  # a socket of this machine
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_PREFIX), strict=False))
    return str(address)
