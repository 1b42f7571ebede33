"""Joint inspection (2.11): planned, offered, joined or declined, held, entered by each unit."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import Forbidden, Malformed, OutOfStep, UnknownReference, civil_moment
from ledger.kernel.messages import in_words
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.filing.commands import (
    CancelInspection,
    CloseInspection,
    ConcludeInspection,
    IssueInspectionNotice,
    OpenInspection,
    ScanEntry,
    SignOnSiteRecord,
)
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    InspectionTaskApproved,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.joint.commands import (
    AcceptJoin,
    AdoptJointProcedure,
    AdoptUnifiedForm,
    CancelJoint,
    DeclineJoin,
    OfferJoin,
    PlanJoint,
    PublishJointCalendar,
    PublishJointList,
    RecordJointVisit,
)
from ledger.systems.joint.events import (
    CalendarEntry,
    FormItem,
    JoinAccepted,
    JoinDeclined,
    JoinOffered,
    JointCancelled,
    JointListPublished,
    JointPlanned,
    JointResultSplit,
    JointVisitHeld,
    Participant,
)
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_A, E_C, EMB, JB, actor
from tests.gwt import Scenario, like, on
from tests.systems.sealing import someone
from tests.systems.test_filing import REGION, approved, item, matter, officer, plan, published
from tests.systems.test_filing import task as daily

replace = msgspec.structs.replace

EEB_HEAD = actor("EEB", "EEB-HEAD", "unit_head")
EMB_OFFICER = actor("EMB", "OFF-011", "enforcement_officer")
OFFICERS = {"MRB": ("OFF-001", "OFF-002"), "EMB": ("OFF-011", "OFF-012"), "EEB": ("E-1", "E-2")}
MATTERS = {"MRB": ("M-101",), "EMB": ("M-201",), "EEB": ("M-301",)}
HEADS = {
    "MRB": actor("MRB", "MRB-HEAD", "unit_head"),
    "EMB": EMB,
    "EEB": EEB_HEAD,
}
LIST = PublishJointList(
    artefact="JL-2026", matters=("M-101", "M-201", "M-301"), url="https://example.org/jl"
)
FORM = AdoptUnifiedForm(
    artefact="UF-7",
    title="综合查一次",
    items=(
        FormItem(item="进货查验", matter="M-101"),
        FormItem(item="消防通道", matter="M-201"),
        FormItem(item="疏散演练", matter="M-201"),
    ),
)
BOTH = (
    Participant(unit="MRB", matters=("M-101",)),
    Participant(unit="EMB", matters=("M-201",)),
)
PLAN = PlanJoint(
    joint="J-1",
    unit="MRB",
    entity=E_C,
    participants=BOTH,
    modes=("by_list", "one_form"),
    window_from=date(2026, 6, 8),
    window_to=date(2026, 6, 12),
    joint_list="JL-2026",
    unified_form="UF-7",
)
ACCEPT = AcceptJoin(joint="J-1", unit="EMB")
DECLINE = DeclineJoin(unit="EMB", entity=E_C, joint="J-1", reason="人手不足")
REPORT = RecordJointVisit(joint="J-1", matters_checked=("M-101", "M-201"))

#: EEB beside MRB and EMB, each with a matter of its own planned for June; E-C has grade C.
MORE = [
    on(
        "2026-01-04",
        EnforcementUnitQualified(unit="EEB", name="EEB", kind="organ", valid_from=date(2020, 1, 1)),
    ),
    *(
        on("2026-01-06", event)
        for event in (
            matter("M-301", "EEB", domain="environment"),
            published("M-301", "EEB"),
            *(replace(officer(name, "EEB"), domains=("environment",)) for name in OFFICERS["EEB"]),
            CreditGradeAssigned(
                entity=E_C,
                scheme="samr",
                grade="C",
                assessed_on=date(2026, 1, 4),
                source="samr",
                factors=(),
                inputs_hash="0" * 64,
            ),
        )
    ),
    *(on("2026-01-20", event) for event in plan("EEB", item("M-301", 6))),
]


@pytest.fixture
def story() -> Scenario:
    """The region in June 2026 with a joint list, a form, and another business's joint visit."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), *REGION, *MORE)
        .at("2026-06-01T09:00+08:00")
        .given(LIST, FORM, actor=JB)
        .amid(
            approved("T-FAR", unit="EMB", entity=E_A, matters=("M-201",), joint="J-9"),
            JointPlanned(
                joint="J-9",
                entity=E_A,
                unit="MRB",
                participants=BOTH,
                modes=("by_list",),
                window_from=date(2026, 6, 8),
                window_to=date(2026, 6, 12),
                joint_list="JL-2026",
            ),
            JoinOffered(joint="J-9", entity=E_A, unit="EMB", lead="MRB", part=BOTH[1]),
            JoinDeclined(joint="J-9", entity=E_A, unit="EMB", reason="-"),
        )
    )


def task(unit: str, planned_on: str, **changed: Any) -> Any:
    return daily(
        changed.pop("task", f"T-{unit}"),
        planned_on,
        unit=unit,
        entity=E_C,
        matters=MATTERS[unit],
        officers=OFFICERS[unit],
        **changed,
    )


def joined(story: Scenario) -> Scenario:
    """J-1 planned for MRB and EMB, accepted, and each unit's task for it approved."""
    story.given(PLAN).given(ACCEPT, actor=EMB)
    story.given(task("MRB", "2026-06-10", joint="J-1"))
    return story.given(task("EMB", "2026-06-10", joint="J-1"), actor=EMB)


def opening(task: str, officers: tuple[str, ...]) -> OpenInspection:
    return OpenInspection(
        task=task,
        officers=officers,
        certs_shown=tuple(f"甘A-{name}" for name in officers),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )


def comes(story: Scenario, unit: str, at: str) -> Scenario:
    """A unit announces and opens its task."""
    return story.at(at).given(
        IssueInspectionNotice(task=f"T-{unit}", notice_no="N"),
        ScanEntry(task=f"T-{unit}", act_code="AC-1", device="D"),
        opening(f"T-{unit}", OFFICERS[unit]),
        actor=HEADS[unit],
    )


def leaves(story: Scenario, unit: str, at: str) -> Scenario:
    """The unit's part of the record is signed and it leaves."""
    return story.at(at).given(
        SignOnSiteRecord(task=f"T-{unit}", record_digest="ab" * 32, signatory=someone(unit)),
        CloseInspection(task=f"T-{unit}"),
        actor=HEADS[unit],
    )


def visit(story: Scenario, unit: str, begins: str, ends: str) -> Scenario:
    """A unit carries out its task up to leaving."""
    return leaves(comes(story, unit, begins), unit, ends)


# JNT-R1: apart only where it cannot be together


def test_JNT_R1_a_second_separate_visit_is_offered_a_merge(story: Scenario) -> None:
    """S9: after MRB's visit on the 3rd, EMB's on the 10th is refused and told what to join."""
    story.given(task("MRB", "2026-06-03"))
    story.when(task("EMB", "2026-06-10"), EMB).refused("JNT-R1", unit="EMB", entity=E_C)
    details = story.error.details  # type: ignore[union-attr]
    assert in_words(details["offer"], "en") == {
        "kind": "task",
        "join": "T-MRB",
        "lead": "MRB",
        "date": date(2026, 6, 3),
        "when": {
            "code": "filing.on",
            "text": "on 2026-06-03",
            "details": {"planned_on": date(2026, 6, 3)},
        },
        "matters": ["M-101"],
    }
    assert story.error.policy_version == 1  # type: ignore[union-attr]
    assert "T-MRB" in str(story.error.hint)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "other",
    [
        {"planned_on": date(2026, 7, 11)},  # 31 days apart
        {"kind": "case", "trigger": "complaint"},  # a clue is not to be told
        {"entity": E_A},
        {"matters": ("M-103",)},  # on no joint list
        {"unit": "EMB", "planned_on": date(2026, 7, 10)},  # FIL-R12 keeps a unit's own apart
    ],
)
def test_JNT_R1_stands_in_no_other_way(story: Scenario, other: dict[str, Any]) -> None:
    """Thirty days, listed matters, one business, and a visit that may be told of."""
    near = {"entity": E_C, "planned_on": date(2026, 6, 12)}
    story.given(approved("T-X", **{**near, **other}))
    story.when(task("EMB", "2026-06-10"), EMB).then(InspectionTaskApproved)
    story.given(approved("T-Y", **near))
    story.when(task("EMB", "2026-06-11", task="T-2"), EMB).refused("JNT-R1")


def test_JNT_R1_the_window_is_thirty_days(story: Scenario) -> None:
    """The thirtieth day still counts."""
    story.given(approved("T-X", entity=E_C, planned_on=date(2026, 7, 10)))
    story.when(task("EMB", "2026-06-10"), EMB).refused("JNT-R1")


def test_JNT_R1_what_is_cancelled_or_begun_cannot_be_joined(story: Scenario) -> None:
    """Nor what should have taken place already."""
    gone = approved("T-1", entity=E_C, planned_on=date(2026, 6, 3))
    story.given(
        gone,
        InspectionCancelled(
            task="T-1",
            entity=E_C,
            unit="MRB",
            planned_on=gone.planned_on,
            counter="capped",
            reason="-",
        ),
        replace(gone, task="T-2"),
        OnSiteInspectionOpened(
            task="T-2",
            entity=E_C,
            unit="MRB",
            matters=("M-101",),
            officers=("OFF-001",),
            certs_shown=(),
            notice_shown=True,
            rights_informed=True,
            conduct_rules_informed=True,
        ),
        replace(gone, task="T-3", planned_on=date(2026, 5, 29)),
    )
    story.when(task("EMB", "2026-06-10"), EMB).then(InspectionTaskApproved)


def test_JNT_R1_a_matter_off_the_list_frees_nothing(story: Scenario) -> None:
    """One listed matter binds whatever stands beside it; what the list has lost binds nobody."""
    items = (item("M-201", 6), item("M-202", 6))
    further = [replace(event, plan="P-2") for event in plan("EMB", *items)]  # type: ignore[call-arg]
    story.given(matter("M-202", "EMB", domain="work_safety"), published("M-202", "EMB"), *further)
    story.given(task("MRB", "2026-06-03"))
    mixed = replace(task("EMB", "2026-06-10"), matters=("M-201", "M-202"))
    story.when(mixed, EMB).refused("JNT-R1")
    story.given(replace(LIST, matters=("M-101", "M-301")), actor=JB)
    story.when(mixed, EMB).then(InspectionTaskApproved)


def test_JNT_R1_a_planned_joint_visit_is_joined(story: Scenario) -> None:
    """Whoever was offered a part does not go apart; with its part accepted it names it."""
    story.given(PLAN)
    story.when(task("EMB", "2026-06-24"), EMB).refused("JNT-R1")
    offer = story.error.details["offer"]  # type: ignore[union-attr]
    assert (offer["kind"], offer["join"], offer["lead"]) == ("joint", "J-1", "MRB")
    assert offer["date"] == date(2026, 6, 8)
    with_part = task("EMB", "2026-06-10", joint="J-1")
    story.when(with_part, EMB).raises(OutOfStep, says="accept the offer first")
    story.given(ACCEPT, actor=EMB)
    story.when(with_part, EMB).then(
        like(InspectionTaskApproved, joint="J-1", counter="capped", unit="EMB")
    )


def test_JNT_R1_others_ask_the_lead_for_a_part(story: Scenario) -> None:
    """A unit that was offered none is told of the joint visit; the lead offers one."""
    joined(story).when(task("EEB", "2026-06-24"), EEB_HEAD).refused("JNT-R1")
    assert story.error.details["offer"]["join"] == "J-1"  # type: ignore[union-attr]
    part = Participant(unit="EEB", matters=("M-301",))
    story.when(OfferJoin(joint="J-1", part=part)).refused("JNT-R2", mode="one_form")
    story.given(replace(PLAN, joint="J-2", unified_form=None, modes=("by_list",)))
    story.when(OfferJoin(joint="J-2", part=part)).then(like(JoinOffered, unit="EEB", lead="MRB"))
    story.when(OfferJoin(joint="J-2", part=part)).raises(OutOfStep, says="already")


def test_JNT_R1_a_merge_is_declined_with_a_reason(story: Scenario) -> None:
    """S9: without one it is refused; then the unit goes apart from that visit, and no other."""
    story.given(task("MRB", "2026-06-03"))
    declines = DeclineJoin(unit="EMB", entity=E_C, task="T-MRB")
    story.when(declines, EMB).refused("JNT-R1", reason="it gives no reason for declining")
    story.when(replace(declines, reason="  "), EMB).refused("JNT-R1")
    story.when(replace(declines, reason="须夜间检查"), EMB).then(
        like(JoinDeclined, task="T-MRB", unit="EMB"),
        like(FindingRaised, rule_id="JNT-V1", unit="EMB", entity=None, task=None),
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "sealed"
    # EEB's merge with MRB was declined by nobody.
    story.when(task("EEB", "2026-06-05"), EEB_HEAD).refused("JNT-R1")
    story.when(task("EMB", "2026-06-10"), EMB).then(InspectionTaskApproved)


def test_JNT_R1_a_joint_visit_is_declined(story: Scenario) -> None:
    """Then the unit goes apart from all who take part in it; a new offer asks it anew."""
    joined_but_eeb = replace(
        PLAN,
        participants=(*BOTH, Participant(unit="EEB", matters=("M-301",))),
        modes=("by_list",),
    )
    story.given(joined_but_eeb).given(ACCEPT, actor=EMB)
    story.given(task("MRB", "2026-06-10", joint="J-1"))
    no = DeclineJoin(unit="EEB", entity=E_C, joint="J-1")
    story.when(no, EEB_HEAD).refused("JNT-R1")
    story.given(replace(no, reason="须夜间检查"), actor=EEB_HEAD)
    story.when(replace(no, reason="-"), EEB_HEAD).raises(OutOfStep, says="declined")
    story.when(task("EEB", "2026-06-24"), EEB_HEAD).then(InspectionTaskApproved)
    story.when(OfferJoin(joint="J-1", part=joined_but_eeb.participants[2])).then(JoinOffered)
    story.when(task("EEB", "2026-06-25", task="T-2"), EEB_HEAD).refused("JNT-R1")


def test_who_may_decline_what(story: Scenario) -> None:
    """A unit its own part, before it has approved a task for it; a visit of another unit."""
    joined(story)
    story.when(DECLINE, EMB).raises(OutOfStep, says="T-EMB")
    story.when(replace(DECLINE, unit="MRB")).raises(OutOfStep, says="leads")
    story.when(DECLINE).raises(Forbidden)
    story.when(replace(DECLINE, entity=E_A), EMB).raises(Malformed, pointer="/entity")
    story.when(replace(DECLINE, joint=None), EMB).raises(Malformed, pointer="/joint")
    own = replace(DECLINE, joint=None, task="T-EMB")
    story.when(own, EMB).raises(UnknownReference, says="another unit")
    story.when(replace(own, task="T-FAR"), EMB).raises(UnknownReference)
    story.given(CancelInspection(task="T-MRB", reason="-"))
    story.when(replace(own, task="T-MRB"), EMB).raises(OutOfStep, says="cancelled")
    story.given(CancelInspection(task="T-EMB", reason="-"), actor=EMB)
    story.when(DECLINE, EMB).then(JoinDeclined, FindingRaised)


def test_JNT_V1_a_document_gives_a_decline_its_weight(story: Scenario) -> None:
    """Words alone are flagged, for supervisors to weigh."""
    story.given(PLAN).amid(JoinAccepted(joint="J-9", entity=E_A, unit="EMB"))
    story.when(DECLINE, EMB).then(
        like(JoinDeclined, joint="J-1"),
        like(FindingRaised, rule_id="JNT-V1", unit="EMB", entity=E_C, type="multi_head"),
    )
    story.given(OfferJoin(joint="J-1", part=BOTH[1]))
    story.when(replace(DECLINE, evidence_ref="省厅函〔2026〕8号"), EMB).then(JoinDeclined)


# JNT-R2: each mode rests on something

PROCEDURE = AdoptJointProcedure(
    artefact="JP-1",
    doc_no="兰新联〔2026〕1号",
    lead="MRB",
    participants=("EMB", "EEB"),
    trigger="同一企业同一月有两家以上检查",
    effective_from=date(2026, 6, 1),
)
CALENDAR = PublishJointCalendar(
    artefact="JC-2026",
    year=2026,
    entries=(CalendarEntry(lead="MRB", participants=("EMB",), months=(6, 9), subject="食品生产"),),
)


@pytest.mark.parametrize(
    ("mode", "changed", "reason"),
    [
        ("regular", {}, "no calendar is named"),
        ("by_list", {"joint_list": None}, "no list is named"),
        ("by_rule", {}, "no procedure is named"),
        ("one_form", {"unified_form": None}, "no form is named"),
        ("regular", {"calendar": "JC-2025"}, "JC-2025 has no entry for these units and this time"),
        (
            "regular",
            {"calendar": "JC-2026", "window_to": date(2026, 7, 1)},
            "JC-2026 has no entry for these units and this time",
        ),
        ("by_list", {"joint_list": "JL-SMALL"}, "JL-SMALL does not list M-201"),
        ("by_rule", {"procedure": "JP-EMB"}, "JP-EMB is led by EMB, with MRB"),
        ("by_rule", {"procedure": "JP-LATER"}, "JP-LATER takes effect only on 2026-06-02"),
        ("one_form", {"unified_form": "UF-1"}, "UF-1 has no items for M-201"),
    ],
)
def test_JNT_R2_a_mode_without_its_artefact(
    story: Scenario, mode: Any, changed: dict[str, Any], reason: str
) -> None:
    """Calendar, list, procedure and form: named, and of these units, matters and days."""
    story.given(
        CALENDAR,
        replace(CALENDAR, artefact="JC-2025", year=2025),
        replace(LIST, artefact="JL-SMALL", matters=("M-101",)),
        PROCEDURE,
        replace(PROCEDURE, artefact="JP-EMB", lead="EMB", participants=("MRB",)),
        replace(PROCEDURE, artefact="JP-LATER", effective_from=date(2026, 6, 2)),
        replace(FORM, artefact="UF-1", items=FORM.items[:1]),
        actor=JB,
    )
    story.when(replace(PLAN, modes=(mode,), **changed)).refused("JNT-R2", mode=mode, reason=reason)
    whole = replace(
        PLAN,
        modes=("regular", "by_list", "by_rule", "one_form", "one_form"),
        calendar="JC-2026",
        procedure="JP-1",
    )
    story.when(whole).then(
        like(JointPlanned, modes=("regular", "by_list", "by_rule", "one_form")),
        like(JoinOffered, unit="EMB", lead="MRB"),
    )


@pytest.mark.parametrize(("months", "fits"), [((6, 9), False), ((6, 7, 8, 9), True)])
def test_JNT_R2_a_calendar_holds_every_month_of_the_window(
    story: Scenario, months: tuple[int, ...], *, fits: bool
) -> None:
    """June and September alone carry no window from the one to the other."""
    entries = (replace(CALENDAR.entries[0], months=months),)
    story.given(replace(CALENDAR, entries=entries), actor=JB)
    wide = replace(
        PLAN,
        modes=("regular",),
        calendar="JC-2026",
        window_from=date(2026, 6, 10),
        window_to=date(2026, 9, 10),
    )
    story.when(wide)
    if fits:
        story.then(JointPlanned, JoinOffered)
    else:
        reason = "JC-2026 has no entry for these units and this time"
        story.refused("JNT-R2", mode="regular", reason=reason)


def test_JNT_R2_the_artefact_is_of_its_kind(story: Scenario) -> None:
    """A list is no form, and what nobody recorded is nothing."""
    story.when(replace(PLAN, unified_form="JL-2026")).raises(UnknownReference, says="form")
    story.when(replace(PLAN, joint_list="JL-1999")).raises(UnknownReference, says="JL-1999")


def test_a_list_has_versions_and_other_artefacts_do_not(story: Scenario) -> None:
    """What a version leaves out is named in it."""
    story.when(replace(LIST, matters=("M-201",)), JB).then(
        like(JointListPublished, version=2, removed=("M-101", "M-301"))
    )
    story.when(replace(LIST, artefact="UF-7"), JB).raises(OutOfStep, says="form")
    story.when(FORM, JB).raises(OutOfStep, says="UF-7")
    story.when(replace(LIST, matters=("M-1", "M-1")), JB).raises(UnknownReference)
    story.when(replace(LIST, matters=("M-101", "M-101")), JB).raises(Malformed)
    story.when(replace(CALENDAR, entries=(replace(CALENDAR.entries[0], lead="X"),)), JB).raises(
        UnknownReference, says="X"
    )


@pytest.mark.parametrize("matters", [(), ("M-201",), ("M-103",)])
def test_JNT_R3_a_participant_has_a_matter(story: Scenario, matters: tuple[str, ...]) -> None:
    """Of its own, and published: neither none, nor another unit's, nor an unpublished one."""
    own = Participant(unit="MRB", matters=matters)
    story.when(replace(PLAN, participants=(own, BOTH[1]), modes=("by_list",))).refused(
        "JNT-R3", unit="MRB"
    )
    story.when(PLAN).then(JointPlanned, JoinOffered)


def test_a_plan_is_the_leads_and_in_order(story: Scenario) -> None:
    """The lead takes part, no unit twice, and the window is not over."""
    story.when(PLAN, EMB).raises(Forbidden)
    story.when(replace(PLAN, participants=(BOTH[1],))).raises(Malformed, pointer="/participants")
    twice = (*BOTH, BOTH[1])
    story.when(replace(PLAN, participants=twice)).raises(Malformed, pointer="/participants")
    for window in ((date(2026, 6, 8), date(2026, 6, 7)), (date(2026, 5, 1), date(2026, 5, 31))):
        early = replace(PLAN, window_from=window[0], window_to=window[1])
        story.when(early).raises(Malformed, pointer="/window_to")
    lettered = Participant(unit="EMB", matters=("M-201",), entrusted_to="MRB")
    story.when(replace(PLAN, participants=(BOTH[0], lettered))).raises(
        Malformed, pointer="/participants/1/entrustment_ref"
    )
    elsewhere = replace(lettered, entrusted_to="EEB", entrustment_ref="委托书1号")
    story.when(replace(PLAN, participants=(BOTH[0], elsewhere))).raises(
        Malformed, pointer="/participants/1/entrusted_to"
    )
    story.given(PLAN).when(PLAN).raises(OutOfStep, says="J-1")
    story.when(replace(ACCEPT, unit="EEB"), EEB_HEAD).raises(OutOfStep, says="not offered")
    story.given(ACCEPT, actor=EMB).when(ACCEPT, EMB).raises(OutOfStep, says="accepted")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"entity": E_A}, "/entity"),
        ({"matters": ("M-101", "M-102")}, "/matters"),
        ({"planned_on": date(2026, 6, 15)}, "/planned_on"),
        ({"planned_on": date(2026, 6, 11)}, "/planned_on"),
    ],
)
def test_a_task_fits_its_part(story: Scenario, changed: dict[str, Any], pointer: str) -> None:
    """The business, the matters and the one day of the joint visit."""
    story.given(matter("M-102"), published("M-102"), PLAN).given(ACCEPT, actor=EMB)
    story.given(task("EMB", "2026-06-10", joint="J-1"), actor=EMB)
    mine = task("MRB", "2026-06-10", joint="J-1")
    story.when(replace(mine, **changed)).raises(Malformed, pointer=pointer)
    story.given(mine).when(replace(mine, task="T-2")).raises(OutOfStep, says="T-MRB")


def test_SUP_R1_each_participant_within_its_own_cap(story: Scenario) -> None:
    """E-C may be visited twice by each unit; MRB has used its two, EMB none."""
    used = {"entity": E_C, "planned_on": date(2026, 3, 3)}
    story.given(approved("T-1", **used), approved("T-2", **used))
    story.given(PLAN).given(ACCEPT, actor=EMB)
    story.when(task("MRB", "2026-06-10", joint="J-1")).refused("SUP-R1", unit="MRB", used=2)
    story.when(task("EMB", "2026-06-10", joint="J-1"), EMB).then(InspectionTaskApproved)


# JNT-R4: officers of each power


def test_JNT_R4_two_officers_of_each_power(story: Scenario) -> None:
    """One is too few though another unit sends three; two of another unit are not its own."""
    story.given(PLAN).given(ACCEPT, actor=EMB)
    story.given(task("EMB", "2026-06-10", joint="J-1"), actor=EMB)
    story.amid(approved("T-8", entity=E_A, officers=("OFF-001",)))
    one = task("MRB", "2026-06-10", joint="J-1")
    story.when(replace(one, officers=("OFF-001",))).refused("JNT-R4", unit="MRB", needed=2, given=1)
    story.when(replace(one, officers=("OFF-001", "OFF-011"))).refused("FIL-R6")
    story.when(one).then(InspectionTaskApproved)


def test_JNT_R4_two_in_total_under_a_written_entrustment(story: Scenario) -> None:
    """EMB's officers exercise MRB's power with a letter, record the visit, and conclude nothing."""
    letter = replace(BOTH[0], entrusted_to="EMB", entrustment_ref="委托书1号")
    story.given(
        replace(officer("OFF-011", "EMB"), domains=("food_drug", "work_safety")),
        replace(PLAN, participants=(letter, BOTH[1])),
    ).given(ACCEPT, actor=EMB)
    mine = replace(task("MRB", "2026-06-10", joint="J-1"), officers=OFFICERS["EMB"])
    story.given(mine).at("2026-06-10T09:00+08:00")
    story.given(IssueInspectionNotice(task="T-MRB", notice_no="N"))
    entry = opening("T-MRB", OFFICERS["EMB"])
    story.when(entry, EEB_HEAD).raises(Forbidden)
    story.given(ScanEntry(task="T-MRB", act_code="A", device="D"), entry, actor=EMB_OFFICER)
    story.at("2026-06-10T10:00+08:00").given(
        SignOnSiteRecord(task="T-MRB", record_digest="ab" * 32, signatory=someone()),
        CloseInspection(task="T-MRB"),
        actor=EMB_OFFICER,
    )
    conclude = ConcludeInspection(task="T-MRB", result="no_issue")
    story.when(conclude, EMB_OFFICER).raises(Forbidden)
    story.when(conclude).then(InspectionConcluded, JointResultSplit)


# The visit


def test_one_visit_one_record_and_each_unit_its_result(story: Scenario) -> None:
    """One arrival, one departure; what each unit found stands beside what the others found."""
    visit(joined(story), "MRB", "2026-06-10T09:00+08:00", "2026-06-10T10:30+08:00")
    story.when(REPORT, EMB).raises(Forbidden)
    story.when(REPORT).then(
        like(
            JointVisitHeld,
            held_on=date(2026, 6, 10),
            minutes_on_site=90,
            absent=("EMB",),
        )
    )
    story.when(REPORT).raises(OutOfStep, says="held")
    story.when(ConcludeInspection(task="T-MRB", result="order_to_correct")).then(
        like(InspectionConcluded, unit="MRB"),
        like(JointResultSplit, joint="J-1", unit="MRB", result="order_to_correct"),
    )


def together(story: Scenario, emb_at: str) -> Scenario:
    """MRB arrives at nine, EMB at another time; both leave at eleven."""
    comes(joined(story), "MRB", "2026-06-10T09:00+08:00")
    comes(story, "EMB", f"2026-06-10T{emb_at}+08:00")
    story.when(REPORT).raises(OutOfStep, says="still on site")
    leaves(story, "MRB", "2026-06-10T11:00+08:00")
    return leaves(story, "EMB", "2026-06-10T11:00+08:00")


@pytest.mark.parametrize(("emb_at", "found"), [("09:30", False), ("09:31", True)])
def test_JNT_V2_units_come_at_one_time(story: Scenario, emb_at: str, found: bool) -> None:
    """Thirty minutes between them is together, one more is not."""
    held = like(
        JointVisitHeld,
        minutes_on_site=120,
        absent=(),
        arrived_at="2026-06-10T09:00:00+08:00",
        left_at="2026-06-10T11:00:00+08:00",
    )
    late = like(FindingRaised, rule_id="JNT-V2", unit="EMB", task="T-EMB")
    together(story, emb_at).when(REPORT).then(held, *([late] if found else []))


def test_JNT_V2_a_unit_that_comes_after_all_were_gone(story: Scenario) -> None:
    """It was absent when the visit was recorded, and opens its task on another day."""
    visit(joined(story), "MRB", "2026-06-10T09:00+08:00", "2026-06-10T10:30+08:00")
    story.when(RecordJointVisit(joint="J-1", matters_checked=("M-101",))).then(
        like(JointVisitHeld, absent=("EMB",))
    )
    story.at("2026-06-12T09:00+08:00").given(
        IssueInspectionNotice(task="T-EMB", notice_no="N"),
        ScanEntry(task="T-EMB", act_code="AC-1", device="D"),
        actor=EMB,
    )
    story.when(opening("T-EMB", OFFICERS["EMB"]), EMB).then(
        OnSiteInspectionOpened, like(FindingRaised, rule_id="JNT-V2", task="T-EMB")
    )


def test_JNT_V3_matters_beyond_the_form(story: Scenario) -> None:
    """What was added on site is found against the unit whose matter it is."""
    story.given(matter("M-202", "EMB"))
    together(story, "09:00").amid(replace(FORM, artefact="UF-8"))
    report = replace(REPORT, matters_checked=("M-101", "M-201", "M-202"))
    story.when(report).then(
        like(JointVisitHeld, matters_checked=("M-101", "M-201", "M-202")),
        like(
            FindingRaised,
            rule_id="JNT-V3",
            unit="EMB",
            facts={"joint": "J-1", "matters": ["M-202"]},
        ),
    )


def test_JNT_V3_without_a_form_the_plan_says_what_is_looked_at(story: Scenario) -> None:
    """M-301 belongs to a unit that is not there."""
    story.given(replace(PLAN, unified_form=None, modes=("by_list",)))
    story.given(task("MRB", "2026-06-10", joint="J-1"))
    visit(story, "MRB", "2026-06-10T09:00+08:00", "2026-06-10T10:00+08:00")
    story.when(replace(REPORT, matters_checked=("M-101", "M-301"))).then(
        JointVisitHeld, like(FindingRaised, rule_id="JNT-V3", unit="EEB")
    )


def test_a_joint_visit_is_recorded_after_it_was(story: Scenario) -> None:
    """Not before anybody came, nor at a time at which somebody was still there."""
    joined(story).when(REPORT).raises(OutOfStep, says="must first open a visit")
    visit(story, "MRB", "2026-06-10T09:00+08:00", "2026-06-10T10:30+08:00")
    early = replace(REPORT, occurred_at=civil_moment(date(2026, 6, 10), 10))
    story.when(early).raises(Malformed, pointer="/occurred_at")


def test_a_joint_visit_is_cancelled_when_no_task_is_left(story: Scenario) -> None:
    """Each unit cancels its own first; then each is free again."""
    cancel = CancelJoint(joint="J-1", reason="企业停产")
    joined(story).when(cancel).raises(OutOfStep, says="T-MRB, T-EMB")
    story.given(CancelInspection(task="T-MRB", reason="-"))
    story.given(CancelInspection(task="T-EMB", reason="-"), actor=EMB)
    story.when(cancel, EMB).raises(Forbidden)
    story.when(cancel).then(JointCancelled)
    story.when(task("EMB", "2026-06-11", task="T-2", joint="J-1"), EMB).raises(OutOfStep)
    story.when(task("EMB", "2026-06-11", task="T-2"), EMB).then(InspectionTaskApproved)
