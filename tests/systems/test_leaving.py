"""What a business's leaving its register brings about, in one append."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import oddity_of
from ledger.kernel import UNNAMED, Malformed, OutOfStep, Recorded, Unavailable
from ledger.systems.draws.commands import CalledReserves, RequestExemption
from ledger.systems.draws.effects import SelectedLine
from ledger.systems.draws.events import DrawTargetExempted, DrawTargetSelected
from ledger.systems.draws.folds import DrawnAt, ExemptedTargets, Target
from ledger.systems.entities.commands import (
    DelistEntity,
    ReenterEntity,
    RegisterEntity,
    ReviseEntity,
)
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.entities.folds import Listings, Registration
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    NonOnsiteConsidered,
    OnSiteInspectionOpened,
)
from ledger.systems.joint.events import JointCancelled, JointPlanned, Participant
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationExplained,
    KeyUnitDesignated,
)
from ledger.systems.observation.events import ObservationGranted, ObservationTerminated, PolicyBasis
from tests.cast import EDB, HEAD, PREFIX
from tests.examples import examples
from tests.gwt import Scenario, like, on
from tests.systems.draw_story import COORDINATOR, DRAW, SPARE, chosen, given_drawn, replace

C = chosen("C").uscc
OTHER = PREFIX + "0068T"
SPARE_C = next(line for line in SPARE if line.stratum == "C")
DELIST = DelistEntity(entity=C, reason="注销登记", left_on=date(2026, 9, 16))


def task(name: str, entity: str = C, unit: str = "EMB") -> InspectionTaskApproved:
    """A visit that is approved and has not begun."""
    return InspectionTaskApproved(
        task=name,
        entity=entity,
        unit=unit,
        kind="daily",
        trigger="plan",
        matters=("M-9",),
        officers=("X-1", "X-2"),
        planned_on=date(2026, 9, 21),
        approver="X-HEAD",
        counter="capped",
        non_onsite_considered=NonOnsiteConsidered(
            written=True, shared_data=True, remote=True, conclusion="insufficient"
        ),
    )


def designation(name: str, entity: str = C) -> KeyUnitDesignated:
    return KeyUnitDesignated(
        designation=name,
        entity=entity,
        unit="PARK",
        matters=("M-8",),
        review_on=date(2027, 1, 1),
        listed_as="shared",
    )


def period(name: str, entity: str = C) -> ObservationGranted:
    return ObservationGranted(
        observation=name,
        entity=entity,
        unit="PARK",
        four_new_kind="model",
        activity="无人零售",
        policy_basis=PolicyBasis(level="national", instrument="国办发〔2021〕24号"),
        domain="food_drug",
        starts_on=date(2026, 1, 5),
        ends_on=date(2027, 1, 5),
        bottom_lines=("safety",),
    )


def joint(name: str, entity: str = C) -> JointPlanned:
    return JointPlanned(
        joint=name,
        entity=entity,
        unit="EEB",
        participants=(Participant(unit="EEB", matters=("M-7",)),),
        modes=("by_list",),
        window_from=date(2026, 9, 1),
        window_to=date(2026, 9, 30),
    )


def reserves(*lines: SelectedLine) -> tuple[CalledReserves, ...]:
    """What the service finds for the place of C."""
    return (CalledReserves(target=f"{DRAW}/C/1", lines=lines),)


@pytest.fixture
def story() -> Scenario:
    """A draw is made; C and another business are registered; so much is planned at each."""
    story = given_drawn(Scenario(InMemoryDCBRecorder()))
    for entity in (C, SPARE_C.uscc, OTHER):
        story.given(on("2026-01-05", EntityRegistered(entity=entity, identity=Identity(name="丙"))))
    for entity, suffix in ((C, "C"), (OTHER, "O")):
        story.amid(
            on("2026-08-01", task(f"T-{suffix}", entity)),
            on("2026-02-01", designation(f"KEY-{suffix}", entity)),
            period(f"OBS-{suffix}", entity),
            joint(f"JNT-{suffix}", entity),
        )
    notice = InspectionNoticeIssued(task="T-C", entity=C, unit="EMB", notice_no="N-7")
    return story.given(notice).at("2026-09-16T10:00+08:00")


def test_the_report_of_a_leaving_carries_its_consequences(story: Scenario) -> None:
    """All in one append, each in the name of its unit; nothing of the neighbour's."""
    leaving = replace(DELIST, reserves=reserves(SPARE_C))
    story.when(leaving, EDB).then(
        EntityLeftRegister(
            entity=C, reason="注销登记", kind="deregistered", left_on=date(2026, 9, 16)
        ),
        like(
            DrawTargetExempted,
            target=f"{DRAW}/C/1",
            reason="closed",
            of_itself=True,
            replaced_by=f"{DRAW}/C/2",
        ),
        like(DrawTargetSelected, target=f"{DRAW}/C/2", in_place_of=f"{DRAW}/C/1"),
        like(
            InspectionCancelled,
            task="T-C",
            reason="the business was deregistered on 2026-09-16; the notice N-7 is withdrawn",
        ),
        like(JointCancelled, joint="JNT-C"),
        like(KeyDesignationEnded, designation="KEY-C", reason="closed"),
        like(KeyDesignationExplained, designation="KEY-C"),
        like(ObservationTerminated, observation="OBS-C", because="activity_ended"),
    )
    assert story.outcome is not None
    actors = [r.envelope.actor for r in story.outcome.events]
    assert [a.unit_id for a in actors] == [
        "EDB", "MRB", "MRB", "EMB", "EEB", "PARK", "PARK", "PARK",
    ]  # fmt: skip
    assert {a.person_id for a in actors[1:]} == {UNNAMED}
    story.when(leaving, EDB).then()
    target = story.ledger._memory.fold(Target(f"{DRAW}/C/1"))
    assert (target.entity, target.rank) == (C, 1), "a reserve in its place is another target"


def test_what_has_begun_by_the_report_stays(story: Scenario) -> None:
    """A visit held between the leaving and its late report; and no reserve is called without it."""
    opened = OnSiteInspectionOpened(
        task="T-C",
        entity=C,
        unit="EMB",
        officers=("X-1", "X-2"),
        matters=("M-9",),
        certs_shown=("甘X-1",),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )
    story.given(on("2026-09-21", opened)).at("2026-09-23T09:00+08:00")
    story.when(DELIST, EDB).raises(Unavailable)
    story.when(replace(DELIST, reserves=reserves(SPARE_C)), EDB)
    assert story.outcome is not None
    recorded = [type(r.event) for r in story.outcome.events]
    assert InspectionCancelled not in recorded
    (left, *others) = story.outcome.events
    assert left.occurred_on == date(2026, 9, 16)
    assert {r.occurred_on for r in others} == {date(2026, 9, 23)}, "they happen now"


def test_a_reserve_that_has_left_is_passed_over_at_once(story: Scenario) -> None:
    """None is left then, which is said."""
    gone = EntityLeftRegister(entity=SPARE_C.uscc, reason="注销", kind="deregistered")
    story.given(on("2026-09-10", gone))
    story.when(replace(DELIST, reserves=reserves(SPARE_C)), EDB)
    assert story.outcome is not None
    exempted = [r.event for r in story.outcome.events if isinstance(r.event, DrawTargetExempted)]
    assert [(e.target, e.no_reserve) for e in exempted] == [
        (f"{DRAW}/C/1", False),
        (f"{DRAW}/C/2", True),
    ]
    assert story.ledger._memory.fold(DrawnAt(C)).waiting == []
    assert len(story.ledger._memory.fold(ExemptedTargets(DRAW)).targets) == 2


def test_only_a_reentry_lists_a_business_again(story: Scenario) -> None:
    """A revision does not; a leaving that was annulled never was; what is known twice is not."""
    story.given(replace(DELIST, reserves=reserves(SPARE_C)), actor=EDB)
    story.at("2026-09-20T09:00+08:00")
    revise = ReviseEntity(entity=C, identity=Identity(name="丁"), reason="变更")
    story.when(revise, EDB).then(EntityRevised, like(FindingRaised, rule_id="ENT-V2"))
    assert not story.ledger._memory.fold(Registration(C)).listed
    ahead = ReenterEntity(entity=C, reason="误报", listed_on=date(2026, 9, 21))
    story.when(ahead, EDB).raises(Malformed, pointer="/listed_on")
    story.when(replace(ahead, listed_on=date(2026, 9, 15)), EDB).raises(OutOfStep)
    story.when(ReenterEntity(entity=C, reason="重新登记"), EDB).then(EntityReentered)
    registration = story.ledger._memory.fold(Registration(C))
    days = [date(2026, 9, day) for day in (15, 16, 19, 20, 21)]
    assert [registration.listings.on(day) for day in days] == [True, False, False, True, True]


def test_a_leaving_can_be_followed_by_another(story: Scenario) -> None:
    """吊销 first, 注销 later: each holds from its own day, in whatever order they are reported."""
    story.given(replace(DELIST, reserves=reserves(SPARE_C)), actor=EDB)
    revoked = replace(DELIST, kind="licence_revoked", left_on=date(2026, 9, 1))
    story.when(revoked, EDB).then(like(EntityLeftRegister, kind="licence_revoked"))
    registration = story.ledger._memory.fold(Registration(C))
    kinds = [registration.left(date(2026, m, d)) for m, d in ((8, 31), (9, 1), (9, 15), (9, 16))]
    assert [one and one.kind for one in kinds] == [
        None,
        "licence_revoked",
        "licence_revoked",
        "deregistered",
    ]
    annulled = ReenterEntity(entity=C, reason="撤销注销登记", annuls=True)
    story.when(annulled, EDB).then(like(EntityReentered, annuls=date(2026, 9, 16)))
    left = story.ledger._memory.fold(Registration(C)).left(date(2026, 9, 16))
    assert left is not None
    assert left.kind == "licence_revoked"


def test_an_old_leaving_is_read_by_its_own_day(story: Scenario) -> None:
    """Version 1 named neither kind nor day."""
    old = EntityLeftRegister(entity=OTHER, reason="注销")
    story.given(on("2026-06-01", old))
    left = story.ledger._memory.fold(Registration(OTHER)).left(date(2026, 6, 1))
    assert left is not None
    assert (left.on, left.kind) == (date(2026, 6, 1), None)
    request = RequestExemption(draw=DRAW, entity=C, reason="closed", evidence="注销")
    story.when(request, COORDINATOR).refused("DRW-R10")


def test_a_business_is_registered_as_its_register_says(story: Scenario) -> None:
    """The mark is the ledger's own; a reference where nothing is odd does no harm."""
    story.when(
        RegisterEntity(entity="91100000100003962T", identity=Identity(name="甲"), register_ref="x"),
        HEAD,
    ).then(like(EntityRegistered, oddity=None, register_ref="x"))
    odd = RegisterEntity(entity="91620100MA7LX0071J", identity=Identity(name="甲"))
    story.when(odd, HEAD).raises(Malformed, pointer="/entity")
    story.when(replace(odd, register_ref="公示系统"), HEAD).then(
        like(EntityRegistered, oddity="check_character")
    )
    # From then on every command takes it; the day of birth of a number must have come.
    story.when(DelistEntity(entity=odd.entity, reason="注销"), EDB).then(EntityLeftRegister)


def test_a_day_of_birth_to_come_is_nobodys() -> None:
    assert oddity_of("321102197001014275", date(1969, 12, 31)) is None
    assert oddity_of("321102197001014275", date(1970, 1, 1)) == "personal_number"


@given(
    days=st.lists(st.integers(2, 28), min_size=1, max_size=5, unique=True),
    seed=st.randoms(use_true_random=False),
)
@examples(40)
def test_reports_may_come_in_any_order(days: list[int], seed: Any) -> None:
    """It left, came back, left again: on each day it is as if all had been reported in time."""
    told: list[tuple[date, bool]] = [
        (date(2026, 9, day), index % 2 == 0) for index, day in enumerate(sorted(days))
    ]
    seed.shuffle(told)
    listings = Listings(date(2026, 9, 1))
    for position, (on_, leaves) in enumerate(told, 1):
        record = Recorded(position, None, None)  # type: ignore[arg-type]
        if leaves:
            left = EntityLeftRegister(entity=C, reason="-", kind="deregistered", left_on=on_)
            listings.leave(left, record)
        else:
            listings.reenter(EntityReentered(entity=C, reason="-", listed_on=on_), record)
    for day in range(1, 30):
        before = [index for index, other in enumerate(sorted(days)) if other <= day]
        assert listings.on(date(2026, 9, day)) is (not before or before[-1] % 2 == 1)
