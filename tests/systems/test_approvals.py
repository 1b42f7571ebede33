"""Approvals: what takes two people is requested by one and approved by another (0.3, 2.17)."""

from __future__ import annotations

from datetime import date

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.countersigning import (
    ApprovalRequested,
    countersigned_commands,
    requested_command,
)
from ledger.kernel import Forbidden, LegalRef, Malformed, OutOfStep, UnknownReference
from ledger.registry import COMMANDS
from ledger.systems.approvals.commands import ApproveRequest, RefuseRequest, WithdrawRequest
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.corrections.commands import CorrectRecord
from ledger.systems.corrections.events import FieldChange, RecordCorrected
from ledger.systems.filing.events import IrregularVisitReported
from tests.cast import DEPUTY, HEAD, OFFICER, actor
from tests.gwt import Scenario, like

LAW = LegalRef(instrument="《行政执法监督条例》")
DATE = FieldChange(path="/body/visited_on", old="2026-06-11", new="2026-06-10")
CORRECT = CorrectRecord(
    target_position=1, field_changes=(DATE,), reason="日期录入错误", legal_basis=(LAW,)
)


@pytest.fixture
def story() -> Scenario:
    """A visit at position 1, with a wrong date."""
    visit = IrregularVisitReported(
        irregular_visit="IV-1",
        entity="91620100MA7LX0017J",
        reporter="self",
        visited_on=date(2026, 6, 11),
        facts="入企未扫码",
        unit="MRB",
    )
    return Scenario(InMemoryDCBRecorder()).at("2026-06-12T09:00+08:00").given(visit)


def requested(story: Scenario) -> str:
    """The id of the request that the officer makes."""
    story.when(CORRECT, OFFICER)
    assert story.outcome is not None
    (asked,) = story.outcome.events
    assert isinstance(asked.event, ApprovalRequested)
    return asked.event.approval


def test_a_request_says_what_was_requested_and_changes_nothing(story: Scenario) -> None:
    """The whole command is in it, under its name, as it was sent."""
    story.when(CORRECT, OFFICER).then(
        lambda record: (
            requested_command(record.event.command, record.event.body) == CORRECT  # type: ignore[attr-defined]
        )
    )


def test_what_is_approved_takes_effect_in_the_same_append(story: Scenario) -> None:
    """In the approver's name, caused by the approval, citing the law that the request cited."""
    request = requested(story)
    story.when(ApproveRequest(approval=request), HEAD).then(
        like(ApprovalGiven, approval=request, requested_by="OFF-001"),
        like(RecordCorrected, requested_by="OFF-001", approved_by="MRB-HEAD"),
    )
    assert story.outcome is not None
    given, corrected = story.outcome.events
    assert corrected.envelope.causation_id == given.envelope.event_id
    assert corrected.envelope.actor == HEAD
    assert corrected.envelope.legal_basis == (LAW,)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: ApproveRequest(approval=request),
        lambda request: RefuseRequest(approval=request, reason="证据不足"),
    ],
)
def test_GEN_R1_nobody_answers_their_own_request(story: Scenario, answer: object) -> None:
    """Neither yes nor no; nor does somebody whose role may not approve it."""
    request = requested(story)
    command = answer(request)  # type: ignore[operator]
    story.when(command, OFFICER).refused(
        "GEN-R1", requested_by="OFF-001", command="corrections.correct-record"
    )
    story.when(command, DEPUTY).raises(Forbidden, says="unit_head")
    other = actor("EMB", "EMB-HEAD", "unit_head")
    if isinstance(command, ApproveRequest):
        story.when(command, other).raises(Forbidden, says="MRB")


def test_a_request_is_answered_once(story: Scenario) -> None:
    """Refused, withdrawn or approved, it waits no more; the answer says who answered, and when."""
    request = requested(story)
    story.when(RefuseRequest(approval=request, reason="证据不足"), HEAD).then(
        like(ApprovalRefused, reason="证据不足", requested_by="OFF-001")
    )
    for command in (ApproveRequest(approval=request), WithdrawRequest(approval=request)):
        story.when(command, HEAD).raises(OutOfStep, says="refused on 2026-06-12 by MRB-HEAD")

    request = requested(story)
    story.when(WithdrawRequest(approval=request), HEAD).raises(Forbidden, says="OFF-001")
    story.when(WithdrawRequest(approval=request), OFFICER).then(ApprovalWithdrawn)
    story.when(ApproveRequest(approval=request), HEAD).raises(OutOfStep, says="withdrawn")
    story.when(ApproveRequest(approval="APR.none.1"), HEAD).raises(UnknownReference)


def test_it_is_checked_again_when_it_is_approved(story: Scenario) -> None:
    """Of two requests for one correction the second finds the value changed, and still waits."""
    first, second = requested(story), requested(story)
    story.given(ApproveRequest(approval=first), actor=HEAD)
    story.when(ApproveRequest(approval=second), HEAD).raises(
        Malformed, pointer="/field_changes/0", says="says '2026-06-10', not '2026-06-11'"
    )
    story.when(WithdrawRequest(approval=second), OFFICER).then(ApprovalWithdrawn)


def test_every_countersigned_command_is_named_like_its_address() -> None:
    """What two people sign is found under the name by which it is sent, by who may approve it."""
    entries = {f"{entry.system}.{entry.name}": entry for entry in COMMANDS}
    answering = entries["approvals.approve-request"].roles
    for name, command in countersigned_commands().items():
        assert entries[name].command is command
        assert answering >= command.APPROVERS
        # The clock ends what has run out; it requests nothing.
        assert answering >= entries[name].roles - {"ledger_clock"}, name


def test_GEN_R1_capital_letters_make_no_second_person(story: Scenario) -> None:
    """Whoever has a token in other letters is the same person still."""
    request = requested(story)
    small = actor("MRB", "off-001", "unit_head")
    story.when(ApproveRequest(approval=request), small).refused("GEN-R1", requested_by="OFF-001")
    story.when(WithdrawRequest(approval=request), small).then(ApprovalWithdrawn)


def test_a_request_is_kept_from_whom_its_subject_is() -> None:
    """A correction of a complaint about the Justice Bureau does not tell the bureau of it."""
    received = ComplaintReceived(
        complaint="CMP-1",
        unit="RECON",
        subject_unit="JB",
        channel="web",
        facts="态度恶劣",
        anonymous=True,
    )
    recon = actor("RECON", "RECON-1", "unit_head")
    story = (
        Scenario(InMemoryDCBRecorder()).at("2026-06-12T09:00+08:00").given(received, actor=recon)
    )
    facts = FieldChange(path="/body/facts", old="态度恶劣", new="言语粗暴")
    correct = CorrectRecord(target_position=1, field_changes=(facts,), reason="笔误")
    story.when(correct, recon).then(
        lambda asked: asked.envelope.visibility == "sealed" and asked.event.kept_from() == ("JB",)
    )
    request = story.outcome.events[0].event.approval  # type: ignore[union-attr, attr-defined]
    second = actor("RECON", "RECON-2", "unit_head")
    story.when(RefuseRequest(approval=request, reason="原文如此"), second).then(
        lambda refused: refused.event.kept_from() == ("JB",)
    )
