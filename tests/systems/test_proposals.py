"""Documents that the rule-of-law office proposes to the Justice Bureau (2.18)."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import Malformed, OutOfStep, UnknownReference
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.commands import (
    DeclineProposal,
    IssueSupervisionDoc,
    ProposeSupervisionDoc,
)
from ledger.systems.supervision.events import (
    ProposalDeclined,
    ProposalFollowed,
    SupervisionDocIssued,
    SupervisionDocProposed,
)
from tests.gwt import Scenario, actor, like
from tests.systems.test_supervision_documents import FOUND, JB, OF_EMB, SECRET

replace = msgspec.structs.replace

RLO = actor("RLO", "RLO-1", "rlo_assessor")
PROPOSE = ProposeSupervisionDoc(
    proposal="PRO-1",
    kind="notice",
    unit="MRB",
    demands=("说明未备案检查的情况",),
    reason="三个月内两次未备案",
    findings=("F-1",),
)
ISSUE = IssueSupervisionDoc(
    document="SD-1",
    kind="notice",
    unit="MRB",
    doc_no="兰新司监〔2026〕1号",
    demands=("说明未备案检查的情况",),
    findings=("F-1",),
    proposal="PRO-1",
)
DECLINE = DeclineProposal(proposal="PRO-1", reason="已另行约谈")


@pytest.fixture
def story() -> Scenario:
    """MRB and EMB qualified, with a finding about each, and a confidential one."""
    scenario = Scenario(InMemoryDCBRecorder(), by=RLO).at("2026-10-13T09:00+08:00")
    scenario.given(SeedLedger(), actor=JB)
    for unit in ("MRB", "EMB"):
        qualified = EnforcementUnitQualified(
            unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1)
        )
        scenario.given(qualified, actor=JB)
    return scenario.given(FOUND, OF_EMB, SECRET, actor=JB)


def test_a_proposal_becomes_a_document(story: Scenario) -> None:
    """What the office proposes the Bureau issues, and the proposal says which document that is."""
    story.when(PROPOSE).then(like(SupervisionDocProposed, unit="MRB", findings=("F-1",)))
    story.when(replace(ISSUE, unit="EMB", findings=()), JB).raises(OutOfStep, says="about MRB")
    story.when(ISSUE, JB).then(
        like(SupervisionDocIssued, document="SD-1"),
        like(ProposalFollowed, proposal="PRO-1", document="SD-1", unit="MRB"),
    )
    story.when(replace(ISSUE, document="SD-2"), JB).raises(OutOfStep, says="followed")
    story.when(DECLINE, JB).raises(OutOfStep, says="followed")


def test_a_proposal_is_declined_with_a_reason(story: Scenario) -> None:
    """No document comes of it, neither then nor later."""
    story.given(PROPOSE).when(DECLINE, JB).then(like(ProposalDeclined, reason="已另行约谈"))
    story.when(ISSUE, JB).raises(OutOfStep, says="declined")
    story.when(PROPOSE).raises(OutOfStep, says="recorded already")


def test_a_proposal_names_what_there_is(story: Scenario) -> None:
    """A qualified unit, and open findings about it that the unit may read of."""
    story.when(replace(PROPOSE, unit="TAX")).raises(UnknownReference)
    story.when(replace(PROPOSE, findings=("F-EMB",))).raises(OutOfStep, says="about EMB")
    story.when(replace(PROPOSE, findings=(SECRET.finding_id,))).raises(
        Malformed, pointer="/findings"
    )
    story.when(DECLINE, JB).raises(UnknownReference)
    story.when(replace(ISSUE, proposal="PRO-9"), JB).raises(UnknownReference)
