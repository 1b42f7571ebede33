"""Double-random draws: the values that decide each, its stage, and its visits once opened."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from api.http.asking import PRIVATE, asked, begun, caught_up, read, rows_page
from api.http.keys import DESK, LOG
from api.http.listing import Listing, Where, everybody, listed
from api.http.pages import page
from api.http.problems import Problem, not_found
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from api.running import pools
from ledger.kernel.messages import message
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import FreezeEntityRoster
from ledger.systems.draws.drawfile import DrawFile, DrawReceipt
from ledger.systems.draws.events import By, DrawOperated, DrawPart
from ledger.systems.draws.folds import Target
from projections.answers import attribute_type, shown_type
from projections.drawing.desk import Desk, RosterPreview, preview
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

#: Fields shown only to readers who may see the event behind them: who operated the draw.
_PERSONS = {"operators"}
#: Fields shown in another form.
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


def _document(draw: DrawProgress, reader: Reader) -> dict[str, Any]:
    inside = reader.sees(DrawOperated.VISIBILITY, draw.unit, (f"unit:{draw.unit}",))
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
        ShownVerification(v.unit, v.ok, v.mismatch, v.by if inside else UNSET)
        for v in draw.verifications
    ]
    if draw.executed_on is not None:
        shown["still_sealed"] = draw.sealed
    return shown


class ShownVerification(msgspec.Struct, frozen=True):
    """The result when the service repeated a draw; ``by`` is only for its unit and supervisors."""

    unit: str
    ok: bool
    mismatch: str | None
    by: str | UnsetType = UNSET


class ShownStratum(msgspec.Struct, frozen=True):
    """One stratum: the probability promised to each business, and the visits made."""

    key: str
    ratio: str
    size: int
    quota: int
    inclusion_prob: str
    inspected: int
    exempted: int
    inspected_share: str


def _stratum(draw: DrawProgress, key: str, ratio: str) -> ShownStratum:
    size = draw.roster_strata.get(key, 0)
    quota = uvdraw.quota(size, ratio)
    done = draw.progress.get(key, StratumProgress())
    return ShownStratum(
        key=key,
        ratio=ratio,
        size=size,
        quota=quota,
        inclusion_prob=uvdraw.shown(quota, size),
        inspected=done.inspected,
        exempted=done.exempted,
        inspected_share=uvdraw.shown(done.inspected, size),
    )


def _may_see_sealed(reader: Reader, units: Collection[str]) -> bool:
    """Return whether a reader knows drawn businesses before the visit: its units and the Bureau."""
    return reader.is_bureau or (reader.in_unit and reader.unit in units)


def _opened_or_own(reader: Reader, table: sa.Table) -> Where:
    """Everyone sees businesses with an opened visit; a unit also those it has still to visit."""
    if reader.is_bureau:
        return []
    opened = table.c.state_of_visit == "inspected"
    if reader.in_unit:
        return [sa.or_(opened, table.c.units.contains(f"|{reader.unit}|", autoescape=True))]
    return [opened]


def _target(target: Target, reader: Reader) -> dict[str, Any]:
    full = _may_see_sealed(reader, target.units)
    names = target.__struct_fields__ if full else _PUBLIC
    document = {name: getattr(target, name) for name in names}
    document["state_of_visit"] = target.state
    return {name: value for name, value in document.items() if value not in (None, (), "", [])}


#: Fields of a drawn business that everyone reads once its visit has opened.
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

ShownDraw = shown_type(
    DrawProgress,
    _TOLD_OTHERWISE,
    called="ShownDraw",
    parts=tuple[DrawPart, ...],
    strata=list[ShownStratum],
    verifications=list[ShownVerification],
    still_sealed=int,
)
ShownTarget = shown_type(
    Target, state_of_visit=Literal["waiting", "inspected", "exempted", "released"]
)


class RosterLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business on a roster, in the stratum of its grade or of its risk class."""

    uscc: str
    grade: str | None = None
    risk: str | None = None
    domain: str | None = None
    risk_reason: str | None = None
    weight: int | None = None


class SelectionLine(msgspec.Struct, frozen=True):
    """A business that the draw selected, or a reserve."""

    uscc: str
    stratum: str
    ticket: str
    rank: int
    inclusion_prob: str


DRAW_LIST = Listing(
    "/v1/draws",
    Draws,
    summary="Draws: the values that decide each, its stage, and its strata.",
    one=(
        "One draw: plan, matters, roster hash and root, algorithm, sources, seed, and strata with "
        "the promised probability and the visits made. Its targets list the drawn businesses."
    ),
    seen=everybody,
    show=_document,
    returns=ShownDraw,
    dates=("inspect_by",),
    numbers=("year",),
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
        "Drawn businesses: everyone sees those whose visit has opened, a unit also those that it "
        "has still to visit."
    ),
    one="",
    seen=_opened_or_own,
    show=_target,
    returns=ShownTarget,
    filters=(
        Parameter("draw", str, "the draw"),
        Parameter("unit", str, "the unit that visits"),
        Parameter("entity", str, "the business"),
        Parameter("stratum", str, "its stratum"),
        Parameter(
            "state_of_visit",
            str,
            "waiting, inspected, exempted or released",
            values=attribute_type(Target, "state"),
        ),
    ),
)


_OF_TARGETS = TARGET_LIST.questions()


async def targets(request: web.Request) -> web.Response:
    """The businesses that one draw selected, with ticket, rank and inclusion probability; each is
    sealed until its visit opens.
    """
    reader = await reader_of(request)
    await _draw(request)
    return await rows_page(
        request,
        _TARGETS.name,
        TARGETS,
        where=[TARGETS.c.draw == request.match_info["draw"], *_opened_or_own(reader, TARGETS)],
        show=lambda row: _target(_TARGETS.decode(row.state), reader),
        questions=_OF_TARGETS,
        entry=ShownTarget,
    )


async def roster(request: web.Request) -> web.Response:
    """The bytes of the frozen roster; their SHA-256 is the announced roster hash.

    The unit and the Justice Bureau read it at once. All others read it once no drawn business waits
    for a visit, or the last day for the visits has passed, unless the announcement says why it is
    withheld.
    """
    draw = await _draw(request)
    return await _content(request, draw, draw.roster_hash)


async def selection(request: web.Request) -> web.Response:
    """The bytes of the selection, line by line; roster and seed give the same bytes again."""
    draw = await _draw(request)
    if draw.selection_hash is None:
        raise not_found()
    return await _content(request, draw, draw.selection_hash)


async def export(request: web.Request) -> web.Response:
    """The draw as a file that anyone can check without this service.

    `supervision-ledger draw verify` checks it, and so does the page `…/verify` in a browser. The
    file contains the announcement, the values and the outcome, with their proofs from the log. Once
    the roster may be read, it also contains the roster and the selection. For the unit and the
    Justice Bureau it also contains who visits whom.
    """
    draw = await _draw(request)
    reader = await reader_of(request)
    inside = _may_see_sealed(reader, draw.units)
    whole = inside or (draw.opened(reader.today) and draw.withhold_reason is None)
    archive = _archive(request)
    file = await asked(lambda: draw_file(draw, archive, whole=whole, officers=inside), pools.DRAWS)
    return _attached(file, f"{draw.draw}.draw.json")


async def receipt(request: web.Request) -> web.Response:
    """A business's receipt of a draw: its line and ticket, and the last ticket drawn.

    It shows whether the business was drawn, so it must not announce a visit. Only the unit and the
    Justice Bureau get receipts before no drawn business waits for a visit, or the last day for
    visits has passed. If businesses that were not drawn got theirs earlier, a missing receipt would
    reveal the others. From then on everyone may request every receipt; but if the roster is
    withheld, each business gets only its own. `supervision-ledger draw check-receipt` checks a
    receipt.
    """
    draw = await _draw(request)
    reader = await reader_of(request)
    entity = request.query.get("entity") or reader.entity
    if entity is None:
        raise Problem("malformed", "draws.business-must-be-named-query")
    if not _may_see_sealed(reader, draw.units):
        if not draw.opened(reader.today):
            # The same answer for every business, on the roster or not, drawn or not.
            raise not_found(
                message("draws.receipts-draw-published-together", inspect_by=draw.inspect_by)
            )
        if draw.withhold_reason is not None and reader.entity != entity:
            raise not_found()
    archive = _archive(request)
    whole = draw.opened(reader.today) and draw.withhold_reason is None
    file = await asked(lambda: draw_receipt(draw, entity, archive, whole=whole), pools.DRAWS)
    if file is None:
        raise not_found()
    return _attached(file, f"{draw.draw}.{entity}.receipt.json")


async def verify(request: web.Request) -> web.Response:
    """A page that repeats the draw in the reader's browser."""
    return page(request, "draw.html")


def _archive(request: web.Request) -> Archive:
    desk = _desk(request)
    keeper = request.app.get(LOG)
    return Archive(desk.follower.source, desk.blobs, None if keeper is None else keeper.log)


def _attached(file: DrawFile | DrawReceipt, name: str) -> web.Response:
    # A file name must not contain path separators; an id may.
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    disposition = f'attachment; filename="{safe}"'
    return json_response(file, headers={**PRIVATE, hdrs.CONTENT_DISPOSITION: disposition})


async def roster_preview(request: web.Request) -> web.Response:
    """What a roster frozen now would be: its hash, root, count and strata."""
    reader = await reader_of(request)
    command = FreezeEntityRoster(
        roster="preview",
        unit=reader.unit,
        target_class="preview",
        as_of=query_value(request, "as_of", date, reader.today),
        by=query_value(request, "by", By, "grade"),
        area=request.query.get("area"),
        line=request.query.get("line"),
        units=tuple(request.query.getall("unit", ())),
        matters=tuple(request.query.getall("matter", ())),
    )
    if command.as_of > reader.today:
        raise Problem("malformed", message("draws.as-of-must-not-later-today", today=reader.today))
    desk = _desk(request)
    await caught_up(request, Population.name)
    return json_response(await asked(lambda: preview(command, desk), pools.DRAWS), headers=PRIVATE)


async def _draw(request: web.Request) -> DrawProgress:
    follower = await caught_up(request, _DRAWS.name)
    query = sa.select(DRAWS.c.state).where(DRAWS.c.key == request.match_info["draw"], *begun(DRAWS))
    progress = await read(
        follower, lambda views: next(map(_DRAWS.decode, views.execute(query).scalars()), None)
    )
    if progress is None or progress.stage == "unknown":
        raise not_found()
    return progress


async def _content(request: web.Request, draw: DrawProgress, digest: str) -> web.Response:
    reader = await reader_of(request)
    published = draw.opened(reader.today) and draw.withhold_reason is None
    if not published and not _may_see_sealed(reader, draw.units):
        raise not_found()
    content = await asked(lambda: _desk(request).blobs.get(digest), pools.DRAWS)
    return json_response(None, body=content, headers={**PRIVATE, "Digest": f"sha-256={digest}"})


def _desk(request: web.Request) -> Desk:
    desk = request.app[DESK]
    if desk is None:
        raise Problem("unavailable", "general.service-started-without-blob-store")
    return desk


RESOURCES = (
    Resource(
        "/v1/draws/roster",
        roster_preview,
        returns=RosterPreview,
        roles=frozenset({"draw_coordinator", "office_head", "unit_head", "jb_supervisor"}),
        query=(
            Parameter("as_of", date, "with the grades of this day; by default today"),
            Parameter("by", By, "strata by grade, the default, or by risk"),
            Parameter("unit", str, "a unit that draws; by default the token's", repeatable=True),
            Parameter("matter", str, "a matter of the draw", repeatable=True),
            Parameter("area", str, "only businesses of this area"),
            Parameter("line", str, "only businesses of this line"),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    *DRAW_LIST.resources(),
    TARGET_LIST.resources()[0],
    listed("/v1/draws/{draw}/targets", targets, _OF_TARGETS, ShownTarget),
    Resource(
        "/v1/draws/{draw}/roster",
        roster,
        returns=list[RosterLine],
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/draws/{draw}/selection",
        selection,
        returns=list[SelectionLine],
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
        query=(Parameter("entity", str, "the business; by default the token's own"), AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/draws/{draw}/verify", verify, listed=False),
)
