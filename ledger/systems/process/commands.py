"""Commands of the full-process record: steps, recordings, what takes their place, the archive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.vocabulary import CaseId, EvidenceId, Name, Sha256, StoredFile, Text
from ledger.kernel import Act, Event, Malformed, Moment, OutOfStep, Reading, Report, civil_date
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
from ledger.systems.supervision.findings import finding


class RecordProcessStep(Report):
    """记录执法过程: put a document, picture or recording of a step into the record of a case.

    ``taken_at``: the time of the device or the document. A piece that is on record is not replaced
    (REC-R3), and a forced act is recorded with its film (REC-R2). ``evidence_hash`` is the digest
    of a file that was uploaded for the case; that of any other file says by itself that the file
    is kept elsewhere, and ``elsewhere`` where. ``file`` is filled in by the service, never sent.
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        filed = _own_case(ledger, self.case)
        rules.require_new(ledger, self.evidence)
        rules.require_file(ledger, self.case, self.file, self.elsewhere, self.medium)
        if self.taken_at > ledger.now:
            raise Malformed("taken_at lies in the future", "/taken_at")
        if self.forced_act is not None:
            day = civil_date(self.taken_at)
            rules.require_filmed(ledger, self.case, self.forced_act, on=day)
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
        yield from self._order(ledger, filed)

    def _order(self, ledger: Reading, filed: CaseFiled) -> Iterator[Event]:
        """REC-V3: this step began before an earlier one, or after a later one."""
        began = ledger.read(ProcessRecord(self.case)).began
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
                ledger,
                rules.REC_V3,
                unit=filed.unit,
                entity=filed.entity,
                case=self.case,
                step=self.step,
                taken_at=self.taken_at.isoformat(),
                against={step: began[step].isoformat() for step in wrong},
            )


class SealAvRecord(Report):
    """封存音像记录: seal a recording of a case by its digest; gaps in it are found (REC-V1).

    ``sha256``, ``elsewhere`` and ``file`` as ``evidence_hash`` of ``record-process-step``.
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        filed = _own_case(ledger, self.case)
        rules.require_new(ledger, self.evidence)
        rules.require_file(ledger, self.case, self.file, self.elsewhere, self.medium)
        if self.end <= self.start:
            raise Malformed("the recording ends before it starts", "/end")
        if self.end > ledger.now:
            raise Malformed("the recording ends in the future", "/end")
        for place, gap in enumerate(self.gaps):
            if not self.start <= gap.start < gap.end <= self.end:
                raise Malformed("a gap lies within the recording", f"/gaps/{place}")
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
                ledger,
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
    """补正证据材料: put another file in the place of a piece, and say why; both stay on record.

    A file that was uploaded after its digest was recorded is kept here once this command names
    that same digest. ``elsewhere`` and ``file`` as in ``record-process-step``.
    """

    ROLES = roles("office_head", "unit_head")

    evidence: EvidenceId
    evidence_hash: Sha256
    reason: Text
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        exhibit = _own_exhibit(ledger, self.evidence)
        if exhibit.digest is None:
            raise OutOfStep(f"no file of evidence {self.evidence} is on record")
        if exhibit.digest == self.evidence_hash and (exhibit.kept or self.file is None):
            raise Malformed("this is the file that is on record", "/evidence_hash")
        if ledger.read(ProcessRecord(exhibit.case)).archived_on is not None:
            raise OutOfStep(f"case {exhibit.case} is archived; nothing in it changes")
        rules.require_file(ledger, exhibit.case, self.file, self.elsewhere)
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
    """校验证据: report the digest that a stored file has now; another than recorded is REC-V2."""

    ROLES = roles("jb_supervisor", *UNIT)

    evidence: EvidenceId
    found_hash: Sha256

    def decide(self, ledger: Reading) -> Iterator[Event]:
        exhibit = ledger.known(Exhibit(self.evidence))
        if ledger.actor.role != "jb_supervisor":
            ledger.act_for(exhibit.unit)
        if exhibit.digest is None:
            raise OutOfStep(f"no file of evidence {self.evidence} is on record")
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
                ledger,
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
    """案卷归档: put the file of a closed case away; nothing in it changes after."""

    ROLES = UNIT

    case: CaseId
    archive_no: Name
    digest: Sha256

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case, filed = known_case(ledger, self.case)
        if case.closed is None:
            raise OutOfStep(f"case {self.case} is {case.stage}; close it before it is archived")
        record = ledger.read(ProcessRecord(self.case))
        if record.archived_on is not None:
            raise OutOfStep(f"case {self.case} was archived on {record.archived_on}")
        yield CaseArchived(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            archive_no=self.archive_no,
            digest=self.digest,
            pieces=len(record.steps) + len(record.recordings) + len(case.evidence),
            archived_on=ledger.on,
        )


class EraseCaseFiles(Act):
    """销毁案件材料文件: have the key destroyed that opens the files of a case, for good.

    What is recorded of them stays, with the digests of their contents. ``retention_expired`` counts
    from the day of the archive (``evidence.retention``). Cites the law in ``legal_basis``. Sent
    again it has the key destroyed again and records nothing.
    """

    ROLES = roles("unit_head")

    case: CaseId
    reason: FileErasureReason

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _, filed = known_case(ledger, self.case)
        if not self.legal_basis:
            raise Malformed("cite the law by which they are erased", "/legal_basis")
        record = ledger.read(ProcessRecord(self.case))
        if record.files_erased_on is not None:
            return
        if self.reason == "retention_expired":
            months = int(ledger.setting("evidence.retention"))
            archived = record.archived_on
            if archived is None:
                raise OutOfStep(f"case {self.case} must be archived before its files are erased")
            kept_until = add_months(archived, months)
            if ledger.on <= kept_until:
                raise OutOfStep(
                    f"the files of case {self.case} must be kept until {kept_until}; it was "
                    f"archived on {archived}"
                )
        yield CaseFilesErased(
            case=self.case, entity=filed.entity, unit=filed.unit, reason=self.reason
        )


def _own_case(ledger: Reading, case_id: str) -> CaseFiled:
    """The case, of the actor's unit and not archived; what was taken may still come when closed."""
    _, filed = known_case(ledger, case_id)
    archived = ledger.read(ProcessRecord(case_id)).archived_on
    if archived is not None:
        raise OutOfStep(f"case {case_id} was archived on {archived}; nothing is added to it")
    return filed


def _own_exhibit(ledger: Reading, evidence: str) -> Exhibit:
    exhibit = ledger.known(Exhibit(evidence), "Record it first.")
    ledger.act_for(exhibit.unit)
    return exhibit
