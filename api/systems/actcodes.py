"""The act code (执法码): officers show it at the door, and anyone can look it up (2.17)."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, one_row
from api.http.front import EDGE
from api.http.keys import DESK, LEDGER
from api.http.problems import not_found
from api.http.rates import Rates
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Resource
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import civil_date
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

_UNKNOWN = (
    "This service did not make this code. Ask the officers for the code of their visit, and call "
    "the unit if they have none."
)


class ActCode(msgspec.Struct, frozen=True):
    """The act code of a visit; ``look_up`` is the content of its QR code."""

    task: str
    code: str
    look_up: str


async def own_code(request: web.Request) -> web.Response:
    """The act code of an announced visit, for its officers to show at the door."""
    grant = await grant_of(request)
    name = request.match_info["task"]
    row = await one_row(request, "tasks", TASKS, name)
    if row is None or grant.role not in UNIT_BOUND or grant.unit != row.unit:
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
        raise not_found("The visit has no code: the service makes one when it records the notice.")
    return json_response(ActCode(name, code, f"/v1/act-codes/{code}"), headers=PRIVATE)


async def look_up(request: web.Request) -> web.Response:
    """The visit of an act code: its unit, its officers with certificates, its matters and law.

    Anyone who is shown a code may look it up, without a token. The business and the day are shown
    only after the code was scanned at the door. A code that this service did not make is answered
    with 404. For a visit that was cancelled, is over or was due earlier, the state says so.
    """
    edge = request.app[EDGE]
    request.app[RATES].count(edge.source_of(request))
    desk, today = request.app[DESK], civil_date(request.app[LEDGER].clock())
    code = request.match_info["code"]
    visit = None if desk is None else await asked(lambda: _visit_of(code, desk, today))
    if visit is None:
        raise not_found(_UNKNOWN)
    return json_response(visit, headers={hdrs.CACHE_CONTROL: "no-store"})


def _visit_of(code: str, desk: Desk, today: date) -> dict[str, Any] | None:
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
    visit: dict[str, Any] = {
        "state": _state(task, today),
        "unit": task.unit,
        "approved": True,
        "approved_at_position": position,
        "filed_under": task.filing or task.plan,
        "officers": [_officer(name, task.unit, desk, today) for name in task.officers],
        "matters": [_matter(name, desk) for name in task.matters],
    }
    if task.scanned_on is not None:
        identity = desk.now(Registration(task.entity)).identity
        visit["entity"] = task.entity
        visit["name"] = None if identity is None else identity.name
        visit["scanned_on"] = task.scanned_on
    return visit


def _state(task: TaskState, today: date) -> str:
    if task.stage == "cancelled":
        return "cancelled"
    if task.closed_on is not None:
        return "closed"
    if task.opened_on is None and task.planned_on is not None and task.planned_on < today:
        return "expired"
    return "valid"


def _officer(name: str, unit: str, desk: Desk, today: date) -> dict[str, Any]:
    """Return an officer with the certificates that the law requires them to show."""
    state = desk.now(OfficerState(name))
    barred = desk.now(OfficerStanding(name)).barred(today, unit, set())
    certificates = [held for held in state.certificates if held.unit == unit]
    return {
        "officer": name,
        "certificates": [held.cert_no for held in certificates],
        "domains": sorted({domain for held in certificates for domain in held.domains}),
        "certified_today": barred is None,
    }


def _matter(name: str, desk: Desk) -> dict[str, Any]:
    """Return the last published version of a matter, with its law."""
    elements = desk.now(MatterState(name)).elements
    return {
        "matter": name,
        "name": None if elements is None else elements.name,
        "bases": () if elements is None else elements.bases,
    }


RESOURCES = (
    Resource(
        "/v1/tasks/{task}/act-code",
        own_code,
        returns=ActCode,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/act-codes/{code}", look_up, returns=dict[str, Any]),
)
