"""An event about one subject may mention another of its kind, which it does not change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import api.views  # noqa: F401 - declares every fold
from ledger.kernel import Actor, Event, Fold, Recorded
from ledger.kernel.events import Envelope
from ledger.kernel.folds import known_folds, reducers_of
from ledger.kernel.subjects import names_twice, subject_fields
from ledger.systems.catalogue.commands import PublishMatter, QualifyUnit
from ledger.systems.catalogue.events import (
    Basis,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
)
from ledger.systems.persons.folds import Involvements
from ledger.systems.policies.commands import SeedLedger
from tests.examples import examples
from tests.gwt import HEAD, Scenario, actor
from tests.kernel.strategies import instances

#: Folds that ask about any mention.
ANY_MENTION = {Involvements}


def _mentions() -> list[tuple[type[Fold], type[Event], str]]:
    """Folds, events that they take and that name their kind of subject twice, and the field."""
    return [
        (fold, event, name)
        for fold in known_folds()
        for event in reducers_of(fold)
        for name, kind in subject_fields(fold)
        if (name, kind) in subject_fields(event)
        and names_twice(event, kind)
        and len(fold.__struct_fields__) - len(fold.__struct_defaults__)
        > fold.__struct_fields__.index(name)
    ]


MENTIONS = [one for one in _mentions() if one[0] not in ANY_MENTION]


def test_there_are_events_that_name_two_of_a_kind() -> None:
    """An entrusted unit, a follow-up, a reserve, a repeated draw: each was once mistaken."""
    mistaken = {"UnitStanding", "SupervisionDoc", "Target", "DrawState", "DrawProgress"}
    assert mistaken <= {fold.__name__ for fold, _, _ in MENTIONS}
    assert {fold for fold in known_folds() if fold.ANY_MENTION} == ANY_MENTION


@pytest.mark.parametrize(
    ("fold", "event", "name"), MENTIONS, ids=lambda one: getattr(one, "__name__", one)
)
def test_a_mention_changes_nothing(fold: type[Fold], event: type[Event], name: str) -> None:
    """No fold takes an event whose field of the same name holds another subject than its own."""

    @examples(10, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        body = data.draw(instances(event, full=True))
        asked = {
            n: getattr(body, n, "x")
            for n in fold.__struct_fields__[
                : len(fold.__struct_fields__) - len(fold.__struct_defaults__)
            ]
        }
        mentioned = fold(**{**asked, name: f"{asked[name]}-other"})
        record = Recorded(1, _envelope(event), body)
        before = msgspec.json.encode(mentioned)
        mentioned.take(record)
        assert msgspec.json.encode(mentioned) == before

    check()


def _envelope(event: type[Event]) -> Envelope:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    return Envelope(
        event_id=UUID(int=1),
        type=event.TOPIC,
        schema_version=event.VERSION,
        occurred_at=now,
        recorded_at=now,
        actor=Actor(unit_id="U", person_id="P", role="unit_head"),
        correlation_id=UUID(int=2),
        command_id="c",
        visibility="restricted",
    )


def test_who_entrusts_an_organisation_may_act_as_before() -> None:
    """An organ keeps its powers when it entrusts some of them to an organisation (委托)."""
    jb = actor("JB", "JB-1", "jb_supervisor")
    elements = MatterElements(
        name="食品检查",
        act_kind="inspection",
        office_id="食品科",
        domain="food_drug",
        bases=(Basis(level="law", instrument="食品安全法", article="110"),),
    )
    entrusted = QualifyUnit(
        unit="ORG",
        name="执法服务中心",
        kind="entrusted_org",
        valid_from=date(2026, 1, 1),
        entrusted_by="MRB",
        entrustment_ref="委托书1号",
        entrusted_matters=("M-101",),
    )
    story = Scenario(InMemoryDCBRecorder()).given(SeedLedger())
    story.given(
        EnforcementUnitQualified(
            unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1)
        ),
        MatterListed(matter="M-101", unit="MRB", elements=elements),
        MatterListed(matter="M-102", unit="MRB", elements=elements),
    )
    story.given(entrusted, actor=jb)
    story.when(PublishMatter(matter="M-102", unit="MRB", url="https://example.org"), actor=HEAD)
    assert story.outcome is not None, story.error
