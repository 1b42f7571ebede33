"""Japan's list of labour-law offenders: listing, removal, and each of its oddities."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import msgspec
import pytest

from ledger.general.values import Instrument
from ledger.kernel import LegalRef, civil_date
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted, PublicityTerminated
from ledger.systems.dishonesty.events import SanctionApplied, SanctionLifted
from ledger.systems.entities.events import EntityRegistered, EntityRevised
from ledger.systems.sharing.events import FeedSubscribed, Filters, RemovalNotified
from tests.intake.registers import Imported, Row, jp_register, listed, removed


def test_a_case_is_a_published_penalty_until_it_is_removed(
    ledger: Imported, tmp_path: Path
) -> None:
    """Listing enters a record and starts its publicity; removal ends it."""
    ledger.take("jp-labour", jp_register(tmp_path / "r", listed(), removed()))

    (business,) = ledger.of(EntityRegistered)
    assert business.entity == "jp-labour:8300e57ebf2c"
    (entered,) = ledger.of(CreditRecordEntered)
    assert (entered.kind, entered.record, entered.title) == (
        "penalty",
        "jp-labour:JP00001",
        "最低賃金法第４条",
    )
    assert entered.determined_on == date(2017, 4, 20)
    (started,) = ledger.of(PublicityStarted)
    assert started.started_on == date(2017, 5, 10)
    (ended,) = ledger.of(PublicityTerminated)
    assert (ended.reason, ended.terminated_on) == ("source_delisted", date(2018, 5, 11))


def test_each_fact_has_its_own_day(ledger: Imported, tmp_path: Path) -> None:
    """The penalty was decided before it was listed, and the register knew it when it was."""
    ledger.take("jp-labour", jp_register(tmp_path / "r", listed(), removed()))

    days = {r.envelope.type: r.occurred_on for r in ledger.records() if r.envelope.provenance}
    assert days == {
        EntityRegistered.TOPIC: date(2017, 5, 10),
        CreditRecordEntered.TOPIC: date(2017, 4, 20),
        PublicityStarted.TOPIC: date(2017, 5, 10),
        PublicityTerminated.TOPIC: date(2018, 5, 11),
    }
    assert not ledger.known_on(date(2017, 5, 8))
    assert len(ledger.known_on(date(2018, 1, 1))) == 3


def test_what_rests_on_a_case_ends_with_it(ledger: Imported, tmp_path: Path) -> None:
    """A sanction and the sharing end when the ledger hears of the removal, and by the ledger.

    What rests on another case of the company stays.
    """
    other = {"entry_id": "JP00002"}
    ledger.take("jp-labour", jp_register(tmp_path / "first", listed(), listed(**other)))
    sanction = SanctionApplied(
        sanction="SAN-1",
        entity="jp-labour:8300e57ebf2c",
        unit="EDB",
        record="jp-labour:JP00001",
        measure="限制参与政府采购",
        catalogue_version=1,
        applied_on=date(2026, 1, 5),
    )
    ledger.given(
        sanction,
        msgspec.structs.replace(sanction, sanction="SAN-2", record="jp-labour:JP00002"),
        FeedSubscribed(
            subscription="SUB-1",
            unit="BANK",
            purpose="贷款审批",
            basis=(LegalRef(instrument="征信业管理条例"),),
            filters=Filters(),
            subscribed_on=date(2026, 1, 5),
        ),
    )
    before = len(ledger.records())
    ledger.take("jp-labour", jp_register(tmp_path / "second", listed(), listed(**other), removed()))
    since = ledger.records()[before:]
    (lifted,) = (r for r in since if isinstance(r.event, SanctionLifted))
    (notified,) = (r for r in since if isinstance(r.event, RemovalNotified))
    assert isinstance(lifted.event, SanctionLifted)
    assert (lifted.event.sanction, lifted.event.reason) == ("SAN-1", "removed")
    assert isinstance(notified.event, RemovalNotified)
    assert (notified.event.record, notified.event.unit) == ("jp-labour:JP00001", "BANK")
    for record in (lifted, notified):
        assert record.envelope.provenance is None
        assert record.occurred_on == civil_date(record.envelope.recorded_at)
    (ended,) = ledger.of(PublicityTerminated)
    assert ended.terminated_on == date(2018, 5, 11)


def test_the_order_of_rows_does_not_change_the_counts(tmp_path: Path) -> None:
    """A removal that stands above its listing is no removal of nothing."""
    rows: list[Row] = []
    for n in range(40):
        key = {"entry_id": f"JP{n:05}", "company_key": f"{n % 30:012}"}
        rows += [listed(**key, location=f"place {n % 20}"), removed(**key)]
    counts = []
    for seed in (1, 2, 3):
        random.Random(seed).shuffle(rows)
        ledger = Imported(tmp_path / f"{seed}.db")
        report = ledger.take("jp-labour", jp_register(tmp_path / "r", *rows), batch_rows=7)
        assert report.rejects == {}
        counts.append(ledger.facts())
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][PublicityTerminated.TOPIC] == 40


def test_another_name_or_place_is_a_revision(ledger: Imported, tmp_path: Path) -> None:
    """The company is listed again, elsewhere, on a later day."""
    later = listed(entry_id="JP2", event_date="2018-01-01", location="京都府", prosecution_date="")
    ledger.take("jp-labour", jp_register(tmp_path / "r", listed(), later))

    (revised,) = ledger.of(EntityRevised)
    assert revised.identity.address == "京都府"


@pytest.mark.parametrize(
    ("row", "warning"),
    [
        (listed(crossed_data_gap="true"), "data-gap"),
        (listed(prosecution_date=""), "no-prosecution_date"),
        (listed(prosecution_date="2018-04-20"), "prosecution-after-listing"),
        (listed(violation_law=""), "no-violation_law"),
    ],
)
def test_oddities_go_in_by_name(ledger: Imported, tmp_path: Path, row: Row, warning: str) -> None:
    """The case is recorded; the day of listing stands in where no other will do."""
    report = ledger.take("jp-labour", jp_register(tmp_path / "r", row))

    assert report.warnings == {warning: 1}
    (entered,) = ledger.of(CreditRecordEntered)
    assert entered.determined_on <= date(2017, 5, 10)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (removed(entry_id="JP00009"), "never-listed"),
        (removed(event_date="2016-01-01"), "removed-before-listed"),
        (removed(event="PARDONED"), "unknown-event"),
        (removed(event_date="someday"), "bad-event_date"),
        (removed(company_key=""), "no-company_key"),
        (listed(event_date=""), "no-event_date"),
    ],
)
def test_what_does_not_fit_is_rejected_by_name(
    ledger: Imported, tmp_path: Path, row: Row, reason: str
) -> None:
    """It is refused once, although the file is read twice."""
    report = ledger.take("jp-labour", jp_register(tmp_path / "r", listed(), row))

    assert report.rejects == {reason: 1}
    assert (report.rejected, report.rows) == (1, 2)


def test_what_is_said_twice_is_recorded_once(ledger: Imported, tmp_path: Path) -> None:
    """Equal rows are duplicates; rows that differ are named."""
    rows = [
        listed(),
        listed(),
        listed(violation_law="労働基準法第32条"),
        removed(),
        removed(),
        removed(event_date="2019-01-01"),
    ]
    report = ledger.take("jp-labour", jp_register(tmp_path / "r", *rows))

    assert sum(ledger.facts().values()) == 4
    assert report.warnings["penalty-contradicts"] == 1
    assert report.warnings["removal-contradicts"] == 1
    assert report.warnings["exact-duplicate"] == 1


def entered(record: str, *, public: bool = True, **changed: str) -> CreditRecordEntered:
    """A record of the listed case's document that was entered here by hand."""
    return CreditRecordEntered(
        record=record,
        entity=changed.get("entity", "jp-labour:8300e57ebf2c"),
        unit="EDB",
        kind="penalty" if "kind" not in changed else "other",
        instrument=Instrument(
            kind="penalty_decision",
            doc_no=changed.get("doc_no", "jp00001"),
            effective_on=date(2017, 4, 20),
        ),
        determined_on=date(2017, 4, 20),
        title="最低賃金法第４条",
        public=public,
        severity="general",
    )


@pytest.mark.parametrize("public", [True, False])
def test_CRD_R5_a_document_on_record_is_not_imported_again(
    ledger: Imported, tmp_path: Path, *, public: bool
) -> None:
    """Its row adds nothing and nothing is said of it, as everybody reads the notes of an import.

    Other parties, kinds and documents are not in the way.
    """
    ledger.given(
        entered("CR-1", public=public),
        entered("CR-2", entity="jp-labour:else", doc_no="JP00002"),
        entered("CR-3", doc_no="JP00002", kind="other"),
    )
    rows = (listed(), listed(entry_id="JP00002"))
    report = ledger.take("jp-labour", jp_register(tmp_path / "r", *rows))
    assert [one.record for one in ledger.of(CreditRecordEntered)][3:] == ["jp-labour:JP00002"]
    assert [one.record for one in ledger.of(PublicityStarted)] == ["jp-labour:JP00002"]
    assert (report.rejects, report.warnings) == ({}, {})
