"""Commands that correct a record, or record that a decision was revoked or altered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import DecisionId, EntityId, Name, Role, Text, UnitId
from ledger.kernel import (
    DeadlineMissed,
    DeadlineRecomputed,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    Recorded,
    Report,
    UnknownReference,
    WorkingCalendarPublished,
)
from ledger.kernel.commands import CLOCK_TOLERANCE
from ledger.kernel.corrections import CorrectionImpossible, corrected
from ledger.systems.corrections.effects import NullificationKind, altered_content, nullify
from ledger.systems.corrections.events import (
    AlteredField,
    FieldChange,
    LitigationConcluded,
    LitigationOutcome,
    RecordCorrected,
)
from ledger.systems.corrections.folds import DecisionStanding, as_it_reads
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.credit.rules import CRD_R4, require_as_decided, require_first
from ledger.systems.endings.effects import alter_records, end_outlived, moved_bounds
from ledger.systems.entities.events import Identity
from ledger.systems.entities.rules import plain_identity
from ledger.systems.penalties.events import PenaltyContent, PenaltyDecided
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import require_content

#: What to do instead of correcting a record, by the topic of its event or by its system.
INSTEAD: Mapping[str, str] = {
    RecordCorrected.TOPIC: "Correct the original record once more.",
    PolicyVersionAdopted.TOPIC: "Adopt a new version of the policy instead.",
    WorkingCalendarPublished.TOPIC: "Publish a new version of the year's calendar instead.",
    DeadlineMissed.TOPIC: "It follows from the opening record, the policy and the calendar: "
    "correct or supersede those.",
    DeadlineRecomputed.TOPIC: "It follows from the calendars: publish a new version of the year's "
    "calendar instead.",
    "filing.annual-plan-approved": "Amend the plan instead.",
    "filing.plan-amended": "Amend the plan once more.",
    "filing.special-plan-approved": "Approve another special plan instead.",
    "filing.special-inspection-filed": "File the inspection anew.",
    "filing.inspection-task-approved": "Cancel the task and approve another one.",
    "filing.inspection-cancelled": "Approve another task.",
    "catalogue": "Revise or withdraw the matter; qualify the unit or certify the officer anew.",
    "supervision": "Dismiss the finding, or state the correction in its next step.",
    "grading": "Assess the grade anew.",
    "commitments": "Record the performance or the breach of the obligation instead.",
    "dishonesty": "Determine it anew after a new notice; lift the sanction, end the incentive "
    "or remove the listing.",
    "credit": "Suspend, resume or end the publicity of the record instead.",
    "repair": "Take the next step of the case, or revoke the repair.",
    "sharing": "End the subscription and subscribe anew.",
    "penalties": "Record what a competent body decided about the decision instead.",
    "publicity": "Publish it anew, or withdraw what was published.",
    "process": "Supersede the piece of evidence and say why.",
    "observation": "Take the next step of the period or the measure, and state the correction in "
    "it.",
    "approvals": "Answer or withdraw the request, and make another one.",
    "corrections": "Record what a competent body decided later.",
    "takeon": "Correct the opening fact itself; end what was taken on by mistake with the commands "
    "of its system.",
    "intake": "Import what the register says now.",
    "transparency": "The checkpoints state it as well; rotate the key once more.",
}


#: The systems whose records a credit officer can correct.
CREDIT_SYSTEMS = frozenset({"credit", "grading", "entities", "intake", "penalties", "takeon"})


class CorrectRecord(Countersigned):
    """更正记录: correct a record that differs from the facts; a second person must approve it.

    ``old`` of each change is the present value, after earlier corrections. Each type of event
    declares the fields that report a fact; these and ``occurred_at`` can be corrected. The content
    of a decision is changed by a new decision. People of a unit correct the records of their unit.
    """

    # Everyone of a unit can request a correction; APPROVERS names who can approve it.
    ROLES = roles("jb_supervisor", "credit_officer", *UNIT)

    NAME: ClassVar[str] = "corrections.correct-record"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset(
        {"jb_supervisor", "credit_officer", "unit_head"}
    )

    target_position: Annotated[int, msgspec.Meta(ge=1)]
    field_changes: Annotated[tuple[FieldChange, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Text

    def confidential(self, inquiry: Inquiry) -> bool:
        target = inquiry.named_record(self.target_position)
        return target is not None and target.envelope.visibility == "sealed"

    def withheld_from(self, inquiry: Inquiry) -> tuple[str, ...]:
        target = inquiry.named_record(self.target_position)
        return () if target is None else target.event.kept_from()

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        target = self._target(inquiry)
        # Check the fields first: if nobody can correct them, do not tell who could.
        self._check_fields(target)
        if inquiry.actor.role not in ("jb_supervisor", "credit_officer"):
            inquiry.act_for(getattr(target.event, "unit", None) or target.envelope.actor.unit_id)
            # A unit cannot correct what others reported or certified about it.
            inquiry.act_for(target.envelope.actor.unit_id)
        system = target.envelope.type.partition(".")[0]
        if inquiry.actor.role == "credit_officer" and system not in CREDIT_SYSTEMS:
            raise Forbidden(
                f"a credit officer can correct only records of {', '.join(sorted(CREDIT_SYSTEMS))};"
                f" {target.envelope.type} must be corrected by the head of the unit that recorded "
                "it, or by the Justice Bureau."
            )

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        target = self._target(inquiry)
        assert requested_by is not None
        self._check(as_it_reads(inquiry, target))
        if target.envelope.visibility == "public":
            words = (msgspec.json.encode(change.new).decode() for change in self.field_changes)
            require_impersonal(inquiry, CRD_R4, self.reason, *words)
        yield RecordCorrected(
            target_event_id=target.envelope.event_id,
            target_position=target.position,
            field_changes=self.field_changes,
            reason=self.reason,
            requested_by=requested_by,
            approved_by=inquiry.actor.person_id,
            subjects=tuple(target.event.tags()),
            target_visibility=target.envelope.visibility,
            target_kept_from=target.event.kept_from(),
        )
        current = corrected(as_it_reads(inquiry, target), self.field_changes).event
        if isinstance(current, CreditRecordEntered):
            yield from self._correct_record(inquiry, current)
        elif isinstance(current, PenaltyDecided):
            yield from self._correct_document(inquiry, current, requested_by)

    def _target(self, inquiry: Inquiry) -> Recorded:
        target = inquiry.named_record(self.target_position)
        if target is None:
            raise UnknownReference("record", str(self.target_position))
        return target

    def _correct_document(
        self, inquiry: Inquiry, current: PenaltyDecided, requested_by: str
    ) -> Iterator[Event]:
        """Correct the document number and the day on the credit records of a decision, too."""
        decision = inquiry.read(Decision(current.decision))
        known = decision.decision_made
        if known is None:
            return
        last = inquiry.today if decision.served is None else decision.served.served_on
        if current.decided_on > last:
            raise Malformed(
                f"decided_on must not be after {last}, by when the decision existed; it is "
                f"{current.decided_on}",
                self._pointer("/body/decided_on "),
            )
        records = inquiry.read(CreditRecords(current.entity)).of_document(
            current.decision, known.doc_no
        )
        for record in records if known.decided_on != current.decided_on else ():
            yield from self._correct_day(inquiry, record, current.decided_on, requested_by)
        for record in records if known.doc_no != current.doc_no else ():
            says = record.says
            require_first(
                inquiry,
                entity=current.entity,
                kind=says.kind,
                doc_no=current.doc_no,
                but=record.record,
            )
            yield from alter_records(
                inquiry,
                [record],
                decision=current.decision,
                instrument=current.doc_no,
                severity=says.severity,
                amount_fen=says.amount_fen,
                doc_no=current.doc_no,
            )

    def _correct_day(
        self, inquiry: Inquiry, record: Record, day: date, requested_by: str
    ) -> Iterator[Event]:
        """Correct the day of a record, which must be the day of its decision (CRD-R6).

        The last days of its publicity move too, as after a correction of the record itself.
        """
        says, entered = record.says, record.entered
        if says.determined_on == day:
            return
        yield RecordCorrected(
            target_event_id=entered.envelope.event_id,
            target_position=entered.position,
            field_changes=(
                FieldChange(
                    path="/body/determined_on",
                    old=says.determined_on.isoformat(),
                    new=day.isoformat(),
                ),
            ),
            reason=self.reason,
            requested_by=requested_by,
            approved_by=inquiry.actor.person_id,
            subjects=tuple(entered.event.tags()),
            target_visibility=entered.envelope.visibility,
            target_kept_from=entered.event.kept_from(),
        )
        says = msgspec.structs.replace(says, determined_on=day)
        moved = moved_bounds(inquiry, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(inquiry, [record], [moved])

    def _correct_record(self, inquiry: Inquiry, current: CreditRecordEntered) -> Iterator[Event]:
        """Check a corrected record and move the last days of its publicity.

        The record must match its decision and stay the only one of its document.
        """
        record = inquiry.read(Record(current.record))
        # A later alteration of the record stays; replace only the fields corrected here.
        touched = {
            change.path.split("/")[2] for change in self.field_changes if "/body/" in change.path
        }
        compared = touched & {"determined_on", "instrument", "amount_fen"}
        says = msgspec.structs.replace(
            record.says, **{name: getattr(current, name) for name in compared}
        )
        # A difference that this correction does not touch is not checked.
        if says.instrument.doc_no != record.says.instrument.doc_no:
            require_first(
                inquiry,
                entity=says.entity,
                kind=says.kind,
                doc_no=says.instrument.doc_no,
                but=says.record,
            )
        if says != record.says:
            require_as_decided(inquiry, says)
        moved = moved_bounds(inquiry, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(inquiry, [record], [moved])

    def _check_fields(self, target: Recorded) -> None:
        topic, fields = target.envelope.type, type(target.event).CORRECTABLE
        instead = INSTEAD.get(topic) or INSTEAD.get(
            topic.split(".")[0], "Record the present facts instead."
        )
        if not fields:
            raise Malformed(
                f"position {self.target_position} is {topic}, which cannot be corrected. {instead}",
                "/target_position",
            )
        for place, change in enumerate(self.field_changes):
            _, part, *rest = change.path.split("/")
            if part == "body" and rest[0] not in fields:
                raise Malformed(
                    f"{change.path} of {topic} cannot be corrected, only occurred_at and, in the "
                    f"body, {', '.join(sorted(fields))}. {instead}",
                    f"/field_changes/{place}",
                )

    def _check(self, current: Recorded) -> None:
        for place, change in enumerate(self.field_changes):
            if change.old == change.new:
                raise Malformed(
                    f"{change.path} must change; old and new are equal.",
                    f"/field_changes/{place}/new",
                )
        try:
            result = corrected(current, self.field_changes)
        except CorrectionImpossible as error:
            raise Malformed(str(error), self._pointer(str(error))) from error
        identity = getattr(result.event, "identity", None)
        if isinstance(identity, Identity):
            try:
                plain = plain_identity(identity)
            except Malformed as error:
                raise Malformed(str(error), "/field_changes") from error
            if plain != identity:
                raise Malformed(
                    "the texts of an identity must not begin or end with spaces or invisible "
                    "characters",
                    "/field_changes",
                )
        if result.envelope.occurred_at > current.envelope.recorded_at + CLOCK_TOLERANCE:
            raise Malformed(
                "occurred_at must not be after the time of recording, "
                f"{current.envelope.recorded_at.isoformat()}.",
                self._pointer("/occurred_at "),
            )

    def _pointer(self, message: str) -> str:
        """Return the pointer to the change whose path begins a message, or else to all changes."""
        for place, change in enumerate(self.field_changes):
            if message.startswith(f"{change.path} "):
                return f"/field_changes/{place}"
        return "/field_changes"


class NullifyDecision(Report):
    """否定决定: record that a competent body revoked or altered a decision, or declared it
    unlawful or void.

    The decision must be on record with this unit and business, and must not be revoked or declared
    void already. ``content`` is the whole content of an altered penalty; ``altered`` names what was
    altered: the fields of a penalty, or, for another act, in words. The head of a unit records this
    for decisions of that unit. What depends on the decision (credit records, sanctions, grades)
    changes in the same append.
    """

    ROLES = roles("recon_officer", "unit_head")
    ANY_UNIT = roles("recon_officer")

    decision: DecisionId
    unit: UnitId
    kind: NullificationKind
    entity: EntityId | None = None
    by: Name
    instrument: Name
    effective_on: date
    reason: Text
    content: PenaltyContent | None = None
    altered: tuple[AlteredField, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if (self.kind == "altered") != (bool(self.altered) or self.content is not None):
            raise Malformed(
                "content or altered must be given, because kind is altered"
                if self.kind == "altered"
                else f"content and altered must be left out, because kind is {self.kind}",
                "/altered",
            )
        hint = "Record the decision first."
        standing = inquiry.own(
            DecisionStanding(self.decision), hint, any_unit=roles("recon_officer")
        )
        if self.unit != standing.unit:
            raise Malformed(
                f"unit must be the unit of decision {self.decision}, {standing.unit}; it is "
                f"{self.unit}",
                "/unit",
            )
        if self.entity not in (None, standing.entity):
            expected = standing.entity or "left out"
            raise Malformed(
                f"entity must be {expected}, as in decision {self.decision}; it is {self.entity}",
                "/entity",
            )
        if standing.ended_on is not None:
            raise OutOfStep(
                f"decision {self.decision} has had no effect since {standing.ended_on} "
                f"({standing.ended_by})"
            )
        act = inquiry.read(Decision(self.decision))
        content = None
        if self.kind == "altered":
            content = altered_content(act, self.content, self.altered)
        if content is not None and act.exists:
            require_content(content, act.decided.decided_on, "/content")
        yield from nullify(
            inquiry,
            standing,
            self.kind,
            by=self.by,
            instrument=self.instrument,
            effective_on=self.effective_on,
            reason=self.reason,
            altered=self.altered,
            before=act.content if self.kind == "altered" else None,
            content=content,
        )


class RecordLitigation(Report):
    """记录行政诉讼结果: report how a court ended a suit about one of the unit's decisions.

    The decision itself does not change: if the judgment revokes or alters it, record that with
    nullify-decision.
    """

    ROLES = roles("unit_legal_office", "unit_head")

    decision: DecisionId
    court: Name
    case_no: Name
    instance: Literal["first", "second", "retrial"]
    outcome: LitigationOutcome
    judged_on: date
    final: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.own(DecisionStanding(self.decision), "Record the decision first.")
        if self.judged_on > inquiry.on:
            raise Malformed(
                f"judged_on must not be after {inquiry.on}; it is {self.judged_on}", "/judged_on"
            )
        if standing.made_on is not None and self.judged_on < standing.made_on:
            raise Malformed(
                f"judged_on must not be before the decision ({standing.made_on}); it is "
                f"{self.judged_on}",
                "/judged_on",
            )
        yield LitigationConcluded(
            decision=self.decision,
            unit=standing.unit,
            entity=standing.entity,
            court=self.court,
            case_no=self.case_no,
            instance=self.instance,
            outcome=self.outcome,
            judged_on=self.judged_on,
            final=self.final,
        )
