"""The matter catalogue (2.1): what may be listed, by whom, and what publishing needs."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
    civil_moment,
)
from ledger.systems.catalogue.commands import (
    CertifyOfficer,
    DeclareConflict,
    EndConflict,
    ListMatter,
    PublishMatter,
    QualifyUnit,
    ReportBasisRepealed,
    ReviewIdleMatter,
    ReviseMatter,
    SuspendCertificate,
    WithdrawMatter,
)
from ledger.systems.catalogue.events import (
    Basis,
    BasisRepealed,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
    OfficerConflictDeclared,
    OfficerConflictEnded,
)
from ledger.systems.catalogue.folds import Matter, UnitStanding
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.filing.commands import ReportIrregularVisit
from ledger.systems.filing.events import IrregularVisitReported, OnSiteInspectionOpened
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_A, HEAD, JB, actor
from tests.gwt import Scenario, like, on

ACT = Basis(level="law", instrument="中华人民共和国食品安全法", article="110")
LOW = Basis(level="normative_document", instrument="某区检查办法", article="3")
MANDATE = Basis(level="mandate_document", instrument="三定方案", article="2")
FOOD = MatterElements(name="食品检查", act_kind="inspection", office_id="食品科", bases=(ACT,))
MRB = EnforcementUnitQualified(
    unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1)
)
EMB = msgspec.structs.replace(MRB, unit="EMB", name="应急管理局")
NEIGHBOURS = (
    EMB,
    MatterListed(
        matter="M-900",
        unit="EMB",
        elements=msgspec.structs.replace(FOOD, name="安全生产检查"),
    ),
)


@pytest.fixture
def story() -> Scenario:
    """MRB is qualified; EMB is too and lists a matter of its own."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), on("2026-01-04", MRB))
        .amid(*NEIGHBOURS)
        .at("2026-03-02T10:00+08:00")
    )


def listing(**changed: Any) -> ListMatter:
    return ListMatter(matter="M-101", unit="MRB", elements=msgspec.structs.replace(FOOD, **changed))


OPENED = OnSiteInspectionOpened(
    task="T-1",
    entity=E_A,
    unit="MRB",
    matters=("M-900",),
    officers=("OFF-1",),
    certs_shown=("甘A-1",),
    notice_shown=True,
    rights_informed=True,
    conduct_rules_informed=True,
)
CERTIFIED = OfficerCertified(
    officer="OFF-1",
    unit="MRB",
    cert_no="甘A-1",
    valid_from=date(2024, 8, 1),
    valid_to=date(2027, 7, 31),
    domains=("food_drug",),
)
PUBLISH = PublishMatter(matter="M-101", unit="MRB", url="https://example.org/M-101")


def listed(**changed: Any) -> MatterListed:
    return MatterListed(
        matter="M-101", unit="MRB", elements=msgspec.structs.replace(FOOD, **changed)
    )


def test_a_matter_with_an_act_as_basis_is_listed(story: Scenario) -> None:
    """One basis of sufficient rank carries an inspection, whatever stands beside it."""
    story.when(listing(bases=(LOW, ACT))).then(listed(bases=(LOW, ACT)))
    story.when(listing()).raises(OutOfStep, says="M-101")


@pytest.mark.parametrize("bases", [(), (LOW,), (LOW, MANDATE)])
def test_CAT_R1_an_inspection_rests_on_law(story: Scenario, bases: tuple[Basis, ...]) -> None:
    """Normative and mandate documents give no power to inspect, nor does nothing."""
    story.when(listing(bases=bases)).refused("CAT-R1", matter="M-101")


def test_CAT_R1_holds_for_revisions_and_not_for_other_acts(story: Scenario) -> None:
    """A revision cannot take the basis away; a confirmation may rest on a lower document."""
    story.given(listed())
    story.when(
        ReviseMatter(
            matter="M-101",
            unit="MRB",
            elements=msgspec.structs.replace(FOOD, bases=(LOW,)),
            reason="law_change",
        )
    ).refused("CAT-R1")
    elements = msgspec.structs.replace(FOOD, act_kind="confirmation", bases=(LOW,))
    story.when(ListMatter(matter="M-102", unit="MRB", elements=elements)).then(MatterListed)
    none = msgspec.structs.replace(elements, bases=())
    story.when(ListMatter(matter="M-103", unit="MRB", elements=none)).refused("CAT-R1")


def test_CAT_R3_only_a_qualified_unit_lists(story: Scenario) -> None:
    """A qualification that ended, or begins later, qualifies nobody; another unit's neither."""
    eeb = actor("EEB", "EEB-HEAD", "unit_head")
    story.amid(
        msgspec.structs.replace(MRB, unit="EEB", valid_to=date(2026, 3, 1)),
        msgspec.structs.replace(MRB, unit="EEB", valid_from=date(2026, 3, 3)),
    )
    command = ListMatter(matter="M-101", unit="EEB", elements=FOOD)
    story.when(command, eeb).refused("CAT-R3", unit="EEB", on=date(2026, 3, 2))
    story.at("2026-03-03T10:00+08:00").when(command, eeb).then(MatterListed)


def test_CAT_R3_an_entrusted_body_has_a_complete_entrustment(story: Scenario) -> None:
    """Who entrusted it, by which letter, and which matters: without one of them it may nothing."""
    complete = QualifyUnit(
        unit="ORG",
        name="执法服务中心",
        kind="entrusted_org",
        valid_from=date(2026, 1, 1),
        entrusted_by="MRB",
        entrustment_ref="委托书1号",
        entrusted_matters=("M-101",),
    )
    for lacking in ({"entrusted_by": None}, {"entrustment_ref": None}, {"entrusted_matters": ()}):
        story.when(msgspec.structs.replace(complete, **lacking), JB).refused("CAT-R3", unit="ORG")
    story.when(complete, JB).then(like(EnforcementUnitQualified, kind="entrusted_org"))


@pytest.mark.parametrize(
    "body", ["deliberative_body", "third_party", "outsourced_intermediary", "auxiliary_staff"]
)
def test_CAT_R4_some_bodies_never_inspect(story: Scenario, body: Any) -> None:
    """Deliberative bodies, third parties, intermediaries and auxiliaries are not qualified."""
    story.when(
        QualifyUnit(unit="LAB", name="检测公司", kind=body, valid_from=date(2026, 1, 1)), JB
    ).refused("CAT-R4", body=body)


def test_a_qualification_ends_after_it_begins(story: Scenario) -> None:
    """Its last day may be its first, and none before."""
    qualify = QualifyUnit(unit="EEB", name="生态环境局", kind="organ", valid_from=date(2026, 3, 2))
    backwards = msgspec.structs.replace(qualify, valid_to=date(2026, 3, 1))
    story.when(backwards, JB).raises(Malformed, pointer="/valid_to")
    one_day = msgspec.structs.replace(qualify, valid_to=date(2026, 3, 2))
    story.when(one_day, JB).then(EnforcementUnitQualified)


def test_CAT_R5_a_matter_is_published_with_its_four_elements(story: Scenario) -> None:
    """Without the handling office it is not published; the neighbour's office is no help."""
    story.given(listed(office_id=None))
    story.when(PUBLISH).refused("CAT-R5", missing="the handling office")
    story.given(
        MatterRevised(matter="M-101", unit="MRB", version=2, elements=FOOD, reason="mandate_change")
    )
    story.when(PUBLISH).then(like(MatterPublished, version=2, published_on=date(2026, 3, 2)))


def test_CAT_R6_two_units_do_not_list_the_same_inspection(story: Scenario) -> None:
    """Same name, same class of businesses: only with a note on the division of work."""
    story.given(MatterListed(matter="M-901", unit="EMB", elements=FOOD))
    story.when(listing()).refused("CAT-R6", others="EMB (M-901)")
    story.when(listing(division_note="市场监管局查流通, 应急局查仓储")).then(MatterListed)


@pytest.mark.parametrize("changed", [{"entity_class": "小作坊"}, {"act_kind": "licence"}])
def test_CAT_R6_leaves_other_matters_alone(story: Scenario, changed: dict[str, Any]) -> None:
    """Another class of businesses or another kind of act is another matter."""
    story.amid(MatterListed(matter="M-901", unit="EMB", elements=FOOD))
    story.when(listing(**changed)).then(MatterListed)


def test_CAT_R6_a_withdrawn_matter_stands_in_nobodys_way(story: Scenario) -> None:
    """What the other unit withdrew it lists no longer."""
    story.amid(
        MatterListed(matter="M-901", unit="EMB", elements=FOOD),
        MatterWithdrawn(matter="M-901", unit="EMB", reason="职责划转"),
    )
    story.when(listing()).then(MatterListed)


def test_CAT_R7_a_delegated_power_cites_the_provincial_decision(story: Scenario) -> None:
    """A township exercises only what a published provincial decision delegates."""
    story.when(listing(delegated_to="TOWN-1")).refused("CAT-R7", delegated_to="TOWN-1")
    story.when(listing(delegated_to="TOWN-1", delegation_ref="甘政发〔2022〕1号")).then(
        MatterListed
    )


def test_CAT_V1_a_repealed_basis_is_noticed(story: Scenario) -> None:
    """A revision that leaves a repealed basis standing is recorded, with a finding beside it."""
    story.given(listed())
    repealed = msgspec.structs.replace(ACT, repealed_on=date(2026, 3, 1))
    revise = ReviseMatter(
        matter="M-101",
        unit="MRB",
        elements=msgspec.structs.replace(FOOD, bases=(repealed,)),
        reason="law_change",
    )
    story.when(revise).then(
        like(MatterRevised, version=2),
        like(FindingRaised, rule_id="CAT-V1", unit="MRB", matter="M-101"),
    )
    future = msgspec.structs.replace(ACT, repealed_on=date(2026, 3, 3))
    story.when(
        msgspec.structs.replace(revise, elements=msgspec.structs.replace(FOOD, bases=(future,)))
    ).then(like(MatterRevised, version=3))


REPEAL = ReportBasisRepealed(
    law="中华人民共和国食品安全法", repealed_on=date(2026, 3, 2), repealed_by="主席令第99号"
)
DRUGS = Basis(level="law", instrument="中华人民共和国药品管理法", article="110")


def repeal_neighbours(story: Scenario) -> Scenario:
    """M-101 rests on article 110; others on another article, another law, or are withdrawn."""
    other = msgspec.structs.replace(ACT, article="121")
    return story.given(listed(), PUBLISH).amid(
        MatterListed(
            matter="M-121", unit="MRB", elements=msgspec.structs.replace(FOOD, bases=(other,))
        ),
        MatterListed(
            matter="M-DRUG", unit="MRB", elements=msgspec.structs.replace(FOOD, bases=(DRUGS,))
        ),
        MatterListed(matter="M-GONE", unit="MRB", elements=FOOD),
        MatterWithdrawn(matter="M-GONE", unit="MRB", reason="-"),
        MatterWithdrawn(matter="M-900", unit="EMB", reason="-"),
    )


def test_CAT_V1_a_repeal_finds_every_matter_that_rests_on_it(story: Scenario) -> None:
    """One article finds what rests on it; then the whole instrument, what rests on any."""
    repeal_neighbours(story)
    found = like(FindingRaised, rule_id="CAT-V1", unit="MRB", matter="M-101")
    story.when(msgspec.structs.replace(REPEAL, article="110"), JB).then(
        like(BasisRepealed, matters=("M-101",), ahead=False), found
    )
    story.when(msgspec.structs.replace(REPEAL, article="110"), JB).raises(
        OutOfStep, says="recorded already"
    )
    story.when(REPEAL, JB).then(
        like(BasisRepealed, article=None, matters=("M-101", "M-121")),
        found,
        like(FindingRaised, rule_id="CAT-V1", matter="M-121"),
    )
    # What is repealed as a whole is repealed article by article.
    story.when(msgspec.structs.replace(REPEAL, article="121"), JB).raises(OutOfStep)


def test_CAT_V1_what_is_repealed_in_future_is_found_on_its_day(story: Scenario) -> None:
    """By then revised onto other law: not found; listed since: found, and only once."""
    repeal_neighbours(story)
    story.when(msgspec.structs.replace(REPEAL, repealed_on=date(2026, 7, 1)), JB).then(
        like(BasisRepealed, matters=("M-101", "M-121"), ahead=True)
    )
    assert story.outcome is not None
    lapse = EndDeadline(
        rule_name="catalogue.repeal", opened_at_position=story.outcome.events[0].position
    )
    revise = ReviseMatter(
        matter="M-101",
        unit="MRB",
        elements=msgspec.structs.replace(FOOD, bases=(DRUGS,)),
        reason="law_change",
    )
    story.given(revise, PUBLISH)
    story.when(msgspec.structs.replace(listing(), matter="M-NEW")).then(
        like(
            MatterListed,
            elements=msgspec.structs.replace(
                FOOD, bases=(msgspec.structs.replace(ACT, repealed_on=date(2026, 7, 1)),)
            ),
        )
    )
    story.at("2026-06-30T23:00+08:00").when(lapse).raises(OutOfStep)
    story.at("2026-07-01T00:10+08:00").when(lapse).then(
        DeadlineLapsed,
        like(FindingRaised, rule_id="CAT-V1", matter="M-121"),
        like(FindingRaised, rule_id="CAT-V1", matter="M-NEW"),
    )
    story.when(lapse).then()


def test_CAT_V1_a_repeal_that_took_effect_opens_no_deadline(story: Scenario) -> None:
    """It was found at once."""
    story.when(REPEAL, JB)
    assert story.outcome is not None
    lapse = EndDeadline(
        rule_name="catalogue.repeal", opened_at_position=story.outcome.events[0].position
    )
    story.when(lapse).raises(Malformed, says="that opens")


def test_CAT_V1_a_matter_listed_on_repealed_law_is_noticed(story: Scenario) -> None:
    """The listing keeps the day of the repeal beside its basis."""
    story.given(REPEAL, actor=JB)
    story.when(listing()).then(
        like(MatterListed, matter="M-101"),
        like(
            FindingRaised,
            rule_id="CAT-V1",
            matter="M-101",
            facts={"repealed": ["中华人民共和国食品安全法 110"]},
        ),
    )
    story.when(msgspec.structs.replace(listing(bases=(DRUGS,)), matter="M-102")).then(
        like(MatterListed, matter="M-102")
    )


def test_CAT_V3_an_act_under_an_unpublished_matter_is_recorded(story: Scenario) -> None:
    """S1: the visit happened; the ledger says so and raises the finding for that matter alone."""
    story.given(listed(), on("2026-03-01", MatterListed(matter="M-103", unit="MRB", elements=FOOD)))
    story.given(PUBLISH)
    story.when(
        ReportIrregularVisit(
            irregular_visit="IV-1",
            entity=E_A,
            reporter="supervisor",
            visited_on=date(2026, 3, 2),
            facts="检查了两个事项",
            unit="MRB",
            matters=("M-101", "M-103"),
            scanned=True,
        ),
        JB,
    ).then(
        IrregularVisitReported,
        like(FindingRaised, rule_id="FIL-V1"),
        like(FindingRaised, rule_id="CAT-V3", matter="M-103", unit="MRB", entity=E_A),
    )


def test_a_matter_is_published_within_twenty_working_days(story: Scenario) -> None:
    """Listed on 2026-03-02: due on 03-30, and a day late on 03-31."""
    story.given(listed())
    position = story.ledger.recorder.read().head or 0
    story.at("2026-03-31T09:00+08:00").when(
        EndDeadline(rule_name="catalogue.publish_wd", opened_at_position=position)
    ).then(like(DeadlineMissed, due_on=date(2026, 3, 30)))
    story.when(PUBLISH).then(like(MatterPublished, days_late=1))


def test_a_revision_has_a_deadline_of_its_own(story: Scenario) -> None:
    """The twenty days of a revision count from the revision; 06-19 is a holiday."""
    story.given(listed(), PUBLISH).at("2026-06-01T09:00+08:00").given(
        MatterRevised(matter="M-101", unit="MRB", version=2, elements=FOOD, reason="law_change")
    )
    position = story.ledger.recorder.read().head or 0
    story.at("2026-07-01T09:00+08:00").when(
        EndDeadline(rule_name="catalogue.publish_wd.revised", opened_at_position=position)
    ).then(like(DeadlineMissed, due_on=date(2026, 6, 30)))


def test_a_unit_acts_on_its_own_matters_alone(story: Scenario) -> None:
    """Another unit's matter is not revised, published or withdrawn, nor one's own for another."""
    story.given(listed())
    emb = actor("EMB", "EMB-HEAD", "unit_head")
    story.when(PUBLISH, emb).raises(Forbidden)
    story.when(msgspec.structs.replace(listing(), matter="M-102"), emb).raises(Forbidden)
    story.when(msgspec.structs.replace(PUBLISH, matter="M-900")).raises(OutOfStep, says="EMB")
    story.when(msgspec.structs.replace(PUBLISH, matter="M-999")).raises(UnknownReference)


def test_a_withdrawn_matter_stays_withdrawn(story: Scenario) -> None:
    """Nothing can be done with a matter after its withdrawal."""
    story.given(listed())
    withdraw = WithdrawMatter(matter="M-101", unit="MRB", reason="依据失效")
    story.when(withdraw).then(
        MatterWithdrawn(matter="M-101", unit="MRB", reason="依据失效", draft=True)
    )
    story.when(PUBLISH).raises(OutOfStep, says="withdrawn")
    story.when(withdraw).raises(OutOfStep, says="withdrawn")


def test_certificates_belong_to_known_units_and_officers(story: Scenario) -> None:
    """An officer of an unknown unit is not certified, one without certificate not suspended."""
    certify = CertifyOfficer(
        officer="OFF-1",
        unit="MRB",
        cert_no="甘A-1",
        valid_from=date(2026, 1, 1),
        valid_to=date(2027, 1, 1),
        domains=("food_drug",),
    )
    suspend = SuspendCertificate(
        officer="OFF-1", unit="MRB", suspended_from=date(2026, 4, 1), reason="考核不合格"
    )
    story.when(msgspec.structs.replace(certify, unit="NOBODY"), JB).raises(UnknownReference)
    story.when(suspend, JB).raises(UnknownReference)
    story.when(certify, JB).then(OfficerCertified)
    elsewhere = msgspec.structs.replace(suspend, unit="EMB")
    story.when(elsewhere, JB).raises(OutOfStep, says="it is EMB")
    story.when(suspend, JB).then(like(OfficerCertificateSuspended, unit="MRB"))
    backwards = msgspec.structs.replace(certify, valid_to=date(2025, 1, 1))
    story.when(backwards, JB).raises(Malformed, pointer="/valid_to")


def test_a_suspension_reaches_every_unit_of_the_officer(story: Scenario) -> None:
    """Each unit in which the officer is certified has it, a later one with its certificate."""
    story.given(CERTIFIED).amid(msgspec.structs.replace(CERTIFIED, unit="EMB", cert_no="甘B-1"))
    suspend = SuspendCertificate(
        officer="OFF-1", unit="MRB", suspended_from=date(2026, 3, 1), reason="考核不合格"
    )
    over = msgspec.structs.replace(suspend, suspended_to=date(2026, 3, 1), reason="已过")
    suspended = OfficerCertificateSuspended
    story.when(over, JB).then(like(suspended, unit="EMB"), like(suspended, unit="MRB"))
    story.when(suspend, JB).then(like(suspended, unit="EMB"), like(suspended, unit="MRB"))
    story.amid(msgspec.structs.replace(MRB, unit="PARK"))
    certify = CertifyOfficer(
        officer="OFF-1",
        unit="PARK",
        cert_no="甘C-1",
        valid_from=date(2026, 1, 1),
        valid_to=date(2027, 1, 1),
        domains=("food_drug",),
    )
    story.when(certify, JB).then(
        OfficerCertified, like(suspended, unit="PARK", reason="考核不合格", suspended_to=None)
    )
    story.when(msgspec.structs.replace(certify, cert_no="甘C-2"), JB).then(OfficerCertified)


def test_a_matter_published_again_is_in_force_since_the_first_time() -> None:
    """Another address changes nothing of an act of the days between."""
    matter = Matter("M-101", versions={1: FOOD})
    for day in (2, 9):
        matter.on_published(
            MatterPublished(
                matter="M-101",
                unit="MRB",
                version=1,
                url=f"https://example.org/{day}",
                published_on=date(2026, 3, day),
            )
        )
    assert matter.in_force_on(date(2026, 3, 2)) == FOOD


def test_of_qualifications_the_newest_by_its_day_holds() -> None:
    """One of an earlier day that is recorded later does not take its place (2.17)."""
    late = msgspec.structs.replace(MRB, valid_from=date(2019, 1, 1), name="旧")
    standing = UnitStanding("MRB", [MRB, late])
    assert standing.qualified(date(2026, 1, 1)) == MRB
    assert standing.qualified(date(2019, 6, 1)) == late


def test_a_conflict_ends_only_where_there_is_one(story: Scenario) -> None:
    """A conflict is of one officer with one business."""
    story.given(CERTIFIED)
    story.amid(
        OfficerConflictDeclared(officer="OFF-2", entity=E_A, basis="declared", reason="亲属")
    )
    end = EndConflict(officer="OFF-1", entity=E_A, reason="不成立")
    story.when(end, JB).raises(OutOfStep)
    story.when(DeclareConflict(officer="OFF-1", entity=E_A, basis="declared", reason="持股")).then(
        OfficerConflictDeclared
    )
    story.when(end, JB).then(OfficerConflictEnded)


def test_a_conflict_is_declared_within_the_unit(story: Scenario) -> None:
    """Of a certified officer, by the own unit; its head or the Justice Bureau upholds it."""
    declare = DeclareConflict(officer="OFF-1", entity=E_A, basis="declared", reason="持股")
    upheld = msgspec.structs.replace(declare, basis="upheld")
    story.when(declare).raises(UnknownReference)
    story.given(CERTIFIED).amid(msgspec.structs.replace(CERTIFIED, officer="OFF-2", unit="EMB"))
    officer = actor("MRB", "OFF-1", "enforcement_officer")
    for command in (declare, upheld):
        story.when(command, actor("EMB", "EMB-HEAD", "unit_head")).raises(Forbidden, says="EMB")
        for who in (HEAD, JB):
            story.when(command, who).then(OfficerConflictDeclared)
    story.when(declare, officer).then(OfficerConflictDeclared)
    story.when(upheld, officer).raises(Forbidden, says="only the head")


def test_publishing_is_not_backdated(story: Scenario) -> None:
    """It makes the matter public by being recorded; a late publication stays late."""
    story.given(listed()).at("2026-03-31T09:00+08:00")
    early = msgspec.structs.replace(PUBLISH, occurred_at=civil_moment(date(2026, 3, 30), 8))
    story.when(early).raises(Malformed, pointer="/occurred_at")
    story.when(PUBLISH).then(like(MatterPublished, days_late=1))


def test_CAT_V2_a_matter_unused_for_five_years_is_noticed(story: Scenario) -> None:
    """Five years after the publication, once; a use begins the five years anew."""
    review = ReviewIdleMatter(matter="M-101")
    story.when(review, JB).raises(UnknownReference)
    story.given(listed(), PUBLISH)  # on 2026-03-02
    story.amid(OPENED, FindingRaised(finding_id="F-1", type="x", rule_id="CAT-V2", auto=True))
    story.at("2031-03-02T09:00+08:00").when(review, JB).raises(OutOfStep, says="2031-03-02")
    found = like(
        FindingRaised,
        rule_id="CAT-V2",
        unit="MRB",
        matter="M-101",
        facts={"unused_since": "2026-03-02", "years": 5},
    )
    story.at("2031-03-03T09:00+08:00").when(review, JB).then(found)
    story.when(review, JB).raises(OutOfStep, says="found idle on 2031-03-03")
    story.given(msgspec.structs.replace(OPENED, matters=("M-101",)))
    story.at("2036-03-03T09:00+08:00").when(review, JB).raises(OutOfStep, says="2031-03-03")
    story.at("2036-03-04T09:00+08:00").when(review, JB).then(FindingRaised)


@pytest.mark.parametrize("changed", [{}, {"act_kind": "licence"}])
def test_CAT_V2_is_of_inspection_matters_in_force(story: Scenario, changed: dict[str, Any]) -> None:
    """One that was never published, or is no inspection, cannot lie idle."""
    story.given(listed(**changed), *([PUBLISH] if changed else []))
    story.at("2036-03-03T09:00+08:00")
    story.when(ReviewIdleMatter(matter="M-101"), JB).raises(
        OutOfStep, says="must be an inspection matter"
    )
