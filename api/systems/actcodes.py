"""The act code at the door (执法码): officers show it, and anybody can look it up (2.17)."""

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

#: Look-ups of codes from one address in a minute: enough for a door, too few to guess.
PER_MINUTE = 30

RATES = web.AppKey("act_code_rates", Rates)

_UNKNOWN = (
    "This is no code of this service. Ask the officers for the code of their visit, and call the "
    "unit if they have none."
)


class ActCode(msgspec.Struct, frozen=True):
    """The code of a visit: ``look_up`` is what a QR code holds."""

    task: str
    code: str
    look_up: str


async def own_code(request: web.Request) -> web.Response:
    """The act code of a notified visit, for the officers of its unit to show at the door."""
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
        # Made under an earlier key of the ledger it is another one than the notice is of.
        return code if actcode.digest_of(code) == notice.act_code_digest else None

    code = await asked(ask)
    if code is None:
        raise not_found("The visit has no code: the service makes one with its notice.")
    return json_response(ActCode(name, code, f"/v1/act-codes/{code}"), headers=PRIVATE)


async def look_up(request: web.Request) -> web.Response:
    """What an act code stands for: who visits, with which certificates, on which matters and law.

    Whoever is shown a code may ask, without a token. Neither the business nor the day is told
    before the code was scanned at the door. A code that this service did not make is answered 404,
    whatever it is; one whose visit was cancelled, is over or was due on a day before says so.
    """
    edge = request.app[EDGE]
    request.app[RATES].count(edge.source_of(request))
    desk, today = request.app[DESK], civil_date(request.app[LEDGER].clock())
    code = request.match_info["code"]
    found = None if desk is None else await asked(lambda: _stands_for(code, desk, today))
    if found is None:
        raise not_found(_UNKNOWN)
    return json_response(found, headers={hdrs.CACHE_CONTROL: "no-store"})


def _stands_for(code: str, desk: Desk, today: date) -> dict[str, Any] | None:
    """What a code stands for; ``None`` for what the ledger's key did not make."""
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
    said: dict[str, Any] = {
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
        said["entity"] = task.entity
        said["name"] = None if identity is None else identity.name
        said["scanned_on"] = task.scanned_on
    return said


def _state(task: TaskState, today: date) -> str:
    if task.stage == "cancelled":
        return "cancelled"
    if task.closed_on is not None:
        return "closed"
    if task.opened_on is None and task.planned_on is not None and task.planned_on < today:
        return "expired"
    return "valid"


def _officer(name: str, unit: str, desk: Desk, today: date) -> dict[str, Any]:
    """An officer, as the law has them show their certificate."""
    state = desk.now(OfficerState(name))
    barred = desk.now(OfficerStanding(name)).barred(today, unit, set())
    certificates = [one for one in state.certificates if one.unit == unit]
    return {
        "officer": name,
        "certificates": [one.cert_no for one in certificates],
        "domains": sorted({domain for one in certificates for domain in one.domains}),
        "certified_today": barred is None,
    }


def _matter(name: str, desk: Desk) -> dict[str, Any]:
    """A matter as it was last published, with its law."""
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
