"""What follows from the kind of a command, and from what it declares of its sender."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from msgspec.structs import replace

from ledger.kernel import (
    Act,
    Actor,
    Command,
    DatedAct,
    Event,
    Forbidden,
    Inquiry,
    Ledger,
    Malformed,
    Report,
)
from tests.kernel.hall import Heard

NOW = datetime(2026, 5, 11, 2, tzinfo=UTC)
PAST = NOW - timedelta(days=2)

CLERK = Actor(unit_id="HOUSE", person_id="CLERK-1", role="clerk")
GUEST = Actor(unit_id="OUTSIDE", person_id="GUEST-1", role="guest")


class _Speaks(Command):
    """Says something for a house."""

    ACTS_FOR: ClassVar[str] = "house"
    ANY_UNIT: ClassVar[frozenset[str]] = frozenset({"guest"})
    IN_PERSON: ClassVar[frozenset[str]] = frozenset({"guest"})

    house: str | None = "HOUSE"

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield Heard(words=inquiry.on.isoformat())


class Open(_Speaks, Act):
    """Takes effect by being recorded."""


class Sign(_Speaks, DatedAct):
    """Took effect on paper."""


class Tell(_Speaks, Report):
    """States what happened."""


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(InMemoryDCBRecorder(), clock=lambda: NOW) as ledger:
        yield ledger


@pytest.mark.parametrize("actor", [CLERK, GUEST])
def test_an_act_is_never_dated_back(ledger: Ledger, actor: Actor) -> None:
    with pytest.raises(Malformed, match="cannot be backdated") as refused:
        ledger.execute(Open(occurred_at=PAST), actor)
    assert refused.value.pointer == "/occurred_at"
    for at in (None, NOW, NOW - timedelta(hours=23)):
        assert ledger.execute(Open(occurred_at=at), actor).events


@pytest.mark.parametrize("command", [Sign(), Tell()])
def test_what_was_done_elsewhere_is_dated_back_but_for_who_does_it_by_sending_it(
    ledger: Ledger, command: Command
) -> None:
    past = replace(command, occurred_at=PAST)
    (record,) = ledger.execute(past, CLERK).events
    assert record.envelope.occurred_at == PAST
    with pytest.raises(Malformed, match="cannot be backdated"):
        ledger.execute(past, GUEST)


@pytest.mark.parametrize("command", [Open(), Sign(), Tell()])
def test_nobody_acts_for_another_unit_but_who_may_for_any(ledger: Ledger, command: Command) -> None:
    other = replace(command, house="ELSEWHERE")
    with pytest.raises(Forbidden, match="cannot act for ELSEWHERE") as refused:
        ledger.execute(other, CLERK)
    assert refused.value.pointer == "/house"
    for sent, actor in ((command, CLERK), (other, GUEST), (replace(command, house=None), CLERK)):
        assert ledger.execute(sent, actor).events
