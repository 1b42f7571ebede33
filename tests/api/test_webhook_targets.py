"""Where webhooks may connect: never inside, unless an operator allows it."""

from __future__ import annotations

import socket
from ipaddress import ip_network

import aiohttp
import aiohttp.test_utils
import aiohttp.web
import pytest
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import unused_port

from api.webhooks.targets import Blocked, Targets, session

INSIDE = (
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - refused
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "fec0::1",
    "::7f00:1",
    "::ffff:0:a00:1",
    "64:ff9b:1::a00:1",
)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    """However an address of the inside is written."""
    assert not Targets().may_reach(address, encrypted=True)


def test_public_addresses_need_tls_and_allowed_networks_do_not() -> None:
    targets = Targets([ip_network("10.20.0.0/16")])
    assert targets.may_reach("93.184.215.14", encrypted=True)
    assert targets.may_reach("2001:4860:4860::8888", encrypted=True)
    assert not targets.may_reach("93.184.215.14", encrypted=False)
    assert targets.may_reach("10.20.3.4", encrypted=False)
    assert targets.may_reach("::ffff:10.20.3.4", encrypted=True)
    assert not targets.may_reach("10.21.3.4", encrypted=True)


class Answers(AbstractResolver):
    """A name server that gives each time the next of its answers."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=ip, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for ip in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "answers",
    [
        [["127.0.0.1"]],
        # One address that may be reached does not excuse the other.
        [["127.0.0.9", "169.254.169.254"]],
    ],
)
async def test_a_name_that_leads_inside_is_refused(answers: list[list[str]]) -> None:
    targets = Targets([ip_network("127.0.0.9")])
    client = session(targets, encrypted=False, resolver=Answers(*answers))
    async with client:
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await client.post(f"http://partner.example:{unused_port()}/")
    assert isinstance(raised.value.os_error, Blocked)


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """A name server that changes its answer is asked once: the second answer is never used."""
    seen: list[str] = []

    async def serve(request: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        seen.append(request.host)
        return aiohttp.web.Response()

    server = aiohttp.test_utils.RawTestServer(serve)
    await server.start_server()
    resolver = Answers(["127.0.0.1"], ["169.254.169.254"])
    client = session(Targets([ip_network("127.0.0.1")]), encrypted=False, resolver=resolver)
    try:
        async with client:
            port = server.make_url("/").port
            await client.post(f"http://partner.example:{port}/")
            # A connection of its own, so the name is resolved again, and checked again.
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.post(f"http://partner.example:{unused_port()}/")
    finally:
        await server.close()
    assert seen == [f"partner.example:{port}"]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://localhost/",
    ],
)
async def test_no_spelling_of_a_host_leads_inside(address: str) -> None:
    """Numbers that a resolver takes for an address are checked as what they resolve to."""
    url = yarl.URL(address)
    targets = Targets()
    async with session(targets, encrypted=True) as client:
        with pytest.raises((Blocked, aiohttp.ClientError, ValueError)) as raised:  # noqa: PT012
            targets.check(url)
            await client.post(url, timeout=aiohttp.ClientTimeout(5))
    assert not isinstance(raised.value, aiohttp.ClientConnectorCertificateError)
    error = getattr(raised.value, "os_error", raised.value)
    assert isinstance(error, Blocked | ValueError | socket.gaierror), error
