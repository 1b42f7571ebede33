"""San Francisco's register, seen at two dates: what was known when, and each of its oddities."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    InspectionImported,
    ViolationImported,
    ViolationRectified,
)
from ledger.intake.folds import ImportedInspection
from ledger.kernel import RecordCorrected, Recorded, civil_date
from ledger.systems.entities.events import EntityLeftRegister, EntityRegistered, EntityRevised
from ledger.systems.entities.folds import Registration
from tests.intake.registers import (
    Imported,
    Row,
    business,
    change,
    correction,
    sf_register,
    violation,
    visit,
)

#: Between the two snapshots, and after both.
THEN, NOW = date(2016, 3, 1), date(2026, 3, 2)
BUSINESS = "sf-food:10"
INSPECTION = "sf-food:10/2015-03-23/Routine - Unscheduled"
VIOLATION = "sf-food:10/2015-03-23/103120"


def score(records: Iterable[Recorded]) -> int | None:
    """The score of the inspection as these records have it."""
    ours = [r for r in records if f"inspection:{INSPECTION}" in r.event.tags()]
    event = ImportedInspection(INSPECTION).over(ours).event
    assert event is not None
    return event.score


def name(records: Iterable[Recorded]) -> str | None:
    """The name of the business as these records have it."""
    identity = Registration(BUSINESS).over(list(records)).identity
    assert identity is not None
    return identity.name


def test_rows_become_events_with_both_dates(ledger: Imported, tmp_path: Path) -> None:
    """Each happened on its day and was known when the register first said it."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(application_date="1999-04-05")],
        inspections=[visit()],
        violations=[violation()],
        violation_corrections=[correction()],
    )
    report = ledger.take("sf-food", folder)

    dates = {
        record.envelope.type: (record.occurred_on, civil_date(record.envelope.known_at))
        for record in ledger.records()
        if record.envelope.provenance
    }
    seen, imported = date(2016, 2, 2), date(2026, 3, 2)
    assert dates == {
        EntityRegistered.TOPIC: (date(1999, 4, 5), seen),
        InspectionImported.TOPIC: (date(2015, 3, 23), seen),
        ViolationImported.TOPIC: (date(2015, 3, 23), seen),
        ViolationRectified.TOPIC: (date(2015, 3, 30), imported),
    }
    assert any("violation_corrections" in r and "first_seen" in r for r in report.remarks)


def test_a_changed_score_was_another_before(ledger: Imported, tmp_path: Path) -> None:
    """Both files say that the score changed; it is corrected once, at the later date."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business()],
        inspections=[visit(score_first="100", score_last="90")],
        changes=[
            change("score_changed", date="2015-03-23", type=visit()["type"], old="100", new="90")
        ],
    )
    ledger.take("sf-food", folder)

    (corrected,) = ledger.of(RecordCorrected)
    assert corrected.requested_by != corrected.approved_by
    assert score(ledger.known_on(THEN)) == 100
    assert score(ledger.known_on(NOW)) == 90


@pytest.mark.parametrize(
    ("kind", "field", "old", "new"),
    [
        ("renamed", "name", "STARBUCKS", "STARBUCKS COFFEE"),
        ("address_changed", "address", "2794 24th St", "3230 24TH ST"),
        ("postal_code_changed", "area", "", "94110"),
    ],
)
def test_a_business_moves_at_the_later_date(
    ledger: Imported, tmp_path: Path, kind: str, field: str, old: str, new: str
) -> None:
    """The businesses file has the new value from the start; it is registered with the old one."""
    column = "postal_code" if field == "area" else field
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(**{column: new})],
        changes=[change(kind, old=old, new=new)],
    )
    ledger.take("sf-food", folder)

    def known(day: date) -> object:
        identity = Registration(BUSINESS).over(ledger.known_on(day)).identity
        return getattr(identity, field)

    assert (known(THEN), known(NOW)) == (old or None, new)
    assert len(ledger.of(EntityRevised)) == 1


def test_a_business_that_was_renamed_twice_went_by_three_names(
    ledger: Imported, tmp_path: Path
) -> None:
    """Each name is known from the date at which it was detected."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(name="C")],
        changes=[
            change("renamed", old="A", new="B"),
            change("renamed", old="B", new="C", detected="2019-06-01"),
        ],
    )
    ledger.take("sf-food", folder)

    assert [name(ledger.known_on(day)) for day in (THEN, date(2018, 1, 1), NOW)] == ["A", "B", "C"]


def test_without_the_changes_the_last_name_is_the_only_one(
    ledger: Imported, tmp_path: Path
) -> None:
    """The changes file is optional, and what its absence costs is said."""
    report = ledger.take("sf-food", sf_register(tmp_path / "r", businesses=[business(name="C")]))

    assert name(ledger.known_on(THEN)) == "C"
    assert any("names of the register's last date" in remark for remark in report.remarks)


def test_businesses_enter_and_leave(ledger: Imported, tmp_path: Path) -> None:
    """Both files say that a business entered, which counts once; one that left is unlisted."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[
            business(last_seen="2016-02-02"),
            business(business_id="11", name="BIN 55", first_seen="2017-12-23"),
        ],
        changes=[
            change("business_left_register", old="Tiramisu Kitchen"),
            change("business_entered_register", business_id="11", new="BIN 55"),
            change("business_entered_register", business_id="12", new="NOT IN THE OTHER FILE"),
        ],
    )
    ledger.take("sf-food", folder)

    known = ledger.known_on(THEN)
    assert [r.event.entity for r in known if isinstance(r.event, EntityRegistered)] == [BUSINESS]
    assert len(ledger.of(EntityRegistered)) == 3
    (left,) = ledger.of(EntityLeftRegister)
    assert left.entity == BUSINESS


def test_a_business_that_comes_back_is_listed_again(ledger: Imported, tmp_path: Path) -> None:
    """It left at one date and entered at a later one."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business()],
        changes=[
            change("business_left_register", old="Tiramisu Kitchen"),
            change("business_entered_register", new="Tiramisu Kitchen", detected="2019-06-01"),
        ],
    )
    ledger.take("sf-food", folder)

    ours = [r for r in ledger.records() if f"entity:{BUSINESS}" in r.event.tags()]
    assert Registration(BUSINESS).over(ours).listed


def test_late_facts_are_known_late(ledger: Imported, tmp_path: Path) -> None:
    """An inspection filed late and a violation added late stand in two files and count once."""
    late = {"first_seen": "2017-12-23"}
    folder = sf_register(
        tmp_path / "r",
        businesses=[business()],
        inspections=[visit(**late)],
        violations=[violation(**late)],
        changes=[
            change("inspection_filed_late", date="2015-03-23", type=visit()["type"], new="90"),
            change("violation_added", date="2015-03-23", new="103120"),
        ],
    )
    report = ledger.take("sf-food", folder)

    assert len(ledger.of(InspectionImported, ViolationImported)) == 2
    assert [r.event for r in ledger.known_on(THEN) if "intake." in r.event.TOPIC] == []
    assert report.known == 2
    assert report.warnings == {}


def test_late_facts_that_only_the_changes_tell_go_in(ledger: Imported, tmp_path: Path) -> None:
    """A changes file alone is enough for what it says in full."""
    folder = sf_register(
        tmp_path / "r",
        changes=[
            change("inspection_filed_late", date="2015-03-23", type=visit()["type"], new="90"),
            change("violation_added", date="2015-03-23", new="103120"),
        ],
    )
    ledger.take("sf-food", folder)

    assert ledger.of(ViolationImported)[0].inspection == INSPECTION


def test_what_is_withdrawn_was_there_before(ledger: Imported, tmp_path: Path) -> None:
    """Withdrawals are known from the later date; the events stay."""
    folder = sf_register(
        tmp_path / "r",
        inspections=[visit(last_seen="2016-02-02")],
        violations=[violation(last_seen="2016-02-02")],
        changes=[
            change("inspection_withdrawn", date="2015-03-23", type=visit()["type"], old="90"),
            change("violation_removed", date="2015-03-23", old="103120"),
        ],
    )
    ledger.take("sf-food", folder)

    gone = (ImportedInspectionWithdrawn, ImportedViolationWithdrawn)
    assert [event.TOPIC for event in ledger.of(*gone)] == [kind.TOPIC for kind in gone]
    assert ledger.of(ImportedViolationWithdrawn)[0].inspection == INSPECTION
    assert not [r for r in ledger.known_on(THEN) if isinstance(r.event, gone)]


def test_a_reclassified_inspection_is_withdrawn_where_the_new_one_stands(
    ledger: Imported, tmp_path: Path
) -> None:
    """Listed under both types, it is two inspections of which one is withdrawn."""
    folder = sf_register(
        tmp_path / "r",
        inspections=[
            visit(last_seen="2016-02-02"),
            visit(type="Reinspection/Followup", score_first="", first_seen="2017-12-23"),
        ],
        changes=[
            change(
                "type_reclassified",
                date="2015-03-23",
                old=visit()["type"],
                new="Reinspection/Followup",
            )
        ],
    )
    ledger.take("sf-food", folder)

    assert len(ledger.of(InspectionImported)) == 2
    assert [event.inspection for event in ledger.of(ImportedInspectionWithdrawn)] == [INSPECTION]


def test_a_reclassified_inspection_is_corrected_where_it_stands_alone(
    ledger: Imported, tmp_path: Path
) -> None:
    """Listed under the old type only, its type is corrected at the later date."""
    folder = sf_register(
        tmp_path / "r",
        inspections=[visit()],
        changes=[
            change("type_reclassified", date="2015-03-23", old=visit()["type"], new="Complaint")
        ],
    )
    ledger.take("sf-food", folder)

    ours = [r for r in ledger.records() if f"inspection:{INSPECTION}" in r.event.tags()]
    event = ImportedInspection(INSPECTION).over(ours).event
    assert event is not None
    assert event.type == "Complaint"


@pytest.mark.parametrize(
    ("said", "score", "result", "warnings"),
    [
        ("", None, None, {}),
        ("|", None, None, {}),
        ("||", None, None, {}),
        ("94|94", 94, None, {}),
        ("|88", 88, None, {}),
        ("96|91", None, "96|91", {"several-scores": 1}),
    ],
)
def test_several_scores_in_one_field(
    ledger: Imported,
    tmp_path: Path,
    said: str,
    score: int | None,
    result: str | None,
    warnings: dict[str, int],
) -> None:
    """Scores that agree are one; those that do not are kept as written."""
    folder = sf_register(tmp_path / "r", inspections=[visit(score_first=said)])
    report = ledger.take("sf-food", folder)

    (event,) = ledger.of(InspectionImported)
    assert (event.score, event.result) == (score, result)
    assert report.warnings == warnings


def test_scores_in_another_order_are_no_correction(ledger: Imported, tmp_path: Path) -> None:
    """``96|91`` and ``91|96`` say the same."""
    folder = sf_register(
        tmp_path / "r", inspections=[visit(score_first="96|91", score_last="91|96")]
    )
    ledger.take("sf-food", folder)

    assert ledger.of(RecordCorrected) == []


@pytest.mark.parametrize(
    ("visits", "link", "warnings"),
    [
        ([visit()], INSPECTION, {}),
        ([visit(), visit(type="Complaint", score_first="")], None, {"several-inspections": 1}),
        ([], None, {"no-inspection": 1}),
    ],
)
def test_a_violation_is_linked_where_that_is_certain(
    ledger: Imported,
    tmp_path: Path,
    visits: list[Row],
    link: str | None,
    warnings: dict[str, int],
) -> None:
    """One inspection that day: it is that one's. None or several: it is nobody's, by name."""
    folder = sf_register(tmp_path / "r", inspections=visits, violations=[violation()])
    report = ledger.take("sf-food", folder)

    (event,) = ledger.of(ViolationImported)
    assert event.inspection == link
    assert report.warnings == warnings


def test_an_inspection_without_a_business_goes_in(ledger: Imported, tmp_path: Path) -> None:
    """The register does not list the business; the visit happened."""
    report = ledger.take("sf-food", sf_register(tmp_path / "r", inspections=[visit()]))

    assert len(ledger.of(InspectionImported)) == 1
    assert ledger.of(EntityRegistered) == []
    assert report.rejected == 0


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"violation_corrections": [correction(corrected_date="2014-03-30")]},
            "corrected-before-found",
        ),
        ({"violation_corrections": [correction(violation_type_id="1")]}, "no-such-violation"),
        ({"changes": [change("renamed", business_id="99", new="X")]}, "unknown-business"),
        ({"changes": [change("business_left_register", business_id="99")]}, "unknown-business"),
        (
            {"changes": [change("inspection_withdrawn", date="2001-01-01", type="Complaint")]},
            "no-such-inspection",
        ),
        (
            {"changes": [change("violation_removed", date="2015-03-23", old="1")]},
            "no-such-violation",
        ),
        (
            {"changes": [change("type_reclassified", date="2001-01-01", old="A", new="B")]},
            "no-such-inspection",
        ),
        (
            {
                "changes": [
                    change(
                        "score_changed", date="2015-03-23", type=visit()["type"], old="11", new="22"
                    )
                ]
            },
            "score-contradicts",
        ),
        ({"changes": [change("repainted")]}, "unknown-change"),
        ({"changes": [change("renamed", detected="soon")]}, "bad-detected"),
        (
            {"inspections": [visit(), visit(date="2015-04-01", score_first="101")]},
            "bad-score_first",
        ),
        ({"inspections": [visit(), visit(date="2015-04-01", score_last="most")]}, "bad-score_last"),
    ],
)
def test_what_does_not_fit_is_rejected_by_name(
    ledger: Imported, tmp_path: Path, files: dict[str, list[Row]], reason: str
) -> None:
    """A correction or a change of something that is not there records nothing."""
    register = {
        "businesses": [business()],
        "inspections": [visit()],
        "violations": [violation()],
        **files,
    }
    report = ledger.take("sf-food", sf_register(tmp_path / "r", **register))

    assert report.rejects == {reason: 1}
    assert report.rejected == 1


def test_artefacts_are_ignored_and_counted(ledger: Imported, tmp_path: Path) -> None:
    """A change that the comparison of the snapshots made up changes nothing."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(name="NEW")],
        changes=[change("renamed", old="OLD", new="NEW", artefact="1")],
    )
    report = ledger.take("sf-food", folder)

    assert name(ledger.known_on(THEN)) == "NEW"
    assert (report.ignored, ledger.of(EntityRevised)) == (1, [])


def test_a_spreadsheets_day_zero_is_no_date(ledger: Imported, tmp_path: Path) -> None:
    """1899-12-30 is an empty cell."""
    folder = sf_register(tmp_path / "r", businesses=[business(application_date="1899-12-30")])
    report = ledger.take("sf-food", folder)

    assert ledger.of(EntityRegistered)[0].identity.registered_on is None
    assert report.warnings == {"no-real-application_date": 1}


def test_a_second_statement_does_not_replace_the_first(ledger: Imported, tmp_path: Path) -> None:
    """Rows that contradict earlier ones of their kind are named, and what was said first stays."""
    folder = sf_register(
        tmp_path / "r",
        businesses=[business(), business(name="Another")],
        inspections=[visit(), visit(score_first="70")],
        violations=[violation()],
        violation_corrections=[correction(), correction(corrected_date="2015-04-30")],
    )
    report = ledger.take("sf-food", folder)

    assert report.warnings == {
        "identity-differs": 1,
        "score-contradicts": 1,
        "correction-contradicts": 1,
    }
    assert score(ledger.records()) == 90
