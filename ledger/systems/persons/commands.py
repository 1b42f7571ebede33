"""Commands of natural persons: register with sealed data, erase permanently (0.10)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Name, PersonalText, PersonId
from ledger.kernel import Act, Event, Inquiry, Malformed, Message, Report, message
from ledger.systems.persons.effects import refuse_clear, registered
from ledger.systems.persons.events import ErasureReason, PersonErased, SealedPerson
from ledger.systems.persons.folds import PROCEEDINGS, Involvements, Person
from ledger.systems.persons.rules import PII_R1

#: Roles that may erase any person; others may only erase persons that their own unit registered.
_ANY_UNIT = {"jb_supervisor", "ledger_clock"}


class RegisterPerson(Report):
    """登记自然人: register a person; the answer has the token that replaces their data.

    ``name``, ``contact`` and ``id_number`` are sent in clear. The service seals them before any
    other part of it sees them, and fills in ``sealed`` with the result; clients never send it.
    """

    ROLES = roles("jb_supervisor", "park_committee", "recon_officer", *UNIT)

    name: PersonalText | None = None
    contact: PersonalText | None = None
    id_number: Name | None = None
    sealed: SealedPerson | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        refuse_clear(name=self.name, contact=self.contact, id_number=self.id_number)
        if self.sealed is None:
            raise Malformed("persons.name-contact-id-number-must-be-given", pointer="/name")
        inquiry.new(Person(self.sealed.person))
        yield registered(self.sealed, inquiry.actor.unit_id)


class ErasePerson(Act):
    """删除个人信息: erase a person permanently, by destroying the key that seals their data.

    ``legal_basis`` must cite the law. A person must not be erased while they are a party to an open
    proceeding and must be told its result (PII-R1). If the command is sent again, it destroys the
    key again and records nothing.
    """

    ROLES = roles(
        "jb_supervisor", "park_committee", "recon_officer", "unit_legal_office", "unit_head"
    )

    person: PersonId
    reason: ErasureReason

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        hint = message("persons.give-token-registered-person")
        person = inquiry.own(Person(self.person), hint, any_unit=_ANY_UNIT)
        if not self.legal_basis:
            raise Malformed(
                "general.legal-basis-must-cite-law-allows-erasure",
                pointer="/legal_basis",
            )
        if person.erased_on is not None:
            return
        if self.reason != "unlawful_processing":
            proceedings = list(_open(inquiry, self.person))
            inquiry.require(
                not proceedings,
                PII_R1,
                person=self.person,
                proceedings=_disclosed(inquiry, proceedings),
            )
        yield PersonErased(
            person=self.person,
            unit=person.unit,
            reason=self.reason,
            withheld_from=person.withheld_from,
        )


def _open(inquiry: Inquiry, person: str) -> Iterator[tuple[Message, str]]:
    """Yield the open proceedings that involve a person, each with the unit that conducts it."""
    involved = inquiry.read(Involvements(person)).names
    for proceeding in sorted(PROCEEDINGS.values(), key=lambda proceeding: proceeding.kind):
        for name in involved.get(proceeding.kind, ()):
            unit = proceeding.conductor(inquiry, name)
            if unit is not None:
                yield message("persons.proceeding", kind=proceeding.kind, name=name), unit


def _disclosed(inquiry: Inquiry, proceedings: list[tuple[Message, str]]) -> Message:
    """Return the name of an open proceeding that the actor may know of, or a general phrase.

    The unit that registered a person must not learn of their complaints or applications elsewhere.
    """
    actor = inquiry.actor
    known = (name for name, unit in proceedings if unit == actor.unit_id or actor.role in _ANY_UNIT)
    return next(known, message("persons.proceeding-of-other-unit"))
