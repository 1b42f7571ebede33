"""Where a webhook may connect to: public addresses, and the networks that the operator allows.

A subscriber names the address, so without this check it could make the service call the hosts of
the service's own network (server-side request forgery). The name is resolved once for a
connection, every address of the answer is checked, and the connection goes to a checked address: a
name server cannot give another one in between (DNS rebinding). Redirects are not followed, and no
proxy of the environment is used. Without TLS only allowed networks are reached.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")

#: All that is routed between networks (RFC 4291, section 2.4). Python calls more of them global:
#: site-local addresses, which lead inside, and IPv4 addresses in outdated forms.
_GLOBAL = IPv6Network("2000::/3")


class Blocked(OSError):
    """The address of a webhook must not be reached from here."""


class Targets:
    """Decides which addresses a webhook may reach; ``allowed`` are networks of the operator."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self.allowed = tuple(allowed)

    def may_reach(self, address: str, *, encrypted: bool) -> bool:
        """Return whether a connection to an IP address may be made."""
        ip = _true(ip_address(address.partition("%")[0]))
        if any(ip in network for network in self.allowed):
            return True
        routed = isinstance(ip, IPv4Address) or ip in _GLOBAL
        return encrypted and routed and ip.is_global and not ip.is_multicast

    def check(self, url: yarl.URL) -> None:
        """Refuse an address that is written as an IP address and must not be reached.

        aiohttp does not ask the resolver about such a host.
        """
        if url.host is None:
            raise Blocked("the address must name a host")
        try:
            ip_address(url.host)
        except ValueError:
            return
        self.require(url.host, encrypted=url.scheme == "https")

    def require(self, address: str, *, encrypted: bool) -> None:
        """Raise ``Blocked`` unless a connection to an IP address may be made."""
        if not self.may_reach(address, encrypted=encrypted):
            raise Blocked("the address lies in a network that webhooks must not reach")


class CheckedResolver(AbstractResolver):
    """Resolves a name and passes on only addresses that may be reached."""

    def __init__(self, targets: Targets, resolver: AbstractResolver, *, encrypted: bool) -> None:
        self._targets, self._resolver, self._encrypted = targets, resolver, encrypted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        # All or nothing: a name that leads inside at times is not a name to be tried until it fits.
        for result in found:
            self._targets.require(result["host"], encrypted=self._encrypted)
        return found

    async def close(self) -> None:
        await self._resolver.close()


def session(
    targets: Targets, *, encrypted: bool, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Return a client that reaches only what it may. Call it on the event loop."""
    inner = aiohttp.ThreadedResolver() if resolver is None else resolver
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(targets, inner, encrypted=encrypted),
        use_dns_cache=False,
        limit=0,
        limit_per_host=4,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


def _true(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip.sixtofour is not None:
            return ip.sixtofour
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
