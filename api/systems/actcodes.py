"""The act code (执法码): officers show it at the door, and anyone can look it up (2.17)."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from api.http.asking import PRIVATE, asked, one_row
from api.http.front import EDGE
from api.http.keys import DESK
from api.http.problems import not_found
from api.http.rates import Rates
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Resource
from ledger.systems.catalogue.events import Basis
from ledger.systems.catalogue.folds import OfficerStanding
from ledger.systems.entities.folds import Registration
from ledger.systems.filing import actcode
from ledger.systems.filing.events import InspectionNoticeIssued
from ledger.systems.filing.folds import Task
from projections.drawing.desk import Desk
from projections.systems.catalogue import MatterState, OfficerState
from projections.systems.tasks import TASKS, TaskState

#: Look-ups per minute from one address: enough at a door, too few for guessing.
PER_MINUTE = 30

RATES = web.AppKey("act_code_rates", Rates)

_UNKNOWN = "actcodes.code-not-made-here"


class ActCode(msgspec.Struct, frozen=True):
    """The act code of a visit; ``look_up`` is the content of its QR code."""

    task: str
    code: str
    look_up: str


class CertifiedOfficer(msgspec.Struct, frozen=True):
    """An officer with the certificates that the law requires them to show."""

    officer: str
    certificates: list[str]
    domains: list[str]
    certified_today: bool


class ExaminedMatter(msgspec.Struct, frozen=True):
    """The last published version of a matter, with its law."""

    matter: str
    name: str | None
    bases: tuple[Basis, ...]


class AnnouncedVisit(msgspec.Struct, frozen=True):
    """The visit of an act code; the business and the day only after the code was scanned."""

    state: Literal["cancelled", "closed", "expired", "valid"]
    unit: str
    approved: bool
    approved_at_position: int
    filed_under: str | None
    officers: list[CertifiedOfficer]
    matters: list[ExaminedMatter]
    entity: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    scanned_on: date | UnsetType = UNSET


async def own_code(request: web.Request) -> web.Response:
    """The act code of an announced visit, for its officers to show at the door."""
    reader = await reader_of(request)
    name = request.match_info["task"]
    row = await one_row(request, "tasks", TASKS, name)
    if not reader.in_unit or reader.unit != row.unit:
        raise not_found()
    desk = request.app[DESK]

    def ask() -> str | None:
        if desk is None or desk.sign is None:
            return None
        task = desk.now(Task(name))
        notice = None if task.notified is None else task.notified.event
        if task.approved is None or not isinstance(notice, InspectionNoticeIssued):
            return None
        code = actcode.made(desk.sign, task.approved.position)
        # A code made with an earlier key of the ledger differs from the one in the notice.
        return code if actcode.digest_of(code) == notice.act_code_digest else None

    code = await asked(ask)
    if code is None:
        raise not_found("actcodes.visit-no-code")
    return json_response(ActCode(name, code, f"/v1/act-codes/{code}"), headers=PRIVATE)


async def look_up(request: web.Request) -> web.Response:
    """The visit of an act code: its unit, its officers with certificates, its matters and law.

    Anyone who is shown a code may look it up, without a token. The business and the day are shown
    only after the code was scanned at the door. A code that this service did not make is answered
    with 404. For a visit that was cancelled, is over or was due earlier, the state says so.
    """
    edge = request.app[EDGE]
    request.app[RATES].count(edge.source_of(request))
    desk, today = request.app[DESK], (await reader_of(request)).today
    code = request.match_info["code"]
    visit = None if desk is None else await asked(lambda: _visit_of(code, desk, today))
    if visit is None:
        raise not_found(_UNKNOWN)
    return json_response(visit, headers={hdrs.CACHE_CONTROL: "no-store"})


def _visit_of(code: str, desk: Desk, today: date) -> AnnouncedVisit | None:
    """Return the visit of a code; ``None`` for a code not made with the ledger's key."""
    if desk.sign is None:
        return None
    position = actcode.position_of(desk.sign, code)
    if position is None:
        return None
    record = next(iter(desk.follower.source.exactly([position])), None)
    tag = next((t for t in ([] if record is None else record.event.tags) if t[:5] == "task:"), None)
    if tag is None:
        return None
    task = desk.now(TaskState(tag.removeprefix("task:")))
    approval = desk.now(Task(task.task)).approved
    if approval is None or approval.position != position or task.notified_on is None:
        return None
    visit = AnnouncedVisit(
        _state(task, today),
        task.unit,
        True,
        position,
        task.filing or task.plan,
        [_officer(name, task.unit, desk, today) for name in task.officers],
        [_matter(name, desk) for name in task.matters],
    )
    if task.scanned_on is None:
        return visit
    identity = desk.now(Registration(task.entity)).identity
    name = None if identity is None else identity.name
    return replace(visit, entity=task.entity, name=name, scanned_on=task.scanned_on)


def _state(task: TaskState, today: date) -> Literal["cancelled", "closed", "expired", "valid"]:
    if task.stage == "cancelled":
        return "cancelled"
    if task.closed_on is not None:
        return "closed"
    if task.opened_on is None and task.planned_on is not None and task.planned_on < today:
        return "expired"
    return "valid"


def _officer(name: str, unit: str, desk: Desk, today: date) -> CertifiedOfficer:
    state = desk.now(OfficerState(name))
    barred = desk.now(OfficerStanding(name)).barred(today, unit, set())
    certificates = [held for held in state.certificates if held.unit == unit]
    return CertifiedOfficer(
        name,
        [held.cert_no for held in certificates],
        sorted({domain for held in certificates for domain in held.domains}),
        barred is None,
    )


def _matter(name: str, desk: Desk) -> ExaminedMatter:
    elements = desk.now(MatterState(name)).elements
    if elements is None:
        return ExaminedMatter(name, None, ())
    return ExaminedMatter(name, elements.name, elements.bases)


RESOURCES = (
    Resource(
        "/v1/tasks/{task}/act-code",
        own_code,
        returns=ActCode,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/act-codes/{code}", look_up, returns=AnnouncedVisit),
)
