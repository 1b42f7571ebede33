"""Dishonesty (2.4c): determinations, serious lists, the measure catalogue, measures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.countersigning import ApprovalRequested
from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Forbidden,
    Ledger,
    LegalRef,
    Malformed,
    Outcome,
    OutOfStep,
    UnknownReference,
    civil_moment,
)
from ledger.kernel.policies import Scope
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.corrections.events import DecisionRevoked
from ledger.systems.credit.commands import EnterCreditRecord, StartPublicity, TerminatePublicity
from ledger.systems.credit.events import (
    CreditRecordEntered,
    EndApproved,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.dishonesty.commands import (
    AddToSeriousList,
    ApplySanction,
    DetermineDishonesty,
    EndIncentive,
    GrantIncentive,
    LiftSanction,
    NotifyDetermination,
    PromiseIncentive,
    ProposeListCriteria,
    PublishListCriteria,
    PublishMeasureCatalogue,
    RemoveFromSeriousList,
    ReviewSanction,
    SubmitDefence,
    WithdrawListCriteria,
)
from ledger.systems.dishonesty.events import (
    DefenceLapsed,
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    ListBasis,
    ListCriteria,
    ListCriteriaProposed,
    ListCriteriaPublished,
    ListCriteriaWithdrawn,
    Measure,
    MeasureCataloguePublished,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.penalties.events import PenaltyDecided
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from tests.cast import CLOCK, DEPUTY, E_B, E_C, EDB, EMB, HEAD, JB, REP_C, actor
from tests.gwt import Record, Scenario, like, on

replace = msgspec.structs.replace


BASIS = (LegalRef(instrument="中华人民共和国食品安全法", article="113"),)
DECIDED = Instrument(
    kind="list_decision", doc_no="兰新市监失〔2026〕3号", effective_on=date(2026, 5, 18)
)
NOTIFY = NotifyDetermination(
    determination="DET-1",
    entity=E_C,
    unit="MRB",
    notice_no="兰新市监失告〔2026〕3号",
    facts="使用非食品原料生产食品",
    ground="licence_revocation",
    severity="serious",
    basis=BASIS,
    defence_until=date(2026, 5, 18),
    sector="food",
    list_field="food_drug",
)
#: A determination that leads to no list.
PLAIN = replace(NOTIFY, list_field=None, ground="larger_fine", severity="general")
DEFEND = SubmitDefence(determination="DET-1", entity=E_C, statement="原料由供货商误发")
DETERMINE = DetermineDishonesty(
    determination="DET-1", severity="serious", instrument=DECIDED, basis=BASIS
)
CLASSED = replace(
    DETERMINE,
    severity="general",
    record="CR-2",
    catalogue_item="甘肃补充目录 3.2",
    public=True,
)
LIST = AddToSeriousList(
    determination="DET-1", record="CR-1", instrument=DECIDED, reason="吊销许可证"
)
CRITERIA = ListCriteria(
    name="食品药品严重失信主体名单",
    basis=ListBasis(level="law", instrument="中华人民共和国食品安全法", article="113"),
    criteria=("因食品安全违法被吊销许可证",),
)
PROPOSE = ProposeListCriteria(
    list_field="food_drug", unit="EDB", proposal=CRITERIA, url="https://example.org/criteria"
)
PUBLISH = PublishListCriteria(list_field="food_drug", version=1)
IN_FORCE = [
    on("2026-03-01", ListCriteriaProposed(
        list_field="food_drug", unit="EDB", version=1, proposal=CRITERIA, url="-"
    )),
    on("2026-04-02", ListCriteriaPublished(
        list_field="food_drug",
        unit="EDB",
        version=1,
        adopted=CRITERIA,
        proposed_on=date(2026, 3, 1),
    )),
]  # fmt: skip

CATALOGUE = PublishMeasureCatalogue(
    unit="EDB",
    source=LegalRef(instrument="全国失信惩戒措施基础清单 (2024年版)"),
    items=(
        Measure(
            measure="no-tenders",
            kind="sanction",
            says="限制参加政府采购活动",
            basis=(LegalRef(instrument="中华人民共和国政府采购法", article="77"),),
            from_severity="serious",
            max_months=36,
        ),
        Measure(
            measure="more-checks",
            kind="sanction",
            says="列为重点监管对象",
            basis=(LegalRef(instrument="国办发〔2019〕35号"),),
            units=("MRB", "EMB"),
        ),
        Measure(
            measure="fast-lane",
            kind="incentive",
            says="容缺受理",
            basis=(LegalRef(instrument="国办发〔2019〕35号"),),
        ),
    ),
)
SANCTION = ApplySanction(
    sanction="SAN-1", entity=E_C, unit="MRB", record="CR-8", measure="more-checks"
)
PROMISE = PromiseIncentive(
    incentive="INC-1",
    entity=E_C,
    unit="MRB",
    measure="fast-lane",
    ground="连续两年无不良记录",
    apply_by=date(2026, 6, 10),
)
GRANT = GrantIncentive(incentive="INC-1", entity=E_C, unit="MRB", measure="fast-lane")


def entered(record: str = "CR-8", **changed: Any) -> CreditRecordEntered:
    """A penalty on record, whose document bears the record's name."""
    return replace(
        CreditRecordEntered(
            record=record,
            entity=E_C,
            unit="MRB",
            kind="penalty",
            instrument=Instrument(
                kind="penalty_decision", doc_no=f"{record}号", effective_on=date(2026, 4, 15)
            ),
            determined_on=date(2026, 4, 15),
            title="行政处罚",
            public=True,
            severity="general",
            sector="general",
        ),
        **changed,
    )


def shown(record: str = "CR-8", **changed: Any) -> PublicityStarted:
    return replace(
        PublicityStarted(
            record=record,
            entity=E_C,
            unit="MRB",
            started_on=date(2026, 4, 15),
            channels=("credit_china",),
            min_until=date(2026, 7, 15),
            max_until=date(2027, 4, 15),
        ),
        **changed,
    )


def over(record: str = "CR-8", reason: Any = "repaired", day: str = "2026-05-11") -> Any:
    return PublicityTerminated(
        record=record,
        entity=E_C,
        unit="MRB",
        reason=reason,
        terminated_on=date.fromisoformat(day),
    )


#: What goes on about another business, and on another record of the same one.
OTHERS = [
    entered("CR-91", entity=E_B, severity="serious"),
    entered("CR-92"),
    SanctionApplied(
        sanction="SAN-91",
        entity=E_B,
        unit="MRB",
        record="CR-91",
        measure="no-tenders",
        catalogue_version=1,
        applied_on=date(2026, 4, 15),
    ),
    SanctionApplied(
        sanction="SAN-92",
        entity=E_C,
        unit="EMB",
        record="CR-92",
        measure="more-checks",
        catalogue_version=1,
        applied_on=date(2026, 4, 15),
    ),
    DeterminationNotified(
        determination="DET-91",
        entity=E_C,
        unit="EMB",
        notice_no="9",
        facts="-",
        ground="warning",
        severity="minor",
        basis=BASIS,
        defence_until=date(2026, 5, 12),
    ),
    DefenceSubmitted(determination="DET-91", entity=E_C, unit="EMB", statement="-"),
    IncentivePromised(
        incentive="INC-91",
        entity=E_C,
        unit="MRB",
        measure="fast-lane",
        ground="-",
        apply_by=date(2026, 12, 31),
    ),
    ListCriteriaProposed(
        list_field="tax", unit="EDB", version=1, proposal=replace(CRITERIA, name="-"), url="-"
    ),
]


@pytest.fixture
def story() -> Scenario:
    """Monday 2026-05-11; other determinations, sanctions and lists go their way."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-05-11T09:00+08:00")
        .amid(*OTHERS)
    )


def determined(story: Scenario, **changed: Any) -> Scenario:
    """Notified, not answered, determined as serious on 05-19."""
    story.given(*IN_FORCE, NOTIFY).at("2026-05-19T09:00+08:00")
    return story.given(replace(DETERMINE, **changed))


def listed(story: Scenario) -> Scenario:
    return determined(story).given(LIST, StartPublicity(record="CR-1", channels=("credit_china",)))


def opened(story: Scenario) -> int:
    """Where what the last command recorded first stands."""
    assert story.outcome is not None
    return story.outcome.events[0].position


# Notice and defence


def test_DIS_R1_a_notice_leaves_time_for_a_defence(story: Scenario) -> None:
    """Five working days at least: notified on Monday, until Monday."""
    story.when(replace(NOTIFY, defence_until=date(2026, 5, 17))).refused(
        "DIS-R1", reason="defence_until must not be before 2026-05-18; it is 2026-05-17"
    )
    story.when(NOTIFY).then(like(DeterminationNotified, severity="serious", list_field="food_drug"))
    story.when(NOTIFY).raises(OutOfStep, says="DET-1")


def test_a_notice_is_what_it_is_when_it_is_given(story: Scenario) -> None:
    """It cannot be dated back, another unit cannot give it, and a list takes serious acts alone."""
    dated = replace(NOTIFY, occurred_at=civil_moment(date(2026, 4, 1)))
    story.when(dated).raises(Malformed, pointer="/occurred_at")
    story.when(NOTIFY, EMB).raises(Forbidden)
    story.when(replace(PLAIN, list_field="food_drug")).raises(Malformed, pointer="/list_field")


def test_the_business_defends_itself(story: Scenario) -> None:
    """It, or the unit that was handed it; late too, while nothing is decided."""
    story.when(DEFEND, REP_C).raises(UnknownReference)
    story.given(NOTIFY)
    story.when(replace(DEFEND, entity=E_B), REP_C).raises(Forbidden)
    story.when(DEFEND, EMB).raises(Forbidden)
    story.when(DEFEND, REP_C).then(like(DefenceSubmitted, unit="MRB", days_late=0))
    story.at("2026-05-20T09:00+08:00").when(DEFEND).then(like(DefenceSubmitted, days_late=2))
    story.given(replace(DETERMINE, defence_handling="不予采纳"))
    story.when(DEFEND, REP_C).raises(OutOfStep, says="determined on 2026-05-20")


def test_a_defence_lapses_on_its_last_day(story: Scenario) -> None:
    """The clock says so once, after the day; of a notice that was answered it says nothing."""
    story.when(NOTIFY)
    lapse = EndDeadline(rule_name="dishonesty.defence", opened_at_position=opened(story))
    story.at("2026-05-18T23:00+08:00").when(lapse).raises(OutOfStep)
    story.at("2026-05-19T00:30+08:00").when(lapse).then(
        like(DeadlineLapsed, ended_on=date(2026, 5, 18)),
        like(DefenceLapsed, determination="DET-1", ended_on=date(2026, 5, 18)),
    )
    story.when(lapse).then()
    story.when(DETERMINE).then(DishonestyDetermined)


def test_a_defence_in_time_does_not_lapse(story: Scenario) -> None:
    """It discharges the deadline on its last day."""
    story.when(NOTIFY)
    lapse = EndDeadline(rule_name="dishonesty.defence", opened_at_position=opened(story))
    story.at("2026-05-18T23:00+08:00").given(DEFEND)
    story.at("2026-05-19T09:00+08:00").when(lapse).raises(OutOfStep, says="in time")


# Determination


@pytest.mark.parametrize("command", [DETERMINE, LIST])
def test_DIS_R1_nothing_is_determined_or_listed_without_notice(
    story: Scenario, command: Any
) -> None:
    """S16; the notice of another determination is none of this one."""
    story.amid(replace(NOTIFY, determination="DET-2")).at("2026-05-19T09:00+08:00")
    story.when(command).refused("DIS-R1", reason="DET-1 was not notified to the business")


def test_DIS_R1_the_defence_is_waited_for_and_answered(story: Scenario) -> None:
    """Until its last day, unless it comes earlier; then it says what is held of it."""
    story.given(NOTIFY).at("2026-05-18T23:00+08:00")
    story.when(DETERMINE).refused(
        "DIS-R1", reason="the business can still defend itself until 2026-05-18"
    )
    story.given(DEFEND, actor=REP_C).when(DETERMINE).refused(
        "DIS-R1", reason="defence_handling must say how the defence was assessed"
    )
    story.when(replace(DETERMINE, defence_handling="核实后不予采纳")).then(
        like(DishonestyDetermined, defence_handling="核实后不予采纳", record=None)
    )
    story.when(DETERMINE).raises(OutOfStep, says="determined on 2026-05-18")


def test_DIS_R1_the_unit_does_not_shorten_the_defence(story: Scenario) -> None:
    """What the unit says it was handed is answered, and the business has its time all the same."""
    heard = replace(DETERMINE, defence_handling="不采纳")
    story.given(NOTIFY, DEFEND).when(heard).refused(
        "DIS-R1", reason="the business can still defend itself until 2026-05-18"
    )
    story.at("2026-05-19T09:00+08:00").when(DETERMINE).refused("DIS-R1")
    story.when(heard).then(like(DishonestyDetermined, defence_handling="不采纳"))


def test_DIS_R1_a_late_defence_is_not_dated_back(story: Scenario) -> None:
    """By the business; what the unit was handed has its own day, which is not before the notice."""
    story.given(NOTIFY).at("2026-05-20T09:00+08:00")
    in_time = replace(DEFEND, occurred_at=civil_moment(date(2026, 5, 15)))
    before = replace(DEFEND, occurred_at=civil_moment(date(2026, 5, 10)))
    story.when(in_time, REP_C).raises(Malformed, pointer="/occurred_at")
    story.when(before).raises(Malformed, pointer="/occurred_at", says="2026-05-11")
    story.when(in_time).then(like(DefenceSubmitted, days_late=0))


def test_what_the_clock_has_not_seen_yet_lapses_with_the_decision(story: Scenario) -> None:
    """The day has passed; the decision says so itself."""
    story.given(NOTIFY).at("2026-05-19T09:00+08:00")
    story.when(DETERMINE, EMB).raises(Forbidden)
    story.when(DETERMINE).then(DefenceLapsed, like(DishonestyDetermined, severity="serious"))


def test_DIS_R1_nothing_heavier_than_what_was_notified(story: Scenario) -> None:
    """The business has answered to a general act, and not to a serious one."""
    story.given(PLAIN).at("2026-05-19T09:00+08:00")
    story.when(replace(CLASSED, severity="serious")).refused(
        "DIS-R1", reason="severity must not exceed that of the notice, general; it is serious"
    )


def test_DIS_R4_the_class_is_that_of_the_classification(story: Scenario) -> None:
    """In the notice as in the decision; the refusal says under which version."""
    wrong = replace(PLAIN, ground="warning")
    story.when(wrong).refused("DIS-R4", ground="warning", severity="general", instead="minor")
    error: Any = story.error
    assert error.policy_version == 1
    story.when(replace(PLAIN, ground="gossip")).refused("DIS-R4", instead="it has none")
    story.given(PLAIN).at("2026-05-19T09:00+08:00")
    story.when(replace(CLASSED, severity="minor")).refused("DIS-R4", instead="general")


def test_DIS_R4_a_sector_has_its_own_classification(story: Scenario) -> None:
    """A version of the policy in the scope of the sector goes before the general one."""
    own = AdoptPolicyVersion(
        key="severity.map",
        value={"minor": ["late_label"], "general": ["warning"], "serious": ["serious_list"]},
        unit="table",
        effective_from=date(2026, 5, 11),
        scope=Scope(domain="food"),
        source=LegalRef(instrument="食品领域失信信息分类标准"),
        confidence="C",
    )
    food, general = replace(PLAIN, ground="warning"), replace(PLAIN, sector="general")
    story.given(own, actor=JB)
    story.when(food).then(like(DeterminationNotified, ground="warning"))
    story.when(replace(PLAIN, determination="DET-3")).refused("DIS-R4", sector="food")
    story.when(replace(general, determination="DET-3")).then(DeterminationNotified)


def test_the_class_stands_on_record_from_the_determination_on(story: Scenario) -> None:
    """K: in the same append; its publicity counts from this day."""
    story.given(PLAIN).at("2026-05-19T09:00+08:00")
    story.when(CLASSED).then(
        DefenceLapsed,
        like(DishonestyDetermined, severity="general", record="CR-2"),
        like(
            CreditRecordEntered,
            record="CR-2",
            kind="other",
            severity="general",
            sector="food",
            determined_on=date(2026, 5, 19),
            instrument=DECIDED,
        ),
    )
    story.when(StartPublicity(record="CR-2", channels=("credit_china",))).then(
        like(PublicityStarted, min_until=date(2026, 8, 19), max_until=date(2027, 5, 19))
    )


def test_a_determination_keeps_to_the_rules_of_its_record(story: Scenario) -> None:
    """CRD-R1 to CRD-R4 hold for what it enters as for any record."""
    minor = replace(PLAIN, ground="warning", severity="minor")
    story.given(minor).at("2026-05-19T09:00+08:00")
    decide = replace(CLASSED, severity="minor")
    story.when(replace(decide, record=None)).raises(Malformed, pointer="/record")
    story.when(replace(decide, record="CR-92")).raises(OutOfStep, says="CR-92")
    tomorrow = replace(DECIDED, effective_on=date(2026, 5, 20))
    story.when(replace(decide, instrument=tomorrow)).refused("CRD-R1")
    story.when(replace(decide, catalogue_item=None)).refused("CRD-R2", kind="other")
    story.when(decide).refused("CRD-R3", severity="minor")
    needed = replace(decide, necessity_reason="涉及群众安全")
    story.when(replace(needed, summary="联系13909310000")).refused("CRD-R4")
    story.when(needed).then(DefenceLapsed, DishonestyDetermined, CreditRecordEntered)


# Serious lists


def test_DIS_R2_new_criteria_are_before_the_public_for_thirty_days(story: Scenario) -> None:
    """Proposed on 05-11, until the end of 06-10; published from 06-11 on, and once."""
    story.when(PROPOSE, EDB).then(like(ListCriteriaProposed, version=1, proposal=CRITERIA))
    story.at("2026-06-10T23:00+08:00").when(PUBLISH, EDB).refused(
        "DIS-R2",
        list_field="food_drug",
        reason="version 1 must be open for comments for 30 days, until the end of 2026-06-10; it "
        "was proposed on 2026-05-11",
    )
    error: Any = story.error
    assert error.policy_version == 1
    story.at("2026-06-11T00:30+08:00").when(PUBLISH, EDB).then(
        like(ListCriteriaPublished, adopted=CRITERIA, proposed_on=date(2026, 5, 11))
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "public"
    story.when(PUBLISH, EDB).raises(OutOfStep, says="2026-06-11")


@pytest.mark.parametrize(
    ("level", "carries"),
    [
        ("law", True),
        ("admin_regulation", True),
        ("central_policy", True),
        ("local_regulation", True),
        ("dept_rule", False),
        ("local_gov_rule", False),
        ("normative_document", False),
    ],
)
def test_DIS_R2_a_list_rests_on_law_or_central_policy(
    story: Scenario, level: Any, carries: bool
) -> None:
    """However long a document of less weight was before the public."""
    basis = ListBasis(level=level, instrument="某办法")
    story.given(replace(PROPOSE, proposal=replace(CRITERIA, basis=basis)), actor=EDB)
    story.at("2026-07-01T09:00+08:00").when(PUBLISH, EDB)
    if carries:
        story.then(ListCriteriaPublished)
    else:
        story.refused(
            "DIS-R2",
            reason="its basis must be one of admin_regulation, central_policy, law, "
            f"local_regulation; 某办法 is {level}",
        )


def test_the_criteria_of_a_field_have_one_keeper(story: Scenario) -> None:
    """Nobody else proposes, publishes or withdraws; what is not there is not published."""
    story.given(PROPOSE, actor=EDB)
    story.when(replace(PROPOSE, unit="MRB")).raises(OutOfStep, says="EDB")
    story.when(PROPOSE).raises(Forbidden)
    story.when(PUBLISH).raises(Forbidden)
    story.when(replace(PUBLISH, version=2), EDB).raises(UnknownReference)
    story.when(replace(PUBLISH, list_field="fire"), EDB).raises(UnknownReference)
    story.when(WithdrawListCriteria(list_field="food_drug", reason="-"), EDB).raises(OutOfStep)
    story.when(PROPOSE, EDB).then(like(ListCriteriaProposed, version=2))


def test_DIS_R2_nobody_is_listed_without_criteria_in_force(story: Scenario) -> None:
    """Neither before they are published nor after they are withdrawn; those of another field do
    not help.
    """
    story.given(NOTIFY, *IN_FORCE[:1]).at("2026-05-19T09:00+08:00").given(DETERMINE)
    story.amid(
        ListCriteriaPublished(
            list_field="tax", unit="EDB", version=1, adopted=CRITERIA, proposed_on=date(2026, 3, 1)
        )
    )
    story.when(LIST).refused("DIS-R2", list_field="food_drug", reason="no criteria are in force")
    story.given(IN_FORCE[1])
    withdraw = WithdrawListCriteria(list_field="food_drug", reason="依据废止")
    story.given(withdraw, actor=EDB).when(LIST).refused("DIS-R2")
    story.given(PROPOSE, actor=EDB)
    story.at("2026-07-01T09:00+08:00").given(replace(PUBLISH, version=2), actor=EDB)
    story.when(LIST).then(like(SeriousListAdded, criteria_version=2), CreditRecordEntered)


def test_a_withdrawal_is_public(story: Scenario) -> None:
    """With its reason, once."""
    withdraw = WithdrawListCriteria(list_field="food_drug", reason="依据废止")
    story.given(*IN_FORCE).when(withdraw, EDB).then(like(ListCriteriaWithdrawn, version=1))
    story.when(withdraw, EDB).raises(OutOfStep)


def test_a_listing_enters_the_record(story: Scenario) -> None:
    """K: of kind serious_list, serious, with its instrument, in the same append."""
    determined(story).when(LIST, EMB).raises(Forbidden)
    story.when(LIST).then(
        like(
            SeriousListAdded,
            record="CR-1",
            list_field="food_drug",
            criteria_version=1,
            listed_on=date(2026, 5, 19),
        ),
        like(
            CreditRecordEntered,
            record="CR-1",
            kind="serious_list",
            severity="serious",
            sector="food",
            public=True,
            instrument=DECIDED,
            title="食品药品严重失信主体名单",
        ),
    )
    story.when(StartPublicity(record="CR-1", channels=("credit_china",))).then(
        like(PublicityStarted, min_until=date(2027, 5, 19), max_until=date(2029, 5, 19))
    )
    story.when(replace(LIST, record="CR-3")).raises(OutOfStep, says="already")


def test_DIS_R1_a_listing_follows_a_serious_determination(story: Scenario) -> None:
    """Not before it, not from a notice that named no list, not from a lighter class."""
    story.given(*IN_FORCE, NOTIFY)
    story.when(LIST).refused("DIS-R1", reason="DET-1 must be determined first; it is notified")
    plain = replace(PLAIN, determination="DET-2", severity="serious", ground="occupation_ban")
    story.given(plain).at("2026-05-19T09:00+08:00")
    story.given(replace(CLASSED, determination="DET-2", severity="serious"))
    story.when(replace(LIST, determination="DET-2")).refused(
        "DIS-R1", reason="the notice of DET-2 did not name a list"
    )
    own = AdoptPolicyVersion(
        key="severity.map",
        value={"minor": [], "general": ["licence_revocation"], "serious": []},
        unit="table",
        effective_from=date(2026, 5, 19),
        source=LegalRef(instrument="-"),
        confidence="C",
    )
    number = replace(CLASSED.instrument, doc_no="兰新市监失〔2026〕7号")
    story.given(own, actor=JB).given(replace(CLASSED, record="CR-7", instrument=number))
    story.when(LIST).raises(OutOfStep, says="it found general")


def test_a_determination_for_a_list_names_no_record(story: Scenario) -> None:
    """The listing enters it."""
    story.given(NOTIFY).at("2026-05-19T09:00+08:00")
    story.when(replace(DETERMINE, record="CR-1")).raises(Malformed, pointer="/record")


def test_a_listing_keeps_to_the_rules_of_its_record(story: Scenario) -> None:
    """CRD-R1 and CRD-R4; a second record needs a second id."""
    determined(story)
    tomorrow = replace(DECIDED, effective_on=date(2026, 5, 20))
    story.when(replace(LIST, instrument=tomorrow)).refused("CRD-R1")
    story.when(replace(LIST, reason="见13909310000")).refused("CRD-R4")
    story.when(replace(LIST, record="CR-92")).raises(OutOfStep, says="CR-92")


def test_DIS_R1_holds_for_records_entered_directly(story: Scenario) -> None:
    """A unit goes no way round it; the lead department enters what another register holds."""
    direct = EnterCreditRecord(
        record="CR-5",
        entity=E_C,
        unit="MRB",
        kind="serious_list",
        determined_on=date(2026, 5, 11),
        title="严重失信",
        public=True,
        severity="serious",
        instrument=replace(DECIDED, effective_on=date(2026, 5, 11)),
    )
    story.when(direct).refused("DIS-R1")
    story.when(direct, EDB).refused("DIS-R1")
    story.when(replace(direct, source_ref="信用中国 778"), EDB).then(CreditRecordEntered)


def test_removal_ends_the_record_and_what_rests_on_it(story: Scenario) -> None:
    """In one append: publicity, sanctions, the listing, the grade (D to B)."""
    listed(story).given(CATALOGUE, actor=EDB)
    story.given(replace(SANCTION, record="CR-1"), actor=HEAD)
    story.given(
        CreditGradeAssigned(
            entity=E_C,
            scheme="local",
            grade="D",
            assessed_on=date(2026, 5, 19),
            source="local_rule",
            factors=(),
            inputs_hash="0" * 64,
        )
    )
    remove = RemoveFromSeriousList(record="CR-1", reason="source_delisted")
    story.when(remove, EMB).raises(Forbidden)
    story.at("2027-06-01T09:00+08:00").when(remove).then(
        like(PublicityTerminated, record="CR-1", reason="source_delisted"),
        like(SanctionLifted, sanction="SAN-1", reason="removed"),
        like(SeriousListRemoved, record="CR-1", reason="source_delisted", list_field="food_drug"),
        like(CreditGradeAssigned, grade="B"),
    )
    story.when(remove).raises(OutOfStep, says="2027-06-01")
    story.when(replace(remove, record="CR-92")).raises(UnknownReference)


def test_whatever_ends_the_record_takes_the_business_off_the_list(story: Scenario) -> None:
    """Revoked by the decision on its record; what stands on another record stays."""
    listed(story)
    revoked = TerminatePublicity(record="CR-1", reason="revoked")
    story.signed(revoked, DEPUTY, HEAD).then(
        EndApproved, PublicityTerminated, like(SeriousListRemoved, reason="revoked")
    )
    story.signed(replace(revoked, record="CR-92"), DEPUTY, HEAD).then(
        EndApproved, PublicityTerminated, like(SanctionLifted, sanction="SAN-92", reason="revoked")
    )


# The catalogue and sanctions


def test_a_catalogue_is_published_whole(story: Scenario) -> None:
    """Version by version, for everybody to read, never for yesterday."""
    story.when(CATALOGUE, EDB).then(
        like(MeasureCataloguePublished, version=1, effective_from=date(2026, 5, 11))
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "public"
    later = replace(CATALOGUE, effective_from=date(2026, 6, 1))
    story.when(later, EDB).then(like(MeasureCataloguePublished, version=2))
    story.when(replace(CATALOGUE, effective_from=date(2026, 5, 10)), EDB).raises(
        Malformed, pointer="/effective_from"
    )
    twice = (*CATALOGUE.items, CATALOGUE.items[0])
    story.when(replace(CATALOGUE, items=twice), EDB).raises(Malformed, pointer="/items/3/measure")


def test_DIS_R3_a_sanction_is_in_the_catalogue_in_force(story: Scenario) -> None:
    """S16: without a catalogue there is none; neither tomorrow's nor an incentive helps."""
    story.given(entered()).when(SANCTION).refused("DIS-R3", measure="more-checks", version="none")
    story.given(replace(CATALOGUE, effective_from=date(2026, 5, 12)), actor=EDB)
    story.when(SANCTION).refused("DIS-R3", version="none")
    story.at("2026-05-12T09:00+08:00").when(SANCTION).then(
        like(SanctionApplied, catalogue_version=1, applied_on=date(2026, 5, 12))
    )
    for measure in ("seize-the-car", "fast-lane"):
        story.when(replace(SANCTION, sanction="SAN-2", measure=measure)).refused(
            "DIS-R3", version=1, reason="it is not a sanction of the catalogue"
        )
    without = replace(CATALOGUE, items=CATALOGUE.items[:1])
    story.given(without, actor=EDB)
    story.when(replace(SANCTION, sanction="SAN-2")).refused("DIS-R3", version=2)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"record": "CR-8"}, "it needs serious information; CR-8 is general"),
        ({"record": "CR-7"}, "it needs serious information; CR-7 is without a class"),
        ({"until": None}, "until must not be after 2029-05-11; it is not given"),
        ({"until": date(2029, 5, 12)}, "until must not be after 2029-05-11; it is 2029-05-12"),
    ],
)
def test_DIS_R3_a_sanction_is_no_heavier_than_the_catalogue(
    story: Scenario, changed: dict[str, Any], reason: str
) -> None:
    """Neither on lighter information nor for longer."""
    story.given(entered(), entered("CR-7", kind="commitment_breach", severity=None))
    story.given(entered("CR-6", severity="serious")).given(CATALOGUE, actor=EDB)
    heavy = replace(SANCTION, record="CR-6", measure="no-tenders", until=date(2029, 5, 11))
    story.when(replace(heavy, **changed)).refused("DIS-R3", measure="no-tenders", reason=reason)
    story.when(heavy).then(like(SanctionApplied, until=date(2029, 5, 11)))


def test_DIS_R3_a_measure_is_for_the_units_that_it_names(story: Scenario) -> None:
    """Another unit cannot apply it; the two that may can, each for itself."""
    story.given(entered()).given(CATALOGUE, actor=EDB)
    eeb = actor("EEB", "EEB-HEAD", "unit_head")
    story.when(replace(SANCTION, unit="EEB"), eeb).refused(
        "DIS-R3", reason="only MRB, EMB can apply it"
    )
    story.when(SANCTION, EMB).raises(Forbidden)
    story.when(replace(SANCTION, unit="EMB"), EMB).then(SanctionApplied)


@pytest.mark.parametrize("reason", ["repaired", "revoked", "source_delisted", "max_reached"])
def test_DIS_R5_nothing_is_sanctioned_on_a_record_that_ended(story: Scenario, reason: str) -> None:
    """Before its end it is; afterwards the sanction is not renewed. Other records do not matter."""
    story.given(entered()).given(CATALOGUE, actor=EDB).amid(entered("CR-7"), over("CR-7"))
    story.given(replace(SANCTION, sanction="SAN-0"))
    story.given(over(reason=reason)).when(SANCTION).refused(
        "DIS-R5", record="CR-8", reason=f"it ended on 2026-05-11 ({reason})"
    )


def test_DIS_R5_not_after_the_longest_publicity(story: Scenario) -> None:
    """Whether the clock has ended it or not."""
    story.given(entered(), shown(max_until=date(2026, 5, 10))).given(CATALOGUE, actor=EDB)
    story.when(SANCTION).refused("DIS-R5", reason="its longest publicity is over")


@pytest.mark.parametrize(
    ("reason", "again"),
    [("repaired", False), ("revoked", False), ("source_delisted", False), ("correction", True)],
)
def test_DIS_R5_not_under_another_record_of_the_same_document(
    story: Scenario, reason: str, again: bool
) -> None:
    """What was entered wrongly may be entered right; what was repaired is not sanctioned anew."""
    story.given(entered(), over(reason=reason)).given(CATALOGUE, actor=EDB)
    same = entered("CR-9", instrument=entered().instrument)
    story.given(same).when(replace(SANCTION, record="CR-9"))
    if again:
        story.then(SanctionApplied)
    else:
        story.refused(
            "DIS-R5",
            reason=f"CR-8号 was on record before as CR-8, which ended on 2026-05-11 ({reason})",
        )


def test_DIS_R5_not_on_a_decision_that_was_undone(story: Scenario) -> None:
    """Though the record under it has not been ended yet; the end of another decision is nothing."""
    decided = PenaltyDecided(
        decision="DEC-1",
        entity=E_C,
        unit="MRB",
        case="CASE-1",
        doc_no="1号",
        decided_on=date(2026, 4, 15),
        types=("fine",),
        severity="general",
        facts="-",
        fine_fen=1,
    )
    revoked = DecisionRevoked(
        decision="DEC-1",
        unit="MRB",
        entity=E_C,
        by="复议机构",
        instrument="兰新复决3号",
        effective_on=date(2026, 5, 11),
        reason="-",
    )
    story.given(decided, entered(decision="DEC-1")).given(CATALOGUE, actor=EDB)
    story.amid(replace(revoked, decision="DEC-2"))
    story.given(replace(SANCTION, sanction="SAN-0"))
    story.given(revoked).when(SANCTION).refused(
        "DIS-R5", reason="its decision DEC-1 was undone by 兰新复决3号"
    )


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"record": "CR-5"}, "/record"),
        ({"until": date(2026, 5, 10)}, "/until"),
    ],
)
def test_a_sanction_agrees_with_its_record(
    story: Scenario, changed: dict[str, Any], pointer: str
) -> None:
    """The record is about this business and speaks against it."""
    story.given(entered(), entered("CR-5", kind="honour", severity=None))
    story.given(CATALOGUE, actor=EDB)
    story.when(replace(SANCTION, **changed)).raises(Malformed, pointer=pointer)
    for unknown in ({"record": "CR-404"}, {"entity": E_B}):
        story.when(replace(SANCTION, **unknown)).raises(UnknownReference)


def test_a_sanction_ends_on_its_last_day(story: Scenario) -> None:
    """By the clock, once; one that was lifted before is not lifted again."""
    story.given(entered()).given(CATALOGUE, actor=EDB)
    story.when(replace(SANCTION, until=date(2026, 8, 11)))
    ending = EndDeadline(rule_name="dishonesty.sanction.until", opened_at_position=opened(story))
    story.at("2026-08-11T23:00+08:00").when(ending).raises(OutOfStep)
    story.at("2026-08-12T00:30+08:00").when(ending).then(
        DeadlineLapsed, like(SanctionLifted, sanction="SAN-1", reason="expired")
    )
    story.when(LiftSanction(sanction="SAN-1", reason="expired")).raises(OutOfStep)


def test_a_unit_lifts_its_own_sanction(story: Scenario) -> None:
    """Before its record ends; nobody else's."""
    lift = LiftSanction(sanction="SAN-1", reason="correction", note="适用有误")
    story.when(lift).raises(UnknownReference)
    story.given(entered()).given(CATALOGUE, actor=EDB).given(SANCTION)
    story.when(lift, EMB).raises(Forbidden)
    story.when(lift).then(like(SanctionLifted, reason="correction", record="CR-8"))
    story.when(SANCTION).raises(OutOfStep, says="SAN-1")


def test_DIS_V1_a_sanction_that_is_reported_after_its_record_ended(story: Scenario) -> None:
    """Lawful on its day, it is recorded; it has outlived its record and is lifted at once."""
    story.given(entered()).given(CATALOGUE, actor=EDB)
    story.at("2026-06-01T09:00+08:00").given(over(day="2026-05-20"))
    late = replace(SANCTION, occurred_at=civil_moment(date(2026, 5, 12), 9))
    story.when(late).then(
        like(SanctionApplied, applied_on=date(2026, 5, 12)),
        like(SanctionLifted, reason="repaired", lifted_on=date(2026, 6, 1)),
        like(
            FindingRaised,
            rule_id="DIS-V1",
            unit="MRB",
            entity=E_C,
            facts={"sanction": "SAN-1", "record": "CR-8", "record_until": "2026-05-20"},
        ),
    )
    again = replace(late, sanction="SAN-2", record="CR-92")
    story.when(again).then(SanctionApplied)


def test_DIS_V1_a_sanction_whose_record_a_register_has_ended(story: Scenario) -> None:
    """Imports end records and know of no sanctions: the clock does, once."""
    review = ReviewSanction(sanction="SAN-1")
    story.given(entered()).given(CATALOGUE, actor=EDB).given(SANCTION)
    story.when(review, CLOCK).raises(OutOfStep, says="is live")
    story.given(over(reason="source_delisted")).amid(over("CR-92"))
    story.when(review, CLOCK).then(
        like(SanctionLifted, sanction="SAN-1", reason="removed"),
        like(FindingRaised, rule_id="DIS-V1", unit="MRB", entity=E_C),
    )
    story.when(review, CLOCK).raises(OutOfStep, says="lifted")


@pytest.mark.parametrize(("day", "found"), [("2027-04-16", False), ("2027-04-20", True)])
def test_DIS_V1_a_sanction_ends_with_the_longest_publicity(
    story: Scenario, day: str, found: bool
) -> None:
    """The day after it nothing was unlawful; days later the sanction has outlived the record."""
    story.given(entered()).given(CATALOGUE, actor=EDB).given(SANCTION)
    story.when(StartPublicity(record="CR-8", channels=("credit_china",)))
    ending = EndDeadline(rule_name="dishonesty.regime.max", opened_at_position=opened(story))
    story.at(f"{day}T09:00+08:00").when(ending)
    assert story.outcome is not None
    ids = [e.event.rule_id for e in story.outcome.events if isinstance(e.event, FindingRaised)]
    assert ids == (["DIS-V1", "CRD-V1"] if found else [])
    lifted = [e.event for e in story.outcome.events if isinstance(e.event, SanctionLifted)]
    assert [(one.sanction, one.reason) for one in lifted] == [("SAN-1", "expired")]


# Incentives


def test_DIS_V2_a_promised_incentive_is_applied_in_time(story: Scenario) -> None:
    """Promised by 06-10, it is missed on 06-11, with the finding; granted later, a day late."""
    story.when(PROMISE).then(like(IncentivePromised, apply_by=date(2026, 6, 10)))
    miss = EndDeadline(rule_name="dishonesty.incentive", opened_at_position=opened(story))
    story.at("2026-06-10T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-06-11T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 6, 10)),
        like(FindingRaised, rule_id="DIS-V2", unit="MRB", entity=E_C),
    )
    story.when(GRANT).then(like(IncentiveGranted, days_late=1))
    story.when(miss).then()


def test_DIS_V2_is_not_raised_of_a_promise_that_was_kept(story: Scenario) -> None:
    """Or that the business declined; the grant of another promise does not keep this one."""
    story.when(PROMISE)
    miss = EndDeadline(rule_name="dishonesty.incentive", opened_at_position=opened(story))
    story.given(GRANT).at("2026-06-11T09:00+08:00")
    story.when(miss).raises(OutOfStep, says="in time")
    story.when(replace(PROMISE, incentive="INC-2", apply_by=date(2026, 6, 12)))
    second = EndDeadline(rule_name="dishonesty.incentive", opened_at_position=opened(story))
    story.amid(replace(GRANT, incentive="INC-91")).at("2026-06-13T09:00+08:00")
    story.when(second).then(DeadlineMissed, like(FindingRaised, rule_id="DIS-V2"))


def test_a_promise_is_not_taken_back_at_will(story: Scenario) -> None:
    """Only for what lies with the business: it declines, or a live record speaks against it."""
    story.given(PROMISE, entered(), entered("CR-5", kind="honour", severity=None))
    story.amid(entered("CR-7"), over("CR-7"))
    end = EndIncentive(incentive="INC-1", reason="no_longer_eligible", record="CR-8")
    story.when(replace(end, reason="expired")).raises(OutOfStep, says="promised")
    for record in (None, "CR-5", "CR-7", "CR-91"):
        story.when(replace(end, record=record)).raises(Malformed, pointer="/record")
    story.when(end, EMB).raises(Forbidden)
    story.when(end).then(like(IncentiveEnded, reason="no_longer_eligible", record="CR-8"))
    story.when(GRANT).raises(OutOfStep, says="ended")
    story.when(replace(end, incentive="INC-404")).raises(UnknownReference)


def test_an_incentive_is_granted_once_as_it_was_promised(story: Scenario) -> None:
    """With or without a promise; to the same business, by the same unit, the same measure."""
    story.given(PROMISE)
    story.when(replace(GRANT, measure="other")).raises(Malformed, pointer="/incentive")
    story.when(replace(GRANT, entity=E_B)).raises(Malformed, pointer="/incentive")
    story.when(GRANT, EMB).raises(Forbidden)
    story.when(GRANT).then(like(IncentiveGranted, days_late=0))
    story.when(GRANT).raises(OutOfStep, says="granted")
    story.when(PROMISE).raises(OutOfStep, says="INC-1")
    free = replace(GRANT, incentive="INC-2", until=date(2026, 5, 10))
    story.when(free).raises(Malformed, pointer="/until")
    story.when(replace(free, until=None)).then(IncentiveGranted)
    story.when(replace(free, until=None)).raises(OutOfStep, says="granted")
    story.when(replace(PROMISE, incentive="INC-3", apply_by=date(2026, 5, 10))).raises(
        Malformed, pointer="/apply_by"
    )


def test_an_incentive_ends_on_its_last_day(story: Scenario) -> None:
    """By the clock; or earlier, by the unit, and then not again."""
    story.when(replace(GRANT, until=date(2026, 8, 11)))
    ending = EndDeadline(rule_name="dishonesty.incentive.until", opened_at_position=opened(story))
    story.at("2026-08-12T00:30+08:00").when(ending).then(
        DeadlineLapsed, like(IncentiveEnded, incentive="INC-1", reason="expired")
    )
    story.when(EndIncentive(incentive="INC-1", reason="correction")).raises(OutOfStep)


# Races


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two processes on one file."""
    with (
        SQLiteRecorder(tmp_path / "ledger.db") as one,
        SQLiteRecorder(tmp_path / "ledger.db") as two,
        Ledger(one) as first,
        Ledger(two) as second,
    ):
        yield first, second


def test_one_of_two_racing_repairs_and_sanctions_wins(pair: tuple[Ledger, Ledger]) -> None:
    """DIS-R5 across processes: no sanction is ever alive on a record that ended."""
    today = date(2026, 5, 11)
    pair[0].execute(SeedLedger(), JB)
    pair[0].execute(CATALOGUE, EDB)
    for round_ in range(6):
        record, sanction = f"CR-R{round_}", f"SAN-R{round_}"
        pair[0].execute(Record(facts=(entered(record, determined_on=today),)), HEAD)
        end = TerminatePublicity(record=record, reason="revoked")
        [asked] = pair[0].execute(end, DEPUTY).events
        assert isinstance(asked.event, ApprovalRequested)
        start = Barrier(2)

        def run(ledger: Ledger, command: Any, start: Barrier = start) -> Outcome:
            start.wait(10)
            return ledger.execute(command, HEAD)

        with ThreadPoolExecutor(2) as pool:
            ends = pool.submit(
                run,
                pair[round_ % 2],
                ApproveRequest(approval=asked.event.approval),
            )
            applies = pool.submit(
                run, pair[1 - round_ % 2], replace(SANCTION, sanction=sanction, record=record)
            )
        ended = [type(r.event) for r in ends.result().events]
        if applies.exception() is None:
            assert SanctionLifted in ended
        else:
            assert "DIS-R5" in str(applies.exception())
            assert SanctionLifted not in ended


def test_DIS_V2_measures_begin_and_end_when_that_is_recorded(story: Scenario) -> None:
    """An incentive is not kept in time by its date, nor a sanction lifted before it was applied."""
    story.given(entered()).given(CATALOGUE, actor=EDB).given(SANCTION, PROMISE)
    story.at("2026-07-01T09:00+08:00")
    then = datetime.fromisoformat("2026-05-11T08:00+08:00")
    lift = LiftSanction(sanction="SAN-1", reason="correction")
    end = EndIncentive(incentive="INC-1", reason="declined")
    for act in (GRANT, end, lift, replace(PROMISE, incentive="INC-2")):
        story.when(replace(act, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    story.when(GRANT).then(like(IncentiveGranted, days_late=21))
    story.given(replace(SANCTION, sanction="SAN-2"))
    yesterday = datetime.fromisoformat("2026-06-30T18:00+08:00")
    story.when(replace(lift, sanction="SAN-2", occurred_at=yesterday)).raises(
        Malformed, says="SAN-2 was applied on 2026-07-01"
    )
