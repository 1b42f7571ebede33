"""The public door: anyone can complain about a unit's enforcement, without an account (2.18).

The complainant's data and text are sealed before anything is recorded. The complainant gets a
tracking number to ask about the progress. The service stores only the number's digest.

Complaints are limited per address, for all addresses together, and per day, so that nobody can fill
the disk. When the daily limit is reached, the other channels stay open.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web

from api.http.asking import PRIVATE, asked, caught_up, follower_of, row_or_none
from api.http.bodies import body_of
from api.http.commands import idempotency_key, require_json, with_vault
from api.http.front import EDGE
from api.http.keys import LEDGER, LINE, VAULT
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.problems import Problem, not_found
from api.http.rates import Rates
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Operation, Resource, check_query
from api.http.sealing import complaint_of, key_of_request, public_complaint
from api.http.tokens import ANONYMOUS, Grant
from api.running.counter import COUNTER
from ledger.general.audiences import UNIT_BOUND, audiences_of_sender
from ledger.general.vocabulary import PersonalText, UnitId, same_person
from ledger.kernel import Malformed, civil_date, civil_moment, message
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

#: The maximum length of the facts, in bytes of UTF-8.
MAX_FACTS = 10 * 1024

#: The largest body: every character of the facts may be sent escaped.
MAX_BODY_BYTES = 64 * 1024

#: Complaints per minute from all addresses: more than one office can read.
OF_ALL_PER_MINUTE = 60

#: Look-ups of tracking numbers per minute from one address: too few for guessing.
LOOKUPS_PER_MINUTE = 30

_OFFICIALS = UNIT_BOUND | {"recon_officer", "rlo_assessor", "jb_supervisor"}

_COMPLAINTS = Complaints()

#: The deadlines of a complaint, under the names shown to the complainant.
_STEPS = {
    "complaint.ack_wd": "acknowledge",
    "complaint.accept_wd": "accept",
    "complaint.accept_wd.transferred": "accept",
    "complaint.resolve_cd": "resolve",
}

_UNKNOWN = "sealed.no-complaint-has-tracking-number"


class PublicComplaint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """网上投诉: complain about how a unit enforces the law, without an account or a token.

    `facts` may have at most 10 KB. `name` and `contact` are optional: the tracking number in the
    answer shows the progress. All three are sealed; only the handling body reads them, never the
    accused unit. With an Idempotency-Key, the same request sent again gets the same number. One
    address may send `complaint.public_per_minute` complaints per minute.
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
    """A complaint was received: its tracking number, and where to follow it."""

    tracking: str
    look_up: str


class DueStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of handling a complaint: its last day, and when it was done."""

    step: str
    due_on: str | None
    done_on: str | None = None


class PublicState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The progress of a complaint: its state, the last day of each step, and the outcome."""

    state: Stage
    due: tuple[DueStep, ...]
    feedback: str | None = None


class SealedFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The text of a complaint without an account; or the day on which it was erased."""

    complaint: str
    facts: str | None = None
    erased_on: date | None = None


class Limits:
    """The limits on complaints, per address and in all. For one event loop.

    The limit per address is a policy, read once a minute.
    """

    def __init__(self) -> None:
        self.of_address = Rates(1)
        self.of_all = Rates(OF_ALL_PER_MINUTE, of="http.all-addresses")
        self.lookups = Rates(LOOKUPS_PER_MINUTE)
        self._known_until = 0.0

    async def take(self, request: web.Request) -> None:
        """Count a complaint. Raises 429 if there were too many."""
        if time.monotonic() >= self._known_until:
            limit = await asked(lambda: _setting(request, "complaint.public_per_minute"))
            self.of_address.per_minute = 0 if limit is None else int(limit)
            self._known_until = time.monotonic() + 60
        self.of_address.count(request.app[EDGE].source_of(request))
        self.of_all.count("all")


LIMITS = web.AppKey("public_complaint_limits", Limits)


async def complain(request: web.Request) -> web.Response:
    """Accept a complaint from a person without an account."""
    line = request[LINE]
    line.route = PATH
    # A token in the request is ignored: no log may say who complained.
    line.grant = ANONYMOUS
    check_query(request)
    limits = request.app[LIMITS]
    await limits.take(request)
    require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
    key = idempotency_key(request.headers.get("Idempotency-Key"))
    complaint = _checked(decoded(await body_of(request, MAX_BODY_BYTES), _DECODER))
    app = request.app
    actor, now = ANONYMOUS.actor(), app[LEDGER].clock()
    own, made_for, repeated = None, uuid7(now).hex, False
    if key is not None:
        words = msgspec.json.encode(complaint)
        own = await with_vault(app, lambda vault: key_of_request(vault, key, words))
        made_for = keyed_command_id(actor, own)
        repeated = await asked(lambda: _recorded(request, made_for))
    if not repeated:
        # A repeated request gets its answer again, however many complaints came since.
        await asked(lambda: _require_takable(request, complaint.subject_unit))

    def seal(vault: Vault) -> tuple[ComplainPublicly, str]:
        return public_complaint(vault, made_for, **msgspec.structs.asdict(complaint))

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


def _checked(complaint: PublicComplaint) -> PublicComplaint:
    """Return the complaint. Raises ``Malformed`` if its facts are too long."""
    size = len(complaint.facts.encode())
    if size > MAX_FACTS:
        raise Malformed(
            "sealed.facts-must-most-bytes", pointer="/facts", max_facts=MAX_FACTS, size=size
        )
    return complaint


def _recorded(request: web.Request, command_id: str) -> bool:
    """Return whether a command with this id was recorded."""
    fold = CommandRecorded(command_id)
    records = follower_of(request).source.records([fold.selector()])
    return fold.over(records).first is not None


def _setting(request: web.Request, key: str) -> Any:
    today = civil_date(request.app[LEDGER].clock())
    with follower_of(request).views.reading() as connection:
        return value_in_force(connection, key, today)


def _require_takable(request: web.Request, unit: str) -> None:
    """Raise for an unknown unit, and if the daily limit of complaints is reached.

    Checked before anything is sealed, so that a refused complaint leaves nothing behind.
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
            "sealed.service-reached-daily-limit-complaints-without",
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
            message("sealed.subject-unit-must-be-unit-region", unit=unit),
            pointer="/subject_unit",
        )


async def look_up(request: web.Request) -> web.Response:
    """The progress of a complaint, by its tracking number and without a token.

    It contains the state, the last day of each step, and what the complainant was told.
    """
    request.app[LIMITS].lookups.count(request.app[EDGE].source_of(request))
    complaint = complaint_of(request.match_info["tracking"])
    row = await row_or_none(request, Complaints.name, COMPLAINTS, complaint)
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
        # After a transfer, the later deadline for acceptance replaces the first one.
        due = {_STEPS[step.rule]: step for step in rows if step.rule in _STEPS}
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
    """The text of a complaint without an account, decrypted with the complainant's key.

    For the handling body and the Justice Bureau, but never for the accused unit or officer. Every
    reading is recorded in the access ledger. Nobody can read erased text.
    """
    reader = await reader_of(request)
    vault = request.app[VAULT]
    assert vault is not None  # this resource exists only with a vault
    name = request.match_info["complaint"]
    source = follower_of(request).source

    def now(fold: Any) -> Any:
        return fold.over(source.records([fold.selector()]))

    def ask() -> SealedFacts | None:
        complaint: Complaint = now(Complaint(name))
        if not complaint.facts_sealed or not _may_read(reader, complaint):
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
        raise Problem("unavailable", "sealed.vault-cannot-decrypt-now") from error
    if opened is None:
        # The same answer whether there is none or this token may not read it.
        raise not_found()
    return json_response(opened, headers=PRIVATE)


def _may_read(reader: Reader, complaint: Complaint) -> bool:
    """Return whether the reader handles a complaint or supervises its handling."""
    if reader.role not in _OFFICIALS or reader.unit == complaint.subject_unit:
        return False
    if any(same_person(reader.person, officer) for officer in complaint.officers):
        return False
    return reader.is_bureau or reader.unit == complaint.unit


def add_public_door(app: web.Application) -> None:
    """Add the route for complaints without a token."""
    app[LIMITS] = Limits()
    route = app.router.add_resource(PATH)
    route.add_route("POST", complain, expect_handler=expect)


class PublicOperation(Operation, frozen=True):
    """An operation that anyone may send, without a token."""

    group: ClassVar[str] = "public-complaints"
    sent_by: ClassVar[str] = "everybody"

    @property
    def path(self) -> str:
        """The path of the operation."""
        return PATH


async def _act(request: web.Request, grant: Grant, body: Any) -> web.Response:
    return await complain(request)


OPERATION = PublicOperation("complain", PublicComplaint, _act, Received, (201, 200))

RESOURCES = (
    Resource(
        f"{PATH}/{{tracking}}",
        look_up,
        returns=PublicState,
        compress=False,  # the tracking number stands for a token here
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource("/v1/complaints/{complaint}/facts", facts, returns=SealedFacts, audited=True),
)
