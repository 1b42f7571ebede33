"""A number in a query that no column can hold is the caller's mistake, whatever it filters."""

from __future__ import annotations

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from api.service import Service
from tests.sequences.asking import RESOURCES


async def test_a_number_beyond_every_column_is_refused(tmp_path: Path) -> None:
    """Each parameter of every resource that is a whole number answers 400 to one that is not
    below 2**53, as large ones do not fit into SQLite and PostgreSQL.
    """
    wanted = [
        (resource.path, parameter.name, number)
        for resource in RESOURCES
        if "{" not in resource.path
        for parameter in resource.query
        if parameter.type is int
        for number in (2**63, 10**30, -(10**30))
    ]
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}") as service:
        token = service.tokens.create("JB", "JB-1", "jb_supervisor")
        headers = {"Authorization": f"Bearer {token}"}
        async with TestClient(TestServer(service.app())) as client:
            for path, name, number in wanted:
                answer = await client.get(path, params={name: str(number)}, headers=headers)
                assert answer.status in (400, 403), f"{path}?{name}={number}: {answer.status}"
    assert len(wanted) > 100
