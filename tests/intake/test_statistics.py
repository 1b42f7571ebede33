"""What is counted, on stores that count by themselves and on those that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from ledger.intake.run import import_register
from ledger.intake.statistics import statistics
from ledger.kernel import Command, Fact, FieldChange, Inquiry, Ledger, RecordCorrected
from ledger.systems.entities.commands import RegisterEntity, ReviseEntity
from ledger.systems.entities.events import Identity
from tests.intake.registers import NOW, OPERATOR, business, change, correction, sf_register, visit
from tests.intake.registers import violation as violation_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from eventsourcing.dcb.api import DCBRecorder


class CorrectByHand(Command):
    """An officer corrects something."""

    def decide(self, inquiry: Inquiry) -> Iterator[Fact]:
        yield Fact(
            RecordCorrected(
                target_event_id=uuid4(),
                target_position=1,
                field_changes=(FieldChange(path="/body/score", old=1, new=2),),
                reason="mistyped",
                requested_by="A",
                approved_by="B",
                subjects=(),
            )
        )


def test_an_empty_ledger_has_nothing(recorder: DCBRecorder) -> None:
    """Every count is there and is zero."""
    assert statistics(recorder) == {
        "events": 0,
        "entities": 0,
        "imported_inspections": 0,
        "imported_violations": 0,
        "imported_rectifications": 0,
        "imported_corrections": 0,
        "findings": 0,
        "by_type": {},
    }


def test_corrections_by_registers_are_told_from_those_by_hand(
    recorder: DCBRecorder, tmp_path: Path
) -> None:
    """What officers correct or revise is not the register's; a withdrawal and a new name are."""
    kind = visit()["type"]
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(name="B")],
        inspections=[visit(score_last="80"), visit(date="2015-05-05")],
        violations=[violation_row()],
        violation_corrections=[correction()],
        changes=[
            change("renamed", old="A", new="B"),
            change("inspection_withdrawn", date="2015-05-05", type=kind),
            change("violation_removed", date="2015-03-23", old="103120"),
        ],
    )
    with Ledger(recorder, clock=lambda: NOW) as ledger:
        import_register(ledger, "sf-food", folder, actor=OPERATOR)
        ledger.execute(
            RegisterEntity(entity="sf-food:99", identity=Identity(name="By hand")), OPERATOR
        )
        ledger.execute(
            ReviseEntity(entity="sf-food:99", identity=Identity(name="Mended"), reason="by hand"),
            OPERATOR,
        )
        ledger.execute(CorrectByHand(), OPERATOR)

    counts = statistics(recorder)
    assert counts["entities"] == 2
    assert (counts["imported_inspections"], counts["imported_violations"]) == (2, 1)
    assert counts["imported_rectifications"] == 1
    assert counts["imported_corrections"] == 4
    assert counts["by_type"]["entities.entity-revised"] == 2
