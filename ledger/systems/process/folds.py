"""Folds about the full-process record."""

from __future__ import annotations

from datetime import date, datetime
from typing import get_args

import msgspec

from ledger.general.vocabulary import CaseId, EvidenceId, StoredFile
from ledger.kernel import Fold, Recorded, civil_date
from ledger.systems.penalties.events import EvidenceAdded
from ledger.systems.process.events import (
    AvRecordSealed,
    CaseArchived,
    CaseFilesErased,
    EvidenceChecked,
    EvidenceSuperseded,
    ForcedAct,
    Gap,
    Medium,
    ProcessStepRecorded,
    Step,
)

#: The steps in the order in which a case goes.
STEPS: tuple[Step, ...] = get_args(Step)


class StepTaken(msgspec.Struct, omit_defaults=True):
    """One piece of the record of a step."""

    evidence: str
    step: Step
    medium: Medium
    evidence_hash: str
    taken_at: datetime
    forced_act: ForcedAct | None = None
    file: StoredFile | None = None
    elsewhere: str | None = None


class Recording(msgspec.Struct, omit_defaults=True):
    """One sealed recording."""

    evidence: str
    medium: Medium
    sha256: str
    start: datetime
    end: datetime
    gaps: tuple[Gap, ...] = ()
    covers: ForcedAct | None = None
    file: StoredFile | None = None
    elsewhere: str | None = None


class ProcessRecord(Fold):
    """What was recorded of this case, step by step, but for what was given in confidence?

    ``superseded`` are the earlier digests of each piece that another file took the place of;
    ``mismatched`` the digests that a check found where they ought not to be.
    """

    case: CaseId
    unit: str = ""
    entity: str = ""
    steps: list[StepTaken] = msgspec.field(default_factory=list)
    recordings: list[Recording] = msgspec.field(default_factory=list)
    superseded: dict[str, list[str]] = msgspec.field(default_factory=dict)
    mismatched: dict[str, list[str]] = msgspec.field(default_factory=dict)
    archived_on: date | None = None
    archive_no: str | None = None
    files_erased_on: date | None = None

    def on_step(self, event: ProcessStepRecorded) -> None:
        self._whose(event)
        self.steps.append(
            StepTaken(
                event.evidence,
                event.step,
                event.medium,
                event.evidence_hash,
                event.taken_at,
                event.forced_act,
                event.file,
                event.elsewhere,
            )
        )

    def on_recording(self, event: AvRecordSealed) -> None:
        self._whose(event)
        self.recordings.append(
            Recording(
                event.evidence,
                event.medium,
                event.sha256,
                event.start,
                event.end,
                event.gaps,
                event.covers,
                event.file,
                event.elsewhere,
            )
        )

    def on_superseded(self, event: EvidenceSuperseded) -> None:
        self._whose(event)
        if event.confidential:
            return
        if event.previous_hash != event.evidence_hash:
            self.superseded.setdefault(event.evidence, []).append(event.previous_hash)
        for step in self.steps:
            if step.evidence == event.evidence:
                step.evidence_hash = event.evidence_hash
                step.file, step.elsewhere = event.file, event.elsewhere
        for recording in self.recordings:
            if recording.evidence == event.evidence:
                recording.sha256 = event.evidence_hash
                recording.file, recording.elsewhere = event.file, event.elsewhere

    def on_checked(self, event: EvidenceChecked) -> None:
        self._whose(event)
        if event.found_hash != event.recorded_hash and not event.confidential:
            self.mismatched.setdefault(event.evidence, []).append(event.found_hash)

    def on_archived(self, event: CaseArchived) -> None:
        self._whose(event)
        self.archived_on, self.archive_no = event.archived_on, event.archive_no

    def on_files_erased(self, event: CaseFilesErased, record: Recorded) -> None:
        self._whose(event)
        self.files_erased_on = record.occurred_on

    def _whose(
        self,
        event: ProcessStepRecorded
        | AvRecordSealed
        | EvidenceSuperseded
        | EvidenceChecked
        | CaseArchived
        | CaseFilesErased,
    ) -> None:
        self.unit, self.entity = event.unit, event.entity

    @property
    def recorded(self) -> set[str]:
        """The steps of which something is recorded; putting the file away is one by itself."""
        archived: set[str] = set() if self.archived_on is None else {"archive"}
        return {step.step for step in self.steps} | archived

    @property
    def began(self) -> dict[Step, datetime]:
        """When the first piece of each step was taken."""
        first: dict[Step, datetime] = {}
        for one in self.steps:
            first[one.step] = min(first.get(one.step, one.taken_at), one.taken_at)
        return first

    def filmed(self, act: ForcedAct, on: date) -> bool:
        """Whether a recording that covers a forced act ran on that day."""
        return any(
            recording.covers == act
            and civil_date(recording.start) <= on <= civil_date(recording.end)
            for recording in self.recordings
        )


class CaseFiles(Fold):
    """Which files of this case are kept here, who may see each, and were they erased?

    ``files`` holds each digest with whether every fact that names it was given in confidence.
    """

    case: CaseId
    unit: str = ""
    entity: str = ""
    files: dict[str, bool] = msgspec.field(default_factory=dict)
    positions: dict[str, int] = msgspec.field(default_factory=dict)
    erased: bool = False

    def on_step(self, event: ProcessStepRecorded, record: Recorded) -> None:
        self._add(event, record)

    def on_recording(self, event: AvRecordSealed, record: Recorded) -> None:
        self._add(event, record)

    def on_added(self, event: EvidenceAdded, record: Recorded) -> None:
        self._add(event, record, confidential=event.confidential)

    def on_superseded(self, event: EvidenceSuperseded, record: Recorded) -> None:
        self._add(event, record, confidential=event.confidential)

    def on_erased(self, event: CaseFilesErased) -> None:
        self.erased = True

    def _add(
        self,
        event: ProcessStepRecorded | AvRecordSealed | EvidenceAdded | EvidenceSuperseded,
        record: Recorded,
        *,
        confidential: bool = False,
    ) -> None:
        digest = event.kept_digest
        if digest is None:
            return
        self.unit, self.entity = event.unit, event.entity
        self.files[digest] = confidential and self.files.get(digest, True)
        self.positions.setdefault(digest, record.position)


class Exhibit(Fold):
    """Which file is this piece of evidence, of which case, by its digest, and is it kept here?"""

    evidence: EvidenceId
    case: str = ""
    unit: str = ""
    entity: str = ""
    digest: str | None = None
    kept: bool = False
    confidential: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.case)

    def on_step(self, event: ProcessStepRecorded) -> None:
        self._is(event, event.evidence_hash)

    def on_recording(self, event: AvRecordSealed) -> None:
        self._is(event, event.sha256)

    def on_added(self, event: EvidenceAdded) -> None:
        self._is(event, event.digest)
        self.confidential = event.confidential

    def on_superseded(self, event: EvidenceSuperseded) -> None:
        self.digest = event.evidence_hash
        self.kept = event.kept_digest is not None

    def _is(
        self, event: ProcessStepRecorded | AvRecordSealed | EvidenceAdded, digest: str | None
    ) -> None:
        self.case, self.unit, self.entity = event.case, event.unit, event.entity
        self.digest = digest
        self.kept = event.kept_digest is not None
