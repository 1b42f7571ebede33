"""Personal data stands nowhere in clear, whoever records it (PUB-R1, 0.10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import msgspec
import pytest
from eventsourcing.dcb.persistence import DCBRecorder
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from ledger.general.findings import FindingRaised
from ledger.general.personaldata import personal_data, words_of
from ledger.general.vocabulary import ComplaintId, EntityId
from ledger.intake.events import ImportedInspectionWithdrawn
from ledger.kernel import Command, Event, Fact, FieldChange, Inquiry, LegalRef, Malformed
from ledger.kernel.events import Provenance
from ledger.systems.catalogue.events import MatterWithdrawn
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.complaints.folds import Complaint
from ledger.systems.corrections.events import RecordCorrected
from ledger.systems.delegations.events import DelegationEnded
from ledger.systems.entities.folds import Registration
from ledger.systems.penalties.events import CaseFiled, Conduct
from ledger.systems.supervision.events import CircularIssued
from ledger.systems.supervision.hooks import impersonal
from tests.cast import E_A, actor
from tests.gwt import Record, Scenario

ID_NUMBER = "620102199003071234"
MOBILE = "13912345678"
#: As a unit of Hebei numbers its officers: eleven digits, of which none is dialled.
BADGE = "13010226001"

replace = msgspec.structs.replace


@pytest.fixture
def story(recorder: DCBRecorder) -> Scenario:
    return Scenario(recorder, hooks=(impersonal,))


def ended(reason: str) -> DelegationEnded:
    return DelegationEnded(delegation="DLG-1", unit="MRB", ended_on=date(2026, 1, 5), reason=reason)


def circular(**fields: str) -> CircularIssued:
    says = {"title": "通报", "text": "三个单位未备案", "url": "https://example.gov.cn/1"} | fields
    return CircularIssued(
        document="SD-1", kind="circular", units=("MRB",), issued_on=date(2026, 1, 5), **says
    )


@pytest.mark.parametrize(
    "event",
    [
        ended(f"经办人{MOBILE}未签字"),
        ended(f"当事人 {ID_NUMBER} 的材料缺失"),
        circular(title=f"关于{ID_NUMBER}的通报"),
        circular(text=f"详询 {MOBILE}"),
        MatterWithdrawn(matter="M-1", unit="MRB", reason=f"见 https://a.cn/{MOBILE} 与 {MOBILE}"),
    ],
)
def test_PUB_R1_nobody_records_it_for_the_public(story: Scenario, event: Event) -> None:
    """Whatever command records it, and in whichever field it stands."""
    story.amid(ended("缺附件二")).when(Record(facts=(event,))).refused("PUB-R1")


@pytest.mark.parametrize(
    "event",
    [
        ended("缺附件二"),
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
    """In fields of words, in lists and structs of them; not in ids, digests and badges."""
    assert set(words_of(circular())) == {("/title", "通报"), ("/text", "三个单位未备案")}
    assert list(words_of(ended("缺附件二"))) == [("/reason", "缺附件二")]
    pointers = {pointer for pointer, _ in words_of(filed())}
    assert pointers == {"/cause", "/conduct/act", "/conduct/place", "/source_ref"}


# What only some read is not erased either.


def filed(**fields: object) -> CaseFiled:
    act = Conduct(
        violation_code="FS-034",
        act="现场笔录 7",
        first_on=date(2026, 1, 5),
        last_on=date(2026, 1, 5),
        place="三号摊位",
    )
    says = {"conduct": act, "cause": "涉嫌无证经营", "source_ref": "线索 3"} | fields
    return CaseFiled(
        case="CASE-1",
        entity=E_A,
        unit="MRB",
        procedure="ordinary",
        party="citizen",
        source="inspection",
        discovered_on=date(2026, 1, 5),
        filed_on=date(2026, 1, 5),
        investigators=(BADGE,),
        filed_by=BADGE,
        **says,
    )  # type: ignore[arg-type]


def finding(*, auto: bool, **facts: object) -> FindingRaised:
    return FindingRaised(
        finding_id="REC-V1.1", type="arbitrary", rule_id="REC-V1", auto=auto, facts=facts
    )


def correction(old: object, new: object) -> RecordCorrected:
    return RecordCorrected(
        target_event_id=uuid4(),
        target_position=1,
        field_changes=(FieldChange(path="/body/cause", old=old, new=new),),
        reason="笔误",
        requested_by=BADGE,
        approved_by=BADGE,
        subjects=("case:CASE-1",),
    )


ACT = filed().conduct


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (filed(cause=f"涉嫌{ID_NUMBER}"), "/cause"),
        (filed(conduct=replace(ACT, act=f"欧阳{MOBILE}")), "/conduct/act"),
        (filed(conduct=replace(ACT, place=f"见{MOBILE}")), "/conduct/place"),
        (
            ComplaintReceived(
                complaint="CMP-1",
                unit="JB",
                subject_unit="MRB",
                channel="web",
                facts=f"我是{MOBILE}",
                anonymous=True,
            ),
            "/facts",
        ),
        (finding(auto=False, witness={"phone": MOBILE}), "/facts"),
        (correction("涉嫌无证经营", f"涉嫌{ID_NUMBER}"), "/field_changes/0/new"),
    ],
)
def test_what_cannot_be_erased_is_not_recorded(story: Scenario, event: Event, pointer: str) -> None:
    """The refusal names the field and says how a person stands here."""
    story.when(Record(facts=(event,))).raises(Malformed, pointer=pointer, says="register-person")


@pytest.mark.parametrize(
    "event",
    [
        filed(),
        finding(auto=True, words=MOBILE),
        # What was recorded before can be corrected, and only so.
        correction(f"涉嫌{ID_NUMBER}", "涉嫌无证经营"),
        correction(13_987_654_321, 13_987_654_322),
    ],
)
def test_nobody_is_refused_for_a_badge_an_amount_or_what_the_ledger_found(
    story: Scenario, event: Event
) -> None:
    story.when(Record(facts=(event,)), actor=actor("MRB", BADGE, "unit_head")).then(event)


def test_the_law_cited_is_looked_at_too(story: Scenario) -> None:
    """It stands in the envelope of every event of the command."""
    cited = (LegalRef(instrument="行政处罚法", article=f"第五十条 {MOBILE}"),)
    story.when(Record(facts=(filed(),), legal_basis=cited)).raises(
        Malformed, pointer="/legal_basis/0/article"
    )


class Name(Command):
    """Gives an id to a complaint and to a business."""

    complaint: ComplaintId
    entity: EntityId = E_A

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Complaint(self.complaint))
        inquiry.new(Registration(self.entity))
        yield filed()


def test_an_id_is_looked_at_when_it_is_given(story: Scenario) -> None:
    """That of a business too, whose register has given it: it needs a reference to that (2.17)."""
    story.when(Name(complaint=f"CMP-{MOBILE}")).raises(Malformed, pointer="/complaint")
    story.when(Name(complaint=f"CMP-{ID_NUMBER}")).raises(Malformed, pointer="/complaint")
    story.when(Name(complaint="CMP-2026-0001", entity=f"register:{MOBILE}")).raises(
        Malformed, pointer="/entity"
    )


def test_the_clock_goes_on_over_what_was_once_recorded(story: Scenario) -> None:
    """What it records was written by somebody else, perhaps before this was looked for."""
    old = filed(cause=f"涉嫌{ID_NUMBER}")
    story.when(Record(facts=(old,)), actor=actor("LEDGER", "clock", "ledger_clock")).then(old)


# How numbers are spelled.

GAPS = st.sampled_from(["", " ", "-", ".", "·", "\u3000", "—", "－", "\u200b", " - "])
SCRIPTS = st.sampled_from(
    [
        "0123456789",
        "０１２３４５６７８９",
        "٠١٢٣٤٥٦٧٨٩",
        "〇一二三四五六七八九",
        "零幺二三四五六七八九",
    ]
)
AROUND = st.sampled_from(["", "涉嫌", "tel", "CASE-", "(", "第2项 ", "x", "。", ")", "号"])
MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True).map(str)


@st.composite
def identities(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1930, 1, 1), date(2015, 12, 31)))
    area = draw(st.sampled_from(["110101", "620102", "310115", "440305"]))
    number = f"{area}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    return number + ric.calc_check_digit(number + "0")


@st.composite
def spelled(draw: st.DrawFn, groups: tuple[int, ...], number: str) -> str:
    parts, start = [], 0
    for length in groups:
        parts.append(number[start : start + length])
        start += length
    script = draw(SCRIPTS)
    text = draw(GAPS).join(parts).translate(str.maketrans("0123456789", script))
    return draw(AROUND) + text + draw(AROUND.filter(lambda after: after[:1] != "x"))


@given(st.data(), MOBILES)
def test_a_mobile_number_is_found_however_it_is_spelled(data: st.DataObject, number: str) -> None:
    """Together, in groups, digit by digit; with the country's code; in any digits."""
    prefix = data.draw(st.sampled_from(["", "86", "+86", "0086", "+86 ", "(+86)", "86-"]))
    groups = data.draw(st.sampled_from([(11,), (3, 4, 4), (3, 8), (3, 3, 5), (4, 4, 3), (1,) * 11]))
    text = data.draw(spelled(groups, number))
    assert str(personal_data(text)) == "a mobile number"
    assert str(personal_data(f"电话{prefix}{number}")) == "a mobile number"


@given(st.data(), identities())
def test_an_identity_number_is_found_however_it_is_spelled(
    data: st.DataObject, number: str
) -> None:
    """With letters beside it, in groups, in any digits; also as they were given until 1999."""
    groups = data.draw(st.sampled_from([(18,), (6, 8, 4), (6, 4, 4, 4), (4, 4, 4, 4, 2)]))
    assert str(personal_data(data.draw(spelled(groups, number)))) == "a citizen identity number"
    if number[6:8] == "19":
        old = number[:6] + number[8:17]
        groups = data.draw(st.sampled_from([(15,), (6, 6, 3)]))
        text = data.draw(GAPS).join((old[:6], old[6:12], old[12:]) if len(groups) > 1 else (old,))
        assert str(personal_data(f"涉嫌{text}。")) == "a citizen identity number"


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    code = draw(st.from_regex(r"(9[123]|1[12]|5[23]|A1|N1)62010[0-9][0-9A-HJ-NP-RTUWXY]{9}",
                              fullmatch=True))  # fmt: skip
    return code + uscc.calc_check_digit(code)


AMOUNTS = st.integers(0, 10**10 - 1)


@given(
    st.one_of(
        credit_codes(),
        st.uuids().map(str),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        st.dates().map(str),
        st.datetimes().map(lambda moment: moment.isoformat()),
        st.tuples(st.dates(), st.dates()).map(lambda days: f"{days[0]} {days[1]} 9时"),
        st.dates().map(lambda day: f"{day:%Y年%m月%d日}"),
        AMOUNTS.map(str),
        AMOUNTS.map(lambda fen: f"{fen / 100:,.2f}元"),
        st.tuples(AMOUNTS, AMOUNTS).map(lambda ab: f"{ab[0] % 10**5}-{ab[1] % 10**6}元"),
        st.integers(1, 9999).map(lambda n: f"兰新市监罚〔2026〕{n}号"),
        st.integers(1, 9999).map(lambda n: f"DRAW-2026-{n:04}/C/{n}"),
    )
)
@example("15000-200000元")
@example("温度 18.5 19.2 18.9 19")
@example("11620100013909010F")
@example("REC-V1.a139876543210aaa.1")
@example("注册号620199600012345")
@example("文号20260928123456789012, 银行账号6222020000000000000")
def test_other_numbers_are_nobodys(text: str) -> None:
    """Credit codes, ids, days, amounts, numbers of documents."""
    assert personal_data(text) is None
