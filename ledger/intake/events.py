"""Events of the intake (登记册导入): what an existing public register says.

Each is recorded with its provenance: mapping, file, row, the digest of the row, and when the
register first said it. Its ``occurred_at`` is the day on which it happened. What the register says
differently later is a kernel ``RecordCorrected`` of these events, or one of the withdrawals below.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import EntityId, ImportId, InspectionId, Name, Sha256, Text, UnitId
from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster

#: ``<register>:<business>/<date>/<code>``, unique among the violations of its register.
ViolationId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

#: Which way a register's scores go: points for what is good, or points for what is not.
ScoreMeaning = Literal["higher_is_better", "penalty_points"]


class InspectionImported(Event):
    """导入的检查: a register says that its authority inspected a business on a day.

    ``score`` counts as ``score_meaning`` says; both are absent for a visit without a score.
    ``grade`` is the register's own mark, as written there, and none of the ledger's credit grades.
    ``action`` is what the authority did (closed, reopened), ``result`` what it stated in words.
    """

    TOPIC: ClassVar[str] = "intake.inspection-imported"
    VISIBILITY = "public"
    CORRECTABLE = frozenset(
        {"type", "held_on", "result", "action", "score", "score_meaning", "grade", "graded_on"}
    )

    inspection: InspectionId
    entity: EntityId
    unit: UnitId
    type: Name
    held_on: date
    result: Text | None = None
    action: Name | None = None
    score: int | None = None
    score_meaning: ScoreMeaning | None = None
    grade: Name | None = None
    graded_on: date | None = None


class ViolationImported(Event):
    """导入的违法行为: a register says that a business broke a rule, found on a day.

    ``inspection`` is the visit that found it, where the register makes that certain. ``code`` and
    ``severity`` are the register's own.
    """

    TOPIC: ClassVar[str] = "intake.violation-imported"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"code", "found_on", "description", "severity"})

    violation: ViolationId
    entity: EntityId
    code: Name
    found_on: date
    inspection: InspectionId | None = None
    description: Text | None = None
    severity: Name | None = None


class ViolationRectified(Event):
    """导入的整改: a register says that a business put a violation right on a day."""

    TOPIC: ClassVar[str] = "intake.violation-rectified"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"corrected_on"})

    violation: ViolationId
    entity: EntityId
    corrected_on: date
    inspection: InspectionId | None = None


class ImportedInspectionWithdrawn(Event):
    """导入的检查被撤回: a register that listed an inspection lists it no more."""

    TOPIC: ClassVar[str] = "intake.imported-inspection-withdrawn"
    VISIBILITY = "public"

    inspection: InspectionId
    entity: EntityId
    reason: Name


class ImportedViolationWithdrawn(Event):
    """导入的违法行为被撤回: a register that listed a violation lists it no more."""

    TOPIC: ClassVar[str] = "intake.imported-violation-withdrawn"
    VISIBILITY = "public"

    violation: ViolationId
    entity: EntityId
    reason: Name
    inspection: InspectionId | None = None


class ImportStarted(Event):
    """导入开始: the rows of one file begin to be imported by a mapping.

    ``digest`` is that of the file's bytes; ``bytes`` their number.
    """

    TOPIC: ClassVar[str] = "intake.import-started"
    VISIBILITY = "public"

    import_id: ImportId
    mapping: Name
    file: Name
    digest: Sha256
    bytes: int


def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say it; the fields' defaults read so."""
    return body


class RowNote(Value):
    """What was odd about one row: refused (``rejected``), or taken with a remark (``warned``).

    ``line`` is where the row begins in its file, ``reason`` the name of the oddity. ``column`` and
    ``value`` say in which cell it lies; anybody's number is no value here.
    """

    line: int
    kind: Literal["rejected", "warned"]
    reason: Name
    message: Annotated[str, msgspec.Meta(max_length=400)]
    column: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    value: Annotated[str, msgspec.Meta(max_length=60)] | None = None


class ImportProgressed(Event):
    """导入进度: the first ``rows_done`` rows of a file are dealt with.

    It stands in one append with what those rows recorded, so an import that was killed goes on
    after the last of these. ``rejected`` rows were refused, ``warned`` rows were taken with a
    remark, ``ignored`` rows say nothing that is kept; each counts the file from its start. So does
    ``blank``, which counts rows without a word; they are no rows otherwise. In version 1 it is
    ``None``: blank rows were rows. ``notes`` are the remarks about the rows since the progress
    before.
    """

    TOPIC: ClassVar[str] = "intake.import-progressed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _unsaid}
    VISIBILITY = "public"

    import_id: ImportId
    file: Name
    digest: Sha256
    rows_done: int
    rejected: int
    warned: int = 0
    ignored: int = 0
    notes: tuple[RowNote, ...] = ()
    blank: int | None = None


class ImportFinished(Event):
    """导入完成: every row of a file is dealt with. The totals count this file alone.

    ``blank`` counts rows without a word, which are no rows otherwise; version 1 did not say it.
    """

    TOPIC: ClassVar[str] = "intake.import-finished"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _unsaid}
    VISIBILITY = "public"

    import_id: ImportId
    file: Name
    digest: Sha256
    rows: int
    rejected: int
    warned: int = 0
    ignored: int = 0
    blank: int | None = None
