"""Made-up registers in the layouts that are imported, and ways to import them."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from ledger.intake.run import Report, import_register
from ledger.kernel import Actor, Event, Ledger, Recorded, civil_date
from ledger.kernel.codec import decode
from ledger.stores.sqlite import SQLiteRecorder
from tests.gwt import Record

OPERATOR = Actor(unit_id="JB", person_id="OP-1", role="jb_supervisor")

#: When the made-up imports take place.
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

NYC = (
    "inspection_date",
    "camis",
    "dba",
    "boro",
    "building",
    "street",
    "zipcode",
    "cuisine_code",
    "inspection_type",
    "action_code",
    "violation_code",
    "score",
    "grade",
    "grade_date",
)
SF_BUSINESSES = (
    "business_id",
    "first_seen",
    "last_seen",
    "name",
    "address",
    "city",
    "postal_code",
    "tax_code",
    "business_certificate",
    "application_date",
)
SF_INSPECTIONS = (
    "date",
    "business_id",
    "type",
    "score_first",
    "score_last",
    "first_seen",
    "last_seen",
)
SF_VIOLATIONS = (
    "date",
    "business_id",
    "violation_type_id",
    "risk_category",
    "description",
    "first_seen",
    "last_seen",
)
SF_CORRECTIONS = (
    "date",
    "business_id",
    "violation_type_id",
    "description",
    "corrected_date",
)
SF_CHANGES = (
    "detected",
    "from_snapshot",
    "to_snapshot",
    "change",
    "business_id",
    "date",
    "type",
    "old",
    "new",
    "artefact",
)
JP = (
    "event_date",
    "event",
    "entry_id",
    "company_key",
    "masked_name",
    "location",
    "labor_bureau",
    "violation_law",
    "violation_summary",
    "prosecution_date",
    "crossed_data_gap",
)

Row = Mapping[str, str]


def nyc(**said: str) -> dict[str, str]:
    """A citation: a restaurant with 12 points for a critical violation, except for what is said."""
    row = {
        "inspection_date": "2013-01-02",
        "camis": "41000001",
        "dba": "GOLDEN DUCK",
        "boro": "QUEENS",
        "building": "12",
        "street": "MAIN STREET",
        "zipcode": "11354",
        "cuisine_code": "19",
        "inspection_type": "Cycle Inspection / Initial Inspection",
        "action_code": "CITED",
        "violation_code": "04L",
        "score": "12",
        "grade": "A",
        "grade_date": "2013-01-02",
    }
    return row | said


def business(**said: str) -> dict[str, str]:
    """A San Francisco business that both snapshots list."""
    row = {
        "business_id": "10",
        "first_seen": "2016-02-02",
        "last_seen": "2017-12-23",
        "name": "Tiramisu Kitchen",
        "address": "33 Belden Pl",
        "city": "San Francisco",
        "postal_code": "94104",
    }
    return row | said


def visit(**said: str) -> dict[str, str]:
    """A routine inspection of that business with 90 points."""
    row = {
        "date": "2015-03-23",
        "business_id": "10",
        "type": "Routine - Unscheduled",
        "score_first": "90",
        "score_last": said.get("score_first", "90"),
        "first_seen": "2016-02-02",
        "last_seen": "2017-12-23",
    }
    return row | said


def violation(**said: str) -> dict[str, str]:
    """A violation that was found at that inspection."""
    row = {
        "date": "2015-03-23",
        "business_id": "10",
        "violation_type_id": "103120",
        "risk_category": "Moderate Risk",
        "description": "Moderate risk food holding temperature",
        "first_seen": "2016-02-02",
        "last_seen": "2017-12-23",
    }
    return row | said


def correction(**said: str) -> dict[str, str]:
    """That violation was put right within a week."""
    row = {
        "date": "2015-03-23",
        "business_id": "10",
        "violation_type_id": "103120",
        "description": "Moderate risk food holding temperature",
        "corrected_date": "2015-03-30",
    }
    return row | said


def change(change: str, **said: str) -> dict[str, str]:
    """Something that the second snapshot says differently of that business."""
    row = {
        "detected": "2017-12-23",
        "from_snapshot": "S1",
        "to_snapshot": "S2",
        "change": change,
        "business_id": "10",
        "artefact": "0",
    }
    return row | said


def listed(**said: str) -> dict[str, str]:
    """A company is put on the list."""
    row = {
        "event_date": "2017-05-10",
        "event": "LISTED",
        "entry_id": "JP00001",
        "company_key": "8300e57ebf2c",
        "masked_name": "（有）事業場8300e57ebf2c",
        "location": "福島県郡山市",
        "labor_bureau": "福島労働局",
        "violation_law": "最低賃金法第４条",
        "violation_summary": "労働者22名に賃金を支払わなかったもの",
        "prosecution_date": "2017-04-20",
    }
    return row | said


def removed(**said: str) -> dict[str, str]:
    """It is taken off the list a year later."""
    row = {
        "event_date": "2018-05-11",
        "event": "REMOVED",
        "entry_id": "JP00001",
        "company_key": "8300e57ebf2c",
        "labor_bureau": "福島労働局",
    }
    return row | said


def write(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Row | Sequence[str]],
    *,
    start: bytes = b"",
    end: str = "\n",
    quoting: int = csv.QUOTE_MINIMAL,
) -> Path:
    """A CSV file with these columns, packed if its name says so."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(columns)
    for row in rows:
        values = [row.get(name, "") for name in columns] if isinstance(row, Mapping) else row
        writer.writerow(values)
    data = start + text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> Path:
    """A workbook with one sheet; whole numbers are number cells, as a spreadsheet makes them."""

    def cell(value: str) -> str:
        if value.isdigit() and not value.startswith("0"):
            return f"<c><v>{value}</v></c>"
        safe = value.replace("&", "&amp;").replace("<", "&lt;")
        return f'<c t="inlineStr"><is><t>{safe}</t></is></c>'

    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    sheet = "".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheets = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheets}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheets}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w") as workbook:
        for name, text in parts.items():
            workbook.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


class Imported:
    """A ledger in a file, into which registers are imported."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, mapping: str, folder: Path, **options: Any) -> Report:
        """Import a folder, with a clock that stands still."""
        with (
            SQLiteRecorder(self.path) as recorder,
            Ledger(recorder, clock=lambda: NOW) as ledger,
        ):
            return import_register(ledger, mapping, folder, actor=OPERATOR, **options)

    def given(self, *facts: Event) -> None:
        """Facts of the ledger's own, beside what the registers say."""
        with (
            SQLiteRecorder(self.path) as recorder,
            Ledger(recorder, clock=lambda: NOW) as ledger,
        ):
            ledger.execute(Record(facts=facts), OPERATOR)

    def records(self) -> list[Recorded]:
        """Everything that is recorded."""
        with SQLiteRecorder(self.path) as recorder:
            return [decode(s.position, s.event.data) for s in recorder.read()]

    def of(self, *kinds: type[Event]) -> list[Any]:
        """The events of these types."""
        return [record.event for record in self.records() if isinstance(record.event, kinds)]

    def facts(self) -> Counter[str]:
        """How many events of each type came out of rows."""
        return Counter(
            record.envelope.type for record in self.records() if record.envelope.provenance
        )

    def story(self) -> list[Any]:
        """What is recorded, in order, without ids and times of recording."""
        told = []
        for record in self.records():
            body = msgspec.to_builtins(record.event)
            body.pop("target_event_id", None)
            told.append(
                (
                    record.envelope.type,
                    body,
                    msgspec.to_builtins(record.envelope.provenance),
                    None if record.envelope.provenance is None else record.envelope.occurred_at,
                )
            )
        return told

    def known_on(self, day: date) -> list[Recorded]:
        """What was known on a day: to the register if it says so, else to the ledger."""
        return [r for r in self.records() if civil_date(r.envelope.known_at) <= day]


def sf_register(folder: Path, **files: Iterable[Row]) -> Path:
    """The files of San Francisco's register that are named, in a folder."""
    columns = {
        "businesses": SF_BUSINESSES,
        "inspections": SF_INSPECTIONS,
        "violations": SF_VIOLATIONS,
        "violation_corrections": SF_CORRECTIONS,
        "changes": SF_CHANGES,
    }
    folder.mkdir(exist_ok=True)
    for kind, rows in files.items():
        write(folder / f"sf_{kind}_2013_2017.csv.gz", columns[kind], rows)
    return folder


def small_register(folder: Path) -> Path:
    """San Francisco's register with one visit that is imported, and one that is refused."""
    refused = visit(date="2015-02-30")
    return sf_register(folder, businesses=[business()], inspections=[visit(), refused])


def nyc_register(folder: Path, *rows: Row, name: str = "nyc_inspections_2013.csv.gz") -> Path:
    """New York's register with these rows, in a folder."""
    folder.mkdir(exist_ok=True)
    write(folder / name, NYC, rows)
    return folder


def jp_register(folder: Path, *rows: Row) -> Path:
    """The list of offenders with these rows, in a folder."""
    folder.mkdir(exist_ok=True)
    write(folder / "jp_listing_events_2017.csv.gz", JP, rows)
    return folder
