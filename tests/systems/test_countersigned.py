"""Every command that two people sign, with everything that a signature can meet (2.17).

``CASES`` tells of each how it comes about, who signs and who may not, and how it becomes impossible
between request and signature. A new command is held to all of it once it stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from msgspec.structs import replace

from api.http.malformed import decoded
from api.http.openapi import describe
from api.http.problems import Problem
from api.http.sealing import FINISHERS, SEALERS
from ledger.general.countersigning import (
    FORMER_FIELDS,
    ApprovalRequested,
    Countersigned,
    countersigned_commands,
)
from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    Actor,
    Command,
    Event,
    Forbidden,
    Ledger,
    LegalRef,
    Malformed,
    NotRecorded,
    OutOfStep,
    Refusal,
    codec,
)
from ledger.registry import COMMANDS
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.approvals.commands import ApproveRequest, RefuseRequest, WithdrawRequest
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn
from ledger.systems.assessment.events import AssessmentSchemeAdopted, IndicatorDefined
from ledger.systems.catalogue.events import OfficerConflictDeclared
from ledger.systems.commitments.events import CommitmentFulfilled, CommitmentMade, ObligationOpened
from ledger.systems.corrections.commands import CorrectRecord
from ledger.systems.corrections.events import FieldChange, RecordCorrected
from ledger.systems.credit.commands import FileObjection, ResolveObjection, TerminatePublicity
from ledger.systems.credit.events import (
    CreditRecordEntered,
    EndApproved,
    ObjectionResolved,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.dishonesty.commands import RemoveFromSeriousList
from ledger.systems.dishonesty.events import SeriousListRemoved
from ledger.systems.draws.commands import SubstituteOfficer, VoidDraw
from ledger.systems.draws.events import DrawOperated, DrawVoided, OfficerSubstituted
from ledger.systems.entities.commands import DelistEntity
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.events import IrregularVisitReported
from ledger.systems.grading.commands import OverrideGrade
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.keylist.events import GuidanceProvided, KeyUnitDescribed, KeyUnitDesignated
from ledger.systems.penalties.events import FinePaid, PenaltyDecided, PenaltyServed
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from ledger.systems.reconsideration.commands import ExtendCase
from ledger.systems.reconsideration.events import ReconDecided, ReconExtended
from ledger.systems.supervision.commands import DismissFinding
from ledger.systems.supervision.events import FindingClosed, FindingDismissed
from ledger.systems.takeon.commands import CloseTakeOn
from ledger.systems.takeon.events import OpenDeadlineTakenOn, OpeningFactTakenOn, TakeOnClosed
from projections.drawing.desk import PREPARERS
from tests.cast import DEPUTY, E_C, EMB, HEAD, OFFICER, actor
from tests.gwt import Scenario, like
from tests.systems import test_assessment, test_dishonesty, test_reconsideration, test_takeon
from tests.systems.draw_story import COORDINATOR, DRAW, FREEZE_OFFICERS, chosen, given_drawn
from tests.systems.test_draw_procedure import _assigned

DRAWN = chosen("C").uscc
JB, JB_SECOND = (actor("JB", f"JB-{n}", "jb_supervisor") for n in (1, 2))
EDB, EDB_SECOND = (actor("EDB", f"EDB-{n}", "credit_officer") for n in (1, 2))
RECON, CHIEF = (actor("RECON", f"RECON-{n}", "recon_officer") for n in (1, 2))
LAW = LegalRef(instrument="《行政执法监督条例》")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One command, ready to be requested.

    ``rule`` refuses its requester as the second person. ``stranger`` has the role and belongs
    elsewhere; ``concerned`` is refused under ``concern``. After ``ends`` it cannot take effect any
    more: the signature is answered with ``told``, an error or the id of a rule. ``opening``: all of
    the effect but its first record keeps the day that it had in an older system (2.18).
    """

    command: Countersigned
    first: Actor
    second: Actor
    effect: tuple[type[Event], ...]
    rule: str
    ends: Callable[[Scenario], object]
    told: type[NotRecorded] | str
    stranger: Actor | None = None
    concerned: Actor | None = None
    concern: str = ""
    opening: bool = False


def correction(story: Scenario) -> Case:
    visit = IrregularVisitReported(
        irregular_visit="IV-1",
        entity=E_C,
        reporter="self",
        visited_on=date(2026, 6, 11),
        facts="入企未扫码",
        unit="MRB",
    )
    story.at("2026-06-12T09:00+08:00").given(visit)

    def corrected(day: str) -> CorrectRecord:
        change = FieldChange(path="/body/visited_on", old="2026-06-11", new=day)
        return CorrectRecord(target_position=1, field_changes=(change,), reason="日期录入错误")

    return Case(
        command=corrected("2026-06-10"),
        first=OFFICER,
        second=HEAD,
        effect=(RecordCorrected,),
        rule="GEN-R1",
        ends=lambda story: story.given_signed(corrected("2026-06-09"), DEPUTY, JB),
        told=Malformed,
        stranger=EMB,
    )


def dismissal(story: Scenario) -> Case:
    raised = FindingRaised(
        finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True, unit="JB", officer="JB-3"
    )
    closed = FindingClosed(finding_id="F-1", unit="JB", conclusion="整改到位")
    story.at("2026-10-13T09:00+08:00").given(raised)
    return Case(
        command=DismissFinding(finding_id="F-1", reason="重复"),
        first=JB,
        second=JB_SECOND,
        effect=(FindingDismissed,),
        rule="SUP-R3",
        ends=lambda story: story.given(closed),
        told=OutOfStep,
        concerned=actor("JB", "jb-3", "jb_supervisor"),
        concern="GEN-R2",
    )


def extension(story: Scenario) -> Case:
    story.given(SeedLedger()).at("2026-03-02T09:00+08:00")
    story.given(test_reconsideration.DECIDED).at("2026-05-06T09:00+08:00")
    for step in (
        test_reconsideration.APPLY,
        test_reconsideration.ACCEPT,
        test_reconsideration.COPY,
    ):
        story.given(step, actor=RECON)
    decided = ReconDecided(
        recon="RCN-1",
        decision="DEC-1",
        unit="MRB",
        organ="RECON",
        entity=test_reconsideration.E_D,
        outcome="maintain",
        decided_on=date(2026, 5, 6),
        instrument="兰新复决〔2026〕3号",
        reasons="事实清楚",
    )
    return Case(
        command=ExtendCase(recon="RCN-1", reason="案情复杂"),
        first=RECON,
        second=CHIEF,
        effect=(ReconExtended,),
        rule="GEN-R2",
        ends=lambda story: story.given(decided, actor=CHIEF),
        told=OutOfStep,
        stranger=actor("PROVINCE", "P-1", "recon_officer"),
    )


def override(story: Scenario) -> Case:
    story.given(SeedLedger()).at("2026-05-11T09:00+08:00")
    story.given(EntityRegistered(entity=E_C, identity=Identity(name="丙")), actor=EDB)
    gone = DelistEntity(entity=E_C, kind="moved_out", reason="迁出")
    return Case(
        command=OverrideGrade(
            entity=E_C,
            scheme="国市监信发〔2022〕6号",
            grade="D",
            factors=(Factor(kind="other", says="重大事故调查中"),),
            override_reason="事故调查期间提级监管",
        ),
        first=EDB,
        second=EDB_SECOND,
        effect=(CreditGradeAssigned,),
        rule="GRD-R1",
        ends=lambda story: story.given(gone, actor=EDB),
        told="ENT-R1",
    )


def given_record(story: Scenario) -> None:
    """CR-1 of MRB, shown since 2026-04-15, whose decision this ledger does not hold."""
    story.given(SeedLedger()).at("2026-04-15T09:00+08:00")
    entered = CreditRecordEntered(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        kind="penalty",
        determined_on=date(2026, 4, 15),
        title="行政处罚",
        public=True,
        instrument=Instrument(
            kind="penalty_decision", doc_no="兰新市监罚〔2026〕1号", effective_on=date(2026, 4, 15)
        ),
        severity="general",
        amount_fen=500_000,
    )
    started = PublicityStarted(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        started_on=date(2026, 4, 15),
        channels=("credit_china",),
    )
    story.given(entered, started)


REPAIRED = PublicityTerminated(
    record="CR-1", entity=E_C, unit="MRB", reason="repaired", terminated_on=date(2026, 4, 15)
)


def termination(story: Scenario) -> Case:
    given_record(story)
    return Case(
        command=TerminatePublicity(record="CR-1", reason="correction"),
        first=OFFICER,
        second=HEAD,
        effect=(EndApproved, PublicityTerminated),
        rule="GEN-R2",
        ends=lambda story: story.given(REPAIRED),
        told=OutOfStep,
        stranger=EMB,
    )


def objection(story: Scenario) -> Case:
    given_record(story)
    story.given(FileObjection(record="CR-1", entity=E_C, grounds="金额有误"), actor=OFFICER)
    rejected = ResolveObjection(record="CR-1", outcome="rejected", explanation="核实无误")
    return Case(
        command=ResolveObjection(record="CR-1", outcome="upheld", explanation="属实"),
        first=OFFICER,
        second=HEAD,
        effect=(ObjectionResolved, EndApproved, PublicityTerminated),
        rule="GEN-R2",
        ends=lambda story: story.given(rejected),
        told=OutOfStep,
        stranger=EMB,
    )


def removal(story: Scenario) -> Case:
    story.given(SeedLedger()).at("2026-05-11T09:00+08:00")
    test_dishonesty.listed(story)
    gone = RemoveFromSeriousList(record="CR-1", reason="source_delisted")
    return Case(
        command=RemoveFromSeriousList(record="CR-1", reason="correction"),
        first=actor("MRB", "MRB-VICE", "unit_head"),
        second=EDB,
        effect=(EndApproved, PublicityTerminated, SeriousListRemoved),
        rule="GEN-R2",
        ends=lambda story: story.given(gone),
        told=OutOfStep,
        stranger=EMB,
    )


def substitution(story: Scenario) -> Case:
    going = _assigned(given_drawn(story))
    to_officer = next(one for one in FREEZE_OFFICERS.officers if one not in going)
    barred = OfficerConflictDeclared(
        officer=to_officer, entity=DRAWN, basis="upheld", reason="近亲属"
    )
    return Case(
        command=SubstituteOfficer(
            draw=DRAW, entity=DRAWN, from_officer=going[0], to_officer=to_officer, reason="病假"
        ),
        first=COORDINATOR,
        second=HEAD,
        effect=(OfficerSubstituted,),
        rule="DRW-R8",
        ends=lambda story: story.given(barred),
        told="DRW-R8",
        stranger=EMB,
        concerned=actor("MRB", to_officer.lower(), "unit_head"),
        concern="GEN-R2",
    )


def voiding(story: Scenario) -> Case:
    given_drawn(story)
    other = VoidDraw(draw=DRAW, reason_code="legal_change", evidence="法规修订")
    return Case(
        command=VoidDraw(draw=DRAW, reason_code="software_fault", evidence="程序缺陷"),
        first=DEPUTY,
        second=HEAD,
        effect=(DrawVoided, DrawOperated),
        rule="DRW-R5",
        ends=lambda story: story.given_signed(other, DEPUTY, HEAD),
        told=OutOfStep,
        stranger=EMB,
        concerned=actor("MRB", "coord", "draw_coordinator"),
        concern="DRW-R5",
    )


def closing(story: Scenario) -> Case:
    """Nobody of these roles is a stranger: they enter and confirm what any unit held."""
    test_takeon.begun(story)
    return Case(
        command=CloseTakeOn(takeon="TKO", facts=0),
        first=JB,
        second=EDB,
        effect=(TakeOnClosed,),
        rule="GEN-R1",
        ends=lambda story: story.given_signed(test_takeon.COMMITMENT, HEAD, DEPUTY),
        told=OutOfStep,
    )


def older_penalty(story: Scenario) -> Case:
    test_takeon.begun(story)
    same = replace(test_takeon.PENALTY, ref="CF-382", decision="DEC-2", record="CR-2")
    return Case(
        command=test_takeon.PENALTY,
        first=HEAD,
        second=DEPUTY,
        effect=(
            OpeningFactTakenOn,
            PenaltyDecided,
            PenaltyServed,
            FinePaid,
            CreditRecordEntered,
            PublicityStarted,
        ),
        rule="GEN-R1",
        ends=lambda story: story.given_signed(same, EDB, JB),
        told="TKO-D2",
        stranger=EMB,
        opening=True,
    )


def older_commitment(story: Scenario) -> Case:
    test_takeon.begun(story)
    closed = CloseTakeOn(takeon="TKO", facts=0)
    return Case(
        command=test_takeon.COMMITMENT,
        first=DEPUTY,
        second=HEAD,
        effect=(
            OpeningFactTakenOn,
            CommitmentMade,
            *(ObligationOpened for _ in test_takeon.COMMITMENT.obligations),
            CommitmentFulfilled,
        ),
        rule="GEN-R1",
        ends=lambda story: story.given_signed(closed, JB, EDB),
        told="TKO-D1",
        stranger=EMB,
        opening=True,
    )


def older_designation(story: Scenario) -> Case:
    test_takeon.begun(story)
    return Case(
        command=test_takeon.DESIGNATION,
        first=EDB,
        second=HEAD,
        effect=(OpeningFactTakenOn, KeyUnitDesignated, KeyUnitDescribed, GuidanceProvided),
        rule="GEN-R1",
        ends=lambda story: story.given(test_takeon.left("2026-07-01"), actor=EDB),
        told="ENT-R1",
        stranger=EMB,
        opening=True,
    )


def older_deadline(story: Scenario) -> Case:
    """Kept from the unit that it accuses: nobody of it signs, whatever role they have."""
    test_takeon.begun(story)
    secret = replace(test_takeon.DEADLINE, concerns="complaint", hidden_from=("JB",))
    return Case(
        command=secret,
        first=HEAD,
        second=DEPUTY,
        effect=(OpeningFactTakenOn, OpenDeadlineTakenOn),
        rule="GEN-R1",
        ends=lambda story: story.given_signed(replace(secret, duty="DUTY-2"), EDB, HEAD),
        told="TKO-D2",
        stranger=JB,
        opening=True,
    )


def scheme(story: Scenario) -> Case:
    """A title of somebody's own; the year has begun, so that only its first scheme counts."""
    story.given(SeedLedger()).at("2026-01-10T09:00+08:00")
    titled = tuple(replace(draft, title="执法质效") for draft in test_assessment.SCHEME.indicators)
    return Case(
        command=replace(test_assessment.SCHEME, indicators=titled),
        first=test_assessment.RLO,
        second=test_assessment.SECOND,
        effect=(AssessmentSchemeAdopted, *[IndicatorDefined] * 3),
        rule="GEN-R1",
        ends=lambda story: story.given(test_assessment.SCHEME, actor=test_assessment.RLO),
        told="ASM-R4",
    )


CASES: dict[str, Callable[[Scenario], Case]] = {
    "assessment.adopt-assessment-scheme": scheme,
    "corrections.correct-record": correction,
    "credit.resolve-objection": objection,
    "credit.terminate-publicity": termination,
    "dishonesty.remove-from-serious-list": removal,
    "draws.substitute-officer": substitution,
    "draws.void-draw": voiding,
    "grading.override-grade": override,
    "reconsideration.extend-case": extension,
    "supervision.dismiss-finding": dismissal,
    "takeon.close-take-on": closing,
    "takeon.take-on-commitment": older_commitment,
    "takeon.take-on-deadline": older_deadline,
    "takeon.take-on-designation": older_designation,
    "takeon.take-on-penalty": older_penalty,
}
ANSWERS = (
    lambda approval: ApproveRequest(approval=approval),
    lambda approval: RefuseRequest(approval=approval, reason="证据不足"),
)


class Told(msgspec.Struct):
    """A request that waits in a story."""

    story: Scenario
    case: Case
    approval: str

    def approve(self, second: Actor) -> Scenario:
        return self.story.when(ApproveRequest(approval=self.approval), second)

    def later(self, **time: int) -> None:
        now = self.story.ledger.clock() + timedelta(**time)
        self.story.at(now.astimezone().isoformat())


def requested(story: Scenario, command: Command, first: Actor) -> str:
    """The id of the request that the first person makes, which changes nothing else."""
    story.when(command, first).then(ApprovalRequested)
    assert story.outcome is not None
    [asked] = story.outcome.events
    assert isinstance(asked.event, ApprovalRequested)
    return asked.event.approval


@pytest.fixture(params=sorted(CASES))
def waiting(request: pytest.FixtureRequest) -> Told:
    """Each command, requested by its first person."""
    story = Scenario(InMemoryDCBRecorder())
    case = CASES[request.param](story)
    return Told(story, case, requested(story, case.command, case.first))


def refused(story: Scenario, told: type[NotRecorded] | str) -> None:
    """The last command was refused under this rule, or answered with this error."""
    if isinstance(told, str):
        story.refused(told)
    else:
        story.raises(told)


def test_every_command_that_two_people_sign_is_held_to_all_of_it() -> None:
    assert CASES.keys() == countersigned_commands().keys()


def test_a_request_is_about_nothing_but_itself(waiting: Told) -> None:
    """No profile, replay, what-if or rule reads it: they ask by subjects, and it names none."""
    assert waiting.story.outcome is not None
    [asked] = waiting.story.outcome.events
    assert [tag.partition(":")[0] for tag in asked.event.tags()] == ["approval"]


def test_it_takes_effect_at_the_signature(waiting: Told) -> None:
    """Of the day, in the name and as a consequence of the second person's approval."""
    waiting.later(days=1)
    waiting.approve(waiting.case.second).then(
        like(ApprovalGiven, requested_by=waiting.case.first.person_id),
        *waiting.case.effect,
        *_findings(waiting.story),
    )
    assert waiting.story.outcome is not None
    given, *effect = waiting.story.outcome.events
    for record in effect:
        assert record.envelope.causation_id == given.envelope.event_id
        assert record.envelope.actor == waiting.case.second
    own_days = effect[1:] if waiting.case.opening else []
    assert [r for r in effect if r.opening is not None] == own_days
    for record in effect:
        if record.opening is None:
            assert record.envelope.occurred_at == given.envelope.occurred_at
        else:
            assert record.occurred_on <= record.opening < given.occurred_on
    waiting.approve(waiting.case.second).raises(OutOfStep, says="approved")


def _findings(story: Scenario) -> list[type[Event]]:
    """What was recorded beside an effect: findings, and grades that follow."""
    assert story.outcome is not None
    beside = (FindingRaised, CreditGradeAssigned)
    found = [type(r.event) for r in story.outcome.events]
    return [one for one in found[1:] if one in beside and one is not found[1]]


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper, str.swapcase])
@pytest.mark.parametrize("answer", ANSWERS)
def test_nobody_answers_their_own_request(
    waiting: Told, spelled: Callable[[str], str], answer: Callable[[str], Command]
) -> None:
    """Neither yes nor no, whatever post they hold by then, by whatever letters they are written."""
    first, second = waiting.case.first, waiting.case.second
    same = Actor(unit_id=second.unit_id, person_id=spelled(first.person_id), role=second.role)
    waiting.story.when(answer(waiting.approval), same).refused(waiting.case.rule)


@pytest.mark.parametrize("answer", ANSWERS)
def test_who_has_no_part_in_it_answers_nothing(
    waiting: Told, answer: Callable[[str], Command]
) -> None:
    """Another role, another unit, and whomever it concerns."""
    case, command = waiting.case, answer(waiting.approval)
    role = actor(case.second.unit_id, "X-1", "park_committee")
    waiting.story.when(command, role).raises(Forbidden, says="park_committee")
    if case.stranger is not None:
        waiting.story.when(command, case.stranger).raises(Forbidden, says=case.stranger.unit_id)
    if case.concerned is not None:
        waiting.story.when(command, case.concerned).refused(case.concern)


def test_the_world_changes_before_the_signature(waiting: Told) -> None:
    """What cannot take effect any more is told so; the request waits, and can be refused."""
    waiting.case.ends(waiting.story)
    refused(waiting.approve(waiting.case.second), waiting.case.told)
    waiting.story.when(
        RefuseRequest(approval=waiting.approval, reason="已无必要"), waiting.case.second
    ).then(like(ApprovalRefused, requested_by=waiting.case.first.person_id))


def test_it_is_withdrawn_by_whoever_requested_it(waiting: Told) -> None:
    """From whatever post, after the world changed too; by nobody else."""
    waiting.case.ends(waiting.story)
    withdraw = WithdrawRequest(approval=waiting.approval)
    waiting.story.when(withdraw, waiting.case.second).raises(Forbidden)
    moved = actor("ELSEWHERE", waiting.case.first.person_id.lower(), "unit_head")
    waiting.story.when(withdraw, moved).then(ApprovalWithdrawn)
    waiting.approve(waiting.case.second).raises(OutOfStep, says="withdrawn")


def test_what_is_impossible_is_not_requested(waiting: Told) -> None:
    """Nobody is asked to approve what could not take effect."""
    waiting.case.ends(waiting.story)
    refused(waiting.story.when(waiting.case.command, waiting.case.first), waiting.case.told)


def test_the_same_request_twice_takes_effect_once(waiting: Told) -> None:
    """Sent again with its key it is the first one; made anew, only one of the two takes effect."""
    story, case = waiting.story, waiting.case
    again = requested(story, case.command, case.first)
    assert again != waiting.approval
    waiting.approve(case.second)
    assert story.outcome is not None
    story.when(ApproveRequest(approval=again), case.second)
    assert isinstance(story.error, OutOfStep | Malformed | Refusal), story.outcome
    story.when(WithdrawRequest(approval=again), case.first).then(ApprovalWithdrawn)


def test_an_answer_that_is_sent_again_is_the_first_one(waiting: Told) -> None:
    """By its key: the effect is recorded once."""
    approve = ApproveRequest(approval=waiting.approval)
    first = waiting.story.when(approve, waiting.case.second, key="K").outcome
    second = waiting.story.when(approve, waiting.case.second, key="K").outcome
    assert first is not None
    assert second is not None
    assert second.repeated
    assert [r.position for r in second.events] == [r.position for r in first.events]


@pytest.mark.parametrize("name", sorted(CASES))
def test_nothing_that_two_people_sign_is_backdated(name: str) -> None:
    """It takes effect by being signed, whatever day the request would like."""
    story = Scenario(InMemoryDCBRecorder())
    case = CASES[name](story)
    past = story.ledger.clock() - timedelta(days=3)
    story.when(replace(case.command, occurred_at=past), case.first).raises(
        Malformed, pointer="/occurred_at"
    )
    law = replace(case.command, legal_basis=(LAW,))
    waiting = Told(story, case, requested(story, law, case.first))
    waiting.approve(case.second)
    assert story.outcome is not None
    assert {r.envelope.legal_basis for r in story.outcome.events} == {(LAW,)}


@pytest.mark.parametrize("name", sorted(CASES))
def test_of_two_answers_at_once_one_counts(name: str, tmp_path: Path) -> None:
    """Two hands on one file: approved and refused at the same moment, it is one of the two."""
    with (
        SQLiteRecorder(tmp_path / "ledger.db") as one,
        SQLiteRecorder(tmp_path / "ledger.db") as other,
    ):
        story = Scenario(one)
        case = CASES[name](story)
        approval = requested(story, case.command, case.first)
        moment = story.ledger.clock()
        start = Barrier(2)

        def answer(ledger: Ledger, command: Command) -> str:
            start.wait(10)
            try:
                return type(ledger.execute(command, case.second).events[0].event).__name__
            except OutOfStep as error:
                return str(error)

        with Ledger(other, clock=lambda: moment) as second, ThreadPoolExecutor(2) as pool:
            yes = pool.submit(answer, story.ledger, ANSWERS[0](approval))
            no = pool.submit(answer, second, ANSWERS[1](approval))
            told = {yes.result(), no.result()}
        won = told & {"ApprovalGiven", "ApprovalRefused"}
        assert len(won) == 1, told
        story.ledger.close()


# What each of them meets alone


def test_an_upheld_objection_is_the_one_that_was_read() -> None:
    """One filed after the request is not answered by it."""
    story = Scenario(InMemoryDCBRecorder())
    case = objection(story)
    waiting = Told(story, case, requested(story, case.command, case.first))
    case.ends(story)
    story.given(FileObjection(record="CR-1", entity=E_C, grounds="文号有误"), actor=OFFICER)
    waiting.approve(case.second).raises(OutOfStep, says="after this request")


def test_a_request_keeps_no_deadline() -> None:
    """Asked for on the last day and signed after it, the answer is late, the extension too late."""
    story = Scenario(InMemoryDCBRecorder())
    case = objection(story)
    story.at("2026-04-24T17:00+08:00")
    waiting = Told(story, case, requested(story, case.command, case.first))
    story.at("2026-04-27T09:00+08:00")
    waiting.approve(case.second)
    assert story.outcome is not None
    [answered] = [r.event for r in story.outcome.events if isinstance(r.event, ObjectionResolved)]
    assert answered.days_late == 3

    story = Scenario(InMemoryDCBRecorder())
    case = extension(story)
    story.at("2026-07-06T17:00+08:00")
    waiting = Told(story, case, requested(story, case.command, case.first))
    story.at("2026-07-07T09:00+08:00")
    waiting.approve(case.second).raises(OutOfStep, says="2026-07-06")


def test_a_grade_by_hand_begins_on_the_day_of_its_signature() -> None:
    """On the days before, the day of the request among them, it was another one."""
    story = Scenario(InMemoryDCBRecorder())
    case = override(story)
    waiting = Told(story, case, requested(story, case.command, case.first))
    waiting.later(days=2)
    waiting.approve(case.second)
    assert [_grade_on(story, day) for day in (11, 12, 13)] == ["B", "B", "D"]


def test_of_two_grades_by_hand_the_later_signature_holds() -> None:
    """Whichever was requested first."""
    story = Scenario(InMemoryDCBRecorder())
    case = override(story)
    first = requested(story, case.command, case.first)
    second = requested(story, replace(case.command, grade="A"), case.first)
    for approval in (second, first):
        story.given(ApproveRequest(approval=approval), actor=case.second)
    assert _grade_on(story, 11) == "D"


def _grade_on(story: Scenario, day: int) -> str:
    """The grade of the business on a day of May."""
    grade = CreditGrade(E_C).over(
        [
            codec.decode(e.position, e.event.data)
            for e in story.ledger.recorder.read()
            if f"entity:{E_C}" in e.event.tags
        ]
    )
    return grade.on(date(2026, 5, day))


def test_a_policy_that_changed_judges_at_the_signature() -> None:
    """No draw may be voided any more: the voiding is recorded, and found to be one too many."""
    story = Scenario(InMemoryDCBRecorder())
    case = voiding(story)
    waiting = Told(story, case, requested(story, case.command, case.first))
    adopt = AdoptPolicyVersion(
        key="draw.void_max",
        value=0,
        unit="count",
        effective_from=date(2026, 7, 20),
        source=LAW,
        confidence="U",
    )
    story.given(adopt, actor=JB)
    waiting.approve(case.second).then(
        ApprovalGiven,
        DrawVoided,
        DrawOperated,
        like(FindingRaised, rule_id="DRW-V3"),
    )
    assert story.outcome is not None
    assert {r.envelope.policy_refs["draw.void_max"] for r in story.outcome.events} == {2}


OLDER = test_takeon.FACTS
of_each = pytest.mark.parametrize("fact", OLDER, ids=[fact.NAME for fact in OLDER])


def entered(fact: Countersigned) -> tuple[Scenario, str]:
    """A take-on in which the head of a unit requested this opening fact, and the request's id."""
    story = test_takeon.begun(Scenario(InMemoryDCBRecorder()))
    return story, requested(story, fact, HEAD)


@of_each
def test_an_opening_fact_that_two_pairs_entered_is_taken_on_once(fact: Countersigned) -> None:
    """By its id in the older system, under whatever id each of the pairs gave it here."""
    names = ("decision", "record", "case", "commitment", "designation", "duty")
    mine = {name: None for name in names if name in fact.__struct_fields__}
    story, first = entered(fact)
    second = requested(story, replace(fact, **mine), EDB)
    story.given(ApproveRequest(approval=second), actor=JB)
    story.when(ApproveRequest(approval=first), DEPUTY).refused("TKO-D2")
    story.when(RefuseRequest(approval=first, reason="重复"), JB).then(ApprovalRefused)


@of_each
def test_an_opening_fact_is_not_confirmed_after_the_closing(fact: Countersigned) -> None:
    """Nor can the closing be requested anew, once it is confirmed."""
    story, approval = entered(fact)
    close = CloseTakeOn(takeon="TKO", facts=0)
    again = requested(story, close, EDB)
    story.given_signed(close, JB, EDB)
    for waits, second in ((approval, DEPUTY), (again, JB)):
        story.when(ApproveRequest(approval=waits), second).refused("TKO-D1", source="old-system")
        story.when(RefuseRequest(approval=waits, reason="已启用"), second).then(ApprovalRefused)


@of_each
def test_an_opening_fact_outlives_its_business_but_for_a_designation(fact: Countersigned) -> None:
    """The business left between request and signature: what it owes and was fined for remains."""
    story, approval = entered(fact)
    story.given(test_takeon.left("2026-07-01"), actor=EDB)
    story.when(ApproveRequest(approval=approval), DEPUTY)
    if fact is test_takeon.DESIGNATION:
        story.refused("ENT-R1")
    else:
        assert story.outcome is not None, story.error


@of_each
def test_an_opening_fact_is_answered_by_its_unit_or_a_lead_department(fact: Countersigned) -> None:
    """Head of another unit: neither yes nor no, whoever of whatever unit requested it."""
    for first in (HEAD, EDB):
        story = test_takeon.begun(Scenario(InMemoryDCBRecorder()))
        approval = requested(story, fact, first)
        for answer in ANSWERS:
            story.when(answer(approval), EMB).raises(Forbidden, says="EMB")
        story.when(ApproveRequest(approval=approval), JB)
        assert story.outcome is not None, story.error


@pytest.mark.parametrize(
    "fact",
    [
        replace(test_takeon.DESIGNATION, review_on=date(2026, 7, 1)),
        # The transition of 2026-04-01 gives a general one a year from its determination.
        replace(
            test_takeon.PENALTY,
            decided_on=date(2025, 7, 1),
            served_on=date(2025, 7, 1),
            payments=(),
            published_on=date(2025, 7, 2),
        ),
    ],
    ids=lambda fact: fact.NAME,
)
def test_an_opening_fact_is_live_on_the_day_of_its_signature(fact: Countersigned) -> None:
    """On its last day it is requested; on the day after, it had ended."""
    story, approval = entered(fact)
    story.at("2026-07-02T09:00+08:00")
    story.when(ApproveRequest(approval=approval), DEPUTY).refused("TKO-D3")


# What holds of the types


def test_no_command_names_another_person_as_having_approved() -> None:
    """Of the whole registry: the second person is who signs, and no field."""
    for entry in COMMANDS:
        assert not FORMER_FIELDS & set(entry.command.__struct_fields__), entry.name
    for name, command in countersigned_commands().items():
        words = {w for field in command.__struct_fields__ for w in field.split("_")}
        assert not words & {"approved", "approver", "second", "signed", "signer"}, name


def test_what_is_approved_is_what_was_sent() -> None:
    """Nothing of it is sealed, worked out or done beside the ledger between request and effect."""
    for command in countersigned_commands().values():
        assert command not in {**SEALERS, **FINISHERS}
    assert PREPARERS.keys() & set(countersigned_commands().values()) == {VoidDraw}


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("field", sorted(FORMER_FIELDS))
def test_who_names_the_second_person_is_told_what_to_do(name: str, field: str) -> None:
    """As requests to earlier versions did; the pointer says which field is to go."""
    command = countersigned_commands()[name]
    decoder = msgspec.json.Decoder(command)
    with pytest.raises(Problem, match=r"must be left out.*approvals/approve-request") as caught:
        decoded(msgspec.json.encode({field: "MRB-HEAD"}), decoder)
    assert caught.value.pointer == f"/{field}"


def test_the_description_says_that_a_request_is_recorded() -> None:
    """Of these commands, with who may approve them, and of no other."""
    document = describe(COMMANDS, ())
    paths, shared = document["paths"], document["components"]["responses"]
    of_two = {name.replace(".", "/"): one for name, one in countersigned_commands().items()}
    for entry in COMMANDS:
        described = paths[f"/v1/{entry.system}/{entry.name}"]["post"]
        command = of_two.get(f"{entry.system}/{entry.name}")
        says = "approvals.approval-requested" in described["description"]
        assert says is (command is not None), entry.name
        recorded = described["responses"]["201"]["$ref"].removeprefix("#/components/responses/")
        assert says is ("approval-requested" in shared[recorded]["description"])
        if command is not None:
            assert ", ".join(sorted(command.APPROVERS)) in described["description"]
