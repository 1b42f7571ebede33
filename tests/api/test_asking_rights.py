"""What each role is answered: every route for questions, every role, the own unit and another."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, get_args

from yarl import URL

from ledger.general.audiences import UNIT_BOUND
from ledger.general.vocabulary import Role
from tests.scenarios.world import E_A, E_B, World
from tests.test_questions import tell

#: Who asks: each with unit, role and business. The story is about MRB and the business E_B.
READERS: dict[str, list[tuple[str, Role, str | None]]] = {
    "public": [("PUBLIC", "public", None)],
    "partner": [("BANK", "subscriber_system", None)],
    "operator": [("IT", "operator", None)],
    "business": [("ENTITY", "entity_rep", E_B)],
    "other business": [("ENTITY", "entity_rep", E_A)],
    "unit": [("MRB", role, None) for role in sorted(UNIT_BOUND)],
    "other unit": [("EMB", role, None) for role in sorted(UNIT_BOUND)],
    "credit": [("EDB", "credit_officer", None)],
    "reconsideration": [("RECON", "recon_officer", None)],
    "rule of law": [("RLO", "rlo_assessor", None)],
    "clock": [("LEDGER", "ledger_clock", None)],
    "bureau": [("JB", "jb_supervisor", None)],
}

#: Each question, and what each reader is answered, in the order of ``READERS``: ``+`` rows, ``-``
#: none, ``f`` forbidden (403), ``n`` not found (404).
TABLE = """
/v1/me                                                           + + + + + + + + + + + +
/v1/names?subject=entity:{entity}&subject=unit:MRB               + + + + + + + + + + + +
/v1/units/MRB                                                    + + + + + + + + + + + +
/v1/officers?unit=MRB                                            + + + + + + + + + + + +
/v1/filings?unit=MRB                                             f f f f f + - + + + + +
/v1/filings/F-1                                                  f f f f f + n + + + + +
/v1/events/search?type=catalogue.enforcement-unit-qualified      + + + + + + + + + + + +
/v1/events/search?type=filing.inspection-concluded               - - - + - + - + + + + +
/v1/events/search?type=filing.inspection-task-approved           - - - - - + - - - - - +
/v1/events/search?type=credit.credit-record-entered              - - - + - + + + + + + +
/v1/events/search?actor=OFF-001                                  - - - + - + - + + + + +
/v1/events/search?actor=REP-A                                    - - - - - - - - - - - +
/v1/events/search?about=finding:{finding}                        - - - - - - - - - - - +
/v1/events/search?q=整改清单                                         - - - - - - - - - - - +
/v1/events/search?outcome=refused                                f f f f f f f f f - f +
/v1/findings?correlation_id={correlation}                        f f f f f - - - - - - +
/v1/summary?of=visits&by=month                                   + + + + + + + + + + + +
/v1/summary?of=tasks&by=stage                                    f f f + - + - + + + + +
/v1/summary?of=findings&by=rule_id                               f f f f f - - - - - - +
/v1/summary?of=deadlines&by=unit&unit=MRB                        f f f + - + - + + + + +
/v1/summary?of=records&by=kind                                   f f f + - + - + + + + +
/v1/summary?of=refusals&by=rule_id                               f f f f f f f f f - f +
/v1/entities/{entity}/profile/diff?from=2026-04-30&to=2026-05-31 + + + + + + + + + + + +
"""


def _said(status: int, said: bytes) -> str:
    if status != 200:
        return {403: "f", 404: "n"}.get(status, str(status))
    answer = json.loads(said)
    rows = next((answer[n] for n in ("items", "differences") if n in answer), answer)
    return "+" if rows else "-"


def test_every_role_asks() -> None:
    """No role is left out, so that a new one needs a column."""
    assert {role for people in READERS.values() for _, role, _ in people} == set(get_args(Role))


async def test_who_is_answered_what(tmp_path: Path) -> None:
    """The table holds; people of one column are answered alike; without a token as the public."""
    told: dict[str, Any] = {}
    lines = [line for line in TABLE.splitlines() if line]
    async with World(tmp_path) as world:
        correlation = await tell(world)
        world.service.follower.wait_for(world.recorder.head(), 10)
        [finding] = await world.findings(rule_id="FIL-V1")
        known = {"finding": finding["finding"], "correlation": correlation, "entity": E_B}
        create = world.service.tokens.create
        tokens = {
            name: [
                create(unit, f"P{n}-{name}".replace(" ", "-"), role, entity=entity)
                for n, (unit, role, entity) in enumerate(people)
            ]
            for name, people in READERS.items()
        }
        for line in lines:
            question = line.split(" ", 1)[0]
            path, answers = question.format(**known), []
            for name in READERS:
                said = set()
                for token in [*tokens[name], *([None] if name == "public" else [])]:
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    response = await world.client.get(URL(path), headers=headers)
                    word = _said(response.status, await response.read())
                    # Without a token, one is asked for.
                    said.add("f" if (word, token) == ("401", None) else word)
                assert len(said) == 1, (question, name, said)
                answers.append(said.pop())
            told[question] = " ".join(answers)
    shown = [f"{question:<65}{answers}" for question, answers in told.items()]
    assert shown == lines, "\n" + "\n".join(shown)


#: What is counted, and the list that shows each of them.
LISTS = {
    "findings": "/v1/findings",
    "deadlines": "/v1/deadlines",
    "tasks": "/v1/tasks",
    "visits": "/v1/tasks",
}


async def test_counts_are_of_what_the_lists_show(tmp_path: Path) -> None:
    """Every reader counts exactly the rows that the list of the same name shows."""
    async with World(tmp_path) as world:
        await tell(world)
        world.service.follower.wait_for(world.recorder.head(), 10)
        counted = 0
        for people in READERS.values():
            unit, role, entity = people[0]
            token = world.service.tokens.create(unit, "P-COUNTS", role, entity=entity)
            headers = {"Authorization": f"Bearer {token}"}
            for of, path in LISTS.items():
                summary = await world.client.get("/v1/summary", params={"of": of}, headers=headers)
                listed = await world.client.get(path, params={"limit": "500"}, headers=headers)
                if summary.status != 200:
                    assert summary.status == 403, (role, of)
                    assert of == "tasks" or listed.status == 403, (role, of)
                    continue
                items = (await listed.json())["items"]
                if of == "visits":
                    items = [item for item in items if item.get("opened_on")]
                elif of == "tasks":  # those that the reader sees whole
                    items = [item for item in items if "planned_on" in item]
                answer = await summary.json()
                assert answer["total"] == len(items), (role, of)
                units = {group["group"]["unit"]: group["count"] for group in answer["items"]}
                assert units == Counter(item.get("unit") for item in items), (role, of)
                counted += len(items)
        assert counted > 20
