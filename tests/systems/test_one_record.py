"""One penalty, one record (2.17): document numbers, records that say what their decision says."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

from ledger.general.documents import normal_form
from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import LegalRef, Malformed, RecordCorrected
from ledger.kernel.policies import Scope
from ledger.systems.commitments.commands import EstablishBreach, FulfilCommitment
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    Obligation,
)
from ledger.systems.corrections.commands import CorrectRecord
from ledger.systems.corrections.events import FieldChange
from ledger.systems.credit.commands import EnterCreditRecord, ReportShownElsewhere, StartPublicity
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityTerminated,
    ShownElsewhereReported,
)
from ledger.systems.penalties.commands import DecidePenalty
from ledger.systems.penalties.events import PenaltyDecided, PenaltyServed
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from tests.cast import DEPUTY, E_B, E_C, EDB, EMB, HEAD
from tests.examples import examples
from tests.gwt import Scenario, like
from tests.pasts import certified, decidable, filed, registered

replace = msgspec.structs.replace

DAY = date(2026, 5, 11)

DECIDED = PenaltyDecided(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="兰新市监罚〔2026〕12号",
    decided_on=DAY,
    types=("fine",),
    severity="general",
    facts="-",
    fine_fen=500_000,
)
SERVED = PenaltyServed(
    decision="DEC-1", entity=E_C, unit="MRB", served_on=DAY, repair_notice=True, fine_fen=500_000
)
ENTER = EnterCreditRecord(
    record="CR-1",
    entity=E_C,
    unit="MRB",
    kind="penalty",
    determined_on=DAY,
    title="行政处罚",
    public=True,
    instrument=Instrument(
        kind="penalty_decision", doc_no="兰新市监罚〔2026〕12号", effective_on=DAY
    ),
    severity="general",
    amount_fen=500_000,
    decision="DEC-1",
)


@pytest.fixture
def story() -> Scenario:
    """A decision of MRB, served; another business has a record of the same number."""
    other = replace(ENTER, record="CR-9", entity=E_B, decision=None)
    return (
        Scenario(InMemoryDCBRecorder())
        .at("2026-05-11T09:00+08:00")
        .given(SeedLedger(), DECIDED, SERVED)
        .amid(as_event(other))
    )


def as_event(command: EnterCreditRecord) -> CreditRecordEntered:
    """What a command records."""
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(command).items()
        if name in CreditRecordEntered.__struct_fields__
    }
    return CreditRecordEntered(**fields)


def ended(reason: Any) -> PublicityTerminated:
    return PublicityTerminated(
        record="CR-1", entity=E_C, unit="MRB", reason=reason, terminated_on=DAY
    )


@pytest.mark.parametrize(
    "typed",
    [
        "兰新市监罚〔2026〕12号",
        "兰新市监罚(2026)12号",
        "兰新市监罚（2026） 12 号",
        "兰新市监罚【2026】０12号",
        "兰新市监罚[2026]0012号",
        "兰新市监罚［2026］１２号",
        "\u200b兰新市监罚〔2026〕\u300012号",
    ],
)
def test_a_document_number_has_one_form(typed: str) -> None:
    """However it was typed."""
    assert normal_form(typed) == "兰新市监罚〔2026〕12号"


@examples(100)
@given(st.text(max_size=20))
def test_the_form_of_a_form_is_itself(doc_no: str) -> None:
    """So that numbers can be compared in either."""
    assert normal_form(normal_form(doc_no)) == normal_form(doc_no)


@pytest.mark.parametrize("end", [None, "repaired", "revoked", "correction", "max_reached"])
@pytest.mark.parametrize(
    ("who", "changed"),
    [
        (HEAD, {}),
        (HEAD, {"decision": None}),
        (EDB, {"unit": "EDB", "decision": None}),
        (EDB, {"unit": "EDB", "determined_by": "EMB", "decision": None}),
        (EMB, {"unit": "EMB", "decision": None}),
    ],
)
def test_CRD_R5_a_document_has_one_record(
    story: Scenario, end: Any, who: Any, changed: dict[str, Any]
) -> None:
    """Whoever enters the second one, and whatever became of the first."""
    story.given(ENTER, *([] if end is None else [ended(end)]))
    second = replace(ENTER, record="CR-2", **changed)
    story.when(second, who).refused("CRD-R5", record="CR-1")
    # Another kind of record, or another document, is another matter.
    number = replace(ENTER.instrument, doc_no="兰新市监罚〔2026〕13号")
    story.when(replace(second, decision=None, instrument=number), who).then(CreditRecordEntered)


LAW = "优化营商环境条例 第五十三条"

COMMITTED = CommitmentMade(
    commitment="CMT-1",
    entity=E_C,
    unit="MRB",
    type="voluntary",
    text_hash="ab" * 32,
    obligations=(Obligation(obligation="O-1", says="整改", due_on=date(2026, 5, 20)),),
    public=True,
)


def of(kind: Any, doc_no: str) -> EnterCreditRecord:
    """A record that somebody entered by hand, of a document that enters one of itself as well."""
    return replace(
        ENTER,
        record="CR-HAND",
        kind=kind,
        severity=None,
        amount_fen=None,
        decision=None,
        instrument=Instrument(kind="other", doc_no=doc_no, effective_on=DAY, allowed_by=LAW),
    )


@pytest.mark.parametrize("end", [None, "repaired", "revoked", "correction", "max_reached"])
def test_CRD_R5_a_breach_has_one_record(story: Scenario, end: Any) -> None:
    """A notice that has its record carries no second one, however the first one ended."""
    story.given(COMMITTED, as_event(of("commitment_breach", "通知〔2026〕7号")))
    story.given(*([] if end is None else [replace(ended(end), record="CR-HAND")]))
    story.at("2026-05-25T09:00+08:00")
    breach = EstablishBreach(
        commitment="CMT-1",
        obligation="O-1",
        record="CR-2",
        evidence=("核查记录",),
        notice_ref="通知（2026）07号",
        notified_on=date(2026, 5, 21),
    )
    story.when(breach).refused("CRD-R5", record="CR-HAND")
    story.when(replace(breach, notice_ref="通知〔2026〕8号")).then(
        CommitmentBreached, CreditRecordEntered
    )


def test_CRD_R5_a_commitment_that_was_kept_is_recorded_once(story: Scenario) -> None:
    """That it was kept is a fact, and is recorded in any case."""
    kept = FulfilCommitment(commitment="CMT-1", obligation="O-1", evidence=("核查记录",))
    story.given(COMMITTED, as_event(of("commitment", "cmt-1")))
    story.when(kept, HEAD).then(CommitmentFulfilled)
    other = Scenario(InMemoryDCBRecorder()).at("2026-05-11T09:00+08:00")
    other.given(SeedLedger(), COMMITTED)
    other.amid(as_event(replace(of("commitment", "CMT-1"), entity=E_B)))
    other.when(kept, HEAD).then(CommitmentFulfilled, CreditRecordEntered)


def test_CRD_R5_names_the_first_one_to_those_who_may_see_it(story: Scenario) -> None:
    """To others it says only that the document has one."""
    story.given(replace(ENTER, public=False))
    second = replace(ENTER, record="CR-2", unit="EMB", decision=None)
    story.when(second, EMB).refused("CRD-R5", record=None, where="")
    assert "CR-1" not in str(story.error)
    story.when(replace(second, unit="EDB"), EDB).refused("CRD-R5", record="CR-1")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"entity": E_B, "instrument": replace(ENTER.instrument, doc_no="7号")}, "party"),
        ({"instrument": replace(ENTER.instrument, doc_no="7号")}, "document number"),
        ({"determined_on": date(2026, 5, 12)}, "day"),
        ({"determined_on": date(2026, 5, 10)}, "day"),
        ({"amount_fen": 50_000}, "amount"),
        ({"severity": "serious"}, "class"),
        ({"severity": "minor", "decision": None}, "class"),
    ],
)
def test_CRD_R6_a_record_says_what_its_decision_says(
    story: Scenario, changed: dict[str, Any], field: str
) -> None:
    """Also where it names the document and not the decision."""
    story.at("2026-05-12T09:00+08:00")
    story.when(replace(ENTER, **changed)).refused("CRD-R6", field=field)


def test_a_record_takes_from_its_decision_what_it_does_not_say(story: Scenario) -> None:
    """The amount, the decision of its document number, and who determined it."""
    bare = replace(ENTER, amount_fen=None, decision=None, unit="EDB")
    story.when(bare, EDB).then(
        like(CreditRecordEntered, decision="DEC-1", amount_fen=500_000, determined_by="MRB")
    )
    wrong = replace(bare, record="CR-2", determined_by="EMB")
    other = Scenario(InMemoryDCBRecorder()).at("2026-05-11T09:00+08:00")
    other.given(SeedLedger(), DECIDED, SERVED).when(wrong, EDB).raises(
        Malformed, pointer="/determined_by"
    )


def correct(position: int, path: str, old: Any, new: Any) -> CorrectRecord:
    return CorrectRecord(
        target_position=position,
        field_changes=(FieldChange(path=path, old=old, new=new),),
        reason="录入错误",
    )


#: Who requests a correction, and who approves it.
BOTH = (DEPUTY, HEAD)


def test_CRD_R6_a_correction_keeps_to_the_decision(story: Scenario) -> None:
    """What would part a record from its decision is no correction."""
    story.given(ENTER).given(replace(ENTER, record="CR-7", kind="other", catalogue_item="其他",
                                     decision=None), actor=DEPUTY)  # fmt: skip
    at = position(story, CreditRecordEntered, "CR-1")
    story.signed(correct(at, "/body/amount_fen", 500_000, 5), *BOTH).refused(
        "CRD-R6", field="amount"
    )
    story.signed(correct(at, "/body/determined_on", "2026-05-11", "2026-05-10"), *BOTH).refused(
        "CRD-R6", field="day"
    )


def position(story: Scenario, type_: Any, name: str) -> int:
    return next(
        e.position
        for e in story.ledger.recorder.read()
        if e.event.type == type_.TOPIC and f"record:{name}" in e.event.tags
    )


def test_a_correction_of_the_day_moves_the_bounds_with_it(story: Scenario) -> None:
    """In one append; what the clock will apply is what is shown."""
    alone = replace(ENTER, decision=None, instrument=replace(ENTER.instrument, doc_no="99号"))
    story.given(alone, StartPublicity(record="CR-1", channels=("credit_china",)))
    story.given(replace(alone, record="CR-7", kind="other", catalogue_item="其他"), actor=DEPUTY)
    at = position(story, CreditRecordEntered, "CR-1")
    story.signed(correct(at, "/body/determined_on", "2026-05-11", "2026-04-15"), *BOTH).then(
        RecordCorrected,
        like(
            PublicityBoundsMoved,
            because="correction",
            valid_from="2026-04-15",
            min_until="2026-07-15",
            max_until="2027-04-15",
        ),
    )


def test_a_correction_of_words_does_not_judge_what_was_altered(story: Scenario) -> None:
    """The record says its altered amount on; a title typed wrong is put right all the same."""
    story.given(ENTER).given(replace(ENTER, record="CR-7", kind="other", catalogue_item="其他",
                                     decision=None), actor=DEPUTY)  # fmt: skip
    altered = CreditRecordAltered(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        decision="DEC-1",
        instrument="1号",
        altered_on=DAY,
        valid_from=DAY,
        severity="minor",
        amount_fen=1,
    )
    story.given(altered)
    at = position(story, CreditRecordEntered, "CR-1")
    story.signed(correct(at, "/body/title", "行政处罚", "行政处罚决定"), *BOTH).then(
        RecordCorrected
    )


def test_a_corrected_number_of_a_decision_stands_on_its_record(story: Scenario) -> None:
    """What changes a decision reaches every record of its document in the same append."""
    story.given(ENTER).given(replace(ENTER, record="CR-7", kind="other", catalogue_item="其他",
                                     decision=None), actor=DEPUTY)  # fmt: skip
    at = next(
        e.position for e in story.ledger.recorder.read() if e.event.type == PenaltyDecided.TOPIC
    )
    new = "兰新市监罚〔2026〕21号"
    story.signed(correct(at, "/body/doc_no", DECIDED.doc_no, new), *BOTH).then(
        RecordCorrected,
        like(CreditRecordAltered, record="CR-1", doc_no=new),
        like(CreditRecordAltered, record="CR-7", doc_no=new),
    )


def test_CRD_V4_a_record_is_shown_elsewhere_after_it_ended(story: Scenario) -> None:
    """What another platform shows is its claim; that it shows it too long is found."""
    report = ReportShownElsewhere(record="CR-1", entity=E_C, where="省平台", seen_on=DAY)
    story.given(ENTER).when(report, EDB).then(ShownElsewhereReported)
    story.given(ended("revoked")).when(report, EDB).then(ShownElsewhereReported)
    story.at("2026-05-13T09:00+08:00")
    later = replace(report, seen_on=date(2026, 5, 12))
    story.when(later, EDB).then(ShownElsewhereReported, like(FindingRaised, rule_id="CRD-V4"))


# The class of a penalty


@pytest.fixture
def case() -> Scenario:
    """A case of an ordinary penalty, ready to be decided."""
    return (
        Scenario(InMemoryDCBRecorder())
        .at("2026-05-11T09:00+08:00")
        .given(SeedLedger(), *certified("OFF-001", "OFF-002"), *registered(E_C))
    )


def decide(kinds: tuple[Any, ...], fine_fen: int, severity: Any, **changed: Any) -> DecidePenalty:
    return DecidePenalty(
        decision="DEC-1",
        entity=E_C,
        unit="MRB",
        case="CASE-1",
        doc_no="1号",
        types=kinds,
        fine_fen=fine_fen,
        severity=severity,
        facts="-",
        **changed,
    )


@pytest.mark.parametrize(
    ("kinds", "fine_fen", "right"),
    [
        (("warning",), 0, "minor"),
        (("warning", "circular_criticism"), 0, "minor"),
        (("fine",), 50_000, "general"),
        (("fine", "warning"), 50_000, "general"),
        (("confiscation",), 0, "general"),
    ],
)
def test_PEN_R7_the_class_is_that_of_the_map(
    case: Scenario, kinds: tuple[Any, ...], fine_fen: int, right: str
) -> None:
    """Neither a graver nor a lower one; a lower one with the law that allows it."""
    case.given(*decidable(filed("CASE-1", E_C, "2026-05-11"), kinds, fine_fen))
    order = ["minor", "general", "serious"]
    for given_ in order:
        if given_ != right:
            case.when(decide(kinds, fine_fen, given_)).refused("PEN-R7", severity=right)
    basis = LegalRef(instrument="食品行业信用分类办法")
    lower = [one for one in order if order.index(one) < order.index(right)]
    if lower:
        cited = decide(kinds, fine_fen, lower[0], severity_basis=basis)
        case.when(cited).then(like(PenaltyDecided, severity=lower[0], severity_basis=basis))
    else:
        case.when(decide(kinds, fine_fen, right)).then(like(PenaltyDecided, severity=right))


def test_PEN_R7_a_sector_classifies_first(case: Scenario) -> None:
    """Its published classification goes before the general one; other sectors keep theirs."""
    case.given(
        AdoptPolicyVersion(
            key="severity.map",
            value={
                "minor": ["fine"],
                "general": ["confiscation"],
                "serious": ["licence_revocation"],
                "serious_fine_fen": 60_000,
            },
            unit="table",
            effective_from=DAY,
            scope=Scope(domain="food"),
            source=LegalRef(instrument="食品行业信用分类办法"),
            confidence="C",
        )
    )
    case.given(*decidable(filed("CASE-1", E_C, "2026-05-11"), ("fine",), 70_000))
    case.when(decide(("fine",), 50_000, "general", sector="food")).refused(
        "PEN-R7", severity="minor"
    )
    case.when(decide(("fine",), 70_000, "minor", sector="food")).refused(
        "PEN-R7", severity="serious"
    )
    case.when(decide(("fine",), 50_000, "general")).then(PenaltyDecided)


def test_decisions_before_the_map_are_not_judged() -> None:
    """As S18's, of 2026-03-02."""
    before = (
        Scenario(InMemoryDCBRecorder())
        .at("2026-03-02T09:00+08:00")
        .given(SeedLedger(), *certified("OFF-001", "OFF-002"), *registered(E_C))
        .given(*decidable(filed("CASE-1", E_C, "2026-03-02"), ("fine",), 50_000))
    )
    before.when(decide(("fine",), 50_000, "serious")).then(PenaltyDecided)


def test_special_serious_is_a_class_of_2019(story: Scenario) -> None:
    """Entered for determinations of its time alone; it stays shut out of repair."""
    old = replace(
        ENTER,
        decision=None,
        determined_on=date(2023, 4, 30),
        severity="special_serious",
        instrument=Instrument(
            kind="penalty_decision", doc_no="2023-7", effective_on=date(2023, 4, 30)
        ),
    )
    story.when(old).then(like(CreditRecordEntered, severity="special_serious"))
    late = replace(old, record="CR-2", determined_on=date(2023, 5, 1),
                   instrument=replace(old.instrument, doc_no="2023-8"))  # fmt: skip
    story.when(late).raises(Malformed, pointer="/severity")
