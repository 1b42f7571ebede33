"""The sample that the project carries."""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter
from datetime import date
from pathlib import Path

from ledger.intake.sample import sample_folder
from ledger.intake.sample.cut import cut
from ledger.intake.statistics import statistics
from ledger.stores.sqlite import SQLiteRecorder
from tests.intake.registers import Imported, write

FILES = {path.name.split("_2")[0]: path for path in sorted(sample_folder().glob("*.csv.gz"))}


def rows(kind: str) -> list[dict[str, str]]:
    with gzip.open(FILES[kind], "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sample_is_small_and_says_where_it_is_from() -> None:
    """Five files, and the name of whoever dedicated them to the public."""
    assert len(FILES) == 5
    assert sum(path.stat().st_size for path in FILES.values()) < 250_000
    attribution = (sample_folder() / "ATTRIBUTION.md").read_text()
    assert "PDDL" in attribution
    assert "City and County of" in attribution


def test_the_sample_has_every_kind_of_change() -> None:
    """Otherwise nobody could try what they lead to."""
    kinds = {row["change"] for row in rows("sf_changes")}
    assert len(kinds) == 11


def test_cutting_the_sample_again_gives_the_sample(tmp_path: Path) -> None:
    """The choice depends on nothing but the numbers of the businesses and the changes."""
    cut(sample_folder(), tmp_path)
    for path in FILES.values():
        again = tmp_path / (path.name.partition(".")[0] + "_sample.csv.gz")
        assert gzip.decompress(again.read_bytes()) == gzip.decompress(path.read_bytes())


def test_the_sample_is_counted_as_its_files_count(ledger: Imported) -> None:
    """Businesses, inspections and violations are those of the files, by the register's keys."""
    report = ledger.take("sf-food", sample_folder())
    with SQLiteRecorder(ledger.path) as recorder:
        counts = statistics(recorder)

    visits = {(r["business_id"], r["date"], r["type"]) for r in rows("sf_inspections")}
    found = {(r["business_id"], r["date"], r["violation_type_id"]) for r in rows("sf_violations")}
    assert counts["entities"] == len({r["business_id"] for r in rows("sf_businesses")})
    assert counts["imported_inspections"] == len(visits)
    assert counts["imported_violations"] == len(found)
    corrections = rows("sf_violation_corrections")
    assert counts["imported_rectifications"] + report.rejected == len(corrections)
    changes = Counter(r["change"] for r in rows("sf_changes"))
    assert counts["imported_corrections"] == sum(
        changes[kind]
        for kind in (
            "score_changed",
            "type_reclassified",
            "inspection_withdrawn",
            "violation_removed",
            "renamed",
            "address_changed",
            "postal_code_changed",
        )
    )
    assert counts["events"] == sum(counts["by_type"].values()) == len(ledger.records())
    assert counts["findings"] == 0


def test_the_register_was_smaller_between_its_snapshots(ledger: Imported) -> None:
    """Nothing that the second snapshot said is known on 2016-03-01."""
    ledger.take("sf-food", sample_folder())

    then = Counter(record.envelope.type for record in ledger.known_on(date(2016, 3, 1)))
    assert then == {
        "entities.entity-registered": sum(
            r["first_seen"] == "2016-02-02" for r in rows("sf_businesses")
        ),
        "intake.inspection-imported": sum(
            r["first_seen"] == "2016-02-02" for r in rows("sf_inspections")
        ),
        "intake.violation-imported": sum(
            r["first_seen"] == "2016-02-02" for r in rows("sf_violations")
        ),
    }


def test_the_order_of_rows_does_not_change_the_counts(ledger: Imported, tmp_path: Path) -> None:
    """Every file shuffled, the same facts are recorded."""
    ledger.take("sf-food", sample_folder())
    folder = tmp_path / "shuffled"
    folder.mkdir()
    for kind, path in FILES.items():
        shuffled = rows(kind)
        random.Random(7).shuffle(shuffled)
        write(folder / path.name, list(shuffled[0]), shuffled)
    other = Imported(tmp_path / "other.db")
    other.take("sf-food", folder)
    assert other.facts() == ledger.facts()
