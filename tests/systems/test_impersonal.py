"""What everybody reads holds no personal data, whoever records it (PUB-R1)."""

from __future__ import annotations

from datetime import date

import pytest
from eventsourcing.dcb.persistence import DCBRecorder

from ledger.catalogue.events import MatterWithdrawn
from ledger.filing.events import FilingReturned
from ledger.impersonal import words_of
from ledger.intake.events import ImportedInspectionWithdrawn
from ledger.kernel import Event, Fact
from ledger.kernel.events import Provenance
from ledger.supervision.beside import impersonal
from ledger.supervision.events import CircularIssued
from tests.gwt import Record, Scenario

ID_NUMBER = "620102199003071234"
MOBILE = "13912345678"


@pytest.fixture
def story(recorder: DCBRecorder) -> Scenario:
    return Scenario(recorder, beside=(impersonal,))


def returned(reasons: str) -> FilingReturned:
    return FilingReturned(plan="P-1", unit="MRB", version=1, reasons=reasons)


def circular(**fields: str) -> CircularIssued:
    says = {"title": "通报", "text": "三个单位未备案", "url": "https://example.gov.cn/1"} | fields
    return CircularIssued(
        document="SD-1", kind="circular", units=("MRB",), issued_on=date(2026, 1, 5), **says
    )


@pytest.mark.parametrize(
    "event",
    [
        returned(f"经办人{MOBILE}未签字"),
        returned(f"当事人 {ID_NUMBER} 的材料缺失"),
        circular(title=f"关于{ID_NUMBER}的通报"),
        circular(text=f"详询 {MOBILE}"),
        MatterWithdrawn(matter="M-1", unit="MRB", reason=f"见 https://a.cn/{MOBILE} 与 {MOBILE}"),
    ],
)
def test_PUB_R1_nobody_records_it_for_the_public(story: Scenario, event: Event) -> None:
    """Whatever command records it, and in whichever field it stands."""
    story.amid(returned("缺附件二")).when(Record(facts=(event,))).refused("PUB-R1")


@pytest.mark.parametrize(
    "event",
    [
        returned("缺附件二"),
        # A page's number is nobody's.
        circular(url=f"https://example.gov.cn/{MOBILE}.html"),
    ],
)
def test_PUB_R1_everything_else_is_recorded(story: Scenario, event: Event) -> None:
    story.when(Record(facts=(event,))).then(event)


def test_PUB_R1_a_register_is_taken_as_it_was_published(story: Scenario) -> None:
    """An import reports what another register showed to everybody."""
    withdrawn = ImportedInspectionWithdrawn(
        inspection="register:1/2016-01-05/routine", entity="register:1", reason=f"call {MOBILE}"
    )
    source = Provenance(source="register", file="a.csv", row=1, digest="0" * 64)
    story.when(Record(facts=(Fact(withdrawn, provenance=source),))).then(withdrawn)


def test_words_are_found_wherever_they_stand() -> None:
    """In fields of words, in lists and structs of them; not in ids and digests."""
    assert set(words_of(circular())) == {"通报", "三个单位未备案"}
    assert list(words_of(returned("缺附件二"))) == ["缺附件二"]
