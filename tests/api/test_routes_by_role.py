"""Every route × every role: 401 and 403 by the route and the role alone, and nothing by a subject.

On the district of ``make run``, which has subjects of every kind, of several units.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from typing import Any

from aiohttp.test_utils import TestClient

from api.district.table import Person, district
from api.http.commands import path_of
from api.service import Service
from ledger.registry import COMMANDS
from tests.api.district_ledger import tokens_of

#: Subjects tried of each kind: so many of the first and of the last that were recorded.
TRIED = 1
#: Fewer than the service answers at once.
AT_ONCE = asyncio.Semaphore(4)
#: The kind of the subject that a path names by another word.
KINDS = {"id": "task", "casefile": "casefile"}
#: People of other units, and of another business, than the last of their role.
OTHER_UNITS = ("MRB head", "MRB legal", "MRB officer", "EMB head", "Chunhe")
#: What names no subject, with a value that fits it.
OTHERS = {"month": "2026-05", "position": "1"}
#: What a path needs besides its subject.
QUERIES = {"/v1/draws/{draw}/receipt": f"?entity={district().business[3].entity}"}
#: Paths of the transparency log, files and pages: no subject of a unit is named in them.
PASSED_OVER = ("/v1/log/", "/v1/events/", "/v1/act-codes/", "/v1/public-complaints/", "/static/",
               "/problems/")  # fmt: skip


def unknown(value: str) -> str:
    """Return an id of the same form that nobody has recorded."""
    return value[:-2] + ("00" if not value.endswith("00") else "11") if len(value) > 3 else "ZZZ"


def subjects(service: Service) -> dict[str, list[str]]:
    """Return the ids of each kind that events name."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for stored in service.recorder.read():
        for tag in stored.event.tags:
            kind, _, name = tag.partition(":")
            found[kind][name] = None
    return {kind: list(names) for kind, names in found.items()}


async def answered(client: TestClient[Any, Any], path: str, token: str | None) -> tuple[int, str]:
    """Return the status and the kind of the problem, once there is room for the question."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with AT_ONCE:
        for _ in range(20):
            answer = await client.get(path, headers=headers)
            if answer.status != 503:
                break
            await asyncio.sleep(0.1)
    document = await answer.json() if answer.content_type == "application/problem+json" else {}
    return answer.status, str(document.get("type"))


async def both(
    client: TestClient[Any, Any], there: str, not_there: str, token: str | None
) -> tuple[tuple[int, str], tuple[int, str] | None]:
    """Return how an existing subject is answered and, where it may not be read, an unknown one."""
    seen = await answered(client, there, token)
    return seen, None if seen[0] == 200 else await answered(client, not_there, token)


async def test_no_status_tells_a_hidden_subject(
    district_service: Service, district_client: TestClient[Any, Any]
) -> None:
    """Who may not read an existing subject is answered as for one that does not exist."""
    known = subjects(district_service)
    tokens = tokens_of(district_service)
    one_each = {person.role: person.key for person in district().person}
    askers: dict[str, str | None] = {"nobody": None}
    askers |= {key: tokens[key] for key in (*one_each.values(), *OTHER_UNITS)}
    differing, compared = [], 0
    for path in sorted({r.canonical for r in district_client.server.app.router.resources()}):  # type: ignore[attr-defined]
        places = re.findall(r"\{(\w+)\}", path)
        if not places or path.startswith(PASSED_OVER) or not path.startswith("/v1/"):
            continue
        kind = KINDS.get(places[0], places[0].replace("_", "-"))
        names = known.get(kind, [])
        for name in {*names[:TRIED], *names[-TRIED:]}:
            there = not_there = path + QUERIES.get(path, "")
            for place in places:
                fits = OTHERS.get(place)
                there = there.replace(f"{{{place}}}", fits or name)
                not_there = not_there.replace(f"{{{place}}}", fits or unknown(name))
            if unknown(name) in names:
                continue
            tried = await asyncio.gather(
                *(both(district_client, there, not_there, token) for token in askers.values())
            )
            for who, (seen, missing) in zip(askers, tried, strict=True):
                compared += missing is not None
                if missing is not None and seen != missing:
                    differing.append((path, who, name, seen, missing))
    assert {path for path, *_ in differing} == set(), differing
    assert compared > 1000, "the table is not empty"


async def test_a_role_is_refused_before_anything_is_read(
    district_service: Service, district_client: TestClient[Any, Any]
) -> None:
    """403 for a role that may not send a command, 401 without a token, whatever the body is."""
    people: dict[str, Person] = {person.role: person for person in district().person}
    tokens = tokens_of(district_service)
    wrong = []
    for entry in COMMANDS:
        path = path_of(entry)
        for role, person in people.items():
            if role in entry.roles:
                continue
            answer = await district_client.post(
                path, data=b"{", headers={"Authorization": f"Bearer {tokens[person.key]}"}
            )
            if answer.status != 403:
                wrong.append((path, role, answer.status))
        answer = await district_client.post(path, data=b"{")
        if answer.status != 401:
            wrong.append((path, "nobody", answer.status))
    assert wrong == []
