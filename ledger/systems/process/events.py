"""Events of the full-process record (执法全过程记录, 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import (
    CaseId,
    EntityId,
    EvidenceId,
    Name,
    Sha256,
    StoredFile,
    Text,
    UnitId,
)
from ledger.kernel import Event, Moment, Value, Visibility
from ledger.kernel.events import Upcaster

Step = Literal["initiate", "investigate", "review", "decide", "serve", "execute", "archive"]
Medium = Literal["text", "photo", "audio", "video"]
#: Acts that touch liberty, life or major property: never without a film (REC-R2).
ForcedAct = Literal[
    "seizure",
    "sealing",
    "freezing",
    "forced_demolition",
    "forced_entry",
    "personal_restraint",
    "other",
]


class Gap(Value):
    """A time during which a recording shows nothing, and why."""

    start: Moment
    end: Moment
    reason: Text | None = None


class ProcessStepRecorded(Event):
    """过程记录: one document, picture or recording of a step of a case.

    ``evidence_hash`` is the SHA-256 of what is kept beside the ledger; ``taken_at`` is the time of
    the device or of the document. ``forced_act``: what was done by force in this step. Since
    version 2 ``file`` is what is kept here under the hash; without it the file is ``elsewhere``.
    """

    TOPIC: ClassVar[str] = "process.process-step-recorded"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    step: Step
    medium: Medium
    evidence_hash: Sha256
    taken_at: Moment
    forced_act: ForcedAct | None = None
    file: StoredFile | None = None
    elsewhere: Name | None = None

    @property
    def kept_digest(self) -> str | None:
        """The digest of the file that is kept here, if one is."""
        return None if self.file is None else self.evidence_hash


class AvRecordSealed(Event):
    """音像记录封存: a film or sound recording is complete and sealed by its digest.

    ``covers`` is the forced act that it shows, if any; ``gaps`` are the times that it misses. Since
    version 2 ``file`` is what is kept here; without it the recording is ``elsewhere``.
    """

    TOPIC: ClassVar[str] = "process.av-record-sealed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    medium: Literal["audio", "video"]
    sha256: Sha256
    start: Moment
    end: Moment
    gaps: tuple[Gap, ...] = ()
    covers: ForcedAct | None = None
    device: Name | None = None
    file: StoredFile | None = None
    elsewhere: Name | None = None

    @property
    def kept_digest(self) -> str | None:
        """The digest of the file that is kept here, if one is."""
        return None if self.file is None else self.sha256


class EvidenceSuperseded(Event):
    """补正证据材料: another file takes the place of one, which stays on record (REC-R3).

    Since version 2 ``file`` is what is kept here; without it the new file is ``elsewhere``.
    """

    TOPIC: ClassVar[str] = "process.evidence-superseded"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    previous_hash: Sha256
    evidence_hash: Sha256
    reason: Text
    confidential: bool = False
    file: StoredFile | None = None
    elsewhere: Name | None = None

    @property
    def kept_digest(self) -> str | None:
        """The digest of the file that is kept here, if one is."""
        return None if self.file is None else self.evidence_hash

    def visibility(self) -> Visibility:
        """Who gave evidence in confidence is not betrayed by what becomes of it."""
        return "sealed" if self.confidential else "restricted"


class EvidenceChecked(Event):
    """证据校验: somebody has computed the digest of a stored file anew.

    ``found_hash`` is what it is, ``recorded_hash`` what it ought to be.
    """

    TOPIC: ClassVar[str] = "process.evidence-checked"

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    recorded_hash: Sha256
    found_hash: Sha256
    confidential: bool = False

    def visibility(self) -> Visibility:
        """Who gave evidence in confidence is not betrayed by what becomes of it."""
        return "sealed" if self.confidential else "restricted"


#: Why the files of a case are erased; never in words of one's own.
FileErasureReason = Literal["retention_expired", "unlawful_processing", "other_by_law"]


class CaseFilesErased(Event):
    """销毁案件材料文件: the files of a case that are kept here are erased (个人信息保护法 Art. 47).

    Recorded first: it is what has their key destroyed. The digests of their contents stay.
    """

    TOPIC: ClassVar[str] = "process.case-files-erased"

    case: CaseId
    entity: EntityId
    unit: UnitId
    reason: FileErasureReason


class CaseArchived(Event):
    """案卷归档: the file of a closed case is complete and put away.

    ``digest`` is the SHA-256 of the file's inventory and ``pieces`` how many it lists.
    """

    TOPIC: ClassVar[str] = "process.case-archived"

    case: CaseId
    entity: EntityId
    unit: UnitId
    archive_no: Name
    digest: Sha256
    pieces: int
    archived_on: date
