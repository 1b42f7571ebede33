"""docs/questions.md is asked, block by block, of a ledger with a short story."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

from yarl import URL

from tests.api.answers import faults_at
from tests.scenarios.test_s07_complaint import COMPLAINT
from tests.scenarios.world import E_B, PRESCRIBED, World
from tests.test_tour import shows

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"```http\nGET (?P<path>[^\n]+) as (?P<who>[\w -]+) → (?P<status>\d+)\n(?P<body>.*?)```",
    re.DOTALL,
)


def questions() -> list[re.Match[str]]:
    """The blocks of the page, in order."""
    text = (ROOT / "docs" / "questions.md").read_text("utf-8")
    found = list(BLOCK.finditer(text))
    assert len(found) == text.count("```http") > 15
    return found


async def tell(world: World) -> str:
    """A unit's year: a visit, a penalty, a refusal, a filing, a complaint.

    Returns the correlation of the complaint.
    """
    await world.given_region()
    await world.given_matter("M-101")
    await world.given_plan([3, 7, 8])
    world.at("2026-03-16")
    task = world.task("T-1", E_B, "2026-03-18", prescribed_by=PRESCRIBED)
    await world.send("MRB head", "filing/approve-task", **task)
    await world.visit("T-1", "2026-03-18")
    await world.given_record("CR-1", E_B, "2026-05-11")
    world.at("2026-07-27")
    again = world.task("T-2", E_B, "2026-08-03", prescribed_by=PRESCRIBED)
    await world.refused("SUP-R1", "MRB head", "filing/approve-task", **again)
    world.at("2026-07-28")
    await world.send(
        "MRB legal", "filing/file-special-inspection", **world.filing("F-1", entity=E_B)
    )
    case = {"kind": "case", "trigger": "complaint", "filing": "F-1"}
    await world.send(
        "MRB head", "filing/approve-task", **world.task("T-3", E_B, "2026-08-10", **case)
    )
    world.at("2026-09-24 10:00")
    answer = await world.send("E-A", "complaints/receive-complaint", **COMPLAINT)
    return str(answer["events"][0]["correlation_id"])


async def test_each_is_answered_as_it_says(tmp_path: Path) -> None:
    """Each request answers with the status and the part of the document that the page shows."""
    wrong = []
    async with World(tmp_path) as world:
        correlation = await tell(world)
        world.service.follower.wait_for(world.recorder.head(), 10)
        for question in questions():
            path = question["path"].replace("<correlation>", correlation)
            response = await world.client.get(
                URL(quote(path, safe="/?=&%@.*:+-,"), encoded=True),
                headers={
                    "Authorization": f"Bearer {world.tokens[question['who']]}",
                    "Accept-Language": "zh",
                },
            )
            said = await response.read()
            answer, part = json.loads(said), json.loads(question["body"])
            if response.status != int(question["status"]) or not shows(answer, part):
                wrong.append((path, said.decode()))
            elif part.get("items") == []:
                assert answer["items"] == [], path
            else:
                assert not faults_at(path.partition("?")[0], said), path
    assert not wrong, "\n".join(f"{path}\n    {said}" for path, said in wrong)
