"""Double-random draws: what decides each, how far it has come, and those whose visit has opened."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any

import sqlalchemy as sa
from aiohttp import hdrs, web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, begun, caught_up, rows_page
from api.http.keys import DESK, LEDGER, LOG
from api.http.listing import FoundItems, Listing, Where, everybody
from api.http.pages import page
from api.http.problems import Problem, not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see
from api.running import pools
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import civil_date
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import FreezeEntityRoster
from ledger.systems.draws.drawfile import DrawFile, DrawReceipt
from ledger.systems.draws.events import By, DrawOperated
from ledger.systems.draws.folds import Target
from projections.drawing.desk import Desk, preview
from projections.drawing.files import Archive, draw_file, draw_receipt
from projections.systems.draws import (
    DRAWS,
    TARGETS,
    DrawProgress,
    Draws,
    Population,
    StratumProgress,
    Targets,
)

#: What is told of a draw to those alone who see that event: who operated it.
_PERSONS = {"operators"}
#: Shown in another way.
_TOLD_OTHERWISE = {
    "parts",
    "progress",
    "strata",
    "drawn",
    "roster_strata",
    "verifications",
    "revealed",
}

_DRAWS, _TARGETS = Draws(), Targets()


def _document(draw: DrawProgress, grant: Grant) -> dict[str, Any]:
    inside = may_see(grant, DrawOperated.VISIBILITY, draw.unit, (f"unit:{draw.unit}",))
    hidden = _TOLD_OTHERWISE if inside else _TOLD_OTHERWISE | _PERSONS
    shown = {
        name: value
        for name in draw.__struct_fields__
        if name not in hidden and (value := getattr(draw, name)) not in (None, (), "", [], {})
    }
    shown["stage"] = draw.stage
    if len(draw.parts) > 1:
        shown["parts"] = draw.parts
    shown["strata"] = [_stratum(draw, key, ratio) for key, ratio in draw.ratios.items()]
    shown["verifications"] = [
        {
            "unit": one.unit,
            "ok": one.ok,
            "mismatch": one.mismatch,
            **({"by": one.by} if inside else {}),
        }
        for one in draw.verifications
    ]
    if draw.executed_on is not None:
        shown["still_sealed"] = draw.sealed
    return shown


def _stratum(draw: DrawProgress, key: str, ratio: str) -> dict[str, Any]:
    """One stratum: what was promised to each business in it, and what came of it."""
    size = draw.roster_strata.get(key, 0)
    quota = uvdraw.quota(size, ratio)
    done = draw.progress.get(key, StratumProgress())
    return {
        "key": key,
        "ratio": ratio,
        "size": size,
        "quota": quota,
        "inclusion_prob": uvdraw.shown(quota, size),
        "inspected": done.inspected,
        "exempted": done.exempted,
        "inspected_share": uvdraw.shown(done.inspected, size),
    }


def _may_see_sealed(grant: Grant, units: Collection[str]) -> bool:
    """Who knows of a drawn business before its visit: its units, and the Justice Bureau."""
    return grant.role == "jb_supervisor" or (grant.role in UNIT_BOUND and grant.unit in units)


def _opened_or_own(grant: Grant, table: sa.Table) -> Where:
    """Everybody sees whose visit has opened, and each unit those that it has still to visit."""
    if grant.role == "jb_supervisor":
        return []
    opened = table.c.state_of_visit == "inspected"
    if grant.role in UNIT_BOUND:
        return [sa.or_(opened, table.c.units.contains(f"|{grant.unit}|", autoescape=True))]
    return [opened]


def _target(target: Target, grant: Grant) -> dict[str, Any]:
    full = _may_see_sealed(grant, target.units)
    names = target.__struct_fields__ if full else _PUBLIC
    said = {name: getattr(target, name) for name in names}
    said["state_of_visit"] = target.state
    return {name: value for name, value in said.items() if value not in (None, (), "", [])}


#: What of a drawn business is everybody's once its visit has opened.
_PUBLIC = (
    "target",
    "draw",
    "entity",
    "unit",
    "matters",
    "stratum",
    "ticket",
    "rank",
    "inclusion_prob",
    "in_place_of",
    "inspected_on",
)

DRAW_LIST = Listing(
    "/v1/draws",
    Draws,
    summary="Draws: what decides each, how far it has come, and its strata.",
    one=(
        "One draw: plan, matters, roster hash and root, algorithm, sources, seed, strata with the "
        "inclusion probability promised and the visits made. Who was drawn is among its targets."
    ),
    seen=everybody,
    show=_document,
    filters=(
        Parameter("unit", str, "the unit that draws"),
        Parameter("plan", str, "the annual plan it belongs to"),
        Parameter("stage", str, "announced, seed_revealed, executed or voided"),
        Parameter("year", int, "the year of its plan"),
    ),
)

TARGET_LIST = Listing(
    "/v1/targets",
    Targets,
    summary=(
        "Businesses that were drawn: everybody sees those whose visit has opened, a unit also "
        "those that it has still to visit."
    ),
    one="",
    seen=_opened_or_own,
    show=_target,
    filters=(
        Parameter("draw", str, "the draw"),
        Parameter("unit", str, "the unit that visits"),
        Parameter("entity", str, "the business"),
        Parameter("stratum", str, "its stratum"),
        Parameter("state_of_visit", str, "waiting, inspected, exempted or released"),
    ),
)


async def targets(request: web.Request) -> web.Response:
    """Those whom one draw selected, with ticket, rank and inclusion probability; sealed until the
    visit opens.
    """
    grant = await grant_of(request)
    await _draw(request)
    return await rows_page(
        request,
        _TARGETS.name,
        TARGETS,
        where=[TARGETS.c.draw == request.match_info["draw"], *_opened_or_own(grant, TARGETS)],
        show=lambda row: _target(_TARGETS.decode(row.state), grant),
    )


async def roster(request: web.Request) -> web.Response:
    """The frozen roster's bytes, whose SHA-256 is the announced roster hash.

    Its unit and the Justice Bureau read it at once. Everybody else when nobody drawn from it waits
    for a visit any more, or their last day is over, unless the announcement says why it is
    withheld.
    """
    draw = await _draw(request)
    return await _content(request, draw, draw.roster_hash)


async def selection(request: web.Request) -> web.Response:
    """The selection's bytes, line by line: whoever has the roster and the seed makes the same."""
    draw = await _draw(request)
    if draw.selection_hash is None:
        raise not_found()
    return await _content(request, draw, draw.selection_hash)


async def export(request: web.Request) -> web.Response:
    """The draw as a file that anybody checks without this service.

    `supervision-ledger draw verify` does, and so does the page `…/verify` in a browser. It holds
    the announcement, the values and the outcome with their proofs from the log, and as soon as the
    roster may be read, the roster and the selection too. Who visits whom is added for the unit and
    the Justice Bureau.
    """
    draw = await _draw(request)
    grant = await grant_of(request)
    inside = _may_see_sealed(grant, draw.units)
    whole = inside or (_opened(request, draw) and draw.withhold_reason is None)
    archive = _archive(request)
    file = await asked(lambda: draw_file(draw, archive, whole=whole, officers=inside), pools.DRAWS)
    return _attached(file, f"{draw.draw}.draw.json")


async def receipt(request: web.Request) -> web.Response:
    """A business's receipt of a draw: its line and ticket, and the last ticket that was drawn.

    It says whether the business was drawn, so it must not announce a visit. Nobody but the unit
    and the Justice Bureau has one, whether drawn or not, before nobody drawn waits for a visit any
    more or their last day is over: if those who were not drawn had theirs earlier, silence would
    tell the others. From then on everybody may ask for any; where the roster is withheld, each
    business for its own alone. `supervision-ledger draw check-receipt` checks it.
    """
    draw = await _draw(request)
    grant = await grant_of(request)
    entity = request.query.get("entity") or grant.entity
    if entity is None:
        raise Problem("malformed", "Name the business whose receipt it shall be: ?entity=…")
    if not _may_see_sealed(grant, draw.units):
        if not _opened(request, draw):
            # The same for all, on the roster or not, drawn or not.
            raise not_found(
                "The receipts of a draw are handed out together: when nobody who was drawn waits "
                f"for a visit any more, or after {draw.inspect_by}."
            )
        if draw.withhold_reason is not None and grant.entity != entity:
            raise not_found()
    archive = _archive(request)
    whole = _opened(request, draw) and draw.withhold_reason is None
    file = await asked(lambda: draw_receipt(draw, entity, archive, whole=whole), pools.DRAWS)
    if file is None:
        raise not_found()
    return _attached(file, f"{draw.draw}.{entity}.receipt.json")


async def verify(request: web.Request) -> web.Response:
    """A page that makes the draw again in the reader's browser."""
    return page(request, "draw.html")


def _opened(request: web.Request, draw: DrawProgress) -> bool:
    return draw.opened(civil_date(request.app[LEDGER].clock()))


def _archive(request: web.Request) -> Archive:
    desk = _desk(request)
    keeper = request.app.get(LOG)
    return Archive(desk.follower.source, desk.blobs, None if keeper is None else keeper.log)


def _attached(file: DrawFile | DrawReceipt, name: str) -> web.Response:
    # A file's name holds no separator of paths; an id may.
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    disposition = f'attachment; filename="{safe}"'
    return json_response(file, headers={**PRIVATE, hdrs.CONTENT_DISPOSITION: disposition})


async def roster_preview(request: web.Request) -> web.Response:
    """What a roster would be if it were frozen now: its hash, root, count and strata."""
    grant = await grant_of(request)
    today = civil_date(request.app[LEDGER].clock())
    command = FreezeEntityRoster(
        roster="preview",
        unit=grant.unit,
        target_class="preview",
        as_of=query_value(request, "as_of", date, today),
        by=query_value(request, "by", By, "grade"),
        area=request.query.get("area"),
        line=request.query.get("line"),
        units=tuple(request.query.getall("unit", ())),
        matters=tuple(request.query.getall("matter", ())),
    )
    if command.as_of > today:
        raise Problem("malformed", f"as_of lies after {today}")
    desk = _desk(request)
    await caught_up(request, Population.name)
    return json_response(await asked(lambda: preview(command, desk), pools.DRAWS), headers=PRIVATE)


async def _draw(request: web.Request) -> DrawProgress:
    follower = await caught_up(request, _DRAWS.name)
    query = sa.select(DRAWS.c.state).where(DRAWS.c.key == request.match_info["draw"], *begun(DRAWS))

    def ask() -> DrawProgress | None:
        with follower.views.reading() as connection:
            state = connection.execute(query).scalar_one_or_none()
            return None if state is None else _DRAWS.decode(state)

    found = await asked(ask)
    if found is None or found.stage == "unknown":
        raise not_found()
    return found


async def _content(request: web.Request, draw: DrawProgress, digest: str) -> web.Response:
    grant = await grant_of(request)
    published = _opened(request, draw) and draw.withhold_reason is None
    if not published and not _may_see_sealed(grant, draw.units):
        raise not_found()
    content = await asked(lambda: _desk(request).blobs.get(digest), pools.DRAWS)
    return json_response(None, body=content, headers={**PRIVATE, "Digest": f"sha-256={digest}"})


def _desk(request: web.Request) -> Desk:
    desk = request.app[DESK]
    if desk is None:
        raise Problem("unavailable", "This service has no content beside its ledger.")
    return desk


RESOURCES = (
    Resource(
        "/v1/draws/roster",
        roster_preview,
        returns=dict[str, Any],
        roles=frozenset({"draw_coordinator", "office_head", "unit_head", "jb_supervisor"}),
        query=(
            Parameter("as_of", date, "with the grades of this day; today by default"),
            Parameter("by", By, "divided by grade, which is the default, or by risk"),
            Parameter("unit", str, "a unit that draws; by default the token's", repeatable=True),
            Parameter("matter", str, "a matter that it is for", repeatable=True),
            Parameter("area", str, "businesses of this area alone"),
            Parameter("line", str, "businesses of this line alone"),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    *DRAW_LIST.resources(),
    TARGET_LIST.resources()[0],
    Resource(
        "/v1/draws/{draw}/targets",
        targets,
        returns=FoundItems,
        query=(AFTER, LIMIT, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/draws/{draw}/roster",
        roster,
        returns=list[dict[str, Any]],
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/draws/{draw}/selection",
        selection,
        returns=list[dict[str, Any]],
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/draws/{draw}/export",
        export,
        returns=DrawFile,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/draws/{draw}/receipt",
        receipt,
        returns=DrawReceipt,
        query=(Parameter("entity", str, "the business; without it, the token's own"), AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/draws/{draw}/verify", verify, listed=False),
)
