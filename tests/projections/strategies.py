"""Random pasts: events of every kind that the views read, in any order, corrections among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    ViolationRectified,
)
from ledger.kernel import Event
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    Obligation,
)
from ledger.systems.credit.events import (
    CreditRecordEntered,
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.dishonesty.events import (
    IncentiveEnded,
    IncentiveGranted,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    OffSiteCheckRecorded,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    ResultNotified,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.joint.events import (
    JoinAccepted,
    JointPlanned,
    JointResultSplit,
    JointVisitHeld,
    Participant,
)
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyUnitDesignated,
    TrackingVisitLogged,
)
from ledger.systems.observation.events import ObservationExpired, ObservationGranted, PolicyBasis
from ledger.systems.reconsideration.events import ReconApplied, ReconTerminated
from ledger.systems.supervision.events import FindingDismissed, FindingTriaged
from tests.projections.facts import (
    E1,
    E2,
    Past,
    calendar,
    caps,
    inspection,
    moment,
    policy,
    regime,
    task,
    violation,
)

DAYS = st.integers(0, 700).map(lambda n: date(2025, 6, 1) + timedelta(days=n))
ENTITIES = st.sampled_from([E1, E2])
NUMBERS = st.integers(1, 3)
RECORDS = NUMBERS.map(lambda n: f"CR-{n}")


@st.composite
def entity_events(draw: Any, entity: str, day: date) -> Event:
    """An event about a business. Ids belong to one business, as in any real ledger."""
    number = draw(NUMBERS)
    name = f"{entity[-3:]}-{number}"
    common: dict[str, Any] = {"entity": entity, "unit": "MRB"}
    of_task = {"task": f"T-{name}", **common}
    of_record = {"record": f"CR-{name}", **common}
    of_joint = {"joint": f"J-{name}", **common}
    of_key = {"designation": f"KEY-{name}", **common}
    of_commitment = {"commitment": f"CMT-{name}", **common}
    of_obligation = {**of_commitment, "obligation": f"{number}", "evidence": ("E-1",)}
    of_list = {"determination": f"DET-{name}", "list_field": "food", **of_record}
    of_sanction = {"sanction": f"S-{name}", **of_record}
    of_incentive = {"incentive": f"I-{name}", "measure": "fast-lane", **common}
    of_period = {"observation": f"OBS-{name}", **common}
    of_case = {"recon": f"RC-{name}", "decision": "D-1", "organ": "RECON", **common}
    instrument = Instrument(kind="ruling", doc_no="D-1", effective_on=day)
    identity = Identity(name=draw(st.sampled_from(["Wan He", "兰山", "Ōta"])), area="P1")
    return draw(
        st.sampled_from(
            [
                EntityRegistered(entity=entity, identity=identity),
                EntityRevised(entity=entity, identity=identity, reason="moved"),
                EntityLeftRegister(entity=entity, reason="closed"),
                EntityReentered(entity=entity, listed_on=date(2026, 3, 4), reason="back"),
                CreditGradeAssigned(
                    entity=entity,
                    scheme="local",
                    grade=draw(st.sampled_from("ABCD")),
                    assessed_on=draw(DAYS),
                    source="edb",
                    factors=(),
                    inputs_hash="0" * 64,
                ),
                CreditRecordEntered(
                    **of_record,
                    kind="penalty",
                    instrument=instrument,
                    determined_on=day,
                    title="fine",
                    public=draw(st.booleans()),
                    severity="general",
                ),
                PublicityStarted(
                    **of_record,
                    started_on=day,
                    channels=("unit_site",),
                    min_until=day + timedelta(days=90),
                    max_until=day + timedelta(days=365),
                ),
                PublicityTerminated(**of_record, reason="repaired", terminated_on=day),
                PublicityReinstated(**of_record, reason="breach", ended_on=day, reinstated_on=day),
                PublicitySuspended(**of_record, suspended_on=day, reason="court"),
                PublicityResumed(**of_record, resumed_on=day, reason="court"),
                task(f"T-{name}", entity, planned_on=draw(DAYS)),
                InspectionCancelled(**of_task, planned_on=day, counter="capped", reason="merged"),
                OnSiteInspectionOpened(
                    **of_task,
                    matters=("M-101",),
                    officers=("OFF-001", "OFF-002"),
                    certs_shown=("C1",),
                    notice_shown=True,
                    rights_informed=True,
                    conduct_rules_informed=True,
                    emergency=draw(st.booleans()),
                ),
                OnSiteInspectionClosed(**of_task, minutes_on_site=number * 10),
                task(f"T-{name}", entity, planned_on=draw(DAYS), joint=f"J-{name}"),
                JointPlanned(
                    **of_joint,
                    participants=(Participant(unit="MRB", matters=("M-101",)),),
                    modes=("by_list",),
                    window_from=day,
                    window_to=day,
                ),
                JoinAccepted(**of_joint),
                JointVisitHeld(
                    **of_joint,
                    held_on=day,
                    arrived_at=moment(day),
                    left_at=moment(day),
                    minutes_on_site=number,
                    presences=(),
                    matters_checked=("M-101",),
                ),
                JointResultSplit(**of_joint, task=f"T-{name}", result="no_issue"),
                OffSiteCheckRecorded(
                    entity=entity,
                    unit="MRB",
                    matters=("M-101",),
                    means=(draw(st.sampled_from(["shared_data", "remote"])),),
                    result="no_issue",
                    checked_on=day,
                ),
                TrackingVisitLogged(
                    **of_key, visited_on=day, officers=("OFF-001",), summary=f"{number}"
                ),
                KeyUnitDesignated(
                    **of_key,
                    matters=("M-101",),
                    reason="x",
                    tracking_officer="OFF-001",
                    guidance_plan="G-1",
                    review_on=day + timedelta(days=90),
                    notice_no="N-1",
                    notified_on=day,
                    grade="C",
                    listed_as=draw(st.sampled_from(["public", "shared", "restricted"])),
                ),
                CommitmentMade(
                    **of_commitment,
                    type="voluntary",
                    text_hash="0" * 64,
                    obligations=tuple(
                        Obligation(obligation=f"{n}", due_on=day) for n in range(1, number + 1)
                    ),
                    public=draw(st.booleans()),
                ),
                CommitmentFulfilled(**of_obligation, days_late=number),
                CommitmentBreached(**of_obligation, notice_ref="N-1", notified_on=day),
                SeriousListAdded(
                    **of_list,
                    criteria_version=1,
                    instrument=instrument,
                    reason="x",
                    listed_on=day,
                ),
                SeriousListRemoved(**of_list, reason="repaired", removed_on=day),
                SanctionApplied(
                    **of_sanction, measure="no-funds", catalogue_version=1, applied_on=day
                ),
                SanctionLifted(**of_sanction, reason="repaired", lifted_on=day),
                IncentiveGranted(**of_incentive, granted_on=day),
                IncentiveEnded(incentive=f"I-{name}", **common, reason="expired", ended_on=day),
                ObservationGranted(
                    **of_period,
                    four_new_kind="model",
                    activity="drones",
                    policy_basis=PolicyBasis(level="national", instrument="law"),
                    domain="transport",
                    starts_on=day,
                    ends_on=day + timedelta(days=90),
                    bottom_lines=("safety",),
                ),
                ObservationExpired(**of_period, expired_on=day),
                ReconApplied(**of_case, known_on=day, last_day=day, grounds="x"),
                ReconTerminated(**of_case, ground="withdrawn", reason="x"),
                KeyDesignationEnded(**of_key, reason="closed", ended_on=day, listed_as="shared"),
                InspectionConcluded(**of_task, matters=("M-101",), result="no_issue"),
                ResultNotified(**of_task),
                inspection(f"I-{name}", entity, "2015-05-04", score=90 + number),
                ImportedInspectionWithdrawn(
                    inspection=f"I-{name}", entity=entity, reason="unlisted"
                ),
                violation(f"V-{name}", entity, "2015-05-04", inspection=f"I-{name}"),
                ViolationRectified(violation=f"V-{name}", entity=entity, corrected_on=draw(DAYS)),
                ImportedViolationWithdrawn(violation=f"V-{name}", entity=entity, reason="gone"),
                FindingRaised(
                    finding_id=f"F-{name}",
                    type="unfiled",
                    rule_id="FIL-V1",
                    auto=True,
                    unit="MRB",
                    entity=entity,
                ),
                FindingTriaged(finding_id=f"F-{name}", unit="MRB", assessment="real"),
                FindingDismissed(
                    finding_id=f"F-{name}", unit="MRB", reason="no", second_reader="X"
                ),
            ]
        )
    )


LAW = st.one_of(
    st.builds(caps, st.integers(0, 3), st.integers(1, 3)),
    st.builds(regime, st.integers(1, 9), st.integers(1, 3)),
    st.builds(
        lambda v: policy("dishonesty.transition", "more_favourable", "text", "2026-04-01", v),
        st.integers(1, 3),
    ),
    st.builds(
        lambda n, v: policy("inspection.result_notice_wd", n, "wd", version=v),
        st.integers(0, 9),
        st.integers(1, 3),
    ),
    st.builds(lambda n: policy("triage_wd", n, "wd"), st.integers(0, 9)),
    st.builds(lambda year, v: calendar(year, (), v), st.integers(2025, 2027), st.integers(1, 2)),
)


@dataclass
class Facts:
    """What to tell a past: events with their days, and which of them are then corrected."""

    told: list[tuple[Event, date, date | None]]
    corrected: list[tuple[int, date]] = field(default_factory=list)

    def tell(self, past: Past) -> None:
        after: dict[int, list[tuple[int, date]]] = {}
        for target, day in self.corrected:
            after.setdefault(min(target + 2, len(self.told) - 1), []).append((target, day))
        positions: list[int] = []
        done: set[int] = set()
        for number, (event, day, known) in enumerate(self.told):
            positions.append(past.add(event, day, known=known))
            for target, new in after.get(number, ()):
                if target < len(positions) and target not in done:
                    done.add(target)
                    old = past.events[positions[target]][0].occurred_at.isoformat()
                    new_moment = f"{new.isoformat()}T08:00:00+08:00"
                    past.correct(positions[target], "/occurred_at", old, new_moment, day)


@st.composite
def pasts(draw: Any, *, law: bool = True, corrections: bool = True) -> Facts:
    """A past of up to forty events about two businesses."""
    told: list[tuple[Event, date, date | None]] = []
    for _ in range(draw(st.integers(1, 40))):
        day = draw(DAYS)
        if law and draw(st.integers(0, 5)) == 0:
            told.append((draw(LAW), day, None))
        else:
            event = draw(entity_events(draw(ENTITIES), day))
            told.append((event, day, draw(st.none() | DAYS)))
    chosen = draw(st.lists(st.tuples(st.integers(0, len(told) - 1), DAYS), max_size=4))
    return Facts(told, chosen if corrections else [])
