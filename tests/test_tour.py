"""docs/tour.md is sent, block by block, to a running service."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from api.service import Service
from ledger.kernel.events import CIVIL_ZONE

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"```http\n(GET|POST) (\S+) as (\w+) → (\d+)(?: ([A-Z]+-R\d+))?\n(.*?)```", re.DOTALL
)
NOW = datetime(2026, 3, 16, 9, tzinfo=CIVIL_ZONE)


async def test_every_block_of_the_tour_answers_as_it_says(tmp_path: Path) -> None:
    """What the tour shows a newcomer works as written, refusals included."""
    text = (ROOT / "docs" / "tour.md").read_text("utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```http") > 20
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}", clock=lambda: NOW) as service:
        create = service.tokens.create
        tokens = {
            "JB": create("JB", "JB-001", "jb_supervisor"),
            "HEAD": create("MRB", "HEAD-001", "unit_head"),
            "OFFICER": create("MRB", "OFF-001", "enforcement_officer"),
            "EDB": create("EDB", "EDB-001", "credit_officer"),
        }
        async with TestClient(TestServer(service.app())) as client:
            for method, path, who, status, rule, body in blocks:
                service.follower.wait_for(service.recorder.head(), 10)
                response = await client.request(
                    method,
                    path,
                    data=body.encode() if method == "POST" else None,
                    headers={
                        "Authorization": f"Bearer {tokens[who]}",
                        "Content-Type": "application/json",
                    },
                )
                answer = await response.json()
                assert response.status == int(status), f"{path}: {answer}"
                assert answer.get("rule_id", "") == rule
