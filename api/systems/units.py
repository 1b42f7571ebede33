"""One enforcement unit: qualifications, officers, public lists, and how to complain about it."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, caught_up
from api.http.listing import opened
from api.http.problems import not_found
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Resource
from api.systems.histories import ShownEdition, edition_on, history_of
from ledger.systems.channels.events import ChannelKind
from ledger.systems.channels.folds import ComplaintChannel
from projections.explain.histories import HISTORIES
from projections.systems.channels import CHANNELS, ComplaintChannels, open_on
from projections.tables import Connection

#: The public lists that each unit keeps, by the last part of their path.
LISTS = tuple(name for name, view in HISTORIES.items() if view.kind == "unit" and name != "units")


class UnitName(msgspec.Struct, frozen=True):
    """A name of the unit and the day from which it holds."""

    name: str
    since: date


class ListInForce(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public list of the unit as it holds today, and where to read it."""

    list: str
    link: str
    version: int
    since: date
    elements: int
    url: str | None = None


class Contact(msgspec.Struct, frozen=True):
    """An open channel for complaints about the unit."""

    channel: str
    kind: ChannelKind
    address: str
    hours: str


class UnitDocument(ShownEdition, frozen=True, kw_only=True, omit_defaults=True):
    """A unit: its qualifications (``elements``), names, officers, public lists and contact.

    ``names``: all names, the newest last. ``officers``: how many hold a certificate that is valid
    today and not suspended.
    """

    name: str | None = None
    names: list[UnitName] = []
    kind: str | None = None
    area: str | None = None
    officers: int = 0
    lists: list[ListInForce] = []
    contact: list[Contact] = []


async def unit(request: web.Request) -> web.Response:
    """One unit: its qualifications, names and officers, its public lists and its contact.

    Everything in it is public. The qualifications are shown as of today.
    """
    key, today = request.match_info["unit"], (await reader_of(request)).today
    for name in ("units", *LISTS):
        await caught_up(request, HISTORIES[name].name)
    follower = await caught_up(request, ComplaintChannels.name)

    def ask() -> bytes | None:
        with follower.views.reading() as views:
            histories = {name: _state(views, name, key) for name in ("units", *LISTS)}
            channels = views.execute(
                sa.select(CHANNELS.c.key, CHANNELS.c.state)
                .where(CHANNELS.c.unit == key, CHANNELS.c.begun, open_on(CHANNELS, today))
                .order_by(CHANNELS.c.key)
            ).all()
        state = histories.pop("units")
        if state is None:
            return None
        return msgspec.json.encode(_document(key, state, histories, channels, today))

    body = await asked(ask)
    if body is None:
        raise not_found()
    return json_response(None, body=body, headers=PRIVATE)


def _state(views: Connection, name: str, key: str) -> bytes | None:
    table = HISTORIES[name].table
    query = sa.select(table.c.state).where(table.c.key == key, table.c.begun)
    state: bytes | None = views.execute(query).scalar()
    return state


def _document(
    key: str, state: bytes, histories: dict[str, bytes | None], channels: Any, today: date
) -> UnitDocument:
    history = history_of(HISTORIES["units"], state)
    qualified = [
        (edition.since, edition.put["qualification"])
        for edition in history.editions
        if "qualification" in edition.put
    ]
    names: list[UnitName] = []
    for since, qualification in qualified:
        if not names or names[-1].name != qualification["name"]:
            names.append(UnitName(qualification["name"], since))
    newest = qualified[-1][1] if qualified else {}
    lists, officers = [], 0
    for name, held in histories.items():
        if held is None:
            continue
        of_list = history_of(HISTORIES[name], held)
        edition, elements = of_list.on(today), of_list.elements_on(today)
        if edition is None:
            continue
        if name == "officer-lists":
            officers = len({c["officer"] for c in elements.values() if _serves(c, today)})
        lists.append(
            ListInForce(
                name,
                f"/v1/{name}/{key}",
                edition.version,
                edition.since,
                len(elements),
                edition.url,
            )
        )
    decode = opened(ComplaintChannels).decode
    return UnitDocument(
        **msgspec.structs.asdict(edition_on(history, "units", key, today)),
        name=newest.get("name"),
        names=names,
        kind=newest.get("kind"),
        area=newest.get("area"),
        officers=officers,
        lists=lists,
        contact=[_contact(row.key, decode(row.state)) for row in channels],
    )


def _serves(certificate: dict[str, Any], today: date) -> bool:
    """Return whether a certificate of an edition allows its officer to enforce today.

    An edition holds no certificate that has ended. It may hold one that begins later, and the days
    of a suspension.
    """
    begun = certificate["valid_from"] <= today.isoformat()
    return begun and "suspended_from" not in certificate


def _contact(key: str, channel: Any) -> Contact:
    assert isinstance(channel, ComplaintChannel)
    kind: Any = channel.kind
    return Contact(key, kind, channel.address, channel.hours)


RESOURCES = (
    Resource(
        "/v1/units/{unit}",
        unit,
        returns=UnitDocument,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
)
