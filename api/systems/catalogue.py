"""The catalogue of matters, plans, tasks, units and officers, in their current state."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import asked, caught_up, one_row, rows_page
from api.http.listing import Listing, listed
from api.http.problems import not_found
from api.http.questions import Questions
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from api.systems.complaints import seen as complaints_seen
from ledger.systems.catalogue.events import EnforcementUnitQualified, MatterListed
from ledger.systems.filing.events import AnnualPlanApproved
from projections.answers import entry_fields, fields_type, shown_type
from projections.follower import Views
from projections.systems import plans as plans_view
from projections.systems.catalogue import (
    MATTERS,
    OFFICERS,
    UNITS,
    Matters,
    MatterState,
    MatterVersion,
    Officers,
    OfficerState,
    Repeal,
    Units,
)
from projections.systems.complaints import COMPLAINTS, Complaints
from projections.systems.plans import PLANS, Plans
from projections.systems.tasks import TASKS, Tasks, TaskState


class FoundMatter(msgspec.Struct, frozen=True):
    """A matter in its newest version: with drafts for those who read them, else as published."""

    matter: str
    name: str | None
    version: int
    unit: str
    act_kind: str | None
    domain: str | None
    published: bool
    withdrawn: bool
    orphaned_on: date | None


class FoundPlan(msgspec.Struct, frozen=True):
    """A plan, with the newest version that the reader may see; ``special``: a campaign."""

    plan: str
    unit: str
    year: int | None
    special: bool
    version: int


class FoundCertificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate of an officer (执法证件): both days of validity are included."""

    cert_no: str
    unit: str
    domains: tuple[str, ...]
    valid_from: date
    valid_to: date


class FoundOfficer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An officer with the certificates, and the days of the last suspension, if any.

    It shows what the public lists of officers show, and nothing else about the person.
    """

    officer: str
    unit: str
    certificates: list[FoundCertificate]
    suspended_from: date | None = None
    suspended_to: date | None = None


class FoundUnit(msgspec.Struct, frozen=True):
    """An enforcement unit with its qualifications."""

    unit: str
    name: str
    area: str | None
    qualifications: list[EnforcementUnitQualified]


ShownMatter = fields_type(
    MatterState,
    "matter",
    "unit",
    "withdrawn_on",
    "withdrawn_because",
    "codes",
    repealed=list[Repeal],
    orphaned_on=date | None,
    versions=list[MatterVersion],
)
ShownTask = shown_type(TaskState)
ShownOfficer = shown_type(OfficerState, complaints=dict[str, int])


_MATTERS, _PLANS, _TASKS = Matters(), Plans(), Tasks()
_UNITS, _OFFICERS = Units(), Officers()


def _sees_drafts(reader: Reader, unit: str) -> bool:
    """Return whether a reader sees the drafts of a unit: the unit and its supervisors do.

    All others read only published versions.
    """
    return reader.sees(MatterListed.VISIBILITY, unit, ())


def _drafts_seen(reader: Reader) -> sa.ColumnElement[bool]:
    """Return the condition for matters whose drafts a reader sees."""
    if reader.in_unit:
        return MATTERS.c.unit == reader.unit
    return sa.true() if _sees_drafts(reader, "") else sa.false()


def _matter(matter: MatterState, reader: Reader) -> dict[str, Any]:
    versions = matter.history()
    if not _sees_drafts(reader, matter.unit):
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
    """Matters of the catalogue in their newest version; a single matter shows all versions.

    A unit and its supervisors also read its drafts. All others read the newest published version,
    and whether the matter was withdrawn.
    """
    reader = await reader_of(request)
    shown = sa.or_(MATTERS.c.shown_version > 0, _drafts_seen(reader))
    where: list[sa.ColumnElement[bool]] = [MATTERS.c.version > 0, shown]
    if "orphaned" in request.query:
        today = reader.today.isoformat()
        since = MATTERS.c.orphaned_on
        orphaned = query_value(request, "orphaned", bool, True)
        where.append(since <= today if orphaned else sa.or_(since.is_(None), since > today))

    def show(row: sa.Row[Any]) -> FoundMatter:
        drafts = _sees_drafts(reader, row.unit)
        name, version = (row.draft_name, row.version) if drafts else (row.name, row.shown_version)
        return FoundMatter(
            row.key,
            name,
            version,
            row.unit,
            row.act_kind,
            row.domain,
            row.published,
            row.withdrawn,
            row.orphaned_on,
        )

    return await rows_page(
        request,
        "matters",
        MATTERS,
        where=where,
        show=show,
        questions=_OF_MATTERS,
        entry=FoundMatter,
    )


async def matter(request: web.Request) -> web.Response:
    """One matter with every version, and when each was listed and published.

    Its unit and supervisors also read drafts; all others only the published versions.
    """
    reader = await reader_of(request)
    row = await one_row(request, "matters", MATTERS, request.match_info["matter"])
    if not (row.shown_version or _sees_drafts(reader, row.unit)):
        raise not_found()
    return json_response(_matter(_MATTERS.decode(row.state), reader))


def _sees_unpublished(reader: Reader) -> bool:
    """Return whether a reader sees unpublished plans: every authority does."""
    return reader.sees(AnnualPlanApproved.VISIBILITY, "", ())


_PLAN_SHOWN = sa.or_(PLANS.c.shown_version > 0, PLANS.c.special)


async def plans(request: web.Request) -> web.Response:
    """Annual plans and special campaigns; everyone reads those that were published.

    Authorities also read each other's unpublished plans, in their newest version.
    """
    reader = await reader_of(request)
    whole = _sees_unpublished(reader)
    where: list[sa.ColumnElement[bool]] = [] if whole else [_PLAN_SHOWN]
    return await rows_page(
        request,
        "plans",
        PLANS,
        where=where,
        show=lambda row: FoundPlan(
            row.key,
            row.unit,
            row.year,
            row.special,
            row.version if whole else row.shown_version,
        ),
        questions=_OF_PLANS,
        entry=FoundPlan,
    )


async def plan(request: web.Request) -> web.Response:
    """One plan: its current content, and every version with its filing and publication.

    Everyone reads the published versions, authorities all versions.
    """
    reader = await reader_of(request)
    whole = _sees_unpublished(reader)
    shown = [] if whole else [_PLAN_SHOWN]
    row = await one_row(request, "plans", PLANS, request.match_info["plan"], shown)
    state = _PLANS.decode(row.state)
    return json_response(plans_view.document(state) if whole else plans_view.public_document(state))


#: What everyone reads of an opened visit; its result is added once it is published.
_OPENED = ("task", "unit", "entity", "matters", "opened_on")


def _task(task: TaskState, reader: Reader) -> dict[str, Any]:
    if not _whole(reader, task.unit, task.entity):
        shown = {name: getattr(task, name) for name in _OPENED}
        published = task.published_on is not None
        shown["stage"] = "published" if published else "opened"
        if published:
            shown |= {"result": task.result, "published_on": task.published_on}
        return shown
    shown = {name: getattr(task, name) for name in task.__struct_fields__ if name != "ratings"}
    shown["stage"] = task.stage
    if reader.is_bureau:
        # A unit must not learn which rater gave which score; supervisors see the scores.
        shown["ratings"] = task.ratings
    return {name: value for name, value in shown.items() if value not in (None, (), "")}


def _whole(reader: Reader, unit: str, entity: str) -> bool:
    """Return whether a reader sees all data of an opened visit; same rule as for its events."""
    return reader.sees("restricted", unit, (f"unit:{unit}", f"entity:{entity}"))


def tasks_seen(reader: Reader) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return the conditions for tasks that a reader sees, and for those of which it sees all."""
    opened = TASKS.c.opened_on.is_not(None)
    if reader.is_bureau:
        return sa.true(), sa.true()
    if reader.in_unit:
        whole: sa.ColumnElement[bool] = TASKS.c.unit == reader.unit
        return sa.or_(whole, opened), whole
    if reader.role == "entity_rep":
        whole = TASKS.c.entity == (reader.entity or "")
        return sa.or_(sa.and_(whole, TASKS.c.notified_on.is_not(None)), opened), whole
    return opened, sa.true() if _whole(reader, "", "") else sa.false()


def visit_columns(whole: sa.ColumnElement[bool]) -> dict[str, sa.ColumnElement[Any]]:
    """Return the stage and result of visits; they reveal no more than the document of a visit.

    ``whole``: the condition for tasks of which the reader sees everything.
    """
    published = TASKS.c.published_on.is_not(None)
    return {
        "stage": sa.case(
            (whole, TASKS.c.stage), (published, sa.literal("published")), else_="opened"
        ),
        "result": sa.case((sa.or_(whole, published), TASKS.c.result)),
    }


async def tasks(request: web.Request) -> web.Response:
    """Inspection tasks: a unit sees all of its own; all others see those that were opened.

    The visited business sees a visit from its notice on. Of an opened visit everyone reads which
    officers were where on which matters, and the result once it is published. Other data is only
    for its unit, its business and the supervisors.
    """
    reader = await reader_of(request)
    seen, whole = tasks_seen(reader)
    return await rows_page(
        request,
        "tasks",
        TASKS,
        where=[seen],
        show=lambda row: _task(_TASKS.decode(row.state), reader),
        questions=_OF_TASKS,
        entry=ShownTask,
        # A filter must not reveal more about a visit than its document does.
        columns=visit_columns(whole),
    )


async def task(request: web.Request) -> web.Response:
    """One task: officers, place and purpose, and the date of each step; visible as in the list."""
    reader = await reader_of(request)
    row = await one_row(request, "tasks", TASKS, request.match_info["task"])
    if not _may_see_task(reader, row):
        raise not_found()
    return json_response(_task(_TASKS.decode(row.state), reader))


def _may_see_task(reader: Reader, row: sa.Row[Any]) -> bool:
    if row.opened_on is not None:
        return True
    # A planned visit, before it begins; the notice tells its business.
    announced = row.notified_on is not None and reader.role == "entity_rep"
    return reader.sees("sealed", row.unit, ()) or (announced and reader.entity == row.entity)


async def units(request: web.Request) -> web.Response:
    """Enforcement units and their qualifications."""
    return await rows_page(
        request,
        "units",
        UNITS,
        where=[UNITS.c.name.is_not(None)],
        show=lambda row: FoundUnit(
            row.key, row.name, row.area, _UNITS.decode(row.state).qualifications
        ),
        questions=_OF_UNITS,
        entry=FoundUnit,
    )


def _found_officer(officer: OfficerState, reader: Reader) -> FoundOfficer:
    certificates = [
        FoundCertificate(c.cert_no, c.unit, c.domains, c.valid_from, c.valid_to)
        for c in officer.certificates
    ]
    last = officer.suspensions[-1] if officer.suspensions else None
    return FoundOfficer(
        officer.officer,
        max(officer.certificates, key=lambda c: c.valid_to).unit,
        certificates,
        None if last is None else last.suspended_from,
        None if last is None else last.suspended_to,
    )


async def officer(request: web.Request) -> web.Response:
    """One officer: certificates, conflicts of interest, visits, and the officers on each visit.

    `complaints` counts the complaints that name the officer, by their outcome. These are sealed:
    only the Justice Bureau reads the counts.
    """
    reader = await reader_of(request)
    row = await one_row(request, "officers", OFFICERS, request.match_info["officer"])
    if not reader.sees("restricted", row.unit or "", (f"unit:{row.unit}",)):
        raise not_found()
    document = msgspec.structs.asdict(_OFFICERS.decode(row.state))
    complaints = document.pop("complaints")
    if reader.is_bureau:
        follower = await caught_up(request, Complaints.name)
        document["complaints"] = await asked(lambda: _outcomes(follower.views, complaints, reader))
    elif not any(document[name] for name in document if name != "officer"):
        # Only sealed facts mention this officer.
        raise not_found()
    return json_response(document)


def _outcomes(views: Views, complaints: list[str], reader: Reader) -> dict[str, int]:
    """Count these complaints by outcome: substantiated, in part, not, or still open."""
    query = (
        sa.select(COMPLAINTS.c.outcome, COMPLAINTS.c.stage, sa.func.count())
        .where(COMPLAINTS.c.key.in_(complaints), *complaints_seen(reader, COMPLAINTS))
        .group_by(COMPLAINTS.c.outcome, COMPLAINTS.c.stage)
    )
    counts = {"substantiated": 0, "partly": 0, "no": 0, "not_accepted": 0, "open": 0}
    with views.reading() as connection:
        for outcome, stage, count in connection.execute(query):
            ended = outcome or (stage if stage == "not_accepted" else "open")
            counts[ended] += count
    return counts


def _certified(reader: Reader, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Everyone reads certificates; an officer without one is only mentioned elsewhere."""
    return [table.c.unit.is_not(None)]


_OFFICER_LIST, _ = Listing(
    "/v1/officers",
    Officers,
    "Officers and their certificates, which are public (执法人员名录); a unit's list as of a day "
    "is in `/v1/officer-lists/{unit}`.",
    "One officer.",
    seen=_certified,
    show=_found_officer,
    returns=FoundOfficer,
    filters=(
        Parameter("unit", str, "the unit of the officer's latest certificate"),
        Parameter("officer", str, "the officer, by the badge id"),
    ),
    facets=("unit",),
    column=lambda reader, table, name: table.c.key if name == "officer" else table.c[name],
).resources()

_UNIT = Parameter("unit", str, "the unit to which it belongs")
_OF_MATTERS = Questions(
    filters=(
        _UNIT,
        Parameter("act_kind", str, "the kind of act"),
        Parameter("domain", str, "the domain"),
        Parameter("published", bool, "whether a version is published and the matter not withdrawn"),
        Parameter("withdrawn", bool, "whether it was withdrawn"),
    ),
    search=Matters.search,
    kept=lambda reader, table: _drafts_seen(reader),
    fields=entry_fields(FoundMatter),
)
_OF_PLANS = Questions(
    filters=(_UNIT, Parameter("year", int, "the year of an annual plan")),
    numbers=("year",),
    search=Plans.search,
    fields=entry_fields(FoundPlan),
)
_OF_TASKS = Questions(
    filters=(
        _UNIT,
        Parameter("entity", str, "the business to be inspected"),
        Parameter("stage", str, "the furthest step taken"),
        Parameter("result", str, "what the inspection found"),
    ),
    dates=("opened_on", "published_on"),
    newest="opened_on",
    fields=entry_fields(ShownTask),
)
_OF_UNITS = Questions(search=Units.search, fields=entry_fields(FoundUnit))


def _one(path: str, handler: Any, returns: Any) -> Resource:
    return Resource(path, handler, returns=returns, query=(AT_LEAST,), headers=(AT_LEAST_HEADER,))


RESOURCES = (
    listed(
        "/v1/matters",
        matters,
        _OF_MATTERS,
        FoundMatter,
        more=(
            Parameter("orphaned", bool, "whether every law that it is based on is repealed today"),
        ),
    ),
    _one("/v1/matters/{matter}", matter, ShownMatter),
    listed("/v1/plans", plans, _OF_PLANS, FoundPlan),
    _one("/v1/plans/{plan}", plan, plans_view.ShownPlan),
    listed("/v1/tasks", tasks, _OF_TASKS, ShownTask),
    _one("/v1/tasks/{task}", task, ShownTask),
    listed("/v1/units", units, _OF_UNITS, FoundUnit),
    _OFFICER_LIST,
    _one("/v1/officers/{officer}", officer, ShownOfficer),
)
