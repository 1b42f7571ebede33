"""Findings (2.10): who reads, answers, dismisses and closes them; and what is entered late."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
    civil_moment,
)
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.filing.commands import ReportIrregularVisit
from ledger.systems.filing.events import IrregularVisitReported
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.commands import (
    AcceptRectification,
    CloseFinding,
    DismissFinding,
    RaiseFinding,
    RespondToFinding,
    TriageFinding,
)
from ledger.systems.supervision.events import (
    FindingClosed,
    FindingDismissed,
    FindingTriaged,
    RectificationAccepted,
    UnitResponded,
)
from ledger.systems.supervision.hooks import late_entry
from tests.cast import E_A, HEAD, JB, JB_SECOND, actor
from tests.gwt import Scenario, like

RAISED = FindingRaised(
    finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB", entity=E_A
)
OTHER = msgspec.structs.replace(RAISED, finding_id="F-2")
RAISE = RaiseFinding(type="inaction", rule_id="SUP-V2", facts={"days": 40}, unit="MRB")
MRB = EnforcementUnitQualified(
    unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1)
)
RESPONSE = RespondToFinding(finding_id="F-1", unit="MRB", response="已补办备案")
CLOSE = CloseFinding(finding_id="F-1", conclusion="整改到位")


@pytest.fixture
def story() -> Scenario:
    """Two findings about one unit; the second was answered, put right and triaged."""
    return (
        Scenario(InMemoryDCBRecorder(), by=JB)
        .given(SeedLedger())
        .at("2026-10-13T09:00+08:00")
        .given(RAISED)
        .amid(
            OTHER,
            FindingTriaged(finding_id="F-2", unit="MRB", assessment="属实"),
            UnitResponded(finding_id="F-2", unit="MRB", response="已整改"),
            RectificationAccepted(finding_id="F-2", unit="MRB", note="认可"),
        )
    )


def test_a_supervisor_raises_what_the_ledger_did_not(story: Scenario) -> None:
    """A finding of a supervisor's own says that it is not automatic."""
    story.given(MRB)
    story.when(RAISE).then(
        like(FindingRaised, auto=False, type="inaction", unit="MRB", facts={"days": 40})
    )


def test_a_supervisors_finding_refers_to_what_there_is(story: Scenario) -> None:
    """A declared finding rule with its type, a known unit, and recorded evidence."""
    replace = msgspec.structs.replace
    story.when(RAISE).raises(UnknownReference, says="MRB")
    story.given(MRB)
    for rule_id in ("SUP-X", "SUP-R2"):
        story.when(replace(RAISE, rule_id=rule_id)).raises(Malformed, pointer="/rule_id")
    story.when(replace(RAISE, type="unfiled")).raises(Malformed, pointer="/type")
    head = story.ledger.recorder.read().head or 0
    for evidence in (0, head + 1):
        story.when(replace(RAISE, evidence_events=(head, evidence))).raises(UnknownReference)
    story.when(replace(RAISE, evidence_events=(head,))).then(FindingRaised)


def test_SUP_R2_a_finding_is_closed_when_answered(story: Scenario) -> None:
    """Neither a triage nor the answer to another finding closes this one; a response does."""
    story.given(TriageFinding(finding_id="F-1", assessment="属实"))
    story.when(CLOSE).refused("SUP-R2", finding_id="F-1")
    story.given(RESPONSE, actor=HEAD)
    story.when(CLOSE).then(FindingClosed(finding_id="F-1", unit="MRB", conclusion="整改到位"))
    story.when(CLOSE).raises(OutOfStep, says="closed")


def test_SUP_R2_or_when_put_right(story: Scenario) -> None:
    """An accepted rectification stands for a response."""
    story.when(AcceptRectification(finding_id="F-1", note="现场核实")).then(RectificationAccepted)
    story.when(CLOSE).then(FindingClosed)


def test_SUP_R3_an_automatic_finding_has_a_second_reader(story: Scenario) -> None:
    """Whoever dismisses it is not the second reader; of a supervisor's own finding one may be."""
    dismiss = DismissFinding(finding_id="F-1", reason="重复")
    story.signed(dismiss, JB, JB).refused("SUP-R3", reader="JB-1")
    story.signed(dismiss, JB, HEAD).raises(Forbidden, says="jb_supervisor")
    story.signed(dismiss, JB, JB_SECOND).then(
        like(FindingDismissed, finding_id="F-1", second_reader="JB-2")
    )
    story.given(msgspec.structs.replace(RAISED, finding_id="F-3", auto=False))
    story.when(msgspec.structs.replace(dismiss, finding_id="F-3")).then(FindingDismissed)


def test_SUP_R4_a_unit_does_not_close_its_own_finding(story: Scenario) -> None:
    """S7: the supervised unit answers, the supervisor closes."""
    story.given(RESPONSE, actor=HEAD)
    story.when(CLOSE, HEAD).refused("SUP-R4", unit="MRB")
    emb = actor("EMB", "EMB-HEAD", "unit_head")
    story.given(msgspec.structs.replace(RAISED, finding_id="F-3", unit="EMB"))
    story.when(CloseFinding(finding_id="F-3", conclusion="-"), emb).refused("SUP-R4", unit="EMB")


def test_a_unit_answers_for_itself_and_about_itself(story: Scenario) -> None:
    """Nobody answers for another unit, nor to a finding about another one."""
    emb = actor("EMB", "EMB-HEAD", "unit_head")
    story.when(RESPONSE, emb).raises(Forbidden)
    story.when(msgspec.structs.replace(RESPONSE, unit="EMB"), emb).raises(OutOfStep, says="MRB")
    story.when(msgspec.structs.replace(RESPONSE, finding_id="F-9"), HEAD).raises(UnknownReference)


def test_SUP_V2_a_finding_is_triaged_within_five_working_days(story: Scenario) -> None:
    """Raised on 10-13, due on 10-20; on 10-21 the miss is recorded with a finding, only once."""
    position = _position(story, RAISED)
    miss = EndDeadline(rule_name="triage_wd", opened_at_position=position)
    story.at("2026-10-20T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-10-21T00:10+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 10, 20)),
        like(FindingRaised, rule_id="SUP-V2", unit=None, evidence_events=(position,)),
    )
    story.when(miss).then()


@pytest.mark.parametrize(
    "read",
    [
        TriageFinding(finding_id="F-1", assessment="属实"),
        DismissFinding(finding_id="F-1", reason="重复"),
    ],
)
def test_SUP_V2_triage_or_dismissal_is_in_time(story: Scenario, read: Any) -> None:
    """Read on the last day, by whichever way, nothing is missed."""
    miss = EndDeadline(rule_name="triage_wd", opened_at_position=_position(story, RAISED))
    story.given(TriageFinding(finding_id="F-2", assessment="属实"), actor=JB_SECOND)
    story.at("2026-10-20T17:00+08:00")
    if isinstance(read, DismissFinding):
        story.given_signed(read, JB, JB_SECOND)
    else:
        story.given(read)
    story.at("2026-10-30T09:00+08:00").when(miss).raises(OutOfStep, says="in time")


def test_SUP_V2_does_not_breed(story: Scenario) -> None:
    """A finding that says a finding was not triaged opens no deadline of its own."""
    late = msgspec.structs.replace(RAISED, finding_id="F-3", rule_id="SUP-V2")
    story.given(late)
    miss = EndDeadline(rule_name="triage_wd", opened_at_position=_position(story, late))
    story.when(miss).raises(Malformed, says="that opens triage_wd")


REPORT = ReportIrregularVisit(
    irregular_visit="IV-1",
    entity=E_A,
    reporter="self",
    visited_on=date(2026, 9, 30),
    facts="未扫码",
    unit="MRB",
    scanned=True,
)


@pytest.mark.parametrize(
    ("entered", "late"),
    [("2026-10-08T16:00+08:00", False), ("2026-10-09T09:00+08:00", True)],
)
def test_GEN_V1_what_is_entered_late_says_so(entered: str, late: bool) -> None:
    """Over the break: a fact of 09-30 is one working day old on 10-08 and two on 10-09."""
    story = Scenario(InMemoryDCBRecorder(), by=HEAD, hooks=(late_entry,)).given(SeedLedger())
    happened = msgspec.structs.replace(REPORT, occurred_at=civil_moment(date(2026, 9, 30), 10))
    flag = like(FindingRaised, rule_id="GEN-V1", unit="MRB", entity=E_A)
    story.at(entered).when(happened).then(
        IrregularVisitReported, like(FindingRaised, rule_id="FIL-V1"), *([flag] if late else [])
    )


def _position(story: Scenario, event: FindingRaised) -> int:
    """Where a finding stands in the ledger."""
    wanted = f"finding:{event.finding_id}"
    found = [e.position for e in story.ledger.recorder.read() if wanted in e.event.tags]
    return found[0]
