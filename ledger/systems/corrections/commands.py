"""Commands that correct a record or record that a decision is legally undone."""

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
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    Reading,
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
from ledger.systems.credit.effects import alter_records, end_outlived, moved_bounds
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.credit.rules import CRD_R4, require_as_decided, require_first
from ledger.systems.entities.events import Identity
from ledger.systems.entities.rules import plain_identity
from ledger.systems.penalties.events import PenaltyContent, PenaltyDecided
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import require_content

#: What to do about a record, or any of a system, instead of correcting it.
INSTEAD: Mapping[str, str] = {
    RecordCorrected.TOPIC: "Correct the record that it corrects once more.",
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
    "supervision": "Dismiss the finding, or say so in the next step about it.",
    "grading": "Assess the grade anew.",
    "commitments": "Record the performance or the breach of the obligation instead.",
    "dishonesty": "Determine it anew after a new notice; lift, end or remove what stands.",
    "credit": "Suspend, resume or end the publicity of the record instead.",
    "repair": "Take the next step of the case, or revoke the repair.",
    "sharing": "End the subscription and subscribe anew.",
    "penalties": "Record what a competent body decided about the decision instead.",
    "publicity": "Publish it anew, or withdraw what was published.",
    "process": "Supersede the piece of evidence and say why.",
    "observation": "Take the next step about the period or the measure, and say so there.",
    "approvals": "Answer or withdraw the request, and make another one.",
    "corrections": "Record what a competent body decided since.",
    "takeon": "Correct the opening fact itself; what was taken on without ground is ended by its "
    "own system's commands.",
    "intake": "Import what the register says now.",
    "transparency": "It is what the checkpoints say too; rotate the key once more.",
}


#: What the lead department of credit answers for.
CREDIT_SYSTEMS = frozenset({"credit", "grading", "entities", "intake", "penalties", "takeon"})


class CorrectRecord(Countersigned):
    """更正记录: what was recorded is not what happened; one person requests, another approves it.

    ``old`` of each change is what the record says now, after earlier corrections. Each type of
    event says which of its fields report a fact and can be corrected, ``occurred_at`` with them;
    what was decided is changed by a decision. A unit's people correct what their own unit recorded.
    """

    # Anybody of a unit may request one; its class says who approves it.
    ROLES = roles("jb_supervisor", "credit_officer", *UNIT)

    NAME: ClassVar[str] = "corrections.correct-record"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset(
        {"jb_supervisor", "credit_officer", "unit_head"}
    )

    target_position: Annotated[int, msgspec.Meta(ge=1)]
    field_changes: Annotated[tuple[FieldChange, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Text

    def confidential(self, ledger: Reading) -> bool:
        target = ledger.named_record(self.target_position)
        return target is not None and target.envelope.visibility == "sealed"

    def withheld_from(self, ledger: Reading) -> tuple[str, ...]:
        target = ledger.named_record(self.target_position)
        return () if target is None else target.event.kept_from()

    def require_signer(self, ledger: Reading, requested_by: str | None) -> None:
        target = self._target(ledger)
        # First: what is corrected by nobody is not told whose it is to correct.
        self._check_fields(target)
        if ledger.actor.role not in ("jb_supervisor", "credit_officer"):
            ledger.act_for(getattr(target.event, "unit", None) or target.envelope.actor.unit_id)
            # What others reported or certified of the unit is not the unit's to correct.
            ledger.act_for(target.envelope.actor.unit_id)
        system = target.envelope.type.partition(".")[0]
        if ledger.actor.role == "credit_officer" and system not in CREDIT_SYSTEMS:
            raise Forbidden(
                f"a credit officer corrects what belongs to {', '.join(sorted(CREDIT_SYSTEMS))}; "
                f"{target.envelope.type} is corrected by the head of the unit that recorded it, or "
                "by the Justice Bureau."
            )

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event]:
        target = self._target(ledger)
        assert requested_by is not None
        self._check(as_it_reads(ledger, target))
        if target.envelope.visibility == "public":
            words = (msgspec.json.encode(change.new).decode() for change in self.field_changes)
            require_impersonal(ledger, CRD_R4, self.reason, *words)
        yield RecordCorrected(
            target_event_id=target.envelope.event_id,
            target_position=target.position,
            field_changes=self.field_changes,
            reason=self.reason,
            requested_by=requested_by,
            approved_by=ledger.actor.person_id,
            subjects=tuple(target.event.tags()),
            target_visibility=target.envelope.visibility,
            target_kept_from=target.event.kept_from(),
        )
        current = corrected(as_it_reads(ledger, target), self.field_changes).event
        if isinstance(current, CreditRecordEntered):
            yield from self._correct_record(ledger, current)
        elif isinstance(current, PenaltyDecided):
            yield from self._correct_document(ledger, current, requested_by)

    def _target(self, ledger: Reading) -> Recorded:
        target = ledger.named_record(self.target_position)
        if target is None:
            raise UnknownReference("record", str(self.target_position))
        return target

    def _correct_document(
        self, ledger: Reading, current: PenaltyDecided, requested_by: str
    ) -> Iterator[Event]:
        """A decision's document number and day stand on its records too."""
        decision = ledger.read(Decision(current.decision))
        known = decision.decided
        if known is None:
            return
        last = ledger.today if decision.served is None else decision.served.served_on
        if current.decided_on > last:
            raise Malformed(
                f"decided_on must not lie after {last}, when the decision was there; it is "
                f"{current.decided_on}",
                self._pointer("/body/decided_on "),
            )
        records = ledger.read(CreditRecords(current.entity)).of_document(
            current.decision, known.doc_no
        )
        for record in records if known.decided_on != current.decided_on else ():
            yield from self._correct_day(ledger, record, current.decided_on, requested_by)
        for record in records if known.doc_no != current.doc_no else ():
            says = record.says
            assert says is not None
            require_first(
                ledger,
                entity=current.entity,
                kind=says.kind,
                doc_no=current.doc_no,
                but=record.record,
            )
            yield from alter_records(
                ledger,
                [record],
                decision=current.decision,
                instrument=current.doc_no,
                severity=says.severity,
                amount_fen=says.amount_fen,
                doc_no=current.doc_no,
            )

    def _correct_day(
        self, ledger: Reading, record: Record, day: date, requested_by: str
    ) -> Iterator[Event]:
        """A record is determined on the day of its decision (CRD-R6), and corrected with it.

        The last days of its publicity follow, as after a correction of the record itself.
        """
        says, entered = record.says, record.entered
        assert says is not None
        assert entered is not None
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
            approved_by=ledger.actor.person_id,
            subjects=tuple(entered.event.tags()),
            target_visibility=entered.envelope.visibility,
            target_kept_from=entered.event.kept_from(),
        )
        says = msgspec.structs.replace(says, determined_on=day)
        moved = moved_bounds(ledger, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(ledger, [record], [moved])

    def _correct_record(self, ledger: Reading, current: CreditRecordEntered) -> Iterator[Event]:
        """What a record says has to stay what its decision says, and the only one of its document;
        the last days of its publicity count from its day.
        """
        record = ledger.read(Record(current.record))
        assert record.says is not None
        # An alteration since then stays: only what is corrected here is another.
        touched = {
            change.path.split("/")[2] for change in self.field_changes if "/body/" in change.path
        }
        compared = touched & {"determined_on", "instrument", "amount_fen"}
        says = msgspec.structs.replace(
            record.says, **{name: getattr(current, name) for name in compared}
        )
        # What stood otherwise before, and is not touched, is not judged by this.
        if says.instrument.doc_no != record.says.instrument.doc_no:
            require_first(
                ledger,
                entity=says.entity,
                kind=says.kind,
                doc_no=says.instrument.doc_no,
                but=says.record,
            )
        if says != record.says:
            require_as_decided(ledger, says)
        moved = moved_bounds(ledger, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(ledger, [record], [moved])

    def _check_fields(self, target: Recorded) -> None:
        topic, fields = target.envelope.type, type(target.event).CORRECTABLE
        instead = INSTEAD.get(topic) or INSTEAD.get(topic.split(".")[0], "Record what is so now.")
        if not fields:
            raise Malformed(
                f"position {self.target_position} is {topic}, which is not corrected. {instead}",
                "/target_position",
            )
        for place, change in enumerate(self.field_changes):
            _, part, *rest = change.path.split("/")
            if part == "body" and rest[0] not in fields:
                raise Malformed(
                    f"{change.path} of {topic} is not corrected, only occurred_at and, in the "
                    f"body, {', '.join(sorted(fields))}. {instead}",
                    f"/field_changes/{place}",
                )

    def _check(self, current: Recorded) -> None:
        for place, change in enumerate(self.field_changes):
            if change.old == change.new:
                raise Malformed(f"{change.path} would not change.", f"/field_changes/{place}/new")
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
                raise Malformed("nothing must stand around words but words", "/field_changes")
        if result.envelope.occurred_at > current.envelope.recorded_at + CLOCK_TOLERANCE:
            raise Malformed(
                "a fact cannot have happened after it was recorded, at "
                f"{current.envelope.recorded_at.isoformat()}.",
                self._pointer("/occurred_at "),
            )

    def _pointer(self, message: str) -> str:
        """Where the change stands that a message begins with; all of them if it names none."""
        for place, change in enumerate(self.field_changes):
            if message.startswith(f"{change.path} "):
                return f"/field_changes/{place}"
        return "/field_changes"


class NullifyDecision(Report):
    """否定决定: record that a competent body revoked or altered a decision, or declared it
    unlawful or void.

    The decision has to be on record, with this unit and business, and one that was revoked or
    declared void has no further fate. ``content`` says what a penalty that was altered consists of
    since, whole; ``altered`` says field by field what was altered of it, or in words of
    another act. A unit's head records this of the own unit's decisions. What rests on the decision
    (credit records, sanctions, grades) follows in the same append.
    """

    ROLES = roles("recon_officer", "unit_head")
    ACTS_FOR = "unit"
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if (self.kind == "altered") != (bool(self.altered) or self.content is not None):
            raise Malformed(
                "say what is altered" if self.kind == "altered" else "nothing is altered by this",
                "/altered",
            )
        standing = ledger.known(
            DecisionStanding(self.decision), "Record the decision before what became of it."
        )
        if ledger.actor.role == "unit_head":
            ledger.act_for(standing.unit)
        if self.unit != standing.unit:
            raise Malformed(f"decision {self.decision} is {standing.unit}'s", "/unit")
        if self.entity not in (None, standing.entity):
            raise Malformed(
                f"decision {self.decision} concerns {standing.entity or 'no business'}", "/entity"
            )
        if standing.ended_on is not None:
            raise OutOfStep(
                f"decision {self.decision} has had no effect since {standing.ended_on}, by "
                f"{standing.ended_by}"
            )
        act = ledger.read(Decision(self.decision))
        content = None
        if self.kind == "altered":
            content = altered_content(act, self.content, self.altered)
        if content is not None and act.decided is not None:
            require_content(content, act.decided.decided_on, "/content")
        yield from nullify(
            ledger,
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

    The decision itself stays as it is: what the judgment undoes or alters is recorded with
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        standing = ledger.known(
            DecisionStanding(self.decision), "Record the decision before what became of it."
        )
        ledger.act_for(standing.unit)
        if self.judged_on > ledger.on:
            raise Malformed(
                f"judged_on must not lie after {ledger.on}; it is {self.judged_on}", "/judged_on"
            )
        if standing.made_on is not None and self.judged_on < standing.made_on:
            raise Malformed(
                f"judged_on must not lie before the decision ({standing.made_on}); it is "
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
