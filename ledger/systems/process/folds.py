"""Folds about the full-process record."""

from __future__ import annotations

from datetime import date, datetime
from typing import get_args

import msgspec

from ledger.general.vocabulary import CaseId, EvidenceId, StoredFile
from ledger.kernel import Fold, Recorded, SubjectFold, civil_date
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

#: The steps, in the order of the procedure.
STEPS: tuple[Step, ...] = get_args(Step)


class StepTaken(msgspec.Struct, omit_defaults=True):
    """One document, picture or recording of a step."""

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
    """What was recorded of this case, step by step, without evidence given in confidence?

    ``superseded`` maps evidence to the digests of its earlier files; ``mismatched`` maps evidence
    to wrong digests that a check found.
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
        """The steps with at least one record; archiving the case file counts as a record."""
        archived: set[str] = set() if self.archived_on is None else {"archive"}
        return {step.step for step in self.steps} | archived

    @property
    def began(self) -> dict[Step, datetime]:
        """The time of the first record of each step."""
        first: dict[Step, datetime] = {}
        for taken in self.steps:
            first[taken.step] = min(first.get(taken.step, taken.taken_at), taken.taken_at)
        return first

    def filmed(self, act: ForcedAct, on: date) -> bool:
        """Return whether a recording on that day covers the coercive act."""
        return any(
            recording.covers == act
            and civil_date(recording.start) <= on <= civil_date(recording.end)
            for recording in self.recordings
        )


class CaseFiles(Fold):
    """Which files of this case does the service keep, which are confidential, were they erased?

    ``files`` maps each digest to whether all events that name it are confidential.
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


class Exhibit(SubjectFold):
    """To which case does this evidence belong, which digest has its file, is the file kept here?"""

    BEGUN = "case"

    evidence: EvidenceId
    case: str = ""
    unit: str = ""
    entity: str = ""
    digest: str | None = None
    kept: bool = False
    confidential: bool = False

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
