"""Importing: again, in parts, strictly, from any file, with bad rows told."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from ledger.intake.commands import ImportRows, RowRejected
from ledger.intake.events import ImportFinished, ImportProgressed, ImportStarted, InspectionImported
from ledger.intake.run import ImportFailed, Progress
from ledger.intake.sources import SourceError, digest_of
from ledger.kernel import Ledger, OutOfStep
from ledger.stores.sqlite import SQLiteRecorder
from tests.intake.registers import (
    NOW,
    NYC,
    OPERATOR,
    Imported,
    business,
    change,
    correction,
    jp_register,
    listed,
    nyc,
    nyc_register,
    removed,
    sf_register,
    violation,
    visit,
    write,
    write_xlsx,
)

VISITS = [nyc(camis=str(41000000 + n)) for n in range(20)]


def test_importing_twice_adds_nothing(ledger: Imported, tmp_path: Path) -> None:
    """Not one event, whichever register; and the second report tells the same oddities."""
    folder = nyc_register(tmp_path / "r", *VISITS, nyc(score="-1", camis="9"), nyc(camis=""))
    sf_register(
        folder,
        businesses=[business(name="B")],
        inspections=[visit(score_last="80")],
        violations=[violation()],
        violation_corrections=[correction(), correction(date="2001-01-01")],
        changes=[change("renamed", old="A", new="B"), change("business_left_register")],
    )
    jp_register(folder, listed(), removed())
    mappings = ("nyc-restaurants", "sf-food", "jp-labour")
    first = [ledger.take(name, folder) for name in mappings]
    before = ledger.records()
    second = [ledger.take(name, folder) for name in mappings]

    assert ledger.records() == before
    for one, other in zip(first, second, strict=True):
        assert sum(one.recorded.values()) > 0
        assert other.recorded == {}
        assert (one.rows, one.rejected, one.rejects, one.warnings, one.examples) == (
            other.rows,
            other.rejected,
            other.rejects,
            other.warnings,
            other.examples,
        )


@pytest.mark.parametrize("mapping", ["nyc-restaurants", "sf-food"])
def test_another_file_with_the_same_rows_adds_no_fact(
    ledger: Imported, tmp_path: Path, mapping: str
) -> None:
    """Packed anew or in another order, what it says is known row by row."""
    folder = nyc_register(tmp_path / "r", *VISITS)
    files = {
        "businesses": [business(name="B"), business(business_id="11")],
        "inspections": [visit(score_last="80")],
        "violations": [violation()],
        "violation_corrections": [correction()],
        "changes": [
            change("renamed", old="A", new="B"),
            change("inspection_withdrawn", date="2015-03-23", type=visit()["type"]),
            change("violation_removed", date="2015-03-23", old="103120"),
            change("business_left_register"),
        ],
    }
    sf_register(folder, **files)
    ledger.take(mapping, folder)
    before = ledger.facts()

    other = nyc_register(tmp_path / "other", *reversed(VISITS), name="nyc_inspections_x.csv")
    sf_register(other, **{kind: [*rows, *rows[:1]] for kind, rows in files.items()})
    report = ledger.take(mapping, other)

    assert ledger.facts() == before
    assert report.known > 0


def test_several_files_are_taken_in_the_order_of_names(ledger: Imported, tmp_path: Path) -> None:
    """Whatever years the names carry, all that fit the pattern are imported."""
    folder = nyc_register(tmp_path / "r", nyc(camis="2"), name="nyc_inspections_2015_2016.csv.gz")
    nyc_register(folder, nyc(camis="1"), name="nyc_inspections_2010_2014.csv")
    write_xlsx(folder / "nyc_inspections_2017.xlsx", NYC, [nyc(camis="3")])
    report = ledger.take("nyc-restaurants", folder)

    assert [file.file for file in report.files] == [
        "nyc_inspections_2010_2014.csv",
        "nyc_inspections_2015_2016.csv.gz",
        "nyc_inspections_2017.xlsx",
    ]
    assert [event.entity for event in ledger.of(InspectionImported)] == [
        f"nyc-restaurants:{n}" for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("form", ["plain", "packed", "bom", "crlf", "quoted", "xlsx", "columns"])
def test_the_form_of_a_file_does_not_matter(ledger: Imported, tmp_path: Path, form: str) -> None:
    """The same rows give the same facts."""
    folder = tmp_path / "r"
    folder.mkdir()
    path = folder / "nyc_inspections_x.csv"
    match form:
        case "plain":
            write(path, NYC, VISITS)
        case "packed":
            write(folder / "nyc_inspections_x.csv.gz", NYC, VISITS)
        case "bom":
            write(path, NYC, VISITS, start=b"\xef\xbb\xbf")
        case "crlf":
            write(path, NYC, VISITS, end="\r\n")
        case "quoted":
            write(path, NYC, VISITS, quoting=csv.QUOTE_ALL)
        case "xlsx":
            write_xlsx(folder / "nyc_inspections_x.xlsx", NYC, VISITS)
        case "columns":
            write(path, NYC[::-1], VISITS)
    ledger.take("nyc-restaurants", folder)

    reference = Imported(tmp_path / "reference.db")
    reference.take("nyc-restaurants", nyc_register(tmp_path / "reference", *VISITS))
    kinds = (InspectionImported,)
    assert ledger.facts() == reference.facts()
    assert ledger.of(*kinds) == reference.of(*kinds)


def test_the_place_stands_in_the_append_of_its_rows(ledger: Imported, tmp_path: Path) -> None:
    """Each batch is one command: its facts and how far it came."""
    ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *VISITS), batch_rows=8)

    records = ledger.records()
    progress = [r for r in records if isinstance(r.event, ImportProgressed)]
    assert [r.event.rows_done for r in progress] == [8, 16, 20]
    for record in progress:
        together = [r for r in records if r.envelope.command_id == record.envelope.command_id]
        assert any(isinstance(r.event, InspectionImported) for r in together)
    assert [type(records[0].event), type(records[-1].event)] == [ImportStarted, ImportFinished]
    assert records[-1].event.rows == 20


def test_every_fact_says_where_it_comes_from(ledger: Imported, tmp_path: Path) -> None:
    """Mapping, file, line, and the digest of the line's bytes."""
    folder = nyc_register(tmp_path / "r", *VISITS)
    ledger.take("nyc-restaurants", folder)

    lines = gzip.decompress(next(folder.iterdir()).read_bytes()).splitlines()
    from hashlib import sha256

    for record in ledger.records():
        said = record.envelope.provenance
        if said is None:
            assert record.event.TOPIC.startswith("intake.import-")
            continue
        assert (said.source, said.file) == ("nyc-restaurants", "nyc_inspections_2013.csv.gz")
        assert said.digest == sha256(lines[said.row - 1]).hexdigest()
        assert record.envelope.visibility == "public"


def test_rejected_rows_are_written_down(ledger: Imported, tmp_path: Path) -> None:
    """The rejects file names file, line, reason and the row itself, and so does a second run's."""
    rows = [VISITS[0], nyc(score="many"), VISITS[1], nyc(camis="7", score="-2")]
    folder = nyc_register(tmp_path / "r", *rows)
    path = tmp_path / "out" / "rejects.csv"
    ledger.take("nyc-restaurants", folder, rejects=path)

    with path.open(newline="") as file:
        told = list(csv.DictReader(file))
    assert [(t["file"], t["line"], t["kind"], t["reason"]) for t in told] == [
        ("nyc_inspections_2013.csv.gz", "3", "rejected", "bad-score"),
        ("nyc_inspections_2013.csv.gz", "5", "warned", "negative-score"),
    ]
    assert told[0]["message"] == "score must be a whole number; it is 'many'"
    assert told[0]["row"].startswith("2013-01-02,41000001,GOLDEN DUCK")
    first = path.read_bytes()
    ledger.take("nyc-restaurants", folder, rejects=path)
    assert path.read_bytes() == first


def test_many_rejected_rows_fit_the_ledger(ledger: Imported, tmp_path: Path) -> None:
    """A file of nothing but bad rows is told in full; no event grows too large."""
    bad = [nyc(score="x" * 50) for _ in range(600)]
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r", *bad))

    assert (report.rows, report.rejected, report.rejects) == (600, 600, {"bad-score": 600})
    assert sum(len(e.notes) for e in ledger.of(ImportProgressed)) == 600


@pytest.mark.parametrize("bad", ["row", "line", "claim"])
def test_strict_stops_at_the_first_bad_row(ledger: Imported, tmp_path: Path, bad: str) -> None:
    """It names file, line and reason; once the row is mended the import goes on."""
    corrections = [correction(), correction(date="2001-01-01"), correction()]
    if bad == "claim":
        folder = sf_register(
            tmp_path / "r", violations=[violation()], violation_corrections=corrections
        )
        mapping, place, reason = "sf-food", "sf_violation_corrections_2013_2017.csv.gz:3", "no-such"
    else:
        folder = nyc_register(tmp_path / "r", VISITS[0], nyc(score="x"), VISITS[1])
        mapping, place, reason = "nyc-restaurants", "nyc_inspections_2013.csv.gz:3", "bad-score"
        if bad == "line":
            write(folder / "nyc_inspections_2013.csv.gz", NYC, [VISITS[0], ["too", "short"]])
            reason = "wrong-number"
    with pytest.raises(RowRejected) as error:
        ledger.take(mapping, folder, strict=True, batch_rows=1)

    assert str(error.value).startswith(f"{place}: {reason}")
    ledger.take(mapping, folder)
    assert ledger.of(ImportFinished)


def test_an_unknown_mapping_is_answered_with_the_known_ones(
    ledger: Imported, tmp_path: Path
) -> None:
    """Nobody has to look up how they are spelt."""
    with pytest.raises(ImportFailed, match="jp-labour, nyc-restaurants, sf-food"):
        ledger.take("nyc", tmp_path)


def test_a_folder_without_files_is_answered_with_what_is_there(
    ledger: Imported, tmp_path: Path
) -> None:
    """The patterns and the files of the folder stand side by side."""
    (tmp_path / "nyc_restaurants.csv").touch()
    with pytest.raises(ImportFailed, match=r"nyc_inspections_\*\{\.csv.*nyc_restaurants\.csv"):
        ledger.take("nyc-restaurants", tmp_path)
    with pytest.raises(ImportFailed, match="must be a file or a folder"):
        ledger.take("nyc-restaurants", tmp_path / "nowhere")


def test_nothing_is_recorded_when_a_later_file_lacks_a_column(
    ledger: Imported, tmp_path: Path
) -> None:
    """Headers are looked at before the first row is taken."""
    folder = sf_register(tmp_path / "r", businesses=[business()])
    write(folder / "sf_violations_x.csv", ["date", "business_id"], [])
    with pytest.raises(SourceError, match="violation_type_id"):
        ledger.take("sf-food", folder)
    assert ledger.records() == []


def test_a_file_with_a_header_alone_is_finished(ledger: Imported, tmp_path: Path) -> None:
    """It says nothing, and that is done."""
    report = ledger.take("nyc-restaurants", nyc_register(tmp_path / "r"))
    assert report.rows == 0
    assert [type(e) for e in ledger.of(ImportStarted, ImportFinished)] == [
        ImportStarted,
        ImportFinished,
    ]


def test_a_file_that_breaks_off_is_imported_up_to_there(ledger: Imported, tmp_path: Path) -> None:
    """The whole file, fetched again, adds the rest."""
    visits = [nyc(camis=str(n), dba=f"{n * 7919:x}" * 9) for n in range(3000)]
    folder = nyc_register(tmp_path / "r", *visits)
    path = folder / "nyc_inspections_2013.csv.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="breaks off"):
        ledger.take("nyc-restaurants", folder)
    part = len(ledger.of(InspectionImported))
    assert 0 < part < 3000
    assert ledger.of(ImportFinished) == []
    path.write_bytes(whole)
    ledger.take("nyc-restaurants", folder)
    assert len(ledger.of(InspectionImported)) == 3000


def test_two_imports_of_one_file_do_not_take_it_twice(ledger: Imported, tmp_path: Path) -> None:
    """The second to come for the same rows is told; what it brought is not recorded."""
    folder = nyc_register(tmp_path / "r", *VISITS)
    ledger.take("nyc-restaurants", folder)
    (path,) = folder.iterdir()
    digest, size = digest_of(path)
    command = ImportRows(
        import_id=ledger.of(ImportStarted)[0].import_id,
        mapping="nyc-restaurants",
        file=path.name,
        digest=digest,
        bytes=size,
        first=0,
        rows=(),
    )
    with (
        SQLiteRecorder(ledger.path) as recorder,
        Ledger(recorder, clock=lambda: NOW) as opened,
        pytest.raises(OutOfStep, match="by another import"),
    ):
        opened.execute(command, OPERATOR)


def test_a_place_of_an_earlier_program_costs_no_row(ledger: Imported, tmp_path: Path) -> None:
    """It counted blank rows as rows: after it, the file is read from its start under another id."""
    folder = tmp_path / "r"
    folder.mkdir()
    path = folder / "nyc_inspections_2013.csv"
    blank = [""] * len(NYC)
    write(path, NYC, [VISITS[0], blank, blank, *VISITS[1:]])
    digest, size = digest_of(path)
    import_id = f"nyc-restaurants/citations/{digest[:32]}"
    said = {"import_id": import_id, "file": path.name, "digest": digest}
    ledger.given(
        ImportStarted(mapping="nyc-restaurants", bytes=size, **said),
        ImportProgressed(rows_done=3, rejected=2, **said),
    )
    report = ledger.take("nyc-restaurants", folder)
    assert (report.rows, report.rejected, report.blank) == (len(VISITS), 0, 2)
    assert len(ledger.of(InspectionImported)) == len(VISITS)
    before = ledger.records()
    again = ledger.take("nyc-restaurants", folder)
    assert ledger.records() == before
    assert (again.rows, again.blank) == (len(VISITS), 2)


def test_progress_is_told(ledger: Imported, tmp_path: Path) -> None:
    """After each batch: the step, the file, the rows done, the events recorded."""
    told: list[Progress] = []
    folder = nyc_register(tmp_path / "r", *VISITS)
    report = ledger.take("nyc-restaurants", folder, batch_rows=7, progress=told.append)

    assert [p.rows_done for p in told] == [7, 14, 20]
    assert told[-1].recorded == sum(report.recorded.values())
