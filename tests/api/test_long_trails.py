"""A business with many events: its trail is read page by page, each event once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.dcb.api import DCBEvent

from api.views import RESOURCES, readiness
from ledger.kernel import Ledger
from projections.follower import Follower
from projections.opening import open_views
from tests.empty import lay_views
from tests.projections.facts import E1, Past, inspection, task

MANY = 3_000
PATH = f"/v1/entities/{E1}/trail"


class Gathered(Past):
    """A past that is appended in one go."""

    def __init__(self, recorder: Any) -> None:
        super().__init__(recorder)
        self.waiting: list[DCBEvent] = []

    def put(self, type_: str, data: bytes, tags: list[str]) -> int:
        self.waiting.append(DCBEvent(type=type_, data=data, tags=tags))
        return self.last


@pytest.fixture
async def face(make_face: Callable[..., Any], ledger: Ledger, tmp_path: Path) -> Any:
    past = Gathered(ledger.recorder)
    past.add(task("T-1"))
    for number in range(MANY):
        past.add(inspection(f"I-{number}"), "2015-05-04")
    ledger.recorder.append(past.waiting)
    lay_views(tmp_path / "ledger.db")
    views = open_views(f"sqlite:///{tmp_path / 'ledger.db'}")
    with Follower(ledger.recorder, views) as follower:
        follower.start()
        follower.wait_for(past.last, 60)
        yield await make_face(views=follower, resources=RESOURCES, readiness=readiness(follower))
    views.close()


async def test_a_long_trail_is_read_to_its_end(face: Any) -> None:
    """Newest first, each event once; a rare type is found on the first page; times are few."""
    positions: list[int] = []
    after = 0
    while after is not None:
        answer = await face.get(f"{PATH}?order=newest&limit=500&after={after}", face.jb)
        page = await answer.json()
        positions += [entry["position"] for entry in page["entries"]]
        after = page["next_after"]
    assert positions == list(range(MANY + 1, 0, -1))
    query = "order=newest&type=filing.inspection-task-approved"
    for narrowed in (query, f"{query}&person=OFF-001"):
        rare = await (await face.get(f"{PATH}?{narrowed}", face.jb)).json()
        assert [entry["position"] for entry in rare["entries"]] == [1]
        assert rare["next_after"] is None
    nobody = await (await face.get(f"{PATH}?person=OFF-001&limit=7", face.jb)).json()
    assert [entry["position"] for entry in nobody["entries"]] == [*range(1, 8)]
    times = await (await face.get(f"/v1/entities/{E1}/event-times", face.jb)).json()
    assert times["happened"] == ["2015-05-04", "2026-03-02"]
