"""The catalogue of matters, plans, tasks, units and officers, as they stand."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import asked, caught_up, one_row, rows_page
from api.http.keys import LEDGER
from api.http.problems import not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see
from api.systems.complaints import seen as complaints_seen
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import civil_date
from ledger.systems.catalogue.events import MatterListed
from ledger.systems.filing.events import AnnualPlanApproved
from projections.follower import Views
from projections.systems import plans as plans_view
from projections.systems.catalogue import (
    MATTERS,
    OFFICERS,
    UNITS,
    Matters,
    MatterState,
    Officers,
    Units,
)
from projections.systems.complaints import COMPLAINTS, Complaints
from projections.systems.plans import PLANS, Plans
from projections.systems.tasks import TASKS, Tasks, TaskState


class FoundItems(msgspec.Struct, frozen=True):
    """A page of things; the ``Link`` header leads to the next."""

    items: tuple[dict[str, Any], ...]


_MATTERS, _PLANS, _TASKS = Matters(), Plans(), Tasks()
_UNITS, _OFFICERS = Units(), Officers()


def _sees_drafts(grant: Grant, unit: str) -> bool:
    """Whether a reader sees the drafts of a unit: it does itself, and who supervises it.

    Everybody else reads what was published.
    """
    return may_see(grant, MatterListed.VISIBILITY, unit, ())


def _drafts_seen(grant: Grant) -> sa.ColumnElement[bool]:
    """The rows of the matters whose drafts a reader sees."""
    if grant.role in UNIT_BOUND:
        return MATTERS.c.unit == grant.unit
    return sa.true() if _sees_drafts(grant, "") else sa.false()


def _matter(matter: MatterState, grant: Grant) -> dict[str, Any]:
    versions = matter.history()
    if not _sees_drafts(grant, matter.unit):
        versions = [version for version in versions if version.published_on is not None]
    return {
        "matter": matter.matter,
        "unit": matter.unit,
        "withdrawn_on": matter.withdrawn_on,
        "withdrawn_because": matter.withdrawn_because,
        "repealed": matter.repealed(),
        "orphaned_on": matter.orphaned_on,
        "codes": matter.codes,
        "versions": versions,
    }


async def matters(request: web.Request) -> web.Response:
    """Matters of the catalogue as their newest version says; one matter shows all versions.

    A unit reads its own drafts too, and so does who supervises it; everybody else the newest
    version that was published, and that a matter was withdrawn.
    """
    grant = await grant_of(request)
    shown = sa.or_(MATTERS.c.shown_version > 0, _drafts_seen(grant))
    where: list[sa.ColumnElement[bool]] = [MATTERS.c.version > 0, shown]
    where.extend(
        MATTERS.c[name].is_(query_value(request, name, bool, True))
        for name in ("published", "withdrawn")
        if name in request.query
    )
    if "orphaned" in request.query:
        today = civil_date(request.app[LEDGER].clock()).isoformat()
        since = MATTERS.c.orphaned_on
        orphaned = query_value(request, "orphaned", bool, True)
        where.append(since <= today if orphaned else sa.or_(since.is_(None), since > today))
    columns = (
        "unit",
        "act_kind",
        "domain",
        "published",
        "withdrawn",
        "orphaned_on",
    )
    return await rows_page(
        request,
        "matters",
        MATTERS,
        where=where,
        show=lambda row: {
            "matter": row.key,
            **(
                {"name": row.draft_name, "version": row.version}
                if _sees_drafts(grant, row.unit)
                else {"name": row.name, "version": row.shown_version}
            ),
            **{name: getattr(row, name) for name in columns},
        },
        filters={name: MATTERS.c[name] for name in ("unit", "act_kind", "domain")},
    )


async def matter(request: web.Request) -> web.Response:
    """One matter with every version, when each was listed and published.

    Its unit and who supervises it read drafts too, everybody else the versions that were published.
    """
    grant = await grant_of(request)
    row = await one_row(request, "matters", MATTERS, request.match_info["matter"])
    if row is None or not (row.shown_version or _sees_drafts(grant, row.unit)):
        raise not_found()
    return json_response(_matter(_MATTERS.decode(row.state), grant))


def _sees_unpublished(grant: Grant) -> bool:
    """Whether a reader sees plans before they are published: every authority does."""
    return may_see(grant, AnnualPlanApproved.VISIBILITY, "", ())


_PLAN_SHOWN = sa.or_(PLANS.c.shown_version > 0, PLANS.c.special)


async def plans(request: web.Request) -> web.Response:
    """Annual plans and special campaigns: for everybody those that were published.

    Authorities read each other's before that too, in their newest version.
    """
    grant = await grant_of(request)
    whole = _sees_unpublished(grant)
    where: list[sa.ColumnElement[bool]] = [] if whole else [_PLAN_SHOWN]
    if "year" in request.query:
        where.append(PLANS.c.year == query_value(request, "year", int, 0))
    return await rows_page(
        request,
        "plans",
        PLANS,
        where=where,
        show=lambda row: {
            "plan": row.key,
            "unit": row.unit,
            "year": row.year,
            "special": row.special,
            "version": row.version if whole else row.shown_version,
        },
        filters={"unit": PLANS.c.unit},
    )


async def plan(request: web.Request) -> web.Response:
    """One plan: what it says now, and every version with its filing and publication.

    Everybody reads the versions that were published, authorities the others too.
    """
    grant = await grant_of(request)
    whole = _sees_unpublished(grant)
    shown = [] if whole else [_PLAN_SHOWN]
    row = await one_row(request, "plans", PLANS, request.match_info["plan"], shown)
    if row is None:
        raise not_found()
    said = _PLANS.decode(row.state)
    return json_response(plans_view.document(said) if whole else plans_view.public_document(said))


#: What everybody reads of a visit that has opened; its result once that is published.
_OPENED = ("task", "unit", "entity", "matters", "opened_on")


def _task(task: TaskState, grant: Grant) -> dict[str, Any]:
    if not _whole(grant, task.unit, task.entity):
        shown = {name: getattr(task, name) for name in _OPENED}
        published = task.published_on is not None
        shown["stage"] = "published" if published else "opened"
        if published:
            shown |= {"result": task.result, "published_on": task.published_on}
        return shown
    shown = {name: getattr(task, name) for name in task.__struct_fields__ if name != "ratings"}
    shown["stage"] = task.stage
    if grant.role == "jb_supervisor":
        # No unit learns how it was rated by whom; the supervisors see the scores.
        shown["ratings"] = task.ratings
    return {name: value for name, value in shown.items() if value not in (None, (), "")}


def _whole(grant: Grant, unit: str, entity: str) -> bool:
    """Whether a reader sees all of a visit that has opened: as the events that tell of it."""
    return may_see(grant, "restricted", unit, (f"unit:{unit}", f"entity:{entity}"))


async def tasks(request: web.Request) -> web.Response:
    """Inspection tasks: a unit's own for the unit; for everybody else, those that were opened.

    Its business sees a visit from the notice on. Of an opened visit everybody reads who was where
    on which matters, and its result once that is published; the rest is for its unit, its business
    and the supervisors.
    """
    grant = await grant_of(request)
    opened = TASKS.c.opened_on.is_not(None)
    whole: sa.ColumnElement[bool] = sa.false()
    seen: sa.ColumnElement[bool] = opened
    if grant.role == "jb_supervisor":
        whole = seen = sa.true()
    elif grant.role in UNIT_BOUND:
        whole = TASKS.c.unit == grant.unit
        seen = sa.or_(whole, opened)
    elif grant.role == "entity_rep":
        whole = TASKS.c.entity == (grant.entity or "")
        seen = sa.or_(sa.and_(whole, TASKS.c.notified_on.is_not(None)), opened)
    elif _whole(grant, "", ""):
        whole = sa.true()
    published = TASKS.c.published_on.is_not(None)
    return await rows_page(
        request,
        "tasks",
        TASKS,
        where=[seen],
        show=lambda row: _task(_TASKS.decode(row.state), grant),
        filters={
            "unit": TASKS.c.unit,
            "entity": TASKS.c.entity,
            # A filter says no more of a visit than its document does.
            "stage": sa.case(
                (whole, TASKS.c.stage), (published, sa.literal("published")), else_="opened"
            ),
            "result": sa.case((sa.or_(whole, published), TASKS.c.result)),
        },
    )


async def task(request: web.Request) -> web.Response:
    """One task: who goes where for what, and when each step was taken; as in the list."""
    grant = await grant_of(request)
    row = await one_row(request, "tasks", TASKS, request.match_info["task"])
    if row is None or not _may_see_task(grant, row):
        raise not_found()
    return json_response(_task(_TASKS.decode(row.state), grant))


def _may_see_task(grant: Grant, row: sa.Row[Any]) -> bool:
    if row.opened_on is not None:
        return True
    # A planned visit, until it begins; its business is told of it by the notice.
    told = row.notified_on is not None and grant.role == "entity_rep"
    return may_see(grant, "sealed", row.unit, ()) or (told and grant.entity == row.entity)


async def units(request: web.Request) -> web.Response:
    """Enforcement units and what they are qualified for."""
    return await rows_page(
        request,
        "units",
        UNITS,
        where=[UNITS.c.name.is_not(None)],
        show=lambda row: {
            "unit": row.key,
            "name": row.name,
            "area": row.area,
            "qualifications": _UNITS.decode(row.state).qualifications,
        },
    )


async def officer(request: web.Request) -> web.Response:
    """One officer: certificates, conflicts, visits, and with whom they were made.

    `complaints` counts those that name the officer, by what came of them. That they do is sealed:
    it is read by the Justice Bureau alone.
    """
    grant = await grant_of(request)
    row = await one_row(request, "officers", OFFICERS, request.match_info["officer"])
    if row is None or not may_see(grant, "restricted", row.unit or "", (f"unit:{row.unit}",)):
        raise not_found()
    said = msgspec.structs.asdict(_OFFICERS.decode(row.state))
    complaints = said.pop("complaints")
    if grant.role == "jb_supervisor":
        follower = await caught_up(request, Complaints.name)
        said["complaints"] = await asked(lambda: _outcomes(follower.views, complaints, grant))
    elif not any(said[name] for name in said if name != "officer"):
        # Known by what is sealed alone.
        raise not_found()
    return json_response(said)


def _outcomes(views: Views, complaints: list[str], grant: Grant) -> dict[str, int]:
    """How many of these complaints were substantiated, in part, or not, and how many are open."""
    query = (
        sa.select(COMPLAINTS.c.outcome, COMPLAINTS.c.stage, sa.func.count())
        .where(COMPLAINTS.c.key.in_(complaints), *complaints_seen(grant, COMPLAINTS))
        .group_by(COMPLAINTS.c.outcome, COMPLAINTS.c.stage)
    )
    counts = {"substantiated": 0, "partly": 0, "no": 0, "not_accepted": 0, "open": 0}
    with views.reading() as connection:
        for outcome, stage, count in connection.execute(query):
            ended = outcome or (stage if stage == "not_accepted" else "open")
            counts[ended] += count
    return counts


_PAGE = (AFTER, LIMIT, AT_LEAST)
_UNIT = Parameter("unit", str, "the unit it belongs to")


def _list(path: str, handler: Any, *query: Parameter) -> Resource:
    return Resource(
        path,
        handler,
        returns=FoundItems,
        query=(*query, *_PAGE),
        headers=(AT_LEAST_HEADER,),
    )


def _one(path: str, handler: Any) -> Resource:
    return Resource(
        path, handler, returns=dict[str, Any], query=(AT_LEAST,), headers=(AT_LEAST_HEADER,)
    )


RESOURCES = (
    _list(
        "/v1/matters",
        matters,
        _UNIT,
        Parameter("act_kind", str, "the kind of act"),
        Parameter("domain", str, "the domain"),
        Parameter("published", bool, "whether a version is published and the matter not withdrawn"),
        Parameter("withdrawn", bool, "whether it was withdrawn"),
        Parameter("orphaned", bool, "whether all law that it rests on is repealed today"),
    ),
    _one("/v1/matters/{matter}", matter),
    _list("/v1/plans", plans, _UNIT, Parameter("year", int, "the year of an annual plan")),
    _one("/v1/plans/{plan}", plan),
    _list(
        "/v1/tasks",
        tasks,
        _UNIT,
        Parameter("entity", str, "the business to be inspected"),
        Parameter("stage", str, "the furthest step taken"),
        Parameter("result", str, "what the inspection found"),
    ),
    _one("/v1/tasks/{task}", task),
    _list("/v1/units", units),
    _one("/v1/officers/{officer}", officer),
)
