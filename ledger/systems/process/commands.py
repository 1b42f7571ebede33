"""Commands of the full-process record: steps, recordings, replacements and the archive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.vocabulary import CaseId, EvidenceId, Name, Sha256, StoredFile, Text
from ledger.kernel import Act, Event, Inquiry, Malformed, Moment, OutOfStep, Report, civil_date
from ledger.kernel.days import add_months
from ledger.systems.penalties.events import CaseFiled
from ledger.systems.penalties.folds import known_case
from ledger.systems.process import rules
from ledger.systems.process.events import (
    AvRecordSealed,
    CaseArchived,
    CaseFilesErased,
    EvidenceChecked,
    EvidenceSuperseded,
    FileErasureReason,
    ForcedAct,
    Gap,
    Medium,
    ProcessStepRecorded,
    Step,
)
from ledger.systems.process.folds import STEPS, Exhibit, ProcessRecord


class RecordProcessStep(Report):
    """记录执法过程: add a document, picture or recording of a step to the record of a case.

    ``taken_at`` is the time of the device or the document. An item on record must not be recorded
    again (REC-R3), and a forced act must have a sealed recording (REC-R2). ``evidence_hash`` is the
    digest of a file that was uploaded for the case. Any other digest means that the file is kept
    elsewhere; ``elsewhere`` says where. The service fills in ``file``; clients never send it.
    """

    ROLES = UNIT

    evidence: EvidenceId
    case: CaseId
    step: Step
    medium: Medium
    evidence_hash: Sha256
    taken_at: Moment
    forced_act: ForcedAct | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        filed = _own_case(inquiry, self.case)
        rules.require_new(inquiry, self.evidence)
        rules.require_file(inquiry, self.case, self.file, self.elsewhere, self.medium)
        if self.taken_at > inquiry.now:
            raise Malformed(
                "process.taken-at-must-not-lie-future", pointer="/taken_at", taken_at=self.taken_at
            )
        if self.forced_act is not None:
            day = civil_date(self.taken_at)
            rules.require_filmed(inquiry, self.case, self.forced_act, on=day)
        yield ProcessStepRecorded(
            evidence=self.evidence,
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            step=self.step,
            medium=self.medium,
            evidence_hash=self.evidence_hash,
            taken_at=self.taken_at,
            forced_act=self.forced_act,
            file=self.file,
            elsewhere=self.elsewhere,
        )
        yield from self._order(inquiry, filed)

    def _order(self, inquiry: Inquiry, filed: CaseFiled) -> Iterator[Event]:
        """Raise REC-V3 if this step began before an earlier step, or after a later one."""
        began = inquiry.read(ProcessRecord(self.case)).began
        if self.step in began and began[self.step] <= self.taken_at:
            return
        place = STEPS.index(self.step)
        wrong = [
            step
            for step, at in began.items()
            if (STEPS.index(step) < place and at > self.taken_at)
            or (STEPS.index(step) > place and at < self.taken_at)
        ]
        if wrong:
            yield finding(
                inquiry,
                rules.REC_V3,
                unit=filed.unit,
                entity=filed.entity,
                case=self.case,
                step=self.step,
                taken_at=self.taken_at.isoformat(),
                against={step: began[step].isoformat() for step in wrong},
            )


class SealAvRecord(Report):
    """封存音像记录: seal a recording of a case by its digest. Gaps raise a finding (REC-V1).

    ``sha256`` is the digest of the recording, like ``evidence_hash`` of ``record-process-step``;
    ``elsewhere`` and ``file`` have the same meaning as there.
    """

    ROLES = OFFICERS

    evidence: EvidenceId
    case: CaseId
    medium: Literal["audio", "video"]
    sha256: Sha256
    start: Moment
    end: Moment
    gaps: Annotated[tuple[Gap, ...], msgspec.Meta(max_length=200)] = ()
    covers: ForcedAct | None = None
    device: Name | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        filed = _own_case(inquiry, self.case)
        rules.require_new(inquiry, self.evidence)
        rules.require_file(inquiry, self.case, self.file, self.elsewhere, self.medium)
        if self.end <= self.start:
            raise Malformed(
                "process.end-must-lie-after-start", pointer="/end", start=self.start, end=self.end
            )
        if self.end > inquiry.now:
            raise Malformed("process.end-must-not-lie-future", pointer="/end", end=self.end)
        for place, gap in enumerate(self.gaps):
            if not self.start <= gap.start < gap.end <= self.end:
                raise Malformed(
                    "process.gap-must-lie-within-recording",
                    pointer=f"/gaps/{place}",
                    start=self.start,
                    end=self.end,
                    gap_start=gap.start,
                    gap_end=gap.end,
                )
        yield AvRecordSealed(
            evidence=self.evidence,
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            medium=self.medium,
            sha256=self.sha256,
            start=self.start,
            end=self.end,
            gaps=self.gaps,
            covers=self.covers,
            device=self.device,
            file=self.file,
            elsewhere=self.elsewhere,
        )
        if self.gaps:
            missing = sum((gap.end - gap.start).total_seconds() for gap in self.gaps)
            yield finding(
                inquiry,
                rules.REC_V1,
                unit=filed.unit,
                entity=filed.entity,
                case=self.case,
                recording=self.evidence,
                gaps=len(self.gaps),
                seconds=int(missing),
                unexplained=sum(gap.reason is None for gap in self.gaps),
            )


class SupersedeEvidence(Report):
    """补正证据材料: replace the file of an item and say why; both files stay on record.

    If a file is uploaded after its digest was recorded, this command with the same digest makes the
    ledger keep the file. ``elsewhere`` and ``file`` have the meaning of ``record-process-step``.
    """

    ROLES = roles("office_head", "unit_head")

    evidence: EvidenceId
    evidence_hash: Sha256
    reason: Text
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        exhibit = inquiry.own(Exhibit(self.evidence), "process.record-evidence-first")
        if exhibit.digest is None:
            raise OutOfStep("process.evidence-must-file-record", evidence=self.evidence)
        if exhibit.digest == self.evidence_hash and (exhibit.kept or self.file is None):
            raise Malformed(
                "process.evidence-hash-must-differ-digest-record-unless",
                pointer="/evidence_hash",
            )
        if inquiry.read(ProcessRecord(exhibit.case)).archived_on is not None:
            raise OutOfStep(
                "process.case-archived-evidence-must-not-change-more", case=exhibit.case
            )
        rules.require_file(inquiry, exhibit.case, self.file, self.elsewhere)
        yield EvidenceSuperseded(
            evidence=self.evidence,
            case=exhibit.case,
            entity=exhibit.entity,
            unit=exhibit.unit,
            previous_hash=exhibit.digest,
            evidence_hash=self.evidence_hash,
            reason=self.reason,
            confidential=exhibit.confidential,
            file=self.file,
            elsewhere=self.elsewhere,
        )


class CheckEvidence(Report):
    """校验证据: report the present digest of a stored file; a different digest raises REC-V2."""

    ROLES = roles("jb_supervisor", *UNIT)

    evidence: EvidenceId
    found_hash: Sha256

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        exhibit = inquiry.own(Exhibit(self.evidence), any_unit=roles("jb_supervisor"))
        if exhibit.digest is None:
            raise OutOfStep("process.evidence-must-file-record", evidence=self.evidence)
        yield EvidenceChecked(
            evidence=self.evidence,
            case=exhibit.case,
            entity=exhibit.entity,
            unit=exhibit.unit,
            recorded_hash=exhibit.digest,
            found_hash=self.found_hash,
            confidential=exhibit.confidential,
        )
        if self.found_hash != exhibit.digest:
            yield finding(
                inquiry,
                rules.REC_V2,
                unit=exhibit.unit,
                entity=exhibit.entity,
                protected=exhibit.confidential,
                case=exhibit.case,
                piece=self.evidence,
                recorded=exhibit.digest,
                found=self.found_hash,
            )


class ArchiveCase(Act):
    """案卷归档: archive a closed case; nothing in it may change afterwards."""

    ROLES = UNIT

    case: CaseId
    archive_no: Name
    digest: Sha256

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = known_case(inquiry, self.case)
        if case.closed is None:
            raise OutOfStep(
                "process.case-must-be-closed-before-archived", case=self.case, stage=case.stage
            )
        record = inquiry.read(ProcessRecord(self.case))
        if record.archived_on is not None:
            raise OutOfStep(
                "process.case-already-archived", case=self.case, archived_on=record.archived_on
            )
        yield CaseArchived(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            archive_no=self.archive_no,
            digest=self.digest,
            pieces=len(record.steps) + len(record.recordings) + len(case.evidence),
            archived_on=inquiry.on,
        )


class EraseCaseFiles(Act):
    """销毁案件材料文件: erase the files of a case permanently by destroying their key.

    The records of the files stay, with their digests. ``retention_expired`` may be given when the
    period ``evidence.retention`` has passed since the day of the archive. ``legal_basis`` must cite
    the law. If the command is sent again, it destroys the key again and records nothing.
    """

    ROLES = roles("unit_head")

    case: CaseId
    reason: FileErasureReason

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = known_case(inquiry, self.case)
        if not self.legal_basis:
            raise Malformed(
                "general.legal-basis-must-cite-law-allows-erasure",
                pointer="/legal_basis",
            )
        record = inquiry.read(ProcessRecord(self.case))
        if record.files_erased_on is not None:
            return
        if self.reason == "retention_expired":
            months = int(inquiry.setting("evidence.retention"))
            archived = record.archived_on
            if archived is None:
                raise OutOfStep("process.case-must-be-archived-before-files-erased", case=self.case)
            kept_until = add_months(archived, months)
            if inquiry.on <= kept_until:
                raise OutOfStep(
                    "process.files-case-must-be-kept-until",
                    case=self.case,
                    kept_until=kept_until,
                    archived=archived,
                )
        yield CaseFilesErased(
            case=self.case, entity=filed.entity, unit=filed.unit, reason=self.reason
        )


def _own_case(inquiry: Inquiry, case_id: str) -> CaseFiled:
    """Return a case of the actor's unit that is not archived; it may be closed already."""
    _, filed = known_case(inquiry, case_id)
    archived = inquiry.read(ProcessRecord(case_id)).archived_on
    if archived is not None:
        raise OutOfStep("process.case-archived", case=case_id, archived=archived)
    return filed
