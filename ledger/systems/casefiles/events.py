"""Events of case-file review (案卷评查, 2.9)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    CaseFileId,
    CaseId,
    Name,
    ReviewBatchId,
    Sha256,
    Text,
    UnitId,
)
from ledger.kernel import Event, Moment, Value

#: 自查自评、互查互评、重点抽查.
Mode = Literal["self", "mutual", "key_spot"]
#: 一票否决: the five faults of which each fails a file, whatever its score.
Veto = Literal["subject", "jurisdiction", "facts", "procedure", "law"]
Outcome = Literal["fail", "pass", "excellent"]
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]
Year = Annotated[int, msgspec.Meta(ge=2000, le=2100)]


class SeedSource(Value):
    """公开随机源: something whose value nobody knows yet, and when it will be published."""

    name: Name
    publication_at: Moment


class ReviewAnnounced(Event):
    """案卷抽查公告: which files will be drawn from, and from which values not yet published.

    ``cases`` is the frozen list of the files of ``unit`` in ``year``; ``list_hash`` its roster hash
    under UVDRAW-1, with the unit as the one stratum and the batch as the draw. ``ratio`` draws
    exactly ``size`` of them. ``reviewing_unit`` will read them.
    """

    TOPIC: ClassVar[str] = "casefiles.review-announced"

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    mode: Mode
    reviewing_unit: UnitId
    cases: tuple[Name, ...]
    list_hash: Sha256
    sources: tuple[SeedSource, ...]
    size: int
    ratio: str
    algorithm: Name


class ReviewBatchDrawn(Event):
    """抽取评查案卷: which files are reviewed.

    Drawn with UVDRAW-1 from the list whose hash is ``draw_ref`` and the ``values`` of the announced
    sources; or, without those, all files that the unit has of the year (``complete``).
    """

    TOPIC: ClassVar[str] = "casefiles.review-batch-drawn"

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    mode: Mode
    reviewing_unit: UnitId
    cases: tuple[CaseId, ...]
    complete: bool = False
    draw_ref: Sha256 | None = None
    values: tuple[Name, ...] = ()


class ScoreItem(Value, omit_defaults=True):
    """One line of the scoring sheet: the points given, of those there were."""

    item: Name
    points: Points
    of: Points
    note: Text | None = None


class CaseFileScored(Event):
    """案卷评分: one file of a batch was read and scored, from 0 to 100.

    ``unit`` is whose file it is. A ``veto`` fails it, whatever the score. The reviewing unit is
    named without being a subject: the file is not about it.
    """

    TOPIC: ClassVar[str] = "casefiles.case-file-scored"

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    mode: Mode
    reviewer: Badge
    reviewer_unit: Name
    score: Points
    outcome: Outcome
    items: tuple[ScoreItem, ...] = ()
    veto: Veto | None = None


class IssueRaised(Event):
    """评查问题: what is wrong with a file; ``item`` names the line of the scoring sheet."""

    TOPIC: ClassVar[str] = "casefiles.issue-raised"
    CORRECTABLE = frozenset({"issue", "item"})

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    issue: Text
    item: Name | None = None


class RectificationOrdered(Event):
    """责令整改: the unit has to put a file right; ``due_on`` is the last day for it."""

    TOPIC: ClassVar[str] = "casefiles.rectification-ordered"

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    demands: Text
    due_on: date


class RectificationVerified(Event):
    """整改核验: the supervisor has seen that it is put right; ``days_late`` in calendar days."""

    TOPIC: ClassVar[str] = "casefiles.rectification-verified"

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    note: Text
    days_late: int = 0


class Vetoed(Value):
    """How many files of a batch failed for one fault."""

    veto: Veto
    files: int


class ReviewReportPublished(Event):
    """评查通报: the outcome of a batch in figures, before the public; no file and no person.

    ``average`` is the mean score with two decimal places, rounded half to even.
    """

    TOPIC: ClassVar[str] = "casefiles.review-report-published"
    VISIBILITY = "public"

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    mode: Mode
    files: int
    excellent: int
    passed: int
    failed: int
    average: str
    issues: int
    rectified: int
    published_on: date
    vetoed: tuple[Vetoed, ...] = ()
    summary: Text | None = None
