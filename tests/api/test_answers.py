"""Every resource declares what it answers, and answers nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from aiohttp import web

from api.http.openapi import describe
from tests.api.answers import faults, title_of, types_of
from tests.api.oracle import UNIT, Facts, Placed, Shelf, addresses, secrets
from tests.sequences.asking import RESOURCES

#: Resources that answer JSON of which no type says what it holds. This list may only shrink.
UNTYPED = {
    "/v1/asyncapi.json",  # AsyncAPI's own schema describes it
    "/v1/openapi.json",  # OpenAPI's own schema describes it
}

#: Resources that need more than recorded events (files, tokens, complaints without an account,
#: positions), or that send long answers in parts. The walks of tests/sequences and the stories
#: ask them.
ELSEWHERE = {
    "/livez",
    "/problems",
    "/problems/{name}",
    "/readyz",
    "/v1/access",
    "/v1/act-codes/{code}",
    "/v1/deadline-rules/{deadline_rule}",
    "/v1/draws/{draw}/export",
    "/v1/draws/{draw}/receipt",
    "/v1/draws/{draw}/roster",
    "/v1/draws/{draw}/selection",
    "/v1/entities/{entity}/replay",
    "/v1/event-types/{type}",
    "/v1/event-types/{type}/{version}",
    "/v1/events/{position}",
    "/v1/events/{position}/effects",
    "/v1/events/{position}/proven",
    "/v1/feed",
    "/v1/feed/readers",
    "/v1/log/consistency",
    "/v1/log/keys",
    "/v1/log/witnesses",
    "/v1/next-commands",
    "/v1/operations/token-requests",
    "/v1/operations/tokens",
    "/v1/operations/views",
    "/v1/persons/{person}",
    "/v1/policies/{policy}",
    "/v1/public-complaints/{tracking}",
    "/v1/complaints/{complaint}/facts",
    "/v1/rules/{rule}",
    "/v1/scores/{score}/rerun",
    "/v1/sharing/records/{record}",
    "/v1/screenings/{screening}/now",
    "/v1/screenings/{screening}/rerun",
    "/v1/tasks/{task}/act-code",
    "/v1/work-plans/{work_plan}",
}

JSON = [r for r in RESOURCES if r.listed and "application/json" in r.media_types]

READERS = ("nobody", "business", "officer", "credit", "bureau")


def test_each_is_typed() -> None:
    """Every resource that answers JSON has a type that says what the answer holds."""
    bare = {r.path for r in JSON if not types_of(r) or None in map(title_of, types_of(r))}
    assert bare == UNTYPED


def test_titles_are_unique() -> None:
    """No two schemas of the description have the same title, so that a client keeps them apart."""
    schemas = describe((), RESOURCES)["components"]["schemas"]
    titles = Counter(schema.get("title") for schema in schemas.values())
    assert [title for title, count in titles.items() if count > 1] == []


async def test_answers_are_of_their_types(tmp_path: Path) -> None:
    """Of a ledger with every type of event, each reader is answered what the types describe."""
    facts = Facts()
    past = [*facts.law(), *facts.of_every_type(Placed(1, subject_unit="TAX"), UNIT)]
    past += secrets(facts)
    told: dict[str, str] = {}
    answered: dict[str, set[bytes]] = {}
    async with Shelf(tmp_path, "whole", past) as shelf:
        for resource, url in addresses([r for r in JSON if r.path not in ELSEWHERE], past):
            for who in READERS:
                response = await shelf.get(who, url)
                if response.status != 200 or response.content_type != "application/json":
                    continue
                assert isinstance(response, web.Response)
                assert isinstance(response.body, bytes)
                if ("Content-Language" in response.headers) != resource.worded:
                    told.setdefault(f"{resource.path} worded: {resource.worded}", f"{who} {url}")
                bodies = answered.setdefault(resource.path, set())
                if response.body not in bodies:
                    bodies.add(response.body)
                    for fault in faults(resource, response.body):
                        told.setdefault(f"{resource.path} {fault}", f"{who} {url}")
    assert told == {}
    assert {r.path for r in JSON} - answered.keys() <= ELSEWHERE | UNTYPED
