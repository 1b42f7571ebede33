"""Events of the intake (登记册导入): facts reported by an existing public register.

Each is recorded with its provenance: mapping, file, row, the digest of the row, and when the
register first reported it. Its ``occurred_at`` is the day on which it happened. If the register
later reports a fact differently, a kernel ``RecordCorrected`` or a withdrawal below records that.
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

#: The meaning of a register's scores: more points are better, or more points are worse.
ScoreMeaning = Literal["higher_is_better", "penalty_points"]


class InspectionImported(Event):
    """导入的检查: a register reports that its authority inspected a business on a day.

    ``score`` has the meaning ``score_meaning``; both are absent for a visit without a score.
    ``grade`` is the register's own mark as written there, not a credit grade of the ledger.
    ``action`` is what the authority did (closed, reopened), ``result`` its result in words.
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
    """导入的违法行为: a register reports that a business broke a rule, found on a day.

    ``inspection`` is the visit that found the violation, if the register makes that certain.
    ``code`` and ``severity`` are those of the register.
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
    """导入的整改: a register reports that a business corrected a violation on a day."""

    TOPIC: ClassVar[str] = "intake.violation-rectified"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"corrected_on"})

    violation: ViolationId
    entity: EntityId
    corrected_on: date
    inspection: InspectionId | None = None


class ImportedInspectionWithdrawn(Event):
    """导入的检查被撤回: a register that listed an inspection no longer lists it."""

    TOPIC: ClassVar[str] = "intake.imported-inspection-withdrawn"
    VISIBILITY = "public"

    inspection: InspectionId
    entity: EntityId
    reason: Name


class ImportedViolationWithdrawn(Event):
    """导入的违法行为被撤回: a register that listed a violation no longer lists it."""

    TOPIC: ClassVar[str] = "intake.imported-violation-withdrawn"
    VISIBILITY = "public"

    violation: ViolationId
    entity: EntityId
    reason: Name
    inspection: InspectionId | None = None


class ImportStarted(Event):
    """导入开始: the import of one file by a mapping has begun.

    ``digest`` is the SHA-256 of the file's bytes, ``bytes`` their number.
    """

    TOPIC: ClassVar[str] = "intake.import-started"
    VISIBILITY = "public"

    import_id: ImportId
    mapping: Name
    file: Name
    digest: Sha256
    bytes: int


def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
    """Leave a version 1 body unchanged: the new fields have defaults."""
    return body


class RowNote(Value):
    """A remark about one row that was refused (``rejected``) or imported (``warned``).

    ``line`` is the line on which the row begins in its file, ``reason`` the name of the oddity.
    ``column`` and ``value`` name the cell; a person's number is never repeated as a value.
    """

    line: int
    kind: Literal["rejected", "warned"]
    reason: Name
    message: Annotated[str, msgspec.Meta(max_length=400)]
    column: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    value: Annotated[str, msgspec.Meta(max_length=60)] | None = None


class ImportProgressed(Event):
    """导入进度: the first ``rows_done`` rows of a file are imported or refused.

    It is recorded in one append with the facts of those rows, so an import that was killed
    continues after the last of these events. ``rejected`` rows were refused, ``warned`` rows were
    imported with a remark, and ``ignored`` rows hold nothing to record; all count from the start of
    the file. So does ``blank``, the number of empty rows, which are not counted as rows. In version
    1 it is ``None``, because empty rows were counted as rows. ``notes`` are the remarks about the
    rows since the previous progress event.
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
    """导入完成: every row of a file is imported or refused. The totals count this file alone.

    ``blank`` counts empty rows, which are not counted as rows; version 1 lacks it.
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
