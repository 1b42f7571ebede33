"""Events of case-file review (案卷评查, 2.9)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.values import Year
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
#: 一票否决: the five faults; any of them fails a file, even with a high score.
Veto = Literal["subject", "jurisdiction", "facts", "procedure", "law"]
Outcome = Literal["fail", "pass", "excellent"]
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]


class SeedSource(Value):
    """公开随机源: a public source of randomness, and when its value will be published."""

    name: Name
    publication_at: Moment


class ReviewAnnounced(Event):
    """案卷抽查公告: the list of files for a draw, and the sources of randomness it will use.

    ``cases`` is the frozen list of the files of ``unit`` in ``year``. ``list_hash`` is its roster
    hash under UVDRAW-1, with the unit as the only stratum and the batch as the draw. ``ratio`` is
    chosen so that exactly ``size`` files are drawn. ``reviewing_unit`` will review them. The values
    of ``sources`` are not published yet.
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
    """抽取评查案卷: the files that must be reviewed.

    They were drawn with UVDRAW-1 from the list with the hash ``draw_ref``, using the ``values`` of
    the announced sources. If ``complete`` is set, nothing was drawn: the batch has all files of the
    unit for the year.
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
    """One line of the scoring sheet: ``points`` were given out of ``of``."""

    item: Name
    points: Points
    of: Points
    note: Text | None = None


class CaseFileScored(Event):
    """案卷评分: a reviewer read one file of a batch and scored it from 0 to 100.

    ``unit`` is the unit that made the file. A ``veto`` fails the file, even with a high score.
    ``reviewer_unit`` is not a subject of this event, because the file is not about that unit.
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
    """评查问题: a fault in a file; ``item`` names the line of the scoring sheet."""

    TOPIC: ClassVar[str] = "casefiles.issue-raised"
    CORRECTABLE = frozenset({"issue", "item"})

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    issue: Text
    item: Name | None = None


class RectificationOrdered(Event):
    """责令整改: the unit must correct a file, on ``due_on`` at the latest."""

    TOPIC: ClassVar[str] = "casefiles.rectification-ordered"

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    demands: Text
    due_on: date


class RectificationVerified(Event):
    """整改核验: the supervisor verified the correction, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "casefiles.rectification-verified"

    casefile: CaseFileId
    batch: ReviewBatchId
    case: CaseId
    unit: UnitId
    note: Text
    days_late: int = 0


class Vetoed(Value):
    """The number of files of a batch that failed because of one of the five faults."""

    veto: Veto
    files: int


class ReviewReportPublished(Event):
    """评查通报: the result of a batch was published in figures, without naming files or persons.

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
