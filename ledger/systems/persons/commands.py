"""Commands of natural persons: register with sealed data, erase for good (0.10)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Name, PersonalText, PersonId
from ledger.kernel import Act, Event, Malformed, Reading, Report
from ledger.systems.complaints.folds import Complaint
from ledger.systems.penalties.folds import Case
from ledger.systems.persons.effects import refuse_clear, registered
from ledger.systems.persons.events import ErasureReason, PersonErased, SealedPerson
from ledger.systems.persons.folds import Involvements, Person
from ledger.systems.persons.rules import PII_R1
from ledger.systems.reconsideration.folds import ReconCase

#: Who may have anybody's data erased; everybody else those that the own unit took down.
_EVERYBODYS = {"jb_supervisor", "ledger_clock"}
_COMPLAINT_OVER = {"resolved", "not_accepted"}
_RECON_OVER = {"served", "mediated", "terminated", "refused"}


class RegisterPerson(Report):
    """登记自然人: take down who somebody is; the answer names the token that stands for them.

    ``name``, ``contact`` and ``id_number`` are sent in clear and sealed by the service before
    anything else sees them; ``sealed`` is what it makes of them and is never sent.
    """

    ROLES = roles("jb_supervisor", "park_committee", "recon_officer", *UNIT)

    name: PersonalText | None = None
    contact: PersonalText | None = None
    id_number: Name | None = None
    sealed: SealedPerson | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        refuse_clear(name=self.name, contact=self.contact, id_number=self.id_number)
        if self.sealed is None:
            raise Malformed("say who it is", "/name")
        ledger.new(Person(self.sealed.person))
        yield registered(self.sealed, ledger.actor.unit_id)


class ErasePerson(Act):
    """删除个人信息: have the key destroyed under which a person's data is sealed, for good.

    Cites the law in ``legal_basis``. Not while a proceeding is open of whose result the person has
    to be told (PII-R1). Sent again it has the key destroyed again and records nothing.
    """

    ROLES = roles(
        "jb_supervisor", "park_committee", "recon_officer", "unit_legal_office", "unit_head"
    )

    person: PersonId
    reason: ErasureReason

    def decide(self, ledger: Reading) -> Iterator[Event]:
        person = ledger.known(Person(self.person), "Nothing is sealed under this token.")
        if ledger.actor.role not in _EVERYBODYS:
            ledger.act_for(person.unit)
        if not self.legal_basis:
            raise Malformed("cite the law by which it is erased", "/legal_basis")
        if person.erased_on is not None:
            return
        if self.reason != "unlawful_processing":
            still = dict(_open(ledger, self.person))
            ledger.require(not still, PII_R1, person=self.person, proceedings=_told(ledger, still))
        yield PersonErased(
            person=self.person,
            unit=person.unit,
            reason=self.reason,
            withheld_from=person.withheld_from,
        )


def _open(ledger: Reading, person: str) -> Iterator[tuple[str, str]]:
    """The proceedings in which a person stands and that are not over, with who conducts each."""
    stands = ledger.read(Involvements(person))
    for complaint in stands.complaints:
        received = ledger.read(Complaint(complaint))
        if received.stage not in _COMPLAINT_OVER:
            yield f"complaint {complaint}", received.unit
    for recon in stands.recons:
        applied = ledger.read(ReconCase(recon))
        if applied.stage not in _RECON_OVER:
            yield f"reconsideration {recon}", applied.organ
    for name in stands.cases:
        case = ledger.read(Case(name))
        if case.filed is not None and case.stage != "closed":
            yield f"case {name}", case.filed.unit


def _told(ledger: Reading, still: dict[str, str]) -> str:
    """What is open, for those who conduct it and for those who know of everything.

    Whoever has registered somebody is not told by this where else they complain or apply.
    """
    actor = ledger.actor
    known = (
        name for name, unit in still.items() if unit == actor.unit_id or actor.role in _EVERYBODYS
    )
    return next(known, "a proceeding of others")
