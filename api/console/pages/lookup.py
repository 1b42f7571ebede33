"""Look-up: the ids of subjects by name, pinyin or document number, for the inputs of forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from api.console.inside import SHOWN
from api.console.shell import Opened, Page
from api.http.resources import Parameter, Resource
from api.systems.inbox import PAGES as SUBJECT_PAGES
from ledger.kernel.messages import title

#: The most subjects that are offered, and the most that are looked through where a list has no
#: search by text.
MOST, LOOKED_THROUGH = 12, 200

#: The lists of kinds whose page is not that of one entry.
_LISTS: Mapping[str, str] = {
    "entity": "/v1/entities",
    "unit": "/v1/units",
    "officer": "/v1/officers",
    "filing": "/v1/filings",
    "commitment": "/v1/commitments",
    "subscription": "/v1/sharing/subscriptions",
    "channel": "/v1/complaint-channels",
    "delegation": "/v1/delegations",
    "screening": "/v1/screenings",
    "work-plan": "/v1/work-plans",
    "experience": "/v1/experiences",
    "outreach": "/v1/outreach",
    "joint-artefact": "/v1/joint-artefacts",
    "policy": "/v1/policies",
}
#: The fields of an entry that say what it is, the best first.
_SAYS = (
    "name",
    "title",
    "doc_no",
    "entity_name",
    "says",
    "person_name",
    "facts",
    "notice_no",
    "kind",
    "stage",
)


class Option(msgspec.Struct, frozen=True):
    """A subject that can be taken: its id, what it is called, and what else tells it apart."""

    value: str
    label: str
    note: str = ""


def list_of(kind: str) -> str | None:
    """Return the list of the subjects of a kind; ``None`` if there is none."""
    if kind in _LISTS:
        return _LISTS[kind]
    page = SUBJECT_PAGES.get(kind, "")
    return page.removesuffix("/{}") if page.endswith("/{}") else None


def kinds() -> frozenset[str]:
    """Return the kinds of subjects that may have a list."""
    return frozenset({*_LISTS, *SUBJECT_PAGES})


async def search(page: Opened, kind: str, query: str) -> list[Option]:
    """Return the subjects of a kind that fit a text, as far as the reader may see them."""
    path = list_of(kind)
    resource: Resource | None = None if path is None else page.request.app[SHOWN].get(path)
    if path is None or resource is None or not page.may_read(path):
        return []
    text = query.strip()
    searched = any(parameter.name == "q" for parameter in resource.query)
    asked: dict[str, str | int] = {"limit": MOST if searched else LOOKED_THROUGH}
    if searched and text:
        asked["q"] = text
    answer = await page.ask(path, asked)
    if not answer.fine:
        return []
    options = [_option(kind, item, page.words.language) for item in answer.body["items"]]
    if not searched:
        options = [option for option in options if _fits(option, text)]
    return options[:MOST]


def _option(kind: str, item: Mapping[str, Any], language: str) -> Option:
    id_ = str(item.get(kind.replace("-", "_")) or item.get("key") or next(iter(item.values())))
    said = [str(item[name]) for name in _SAYS if isinstance(item.get(name), str)]
    told = [title(f"{name}.{text}", language, "values") for name, text in _pairs(item)]
    label = said[0] if said else id_
    notes = [item.get("unit_name"), *told]
    return Option(id_, label, " · ".join(str(note) for note in notes if note and note != label))


def _pairs(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(n, item[n]) for n in ("stage", "state", "grade") if isinstance(item.get(n), str)]


def _fits(option: Option, text: str) -> bool:
    words = f"{option.value} {option.label} {option.note}".casefold()
    return all(part in words for part in re.split(r"\s+", text.casefold()) if part)


async def look_up(page: Opened) -> web.StreamResponse:
    """Return the subjects that fit what is being typed, for the script of the forms."""
    query = page.request.query
    found = await search(page, query.get("kind", ""), query.get("q", ""))
    return web.json_response(
        text=msgspec.json.encode({"options": found}).decode(),
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


PAGES = (
    Page(
        "/console/look-up",
        look_up,
        query=(Parameter("kind", str, "the kind of the subjects"),),
        recorded="page",
    ),
)
