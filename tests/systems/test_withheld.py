"""What follows on something withheld is withheld from the same units (2.17)."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from msgspec.structs import fields, replace

from ledger.general.findings import FindingRaised
from ledger.kernel import Command, Event, codec
from ledger.kernel.subjects import main_field
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.filing.commands import ReportIrregularVisit
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.commands import (
    AcceptRectification,
    CloseFinding,
    DismissFinding,
    IssueSupervisionDoc,
    RecordPublicInterview,
    RejectRectification,
    RespondToFinding,
    StartDirectHandling,
    TriageFinding,
)
from ledger.systems.supervision.events import (
    FindingTold,
    RectificationAccepted,
    SupervisionDocIssued,
)
from ledger.systems.supervision.hooks import late_entry
from tests import golden
from tests.cast import JB, JB_SECOND, actor
from tests.gwt import Scenario, like

HEAD = actor("MRB", "HEAD-1", "unit_head")
TYPES = {t: c for t, c in golden.released_types().items() if not t.startswith("access.")}
#: The kinds of subjects whose events can be kept from units.
KINDS = {
    found[1]
    for cls in TYPES.values()
    if cls.kept_from is not Event.kept_from and (found := main_field(cls)) is not None
}
RAISED = FindingRaised(
    finding_id="F-1",
    type="unfiled",
    rule_id="FIL-V1",
    auto=True,
    unit="MRB",
    withheld_from=("MRB", "EMB"),
    in_confidence=True,
)


def test_every_event_about_such_a_subject_can_be_kept() -> None:
    """No event type about a finding, a complaint, an approval … forgets from whom it is kept."""
    assert {"finding", "complaint", "approval", "deadline", "irregular-visit"} <= KINDS
    for topic, cls in TYPES.items():
        found = main_field(cls)
        if found is not None and found[1] in KINDS:
            assert cls.kept_from is not Event.kept_from, topic


@pytest.mark.parametrize("topic", TYPES)
def test_withheld_from_is_obeyed(topic: str) -> None:
    """Wherever an event says from whom it is withheld, nobody of that unit sees it."""
    cls = TYPES[topic]
    names = {f.name for f in fields(cls)} & {"withheld_from", "target_kept_from"}
    for data in golden.records(topic, cls.VERSION):
        event = codec.decode(1, data).event
        for name in names:
            assert "XYZ" in replace(event, **{name: ("XYZ",)}).kept_from()


@pytest.fixture
def story() -> Scenario:
    qualified = [
        EnforcementUnitQualified(unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1))
        for unit in ("MRB", "EMB")
    ]
    story = Scenario(InMemoryDCBRecorder(), by=JB, hooks=(late_entry,)).at("2026-05-11T10:00+08:00")
    return story.given(SeedLedger()).given(*qualified, RAISED, actor=JB)


TOLD = FindingTold(finding_id="F-1", unit="MRB", withheld_from=("EMB",))
FOLLOWS: tuple[Command, ...] = (
    TriageFinding(finding_id="F-1", assessment="核实"),
    AcceptRectification(finding_id="F-1", note="已整改"),
    RejectRectification(finding_id="F-1", reason="不足"),
    DismissFinding(finding_id="F-1", reason="不成立"),
    CloseFinding(finding_id="F-1", conclusion="办结"),
    StartDirectHandling(finding_id="F-1", demands=("整改",), due_on=date(2030, 1, 1)),
)


@pytest.mark.parametrize("command", FOLLOWS, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize("told", [False, True])
def test_what_follows_is_withheld_from_the_same(
    story: Scenario, command: Command, told: bool
) -> None:
    """Before the unit is told and after it; another unit learns of neither."""
    story.given(RectificationAccepted(finding_id="F-1", unit="MRB", note="x"), actor=JB)
    if told:
        story.given(TOLD, actor=JB)
    story.signed(command, JB, JB_SECOND) if isinstance(command, DismissFinding) else story.when(
        command, JB
    )
    assert story.outcome is not None, story.error
    for record in story.outcome.events:
        assert record.event.kept_from() == (("EMB",) if told else ("MRB", "EMB"))
        # Before the notice it is the handler's alone; after it the supervisors' and the unit's.
        assert record.envelope.visibility == ("restricted" if told else "sealed")


def test_the_answer_of_a_unit_that_was_told(story: Scenario) -> None:
    """It answers what it knows, and the others it was withheld from do not read the answer."""
    story.given(TOLD, actor=JB)
    story.when(RespondToFinding(finding_id="F-1", unit="MRB", response="已改"), HEAD)
    assert story.outcome is not None, story.error
    assert [record.event.kept_from() for record in story.outcome.events] == [("EMB",)]


@pytest.mark.parametrize(("unit", "sealed"), [("MRB", True), (None, True), ("JB", False)])
def test_what_is_found_in_confidence_is_sealed_unless_it_is_about_the_bureau(
    story: Scenario, unit: str | None, sealed: bool
) -> None:
    """Though no unit is named; about the bureau the other supervisors read it, and it does not."""
    business = actor("ENTITY", "REP-1", "entity_rep")
    story.given(
        EnforcementUnitQualified(unit="JB", name="JB", kind="organ", valid_from=date(2020, 1, 1)),
        actor=JB,
    )
    told = ReportIrregularVisit(
        irregular_visit="IV-1",
        entity="91620100MA01000012",
        reporter="entity",
        unit=unit,
        visited_on=date(2026, 4, 9),
        occurred_at=datetime.fromisoformat("2026-04-09T10:00+08:00"),
        facts="来了一个人",
        officers_seen=1,
    )
    story.when(told, business)
    assert story.outcome is not None, story.error
    found = [r for r in story.outcome.events if isinstance(r.event, FindingRaised)]
    assert {r.event.rule_id for r in found} == {"FIL-V1", "FIL-V3", "FIL-V4", "GEN-V1"}
    for record in found:
        assert record.envelope.visibility == ("sealed" if sealed else "restricted")
        assert record.event.entity is None
        assert "recorded" not in record.event.facts
    if not sealed:
        assert all("JB" in record.event.kept_from() for record in found)


NAMING: tuple[Command, ...] = (
    IssueSupervisionDoc(
        document="SD-1",
        kind="notice",
        unit="MRB",
        doc_no="1号",
        demands=("说明",),
        findings=("F-1",),
    ),
    RecordPublicInterview(
        unit="MRB", attended_by=("局长",), raised="检查未备案", findings=("F-1",)
    ),
)


@pytest.mark.parametrize("command", NAMING, ids=lambda command: type(command).__name__)
def test_what_names_a_finding_to_its_unit_tells_it(story: Scenario, command: Command) -> None:
    """Once: a second document tells nothing new."""
    story.when(command, JB)
    assert story.outcome is not None, story.error
    assert story.outcome.events[-1].event == TOLD
    again = IssueSupervisionDoc(
        document="SD-2", kind="opinion", unit="MRB", doc_no="2号", demands=("x",), findings=("F-1",)
    )
    story.when(again, JB).then(like(SupervisionDocIssued, document="SD-2"))
