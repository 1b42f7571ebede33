"""The public door: anybody complains of a unit's enforcement, without an account (2.18).

Who complains and what they say is sealed before anything is recorded. They are told a tracking
number, by which they ask how far it has come. The service keeps no number, only its digest.

What comes in is limited for each address, for all addresses together, and for a day: nobody fills
the disk by complaining. Where a day's number is taken, the other channels stay open.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, caught_up, follower_of, one_row
from api.http.bodies import body_of
from api.http.commands import idempotency_key, require_json, with_vault
from api.http.front import EDGE
from api.http.keys import LEDGER, LINE, VAULT
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.problems import Problem, not_found
from api.http.rates import Rates
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Operation, Resource, check_query
from api.http.sealing import complaint_of, key_of_request, public_complaint
from api.http.tokens import ANONYMOUS, Grant
from api.running.counter import COUNTER
from ledger.general.audiences import UNIT_BOUND, audiences_of_sender
from ledger.general.vocabulary import PersonalText, UnitId, same_person
from ledger.kernel import Malformed, civil_date, civil_moment
from ledger.kernel.clock import uuid7
from ledger.kernel.contexts import keyed_command_id, make_context
from ledger.kernel.sequencer import CommandRecorded
from ledger.stores import StoreError
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.complaints.commands import ComplainPublicly
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.complaints.folds import Complaint, Stage
from ledger.systems.persons.folds import Person
from ledger.systems.progress.folds import ReportingUnit
from ledger.vault.sealing import Unsealable, unseal
from ledger.vault.store import Vault
from projections.systems.complaints import COMPLAINTS, Complaints
from projections.systems.deadlines import DEADLINES, Deadlines
from projections.systems.policies import value_in_force

PATH = "/v1/public-complaints"

#: Facts at most, in bytes of UTF-8.
MAX_FACTS = 10 * 1024

#: The largest body: facts may be sent with every character escaped.
MAX_BODY_BYTES = 64 * 1024

#: Complaints from all addresses in a minute: what one office can read, and more.
OF_ALL_PER_MINUTE = 60

#: Look-ups of tracking numbers from one address in a minute: too few to guess.
LOOKUPS_PER_MINUTE = 30

_OFFICIALS = UNIT_BOUND | {"recon_officer", "rlo_assessor", "jb_supervisor"}

_COMPLAINTS = Complaints()

#: The deadlines of a complaint, as the one who complained reads them.
_STEPS = {
    "complaint.ack_wd": "acknowledge",
    "complaint.accept_wd": "accept",
    "complaint.accept_wd.transferred": "accept",
    "complaint.resolve_cd": "resolve",
}

_UNKNOWN = "No complaint has this tracking number. Compare it with the answer to the complaint."


class PublicComplaint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """网上投诉: complain of how a unit enforces the law, without an account and without a token.

    `facts` are at most 10 KB. A `name` and a `contact` are not needed: the tracking number that is
    answered tells how far it has come. All three are sealed, and are read by the body that handles
    the complaint and never by the unit that it accuses. Send an Idempotency-Key, and the same
    request again is answered with the same number. From one address `complaint.public_per_minute`
    are taken.
    """

    subject_unit: UnitId
    facts: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=MAX_FACTS,
            pattern=r"\S",
            description="what happened, at most 10 KB",
            examples=["两名工作人员未亮码入企，要求停业"],
        ),
    ]
    name: PersonalText | None = None
    contact: PersonalText | None = None


class Received(msgspec.Struct, frozen=True):
    """A complaint was received: its tracking number, and where to ask with it."""

    tracking: str
    look_up: str


class DueStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of handling a complaint: the last day for it, and when it was done."""

    step: str
    due_on: str | None
    done_on: str | None = None


class PublicState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a complaint has come, by when each step is due, and what came of it."""

    state: Stage
    due: tuple[DueStep, ...]
    feedback: str | None = None


class SealedFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a complaint without an account says; or on which day that was erased."""

    complaint: str
    facts: str | None = None
    erased_on: date | None = None


class Limits:
    """How many complaints are taken: from one address and from all. Belongs to one event loop.

    The number for one address is a policy, looked up once a minute.
    """

    def __init__(self) -> None:
        self.of_address = Rates(1)
        self.of_all = Rates(OF_ALL_PER_MINUTE, of="All addresses together")
        self.lookups = Rates(LOOKUPS_PER_MINUTE)
        self._known_until = 0.0

    async def take(self, request: web.Request) -> None:
        """Count a complaint. Raises 429 where there were too many."""
        if time.monotonic() >= self._known_until:
            limit = await asked(lambda: _setting(request, "complaint.public_per_minute"))
            self.of_address.per_minute = 0 if limit is None else int(limit)
            self._known_until = time.monotonic() + 60
        self.of_address.count(request.app[EDGE].source_of(request))
        self.of_all.count("all")


LIMITS = web.AppKey("public_complaint_limits", Limits)


async def complain(request: web.Request) -> web.Response:
    """Take a complaint of somebody without an account."""
    line = request[LINE]
    line.route = PATH
    # A token that is sent along is not looked at: nothing here is to say whose it is.
    line.grant = ANONYMOUS
    check_query(request)
    limits = request.app[LIMITS]
    await limits.take(request)
    require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
    key = idempotency_key(request.headers.get("Idempotency-Key"))
    said = _checked(decoded(await body_of(request, MAX_BODY_BYTES), _DECODER))
    app = request.app
    actor, now = ANONYMOUS.actor(), app[LEDGER].clock()
    own, made_for, repeated = None, uuid7(now).hex, False
    if key is not None:
        words = msgspec.json.encode(said)
        own = await with_vault(app, lambda vault: key_of_request(vault, key, words))
        made_for = keyed_command_id(actor, own)
        repeated = await asked(lambda: _recorded(request, made_for))
    if not repeated:
        # What was answered once is answered again, however many complaints have come since.
        await asked(lambda: _require_takable(request, said.subject_unit))

    def seal(vault: Vault) -> tuple[ComplainPublicly, str]:
        return public_complaint(vault, made_for, **msgspec.structs.asdict(said))

    command, tracking = await with_vault(app, seal)
    context = make_context(
        command,
        actor,
        now,
        key=own,
        audiences=audiences_of_sender(actor.role, actor.unit_id, actor.person_id),
        remembered=True,
    )
    line.command_id = context.command_id
    outcome = await app[COUNTER].execute(command, context)
    line.position = outcome.position
    return json_response(
        Received(tracking, f"{PATH}/{tracking}"),
        status=200 if outcome.repeated else 201,
        headers={**PRIVATE, hdrs.CACHE_CONTROL: "no-store"},
    )


_DECODER = msgspec.json.Decoder(PublicComplaint)


def _checked(said: PublicComplaint) -> PublicComplaint:
    """What was said. Raises ``Malformed`` for facts that are too long."""
    size = len(said.facts.encode())
    if size > MAX_FACTS:
        raise Malformed(f"facts must have at most {MAX_FACTS} bytes; they have {size}", "/facts")
    return said


def _recorded(request: web.Request, command_id: str) -> bool:
    """Whether a command of this id was recorded."""
    fold = CommandRecorded(command_id)
    records = follower_of(request).source.records([fold.selector()])
    return fold.over(records).first is not None


def _setting(request: web.Request, key: str) -> Any:
    today = civil_date(request.app[LEDGER].clock())
    with follower_of(request).views.reading() as connection:
        return value_in_force(connection, key, today)


def _require_takable(request: web.Request, unit: str) -> None:
    """Raise for a unit that is none, and where a day's complaints are taken already.

    Asked before anything is sealed: what is refused leaves nothing behind.
    """
    table, now = COMPLAINTS.c, request.app[LEDGER].clock()
    today = civil_date(now)
    query = sa.select(sa.func.count()).where(
        table.received_on == today.isoformat(), table.key.startswith("WEB-", autoescape=True)
    )
    follower = follower_of(request)
    with follower.views.reading() as connection:
        taken: int = connection.execute(query).scalar_one()
        most = value_in_force(connection, "complaint.public_per_day", today)
        handlers = value_in_force(connection, "complaint.handlers", today)
    if taken >= int(most or 0):
        over = civil_moment(today + timedelta(days=1)) - now
        raise Problem(
            "too-many-requests",
            "This service has taken all complaints without an account that it takes in a day. "
            "Use another channel (/v1/complaint-channels), or complain tomorrow.",
            headers={hdrs.RETRY_AFTER: str(max(1, int(over.total_seconds())))},
        )
    if unit in (handlers or {}).get("units", ()):
        return
    source = follower.source

    def known(fold: Any) -> bool:
        return bool(fold.over(source.records([fold.selector()])).exists)

    if not known(UnitStanding(unit)) and not known(ReportingUnit(unit)):
        raise Problem(
            "malformed",
            f"subject_unit must be a unit of this region (/v1/units); {unit} is not one of them.",
            pointer="/subject_unit",
        )


async def look_up(request: web.Request) -> web.Response:
    """How far a complaint has come, by its tracking number and without a token.

    The state, by when each step is due, and what the person who complained was told; nothing else.
    """
    request.app[LIMITS].lookups.count(request.app[EDGE].source_of(request))
    complaint = complaint_of(request.match_info["tracking"])
    row = await one_row(request, Complaints.name, COMPLAINTS, complaint)
    await caught_up(request, Deadlines.name)
    if row is None:
        raise not_found(_UNKNOWN)
    table = DEADLINES.c
    query = (
        sa.select(table.rule, table.due_on, table.done_on)
        .where(table.about == f"complaint:{complaint}")
        .order_by(table.opened_position)
    )

    def ask() -> PublicState:
        with follower_of(request).views.reading() as connection:
            rows = connection.execute(query).all()
        # Where it was handed on, the later time to accept it takes the place of the first.
        due = {_STEPS[one.rule]: one for one in rows if one.rule in _STEPS}
        state: Complaint = _COMPLAINTS.decode(row.state)
        return PublicState(
            state.stage,
            tuple(
                DueStep(step, due[step].due_on, due[step].done_on)
                for step in dict.fromkeys(_STEPS.values())
                if step in due
            ),
            state.feedback_text,
        )

    return json_response(await asked(ask), headers={hdrs.CACHE_CONTROL: "no-store"})


async def facts(request: web.Request) -> web.Response:
    """What a complaint without an account says, opened with the key of the person who complained.

    For the body that handles it and the Justice Bureau, and never for the unit or an officer that
    it accuses. Each look is taken down in the access ledger. What was erased is read by nobody.
    """
    grant = await grant_of(request)
    vault = request.app[VAULT]
    assert vault is not None  # this resource is there where a vault is
    name = request.match_info["complaint"]
    source = follower_of(request).source

    def now(fold: Any) -> Any:
        return fold.over(source.records([fold.selector()]))

    def ask() -> SealedFacts | None:
        complaint: Complaint = now(Complaint(name))
        if not complaint.facts_sealed or not _may_read(grant, complaint):
            return None
        record = source.at(complaint.received_at)
        assert record is not None
        assert isinstance(record.event, ComplaintReceived)
        sealed = record.event.sealed_facts
        assert sealed is not None
        person: Person = now(Person(sealed.person))
        if person.erased_on is not None:
            return SealedFacts(name, erased_on=person.erased_on)
        secret = vault.secret(sealed.person)
        if secret is None:
            raise Unsealable(f"the vault has no key of {sealed.person}")
        return SealedFacts(name, unseal(secret, ComplaintReceived.TOPIC, "facts", sealed))

    try:
        opened = await asked(ask)
    except (StoreError, Unsealable) as error:
        raise Problem("unavailable", "The vault cannot open this now.") from error
    if opened is None:
        # Nothing there, or nothing for this token: the two look alike.
        raise not_found()
    return json_response(opened, headers=PRIVATE)


def _may_read(grant: Grant, complaint: Complaint) -> bool:
    """Whether somebody handles a complaint, or supervises those who do."""
    if grant.role not in _OFFICIALS or grant.unit == complaint.subject_unit:
        return False
    if any(same_person(grant.person, officer) for officer in complaint.officers):
        return False
    return grant.role == "jb_supervisor" or grant.unit == complaint.unit


def add_public_door(app: web.Application) -> None:
    """Route what anybody may send."""
    app[LIMITS] = Limits()
    route = app.router.add_resource(PATH)
    route.add_route("POST", complain, expect_handler=expect)


class PublicOperation(Operation, frozen=True):
    """What anybody may send, without a token."""

    group: ClassVar[str] = "public-complaints"
    sent_by: ClassVar[str] = "everybody"

    @property
    def path(self) -> str:
        """Where it is sent."""
        return PATH


async def _act(request: web.Request, grant: Grant, body: Any) -> web.Response:
    return await complain(request)


OPERATION = PublicOperation("complain", PublicComplaint, _act, Received, (201, 200))

RESOURCES = (
    Resource(
        f"{PATH}/{{tracking}}",
        look_up,
        returns=PublicState,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/complaints/{complaint}/facts", facts, returns=SealedFacts, audited=True),
)
