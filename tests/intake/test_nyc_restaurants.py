"""New York's register: what its rows become, and each of its oddities."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest

from ledger.intake.events import InspectionImported, ViolationImported
from ledger.intake.statistics import statistics
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.entities.events import EntityRegistered, EntityRevised
from tests.intake.registers import NYC, Imported, nyc, nyc_register, write


def test_a_row_is_a_business_its_inspection_and_a_violation(
    ledger: Imported, tmp_path: Path
) -> None:
    """What the row says stands in three events; the score counts penalty points."""
    folder = nyc_register(tmp_path / "r", nyc())
    for name, columns, row in (
        (
            "nyc_violation_codes.csv",
            "violation_code,critical_flag,violation_description",
            ("04L", "Critical", "Evidence of mice"),
        ),
        ("nyc_actions.csv", "action_code,action", ("CITED", "Violations were cited.")),
        ("nyc_cuisines.csv", "cuisine_code,cuisine_description", ("19", "Chinese")),
    ):
        write(folder / name, columns.split(","), [row])

    ledger.take("nyc-restaurants", folder)

    (business,) = ledger.of(EntityRegistered)
    assert business.entity == "nyc-restaurants:41000001"
    assert (business.identity.name, business.identity.address, business.identity.line) == (
        "GOLDEN DUCK",
        "12 MAIN STREET",
        "Chinese",
    )
    (inspection,) = ledger.of(InspectionImported)
    assert inspection == InspectionImported(
        inspection=f"nyc-restaurants:41000001/2013-01-02/{nyc()['inspection_type']}",
        entity=business.entity,
        unit="NYC-DOHMH",
        type="Cycle Inspection / Initial Inspection",
        held_on=date(2013, 1, 2),
        result="Violations were cited.",
        action="CITED",
        score=12,
        score_meaning="penalty_points",
        grade="A",
        graded_on=date(2013, 1, 2),
    )
    (violation,) = ledger.of(ViolationImported)
    assert violation.inspection == inspection.inspection
    assert (violation.code, violation.severity, violation.description) == (
        "04L",
        "Critical",
        "Evidence of mice",
    )


def test_what_happened_and_what_was_known_are_two_dates(ledger: Imported, tmp_path: Path) -> None:
    """An inspection happened on its day and is known from the import, and the report says so."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc()))

    (record,) = [r for r in ledger.records() if isinstance(r.event, InspectionImported)]
    assert record.occurred_on == date(2013, 1, 2)
    assert record.envelope.provenance is not None
    assert record.envelope.provenance.known_at is None
    assert any("counts as known from the moment" in remark for remark in report.remarks)


def test_the_day_that_the_operator_names_is_when_it_was_known(
    ledger: Imported, tmp_path: Path
) -> None:
    """``known`` stands in for the column that the register does not have."""
    ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc()), known=date(2015, 1, 1))

    assert len(ledger.known_on(date(2015, 1, 2))) == 3


def test_rows_are_counted_as_the_register_counts(ledger: Imported, tmp_path: Path) -> None:
    """Businesses are distinct numbers, inspections distinct visits, violations distinct codes."""
    rows = [
        nyc(camis=camis, inspection_date=day, inspection_type=kind, violation_code=code)
        for camis in ("41000001", "41000002", "41000003")
        for day in ("2013-01-02", "2014-05-06")
        for kind in ("Cycle Inspection / Initial Inspection", "Trans Fat / Re-inspection")
        for code in ("04L", "08A", "")
    ]
    rows += rows[:7]
    ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows), batch_rows=4)

    with SQLiteRecorder(ledger.path) as recorder:
        counts = statistics(recorder)
    assert counts["entities"] == 3
    assert counts["imported_inspections"] == 12
    assert counts["imported_violations"] == 24


def test_the_order_of_rows_does_not_change_the_counts(tmp_path: Path) -> None:
    """Shuffled rows, contradictions among them, give as many events of each type."""
    rows = [
        nyc(
            camis=str(41000000 + n % 7),
            inspection_date=f"2013-01-{1 + n % 9:02}",
            violation_code=f"0{n % 4}A",
            score=str(n % 3),
            action_code="CITED" if n % 5 else "NONE",
        )
        for n in range(300)
    ]
    rows += [nyc(camis=str(41000000 + n), inspection_date="1900-01-01") for n in range(9)]
    counts = []
    for seed in (1, 2, 3):
        random.Random(seed).shuffle(rows)
        ledger = Imported(tmp_path / f"{seed}.db")
        ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows), batch_rows=23)
        counts.append(ledger.facts())
    assert counts[0] == counts[1] == counts[2]


def test_never_inspected_is_registered_and_not_inspected(ledger: Imported, tmp_path: Path) -> None:
    """1900-01-01 is no date of an inspection."""
    row = nyc(
        inspection_date="1900-01-01",
        inspection_type="",
        action_code="",
        violation_code="",
        score="",
        grade="",
        grade_date="",
    )
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", row))

    assert ledger.facts() == {EntityRegistered.TOPIC: 1}
    assert report.warnings == {"never-inspected": 1}


@pytest.mark.parametrize("score", ["-1", "-2"])
def test_a_negative_score_is_no_score(ledger: Imported, tmp_path: Path, score: str) -> None:
    """The inspection goes in without points, by name."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc(score=score)))

    (inspection,) = ledger.of(InspectionImported)
    assert (inspection.score, inspection.score_meaning) == (None, None)
    assert report.warnings == {"negative-score": 1}


def test_a_code_that_the_action_denies_is_a_violation(ledger: Imported, tmp_path: Path) -> None:
    """Somebody wrote the code down: it goes in, by name."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc(action_code="NONE")))

    assert len(ledger.of(ViolationImported)) == 1
    assert report.warnings == {"code-without-citation": 1}


def test_a_citation_without_a_code_is_an_inspection(ledger: Imported, tmp_path: Path) -> None:
    """There is nothing to cite; the visit counts."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc(violation_code="")))

    assert (len(ledger.of(InspectionImported)), len(ledger.of(ViolationImported))) == (1, 0)
    assert report.warnings == {"citation-without-code": 1}


def test_an_exact_duplicate_adds_nothing(ledger: Imported, tmp_path: Path) -> None:
    """The second of two equal rows is named, whatever the row says."""
    rows = [
        *[nyc()] * 2,
        *[nyc(camis="41000002", violation_code="", action_code="NONE")] * 2,
        *[nyc(camis="41000003", inspection_date="1900-01-01")] * 2,
    ]
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows))

    assert report.warnings["exact-duplicate"] == 3
    assert ledger.facts() == {
        EntityRegistered.TOPIC: 3,
        InspectionImported.TOPIC: 2,
        ViolationImported.TOPIC: 1,
    }


def test_the_first_row_of_an_inspection_counts(ledger: Imported, tmp_path: Path) -> None:
    """A row that says otherwise adds its violation, and its contradictions are named."""
    rows = [
        nyc(),
        nyc(violation_code="08A", score="38", action_code="CLOSED", grade="", grade_date=""),
    ]
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows))

    (inspection,) = ledger.of(InspectionImported)
    assert (inspection.score, inspection.action, inspection.grade) == (12, "CITED", "A")
    assert len(ledger.of(ViolationImported)) == 2
    assert report.warnings == {
        "score-contradicts": 1,
        "action-contradicts": 1,
        "grade-contradicts": 1,
        "graded-on-contradicts": 1,
    }


@pytest.mark.parametrize("grade", ["P", "Z", "Not Yet Graded"])
def test_grades_stay_as_written(ledger: Imported, tmp_path: Path, grade: str) -> None:
    """A pending grade is no mistake."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc(grade=grade)))

    assert ledger.of(InspectionImported)[0].grade == grade
    assert report.warnings == {}


def test_a_business_that_another_file_names_otherwise_is_revised(
    ledger: Imported, tmp_path: Path
) -> None:
    """Within a file the first name counts, by name; a later file is the register of a later day."""
    folder = nyc_register(tmp_path / "r", nyc(), nyc(dba="GOLDEN DUCK 2"))
    first = ledger.take("nyc-restaurants", folder)
    assert first.warnings == {"identity-differs": 1}
    later = nyc(dba="SILVER DUCK", inspection_date="2016-01-02", grade_date="2016-01-02")
    nyc_register(folder, later, name="nyc_inspections_2016.csv.gz")
    ledger.take("nyc-restaurants", folder)

    assert [e.identity.name for e in ledger.of(EntityRegistered)] == ["GOLDEN DUCK"]
    assert [e.identity.name for e in ledger.of(EntityRevised)] == ["SILVER DUCK"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"inspection_date": "2013-02-30"}, "bad-inspection_date"),
        ({"inspection_date": ""}, "no-inspection_date"),
        ({"inspection_date": "2031-01-01"}, "future-inspection_date"),
        ({"camis": ""}, "no-camis"),
        ({"camis": "41 000 001"}, "bad-camis"),
        ({"score": "twelve"}, "bad-score"),
        ({"score": "1" * 30}, "bad-score"),
        ({"grade_date": "soon"}, "bad-grade_date"),
        ({"dba": "X" * 301}, "dba-too-long"),
        ({"violation_code": "X" * 61}, "violation_code-too-long"),
    ],
)
def test_a_bad_row_is_rejected_by_name(
    ledger: Imported, tmp_path: Path, said: dict[str, str], reason: str
) -> None:
    """It records nothing, and the rows around it go in."""
    rows = [nyc(camis="41000008"), nyc(**said), nyc(camis="41000009")]
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows))

    assert report.rejects == {reason: 1}
    assert [(r.line, r.reason) for r in report.examples] == [(3, reason)]
    assert len(ledger.of(InspectionImported)) == 2


def test_an_inspection_without_a_type_goes_in(ledger: Imported, tmp_path: Path) -> None:
    """The register's own key has an empty part; the event says so in words."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc(inspection_type="")))

    assert ledger.of(InspectionImported)[0].type == "not stated"
    assert report.warnings == {"no-inspection_type": 1}


def test_long_types_keep_inspections_apart(ledger: Imported, tmp_path: Path) -> None:
    """An identifier that would not fit is cut, and two that begin alike stay two."""
    kinds = ["Cycle " * 25 + end for end in ("first", "second")]
    rows = [nyc(inspection_type=kind) for kind in kinds]
    ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *rows))

    events = ledger.of(InspectionImported)
    assert [event.type for event in events] == kinds
    assert all(len(event.inspection) <= 120 for event in events)


def test_codes_that_are_in_no_list_are_kept_and_named(ledger: Imported, tmp_path: Path) -> None:
    """A newer code than the list is no reason to lose a violation."""
    folder = nyc_register(tmp_path / "r", nyc(violation_code="99Z", action_code="FINED"))
    write(folder / "nyc_violation_codes.csv", ["violation_code"], [["04L"]])
    write(folder / "nyc_actions.csv", ["action_code", "action"], [["CITED", "x"]])
    report = ledger.take("nyc-restaurants", folder)

    assert ledger.of(ViolationImported)[0].code == "99Z"
    assert report.warnings == {"unknown-violation_code": 1, "unknown-action_code": 1}


def test_a_list_that_is_not_there_is_said(ledger: Imported, tmp_path: Path) -> None:
    """The lists are optional; what is lost without them is named."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", nyc()))

    assert [r for r in report.remarks if r.startswith("no file")] == [
        "no file nyc_violation_codes*: violations have neither a description nor a severity",
        "no file nyc_actions*: inspections have the action's code and no text",
        "no file nyc_cuisines*: businesses have the code of their cuisine as line of business",
    ]


def test_a_row_of_every_column_empty_but_the_key_goes_in(ledger: Imported, tmp_path: Path) -> None:
    """What the file does not say, the events do not say."""
    folder = tmp_path / "r"
    folder.mkdir()
    write(
        folder / "nyc_inspections_2020.csv",
        ["camis", "inspection_type", "inspection_date"],
        [["41000001", "Cycle", "2020-01-02"]],
    )
    report = ledger.take("nyc-restaurants", folder)

    assert ledger.of(InspectionImported)[0].score is None
    assert set(report.files[0].missing) == {*NYC} - {"camis", "inspection_type", "inspection_date"}
    assert any("no column dba, boro" in remark for remark in report.remarks)
