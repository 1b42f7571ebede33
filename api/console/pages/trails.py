"""Trails: every event about a subject in sentences, one event in full, and what rests on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from api.console.pages.businesses import unit_names
from api.console.shell import Opened, Page
from api.http.named import EventType
from api.http.resources import Parameter
from api.systems.trails import TrailOrder
from ledger.kernel import Moment
from ledger.kernel.events import event_types

#: The events of one page; a script loads the next one when its reader comes to the end.
_PAGE = 60

_ASKED = ("type", "person", "since", "until", "order", "known_as_of", "after")


async def trail(page: Opened) -> web.StreamResponse:
    """Show every event about a subject, newest first, in sentences or as a table."""
    subject = page.request.match_info["subject"]
    path = f"/v1/{subject}/trail"
    given = dict(page.query)
    asked: dict[str, str | int] = {n: v for n, v in given.items() if n in _ASKED}
    asked.setdefault("order", "newest")
    answer = await page.ask(path, {**asked, "limit": _PAGE})
    if not answer.fine:
        return await page.problem(answer)
    entries = answer.body["entries"]
    kind, _, id_ = subject.partition("/")
    return await page.render(
        "trail.html",
        units=await unit_names(page),
        path=path,
        asked=list(asked.items()),
        route=answer.route,
        kind=kind,
        id=id_,
        name=await _name(page, kind, id_),
        body=answer.body,
        entries=entries,
        given=given,
        corrected={e["position"]: corrected(e) for e in entries if e.get("now")},
        systems=_systems(),
        as_table=given.get("view") == "table",
    )


async def _name(page: Opened, kind: str, id_: str) -> str | None:
    """Return what the subject of a trail is called, if it has a name."""
    if kind == "entities":
        (shown,) = await page.read_all((f"/v1/entities/{id_}/profile", None))
        return ((shown or {}).get("identity") or {}).get("name")
    if kind == "units":
        (shown,) = await page.read_all((f"/v1/units/{id_}", None))
        return (shown or {}).get("name")
    return None


def _systems() -> dict[str, list[str]]:
    """Return the types of events by the system that records them."""
    systems: dict[str, list[str]] = {}
    for topic in sorted(event_types()):
        system = topic.partition(".")[0]
        if system != "access":
            systems.setdefault(system, []).append(topic)
    return systems


class Corrected(msgspec.Struct, frozen=True):
    """A field that a correction changed: as it was recorded, and as it reads now."""

    field: str
    then: Any
    now: Any


def corrected(entry: Mapping[str, Any]) -> list[Corrected]:
    """Return the fields of an event that read otherwise now."""
    then, now = entry["body"], entry["now"]
    return [
        Corrected(field, then.get(field), now.get(field))
        for field in dict.fromkeys((*then, *now))
        if then.get(field) != now.get(field) and (field in then or now[field] not in _BLANK)
    ]


#: What a field says that was left out when it was recorded.
_BLANK: tuple[Any, ...] = (None, False, 0, "", [], {})

#: Fields of an event that name a subject with a trail: the first one leads to the event's entry.
_TRAILS = {
    "entity": "entities",
    "case": "cases",
    "decision": "decisions",
    "plan": "plans",
    "matter": "matters",
    "complaint": "complaints",
    "finding_id": "findings",
    "document": "supervision-documents",
    "unit": "units",
}


async def event(page: Opened) -> web.StreamResponse:
    """Show one event: its sentence, what it changed, its corrections, its proof."""
    position = page.request.match_info["position"]
    path = f"/v1/events/{position}"
    shown = await page.read(path)
    effects, proven = await page.read_all((f"{path}/effects", None), (f"{path}/proven", None))
    places = [(t, shown["body"][f]) for f, t in _TRAILS.items() if shown["body"].get(f)]
    trails = [(f"/v1/{kind}/{quote(str(id_), safe='')}/trail", str(id_)) for kind, id_ in places]
    around = {"after": int(position) - 1, "limit": 1}
    entries = await page.read_all(*((trail, around) for trail, _ in trails[:1]))
    entry = _entry(entries, int(position))
    return await page.render(
        "event.html",
        units=await unit_names(page),
        path=path,
        event=shown,
        entry=entry,
        corrected=corrected(entry) if entry and entry.get("now") else [],
        effects=effects,
        proven=proven,
        trails=trails,
    )


def _entry(answers: Sequence[Any], position: int) -> dict[str, Any] | None:
    entries = [e for answer in answers if answer for e in answer["entries"]]
    return next((e for e in entries if e["position"] == position), None)


class Node(msgspec.Struct, frozen=True):
    """An item of an impact with what rests on it."""

    item: dict[str, Any]
    below: list[Node]


async def impact(page: Opened) -> web.StreamResponse:
    """Show what rests on a decision or a credit record: what falls if it is undone."""
    kind = page.request.match_info["kind"]
    id_ = page.request.match_info["id"]
    path = f"/v1/{kind}/{quote(id_, safe='')}/impact"
    asked = {n: v for n, v in page.query if n in ("since", "until")}
    body = await page.read(path, asked)
    roots = _tree(body["items"])
    return await page.render(
        "impact.html",
        units=await unit_names(page),
        path=path,
        id=id_,
        roots=roots,
        falls=[
            item for item in body["items"] if item["kind"] not in _ENDS and item.get("rests_on")
        ],
    )


#: Kinds of items that do not lose their basis: they took it away already.
_ENDS = ("end_of_record", "end_of_sanction", "nullification")


def _tree(items: Sequence[dict[str, Any]]) -> list[Node]:
    """Return the items as a tree: each below the last one that it rests on."""
    nodes = {item["position"]: Node(item, []) for item in items}
    roots = []
    for node in nodes.values():
        causes = [
            p for p in node.item.get("rests_on", ()) if p in nodes and p != node.item["position"]
        ]
        if causes:
            nodes[max(causes)].below.append(node)
        else:
            roots.append(node)
    return roots


PAGES = (
    Page(
        "/console/v1/{subject:.+}/trail",
        trail,
        name="trail",
        query=(
            Parameter("type", str, values=EventType),
            Parameter("person", str),
            Parameter("since", date),
            Parameter("until", date),
            Parameter("order", TrailOrder),
            Parameter("known_as_of", Moment),
            Parameter("after", int),
        ),
    ),
    Page(
        "/console/v1/{kind:decisions|records}/{id}/impact",
        impact,
        name="impact",
        query=(Parameter("since", date), Parameter("until", date)),
    ),
    Page(r"/console/v1/events/{position:\d+}", event, name="event"),
)
