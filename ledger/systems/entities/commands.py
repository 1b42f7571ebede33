"""Commands that report what a register says about a business."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from ledger.general.findings import finding
from ledger.general.personaldata import plain_text
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import EntityId, Name, PersonalText, Text, oddity_of
from ledger.kernel import Event, Fact, Inquiry, Malformed, OutOfStep, Report, civil_moment
from ledger.systems.draws.effects import CalledReserves
from ledger.systems.entities import rules
from ledger.systems.entities.effects import business_left
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
    IdType,
    Leaving,
    LegalRepresentativeRecorded,
)
from ledger.systems.entities.folds import Registration
from ledger.systems.persons.effects import refuse_clear, registered
from ledger.systems.persons.events import SealedPerson
from ledger.systems.persons.folds import Person


class RegisterEntity(Report):
    """登记市场主体: register a business in the ledger, once.

    ``register_ref``: the register that shows the business under this id. It is needed if the check
    character of the id differs from GB 32100, or if the id looks like the number of a person.
    """

    ROLES = roles("credit_officer", *UNIT)

    entity: EntityId
    identity: Identity
    register_ref: Text | None = None

    @property
    def vouches(self) -> bool:
        return self.register_ref is not None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Registration(self.entity))
        ref = self.register_ref
        yield EntityRegistered(
            entity=self.entity,
            identity=rules.plain_identity(self.identity),
            register_ref=None if ref is None else plain_text(ref, "/register_ref"),
            oddity=oddity_of(self.entity, inquiry.today),
        )


class ReviseEntity(Report):
    """变更市场主体: report new particulars of a business, such as a name, from ``occurred_at``.

    A late report counts from its own day. It does not put a business back on the register: if the
    business had left by that day, finding ENT-V2 follows.
    """

    ROLES = roles("credit_officer", *UNIT)

    entity: EntityId
    identity: Identity
    reason: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.known(Registration(self.entity), "general.register-business-first")
        identity = rules.plain_identity(self.identity)
        if known.identities.at(inquiry.at) == identity:
            return
        yield EntityRevised(entity=self.entity, identity=identity, reason=self.reason)
        left = known.left(inquiry.on)
        if left is not None:
            yield finding(
                inquiry,
                rules.ENT_V2,
                unit=inquiry.actor.unit_id,
                entity=self.entity,
                evidence=(left.position,),
                left_on=left.on.isoformat(),
                revised_on=inquiry.on.isoformat(),
            )


class DelistEntity(Report):
    """市场主体退出: report that the register no longer lists a business (ENT-R1).

    ``left_on``: the first day without the business, by default the day of ``occurred_at``. In the
    same append, the business is exempted from draws in which it was not visited yet, and the next
    reserves move up; its visits that have not begun are cancelled; its designation and observation
    end. Repair, reconsideration, complaints, publicity and open cases continue. The service fills
    in ``reserves``.
    """

    ROLES = roles("credit_officer")

    entity: EntityId
    reason: Name
    kind: Leaving = "deregistered"
    left_on: date | None = None
    reserves: tuple[CalledReserves, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        known = inquiry.known(Registration(self.entity))
        left_on = _day(inquiry, self.left_on, "/left_on")
        before = known.left(left_on)
        if before is not None and before.kind == self.kind:
            return
        left = EntityLeftRegister(
            entity=self.entity, reason=self.reason, kind=self.kind, left_on=left_on
        )
        yield Fact(left, occurred_at=_moment(inquiry, left_on))
        yield from business_left(inquiry, self.entity, left_on, self.kind, self.reserves)


class ReenterEntity(Report):
    """市场主体重新登记: report that the register lists a business again.

    ``listed_on``: the first day, by default the day of ``occurred_at``. ``annuls``: the leaving was
    annulled, so the business had never left; the effects of its report remain.
    """

    ROLES = roles("credit_officer")

    entity: EntityId
    reason: Name
    listed_on: date | None = None
    annuls: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        known = inquiry.known(Registration(self.entity), "general.register-business-first")
        listed_on = _day(inquiry, self.listed_on, "/listed_on")
        left = known.left(listed_on)
        if left is None:
            raise OutOfStep("entities.must-left-register", entity=self.entity, listed_on=listed_on)
        back = EntityReentered(
            entity=self.entity,
            listed_on=listed_on,
            reason=self.reason,
            annuls=left.on if self.annuls else None,
        )
        yield Fact(back, occurred_at=_moment(inquiry, listed_on))


class RecordLegalRepresentative(Report):
    """登记法定代表人: record the legal representative of a business, as its register shows (0.10).

    ``name`` and ``id_number`` are sent in clear text. The service seals them before anything else
    reads them, and fills in ``sealed``, which must not be sent. ``since``: the first day, by
    default the day of ``occurred_at``.
    """

    ROLES = roles("credit_officer", *UNIT)

    entity: EntityId
    name: PersonalText | None = None
    id_number: Name | None = None
    id_type: IdType = "01"
    since: date | None = None
    sealed: SealedPerson | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        refuse_clear(name=self.name, id_number=self.id_number)
        if self.sealed is None:
            raise Malformed("entities.name-must-be-given", pointer="/name")
        inquiry.known(Registration(self.entity), "general.register-business-first")
        inquiry.new(Person(self.sealed.person))
        since = _day(inquiry, self.since, "/since")
        unit = inquiry.actor.unit_id
        yield LegalRepresentativeRecorded(
            entity=self.entity,
            unit=unit,
            person=self.sealed.person,
            since=since,
            id_type=self.id_type,
        )
        yield registered(self.sealed, unit)


def _day(inquiry: Inquiry, stated: date | None, pointer: str) -> date:
    """Return the day that a report states, which must not be in the future."""
    if stated is not None and stated > inquiry.today:
        raise Malformed(
            "entities.must-not-after",
            pointer=pointer,
            place=pointer.removeprefix("/"),
            today=inquiry.today,
            stated=stated,
        )
    return stated or inquiry.on


def _moment(inquiry: Inquiry, day: date) -> datetime | None:
    """Return the start of a day, or ``None`` for the day of the command, whose time is used."""
    return None if day == inquiry.on else civil_moment(day)
