"""Natural persons: known by a token, sealed, named in proceedings by it, erased for good (0.10)."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import (
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    UnknownReference,
    civil_moment,
    codec,
)
from ledger.systems.complaints.commands import ReceiveComplaint, RefuseComplaint
from ledger.systems.complaints.events import ComplainantNamed, ComplaintReceived
from ledger.systems.complaints.folds import Complaint
from ledger.systems.penalties.events import CaseClosed, CaseFiled, Conduct
from ledger.systems.persons.commands import ErasePerson, RegisterPerson
from ledger.systems.persons.events import PersonErased, PersonRegistered
from ledger.systems.persons.folds import Involvements
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.reconsideration.events import ReconApplied, ReconTerminated
from tests.cast import actor
from tests.gwt import Scenario, like
from tests.systems.sealing import someone, token

replace = msgspec.structs.replace

JB = actor("JB", "JB-001", "jb_supervisor")
MRB = actor("MRB", "HEAD-MRB", "unit_head")
EMB = actor("EMB", "HEAD-EMB", "unit_head")
CLOCK = actor("LEDGER", "operator", "ledger_clock")

ZHANG = token("张三丰")
REGISTER = RegisterPerson(sealed=someone("张三丰"))
PIPL = (LegalRef(instrument="个人信息保护法", article="Art. 47"),)
ERASE = ErasePerson(person=ZHANG, reason="consent_withdrawn", legal_basis=PIPL)
RECEIVE = ReceiveComplaint(
    complaint="CMP-1",
    channel="window",
    subject_unit="MRB",
    handled_by="JB",
    facts="两人入企未亮码",
    anonymous=False,
    complainant=ZHANG,
)


@pytest.fixture
def story() -> Scenario:
    """The Justice Bureau has taken down who somebody is."""
    return begun(InMemoryDCBRecorder())


def begun(recorder: DCBRecorder) -> Scenario:
    """The same on a recorder, among other people."""
    story = Scenario(recorder, by=JB).given(SeedLedger()).at("2026-09-24T09:00+08:00")
    story.amid(
        *(
            PersonRegistered(person=other.person, unit="MRB", name=other.name)
            for other in (someone("李四"), someone("王五"))
        )
    )
    return story.given(REGISTER)


def named(person: str, complaint: str = "CMP-1") -> ComplainantNamed:
    """A complaint of somebody registered here."""
    return ComplainantNamed(
        complaint=complaint,
        subject_unit="MRB",
        anonymous=False,
        guarded_until=date(2026, 12, 31),
        person=person,
    )


def applied(person: str) -> ReconApplied:
    """An application of somebody registered here."""
    return ReconApplied(
        recon="RCN-1",
        decision="DEC-1",
        unit="MRB",
        organ="RECON",
        known_on=date(2026, 9, 1),
        last_day=date(2026, 10, 31),
        grounds="事实不清",
        person=person,
    )


def test_a_person_is_registered_sealed(story: Scenario) -> None:
    """What is recorded is what was sealed, for the unit of whoever took it down, once."""
    mine = someone("赵六")
    story.when(RegisterPerson(sealed=mine), MRB).then(
        PersonRegistered(person=mine.person, unit="MRB", name=mine.name)
    )
    story.when(RegisterPerson(sealed=mine), MRB).raises(OutOfStep, says="already")


@pytest.mark.parametrize(
    ("field", "text"),
    [("name", "张三丰"), ("contact", "13812345678"), ("id_number", "620102199001011234")],
)
def test_nothing_is_taken_in_clear(story: Scenario, field: str, text: str) -> None:
    """A field that nobody sealed is refused, and not repeated in the refusal."""
    story.when(RegisterPerson(**{field: text})).raises(Malformed, pointer=f"/{field}")
    assert text not in str(story.error)
    story.when(replace(REGISTER, **{field: text})).raises(Malformed, pointer=f"/{field}")
    story.when(RegisterPerson()).raises(Malformed, pointer="/name")


def test_a_person_is_erased_once(story: Scenario) -> None:
    """Recorded with reason and law, never with a name; what is repeated records nothing."""
    story.when(ERASE).then(PersonErased(person=ZHANG, unit="JB", reason="consent_withdrawn"))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.legal_basis == PIPL
    story.when(ERASE).then()
    story.when(replace(ERASE, reason="retention_expired"), CLOCK).then()


def test_who_may_erase(story: Scenario) -> None:
    """The unit that took it down, the Justice Bureau, and whoever runs the ledger."""
    story.when(ERASE, MRB).raises(Forbidden)
    story.when(replace(ERASE, person=token("李四")), EMB).raises(Forbidden)
    story.when(replace(ERASE, person=token("李四")), MRB).then(PersonErased)
    story.when(replace(ERASE, person=token("王五"))).then(PersonErased)
    story.when(ERASE, CLOCK).then(PersonErased)


def test_an_erasure_cites_the_law(story: Scenario) -> None:
    """It says by which law, and whom; and it is of now."""
    story.when(replace(ERASE, legal_basis=())).raises(Malformed, pointer="/legal_basis")
    story.when(replace(ERASE, person=token("nobody"))).raises(UnknownReference)
    past = civil_moment(date(2026, 9, 20), 9)
    story.when(replace(ERASE, occurred_at=past)).raises(Malformed, pointer="/occurred_at")


def test_PII_R1_not_while_a_complaint_is_open(story: Scenario) -> None:
    """Whoever complained has still to be told; another one's complaint does not matter."""
    story.amid(named(token("李四"), "CMP-9")).given(RECEIVE)
    story.when(ERASE).refused("PII-R1", person=ZHANG, proceedings="complaint CMP-1")
    story.when(ERASE, CLOCK).refused("PII-R1", proceedings="complaint CMP-1")
    story.when(replace(ERASE, reason="unlawful_processing")).then(PersonErased)


def test_PII_R1_tells_nobody_of_proceedings_that_are_not_theirs(story: Scenario) -> None:
    """The unit that has registered somebody learns that something is open, and not what."""
    other = token("李四")
    story.given(named(other, "CMP-9"), applied(other))
    erase = replace(ERASE, person=other)
    story.when(erase, MRB).refused("PII-R1", proceedings="a proceeding of another unit")
    story.when(erase).refused("PII-R1", proceedings="complaint CMP-9")


def test_PII_R1_no_more_once_it_is_closed(story: Scenario) -> None:
    """What is over stands in nobody's way."""
    story.given(RECEIVE)
    story.given(RefuseComplaint(complaint="CMP-1", reason="不属于", feedback_text="已告知"))
    story.when(ERASE).then(PersonErased)


def test_PII_R1_not_while_a_reconsideration_is_open(story: Scenario) -> None:
    """The applicant is served with the decision first."""
    story.given(applied(ZHANG)).when(ERASE).refused("PII-R1", proceedings="reconsideration RCN-1")
    story.given(
        ReconTerminated(
            recon="RCN-1", decision="DEC-1", unit="MRB", organ="RECON", ground="withdrawn",
            reason="撤回",
        )
    )  # fmt: skip
    story.when(ERASE).then(PersonErased)


def test_PII_R1_not_while_a_penalty_case_is_open(story: Scenario) -> None:
    """The citizen whom a case is against has still to be told what is decided."""
    filed = CaseFiled(
        case="CASE-1",
        entity="91620100MA7LX01051",
        unit="JB",
        procedure="ordinary",
        party="citizen",
        conduct=Conduct(
            violation_code="FS-034",
            act="笔录 1",
            first_on=date(2026, 9, 1),
            last_on=date(2026, 9, 1),
        ),
        cause="无证经营",
        source="inspection",
        discovered_on=date(2026, 9, 1),
        filed_on=date(2026, 9, 2),
        investigators=("OFF-001", "OFF-002"),
        filed_by="HEAD-MRB",
        person=ZHANG,
    )
    story.given(filed).when(ERASE).refused("PII-R1", proceedings="case CASE-1")
    story.given(
        CaseClosed(
            case="CASE-1",
            entity=filed.entity,
            unit="JB",
            reason="not_established",
            conclusion="不成立",
            closed_on=date(2026, 9, 20),
        )
    )
    story.when(ERASE).then(PersonErased)


def test_a_complainant_is_somebody_registered(story: Scenario) -> None:
    """A token of this ledger is a subject of the event; one of another store stands as it is."""
    story.when(RECEIVE).then(
        ComplaintReceived, like(ComplainantNamed, person=ZHANG, complainant=None, contact=None)
    )
    other = replace(RECEIVE, complaint="CMP-2", complainant="person-7f3a9c21", contact=ZHANG)
    story.when(other).then(
        ComplaintReceived,
        like(
            ComplainantNamed,
            person=None,
            complainant="person-7f3a9c21",
            contact_person=ZHANG,
            contact=None,
        ),
    )
    records = [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]
    first = Complaint("CMP-1").over([r for r in records if "complaint:CMP-1" in r.event.tags()])
    assert (first.complainant, first.reachable) == (ZHANG, True)
    about = [r for r in records if f"person:{ZHANG}" in r.event.tags()]
    assert Involvements(ZHANG).over(about).names == {"complaint": ["CMP-1", "CMP-2"]}


def test_a_token_of_this_ledger_leads_to_somebody(story: Scenario) -> None:
    """Nobody complains under a token that was never minted, or that leads nowhere any more."""
    unknown = replace(RECEIVE, complainant=token("nobody"))
    story.when(unknown).raises(UnknownReference, says="Register")
    story.given(ERASE).when(RECEIVE).raises(OutOfStep, says="erased")


def test_CMP_R2_not_by_a_token_that_the_unit_accused_can_read(story: Scenario) -> None:
    """Whom MRB has registered MRB can name: its own token does not complain of it."""
    for field in ("complainant", "contact"):
        story.when(replace(RECEIVE, **{field: token("李四")})).refused("CMP-R2", what="the name")
    story.when(replace(RECEIVE, subject_unit="EMB", complainant=token("李四"))).then(
        ComplaintReceived, like(ComplainantNamed, person=token("李四"))
    )


def test_an_anonymous_complaint_stays_possible(story: Scenario) -> None:
    """It names nobody, registered or not."""
    story.when(replace(RECEIVE, anonymous=True)).raises(Malformed, pointer="/anonymous")
    story.when(replace(RECEIVE, anonymous=True, complainant=None)).then(ComplaintReceived)
